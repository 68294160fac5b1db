/* What a plan of several views has room for. */
#include "base/buf.h"
#include "load.h"

/* A view of a table with 15 lookups has 15 references; three of them have more than a cache. */
static void test_many_references(void **state) {
    (void)state;
    struct buf oltp = {0}, views = {0};
    for (int v = 0; v < 3; v++) {
        buf_printf(&oltp, "CREATE TABLE core%d (id int PRIMARY KEY", v);
        for (int i = 0; i < 15; i++) {
            buf_printf(&oltp, ", r%d int", i);
        }
        buf_printf(&oltp, ");\nALTER TABLE core%d REPLICA IDENTITY FULL;\n", v);
        buf_printf(&views, "CREATE MATERIALIZED VIEW v%d AS SELECT c.id\nFROM %score%d c\n", v,
                   v == 2 ? "@" : "", v);
        for (int i = 0; i < 15; i++) {
            buf_printf(&views, "LEFT JOIN words w%d ON w%d.id = c.r%d\n", i, i, i);
        }
        buf_str(&views, STR(";\n"));
    }
    buf_str(&oltp, STR("CREATE TABLE words (id int PRIMARY KEY, word text);\n"
                       "ALTER TABLE words REPLICA IDENTITY FULL;\n"));
    buf_append(&oltp, "", 1);
    buf_append(&views, "", 1);
    refused(oltp.ptr, views.ptr,
            "more than 30 references of tables to lookups in the views of the plan v0, this one "
            "included: leave it out of schemas.view, and keep it with a service of its own");
    *strstr(views.ptr, "CREATE MATERIALIZED VIEW v2") = '\0';
    accepted(oltp.ptr, views.ptr);
    buf_clear(&oltp);
    buf_clear(&views);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_references),
    };
    return cmocka_run_group_tests(tests, load_setup, load_teardown);
}
