/* Several views: which share a plan, and what the plan has then. */
#include "view/connector.h"
#include "views.h"

#include <jansson.h>

static const struct target *target_named(const struct plan *plan, const char *name) {
    for (size_t t = 0; t < plan->target_count; t++) {
        if (str_is(plan->targets[t].name, name)) {
            assert_int_equal(plan->targets[t].number, t);
            return &plan->targets[t];
        }
    }
    fail_msg("no target %s", name);
    return NULL;
}

/* "orders.note" of an output, by whichever numbers. */
static void expect_output(const struct plan *plan, const char *view, const char *output,
                          const char *want) {
    const struct target *target = target_named(plan, view);
    for (size_t i = 0; i < target->output_count; i++) {
        if (!str_is(target->outputs[i].name, output)) {
            continue;
        }
        const struct target_input *input = &target->inputs[target->outputs[i].input];
        const struct relation *relation = occurrence_relation(plan, target, input->occurrence);
        char got[200];
        (void)snprintf(got, sizeof got, STR_FMT "." STR_FMT, STR_ARG(relation->name),
                       STR_ARG(relation->columns[input->column].name));
        assert_string_equal(got, want);
        return;
    }
    fail_msg("no column %s of %s", output, view);
}

/* "orders.customer": which column leads to a lookup. */
static void expect_reference(const struct plan *plan, const char *view, size_t occurrence,
                             const char *lookup, const char *want) {
    const struct target *target = target_named(plan, view);
    const struct occurrence *of = &target->occurrences[occurrence];
    assert_true(str_is(occurrence_relation(plan, target, (int)occurrence)->name, lookup));
    const struct relation *parent = occurrence_relation(plan, target, of->parent);
    assert_true((size_t)of->reference < parent->reference_count);
    const struct reference *reference = &parent->references[of->reference];
    assert_int_equal(reference->column_count, 1);
    const struct relation_column *column = &parent->columns[reference->columns[0]];
    assert_true(str_is(column->name, want));
    assert_int_equal(column->key, KEY_INTEGER);
}

static void expect_relations(const struct plan *plan, const char *const *names) {
    size_t count = 0;
    for (; names[count]; count++) {
        assert_true(count < plan->relation_count);
        assert_true(str_is(plan->relations[count].name, names[count]));
    }
    assert_int_equal(plan->relation_count, count);
}

/* All columns that any of them uses, once; numbers are the plan's. */
static void test_share(void **state) {
    (void)state;
    struct view_plans plans = load_all(LINES HEADS);
    assert_int_equal(plans.count, 1);
    const struct plan *plan = plans.plans[0];
    assert_true(str_is(plan->name, "lines"));
    assert_int_equal(plan->target_count, 2);
    expect_relations(plan, (const char *const[]){"items", "orders", "customers", "sellers", NULL});
    static const char *const orders[] = {"id", "customer", "seller", "note"};
    assert_int_equal(plan->relations[1].column_count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_true(str_is(plan->relations[1].columns[i].name, orders[i]));
    }
    assert_int_equal(plan->relations[1].reference_count, 2);
    expect_output(plan, "lines", "item", "items.id");
    expect_output(plan, "lines", "name", "customers.name");
    expect_output(plan, "heads", "note", "orders.note");
    expect_output(plan, "heads", "seller", "sellers.name");
    expect_output(plan, "heads", "land", "customers.country");
    expect_reference(plan, "lines", 2, "customers", "customer");
    expect_reference(plan, "heads", 1, "sellers", "seller");
    expect_reference(plan, "heads", 2, "customers", "customer");
    /* The check is over all columns. */
    assert_non_null(strstr(plan->relations[1].sql_check.ptr, "$4::text[]"));
    view_plans_clear(&plans);
    assert_int_equal(plans.count, 0);
}

/* What stands beside the progress: another value would halt whoever adds a view. */
static void test_alone(void **state) {
    (void)state;
    static const char *const views[] = {LINES, HEADS};
    static const char *const names[] = {"lines", "heads"};
    struct view_plans both = load_all(LINES HEADS), turned = load_all(HEADS LINES);
    for (size_t i = 0; i < 2; i++) {
        struct view_plans alone = load_all(views[i]);
        const struct target *want = &alone.plans[0]->targets[0];
        const struct target *of[] = {target_named(both.plans[0], names[i]),
                                     target_named(turned.plans[0], names[i])};
        for (size_t j = 0; j < 2; j++) {
            assert_true(str_equal(of[j]->fingerprint, want->fingerprint));
            assert_true(str_equal(of[j]->definition, want->definition));
            assert_true(str_equal(of[j]->sql_upsert, want->sql_upsert));
            assert_true(str_equal(of[j]->sql_ddl, want->sql_ddl));
        }
        view_plans_clear(&alone);
    }
    view_plans_clear(&both);
    view_plans_clear(&turned);
}

/* Those of the shipped example as they were before views could share a plan. */
static void test_pinned(void **state) {
    (void)state;
    struct view_options options = {SOURCE_DIR "/schemas/examples/orders/oltp.sql",
                                   SOURCE_DIR "/schemas/examples/orders/order_line.sql", "oltp", 8,
                                   NULL};
    struct plan *plan = NULL;
    assert_int_equal(view_load(&options, &plan, NULL, NULL), ERR_NONE);
    assert_string_equal(plan->targets[0].fingerprint.ptr, "08498d656e88f7e3");
    plan_destroy(&plan);
}

/* Progress and caches are by relation: those of earlier views keep their order. */
static void test_order(void **state) {
    (void)state;
    struct view_plans plans = load_all(HEADS LINES);
    expect_relations(plans.plans[0],
                     (const char *const[]){"orders", "items", "sellers", "customers", NULL});
    view_plans_clear(&plans);
    plans = load_all(HEADS "CREATE MATERIALIZED VIEW p AS SELECT id, a, t FROM pairs;" LINES);
    expect_relations(plans.plans[0], (const char *const[]){"orders", "pairs", "items", "sellers",
                                                           "customers", NULL});
    /* A cache fits as long as no view uses more of the table. */
    struct view_plans before = load_all(HEADS);
    assert_true(
        str_equal(before.plans[0]->relations[1].identity, plans.plans[0]->relations[3].identity));
    assert_false(
        str_equal(before.plans[0]->relations[2].identity, plans.plans[0]->relations[4].identity));
    view_plans_clear(&before);
    view_plans_clear(&plans);
}

/* Another key, if the view has one by which it fits; its own plan only without. */
static void test_choice(void **state) {
    (void)state;
    struct view_plans plans = load_all(BUYERS);
    assert_true(str_is(plans.plans[0]->relations[1].columns[0].name, "customer"));
    view_plans_clear(&plans);
    plans = load_all(LINES BUYERS);
    assert_int_equal(plans.count, 1);
    assert_int_equal(plans.plans[0]->target_count, 2);
    expect_relations(plans.plans[0], (const char *const[]){"items", "orders", "customers", NULL});
    assert_int_equal(plans.plans[0]->relations[2].role, ROLE_LOOKUP);
    assert_non_null(
        strstr(plans.plans[0]->notes.ptr,
               "Another key, by c.id: 0 lookups, and a plan of its own beside the views "
               "before\n"));
    view_plans_clear(&plans);
}

/* A view that joins nothing by the key of those before it is placed by that, too, if it can. */
static void test_placed_as_before(void **state) {
    (void)state;
    struct view_plans plans =
        load_all(LINES "CREATE MATERIALIZED VIEW prices AS SELECT id, orders, price FROM items;\n");
    assert_int_equal(plans.count, 1);
    const struct target *prices = target_named(plans.plans[0], "prices");
    assert_true(str_is(prices->outputs[prices->key_outputs[0]].name, "orders"));
    assert_non_null(strstr(plans.plans[0]->notes.ptr,
                           "Rows are placed by items.orders: the plan lines places items by it\n"));
    view_plans_clear(&plans);
    /* Without that column its rows could not be told apart. */
    plans = load_all(LINES "CREATE MATERIALIZED VIEW prices AS SELECT id, price FROM items;\n");
    assert_int_equal(plans.count, 2);
    assert_non_null(strstr(plans.plans[1]->notes.ptr, "Another key, by items.orders: "));
    view_plans_clear(&plans);
}

static void test_second_plan(void **state) {
    (void)state;
    struct view_plans plans = load_all(LINES ONLY_BUYERS HEADS);
    assert_int_equal(plans.count, 2);
    const struct plan *first = plans.plans[0], *second = plans.plans[1];
    assert_int_equal(first->target_count, 2);
    assert_true(str_is(first->topic_prefix, "prefix"));
    assert_true(str_is(second->name, "buyers"));
    assert_int_equal(second->number, 1);
    assert_true(str_is(second->topic_prefix, "prefix.buyers"));
    assert_true(str_is(second->relations[0].topic, "prefix.buyers.public.customers"));
    assert_false(str_equal(first->unavailable, second->unavailable));
    assert_non_null(strstr(second->notes.ptr,
                           "View buyers can't share plan lines: table customers is a lookup there "
                           "and core, placed by id here\n"));
    assert_non_null(strstr(second->notes.ptr, "which have the records of customers, orders once "
                                              "more\n"));
    assert_null(strstr(first->notes.ptr, "can't share"));
    view_plans_clear(&plans);
}

/* Its orders go to other partitions: by the hash of a bigint. */
static void test_widened(void **state) {
    (void)state;
    static const char wide[] = "CREATE MATERIALIZED VIEW wide AS SELECT o.id, o.note, l.t FROM "
                               "orders o JOIN longs l ON l.id = o.id;\n";
    char views[2000];
    (void)snprintf(views, sizeof views, "%s%s", LINES, wide);
    struct view_plans plans = load_all(views);
    assert_int_equal(plans.count, 2);
    assert_non_null(strstr(plans.plans[1]->notes.ptr,
                           "View wide can't share plan lines: table orders is core, placed by id "
                           "there and core, placed by id as bigint here\n"));
    assert_int_equal(plans.plans[0]->relations[1].columns[0].key, KEY_INTEGER);
    assert_int_equal(plans.plans[1]->relations[0].columns[0].key, KEY_BIGINT);
    view_plans_clear(&plans);
    (void)snprintf(views, sizeof views, "%s%s", wide,
                   "CREATE MATERIALIZED VIEW longest AS SELECT l.id, l.t FROM longs l;\n");
    plans = load_all(views);
    assert_int_equal(plans.count, 1);
    view_plans_clear(&plans);
}

#define STAFF                                                                                      \
    "CREATE MATERIALIZED VIEW staff AS SELECT s.id, s.name, m.name AS boss FROM sellers s "        \
    "LEFT JOIN sellers m ON m.id = s.boss;\n"
#define LISTED "CREATE MATERIALIZED VIEW listed AS SELECT id, name FROM sellers;\n"

/* A table in two roles has the topic of a lookup: views share it that have it as a lookup. */
static void test_two_roles(void **state) {
    (void)state;
    struct view_plans plans = load_all(HEADS STAFF);
    assert_int_equal(plans.count, 1);
    const struct plan *plan = plans.plans[0];
    expect_relations(plan,
                     (const char *const[]){"orders", "sellers", "sellers", "customers", NULL});
    assert_true(plan->relations[1].filtered);
    expect_output(plan, "staff", "boss", "sellers.name");
    expect_reference(plan, "staff", 1, "sellers", "boss");
    assert_null(plan->tasks_topic.ptr);
    view_plans_clear(&plans);
    plans = load_all(STAFF HEADS);
    assert_int_equal(plans.count, 1);
    expect_relations(plans.plans[0],
                     (const char *const[]){"orders", "sellers", "sellers", "customers", NULL});
    view_plans_clear(&plans);
    plans = load_all(LISTED STAFF);
    assert_int_equal(plans.count, 2);
    assert_non_null(strstr(plans.plans[1]->notes.ptr,
                           "View staff can't share plan listed: table sellers is core, placed by "
                           "id there and core and a lookup, placed by id here\n"));
    view_plans_clear(&plans);
}

/* What is added with tables that a running connector does not read. */
static void test_own_plan(void **state) {
    (void)state;
    struct view_plans plans = load_all(
        LINES
        "CREATE MATERIALIZED VIEW own WITH (own_plan) AS SELECT id, name FROM sellers;\n" HEADS
        "CREATE MATERIALIZED VIEW all_pairs AS SELECT id, t FROM pairs;\n");
    assert_int_equal(plans.count, 2);
    assert_int_equal(plans.plans[0]->target_count, 3);
    assert_int_equal(plans.plans[1]->target_count, 1);
    assert_true(str_is(plans.plans[1]->name, "own"));
    assert_non_null(strstr(plans.plans[1]->notes.ptr,
                           "View own can't share plan lines: WITH (own_plan) says so\n"));
    view_plans_clear(&plans);
    refused(TABLES, "CREATE MATERIALIZED VIEW v WITH (@own_plan = 'no') AS SELECT id, t FROM pairs",
            "own_plan has no value");
}

/* The columns of K count, not the order in which the views name them. */
static void test_order_of_key(void **state) {
    (void)state;
    struct view_plans plans = load_all(
        "CREATE MATERIALIZED VIEW p AS SELECT p.a, p.b, p.id, h.id AS h_id, t FROM pairs p "
        "JOIN halves h ON h.a = p.a AND h.b = p.b;\n"
        "CREATE MATERIALIZED VIEW q WITH (partition_by = 'p.b, p.a') AS SELECT p.b, p.a, p.id, u,"
        " h.id AS h_id FROM pairs p JOIN halves h ON p.b = h.b AND p.a = h.a;\n");
    assert_int_equal(plans.count, 1);
    const struct plan *plan = plans.plans[0];
    const struct target *q = target_named(plan, "q");
    for (size_t p = 0; p < plan->relations[0].placement_count; p++) {
        assert_true(
            str_equal(q->outputs[q->key_outputs[p]].name, plan->relations[0].columns[p].name));
        assert_int_equal(q->occurrences[0].key_positions[p], p);
    }
    view_plans_clear(&plans);
}

/* ---- connectors ---- */

static json_t *connector_of(const struct plan *plan,
                            const struct view_connector_setting *override) {
    struct view_connector_options options = {.topic_prefix = plan->topic_prefix.ptr,
                                             .overrides = override,
                                             .override_count = override != NULL};
    char *text = NULL;
    struct err err;
    assert_int_equal(view_connector_json(plan, &options, &text, &err), ERR_NONE);
    json_t *settings = json_loads(text, 0, NULL);
    free(text);
    return settings;
}

static void expect_names(const char *views, const struct view_connector_setting *override,
                         const char *slot, const char *publication) {
    struct view_plans plans = load_all(views);
    json_t *settings = connector_of(plans.plans[plans.count - 1], override);
    json_t *set = json_object_get(settings, "slot.name");
    assert_string_equal(json_string_value(set), slot);
    set = json_object_get(settings, "publication.name");
    assert_string_equal(json_string_value(set), publication);
    assert_int_equal(strspn(slot, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(slot));
    assert_true(strlen(slot) <= IDENTIFIER_MAX);
    json_decref(settings);
    view_plans_clear(&plans);
}

#define BUYERS_CALLED(name)                                                                        \
    LINES "CREATE MATERIALIZED VIEW " name " WITH (partition_by = 'c.id') AS SELECT c.id, "        \
          "o.id AS orders, c.name FROM customers c JOIN orders o ON o.customer = c.id;\n"

/* Two connectors can't have one slot, whoever named it. */
static void test_connector_names(void **state) {
    (void)state;
    struct view_connector_setting slot = {STR("slot.name"), STR("mine")};
    expect_names(LINES, NULL, "oltp_olap_sync", "oltp_olap_sync");
    expect_names(LINES, &slot, "mine", "oltp_olap_sync");
    expect_names(LINES ONLY_BUYERS, NULL, "oltp_olap_sync_buyers", "oltp_olap_sync_buyers");
    expect_names(LINES ONLY_BUYERS, &slot, "mine_buyers", "oltp_olap_sync_buyers");
    expect_names(BUYERS_CALLED("\"Buyers\""), NULL, "oltp_olap_sync__uyers_6ce93361",
                 "oltp_olap_sync__uyers_6ce93361");
    expect_names(BUYERS_CALLED("a23456789_123456789_123456789_123456789_123456789"), NULL,
                 "oltp_olap_sync_a23456789_123456789_123456789_123456789_a05b260c",
                 "oltp_olap_sync_a23456789_123456789_123456789_123456789_a05b260c");
}

/* Views without a common table may be placed by another number of columns of like names. */
static void test_connector_routes(void **state) {
    (void)state;
    struct view_plans plans = load_all(
        "CREATE MATERIALIZED VIEW p WITH (partition_by = 'p.a, p.b') AS SELECT p.a, p.b, p.id, "
        "h.id AS h_id FROM pairs p JOIN halves h ON h.a = p.a AND h.b = p.b;\n"
        "CREATE MATERIALIZED VIEW q AS SELECT a, b, id FROM thirds;\n");
    assert_int_equal(plans.count, 1);
    json_t *settings = connector_of(plans.plans[0], NULL);
    json_t *set = json_object_get(settings, "transforms.route3.partition.payload.fields");
    assert_string_equal(json_string_value(set), "change.a");
    set = json_object_get(settings, "transforms.route1.partition.payload.fields");
    assert_string_equal(json_string_value(set), "change.a,change.b");
    json_decref(settings);
    view_plans_clear(&plans);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_share),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_pinned),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_widened),
        cmocka_unit_test(test_placed_as_before),
        cmocka_unit_test(test_second_plan),
        cmocka_unit_test(test_two_roles),
        cmocka_unit_test(test_own_plan),
        cmocka_unit_test(test_order_of_key),
        cmocka_unit_test(test_connector_names),
        cmocka_unit_test(test_connector_routes),

    };
    return cmocka_run_group_tests(tests, load_setup, load_teardown);
}
