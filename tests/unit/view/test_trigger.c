/* The trigger that plan wants against TRUNCATE. */
#include "load.h"

#include "view/trigger.h"

static void test_statements(void **state) {
    (void)state;
    struct plan *plan =
        load("CREATE TABLE s.\"A b\" (k int PRIMARY KEY); CREATE TABLE s.c (id int PRIMARY KEY, k "
             "int);"
             "ALTER TABLE s.\"A b\" REPLICA IDENTITY FULL; ALTER TABLE s.c REPLICA IDENTITY FULL;",
             "CREATE MATERIALIZED VIEW v AS SELECT a.k, id FROM s.\"A b\" a JOIN s.c ON a.k = c.k");
    struct buf out = {0};
    trigger_append(&out, plan);
    buf_append(&out, "", 1);
    const char *first = strstr(out.ptr, "CREATE OR REPLACE FUNCTION s.refuse_truncate()");
    assert_non_null(first);
    assert_null(strstr(first + 1, "CREATE OR REPLACE FUNCTION")); /* one for the schema */
    assert_non_null(strstr(out.ptr, "CREATE TRIGGER \"A b_refuse_truncate\" BEFORE TRUNCATE ON "
                                    "s.\"A b\"\n  FOR EACH STATEMENT EXECUTE FUNCTION "
                                    "s.refuse_truncate();\n"));
    assert_non_null(strstr(out.ptr, "CREATE TRIGGER c_refuse_truncate BEFORE TRUNCATE ON s.c\n"));
    buf_clear(&out);
    plan_destroy(&plan);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_statements)};
    return cmocka_run_group_tests(tests, load_setup, load_teardown);
}
