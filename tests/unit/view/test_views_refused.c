/* Several views: which plan is meant, and what is refused. */
#include "views.h"

/* ---- which plan ---- */

static void test_named(void **state) {
    (void)state;
    load_write("oltp.sql", TABLES, NULL, NULL);
    load_write("view.sql", LINES ONLY_BUYERS, NULL, NULL);
    struct view_options options = load_options();
    struct plan *plan = NULL;
    char *report = NULL;
    struct err err;
    assert_int_equal(view_load(&options, &plan, &report, &err), ERR_CONFIG);
    assert_string_equal(err.message, "the views make 2 plans, each with members of its own: name "
                                     "one in schemas.plan (SYNC_SCHEMAS_PLAN): lines, buyers");
    assert_string_equal(report, err.message);
    free(report);
    options.plan = "heads";
    assert_int_equal(view_load(&options, &plan, NULL, &err), ERR_CONFIG);
    assert_string_equal(err.message,
                        "schemas.plan = heads: there is no such plan; there are lines, buyers");
    options.plan = "buyers";
    assert_int_equal(view_load(&options, &plan, NULL, &err), ERR_NONE);
    assert_true(str_is(plan->name, "buyers"));
    plan_destroy(&plan);
}

/* ---- what is refused ---- */

static void test_refused(void **state) {
    (void)state;
    refused(TABLES, LINES "CREATE MATERIALIZED VIEW @lines AS SELECT id, t FROM pairs;",
            "there are two views lines, the other one at view.sql:1:26");
    char many[8000] = "";
    for (int i = 0; i < TARGETS_MAX; i++) {
        (void)snprintf(many + strlen(many), sizeof many - strlen(many),
                       "CREATE MATERIALIZED VIEW v%d AS SELECT id, t FROM pairs;\n", i);
    }
    struct view_plans plans = load_all(many);
    assert_int_equal(plans.plans[0]->target_count, TARGETS_MAX);
    view_plans_clear(&plans);
    (void)strcat(many, "@CREATE MATERIALIZED VIEW more AS SELECT id, t FROM pairs;\n");
    refused(TABLES, many, "more than 32 views in schemas.view");
}

#define BESIDE                                                                                     \
    "in the views of the plan v0, this one included: leave it out of schemas.view, and keep it "   \
    "with a service of its own"

/* 17 tables, each in a view. */
static void test_too_many_tables(void **state) {
    (void)state;
    char tables[4000] = "", views[4000] = "";
    for (int i = 0; i <= RELATIONS_MAX; i++) {
        (void)snprintf(tables + strlen(tables), sizeof tables - strlen(tables),
                       "CREATE TABLE t%d (id int PRIMARY KEY); ALTER TABLE t%d REPLICA IDENTITY "
                       "FULL;\n",
                       i, i);
        (void)snprintf(views + strlen(views), sizeof views - strlen(views),
                       "CREATE MATERIALIZED VIEW v%d AS SELECT id FROM %st%d;\n", i,
                       i == RELATIONS_MAX ? "@" : "", i);
    }
    refused(tables, views, "more than 16 tables " BESIDE);
}

/* One table in 65 places. */
static void test_too_many_uses(void **state) {
    (void)state;
    char views[16000] = "";
    for (int v = 0; v < 5; v++) {
        (void)snprintf(views + strlen(views), sizeof views - strlen(views),
                       "CREATE MATERIALIZED VIEW v%d AS SELECT o.id FROM orders o", v);
        for (int i = 0; i < (v < 4 ? 15 : 5); i++) {
            (void)snprintf(views + strlen(views), sizeof views - strlen(views),
                           "\nLEFT JOIN %ssellers s%d ON s%d.id = o.seller",
                           v == 4 && i == 0 ? "@" : "", i, i);
        }
        (void)strcat(views, ";\n");
    }
    refused(TABLES, views, "more than 64 occurrences of the table " BESIDE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_named),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_too_many_tables),
        cmocka_unit_test(test_too_many_uses),
    };
    return cmocka_run_group_tests(tests, load_setup, load_teardown);
}
