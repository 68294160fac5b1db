/* The files that schemas.view names. */
#include "load.h"

#include <sys/stat.h>

#define TABLES                                                                                     \
    "CREATE TABLE pairs (id int PRIMARY KEY, t text); ALTER TABLE pairs REPLICA IDENTITY FULL;\n"

static void write_view(const char *path, const char *name) {
    char text[200];
    (void)snprintf(text, sizeof text, "CREATE MATERIALIZED VIEW %s AS SELECT id, t FROM pairs;",
                   name);
    load_write(path, text, NULL, NULL);
}

static void expect_views(const char *list, const char *want) {
    struct view_options options = load_options();
    struct view_plans plans = {.count = 0};
    char got[200] = "";
    struct err err = {0};
    options.oltp_path = "more/oltp.sql";
    options.view_path = list;
    if (view_load_all(&options, &plans, NULL, &err) != ERR_NONE) {
        assert_string_equal(err.message, want);
        return;
    }
    for (size_t t = 0; t < plans.plans[0]->target_count; t++) {
        (void)snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", t > 0 ? " " : "",
                       plans.plans[0]->targets[t].name.ptr);
    }
    assert_string_equal(got, want);
    view_plans_clear(&plans);
}

static void test_files(void **state) {
    (void)state;
    static const char *const files[] = {"more/b.sql",  "more/a.sql",     "more/B.sql",
                                        "more/.c.sql", "more/notes.txt", "more/oltp.sql"};
    assert_int_equal(mkdir("more", 0700), 0);
    assert_int_equal(mkdir("more/d.sql", 0700), 0);
    assert_int_equal(mkdir("none", 0700), 0);
    write_view("view.sql", "v");
    write_view("more/a.sql", "a");
    write_view("more/b.sql", "b");
    write_view("more/B.sql", "b2");
    load_write("more/.c.sql", "no view", NULL, NULL);
    load_write("more/notes.txt", "no view", NULL, NULL);
    load_write("more/oltp.sql", TABLES, NULL, NULL);
    expect_views("more", "b2 a b");
    expect_views("./more/", "b2 a b");
    expect_views(" view.sql , more ", "v b2 a b");
    expect_views("more/b.sql,more,view.sql", "b b2 a v");
    expect_views("more,view.sql,./view.sql", "b2 a b v");
    expect_views("more,", "schemas.view = more,: a name of a file or folder is missing; they are "
                          "separated by commas");
    expect_views("none", "none: this folder has no file NAME.sql with a view");
    expect_views("more,missing.sql", "missing.sql: No such file or directory");
    assert_int_equal(rmdir("none"), 0);
    assert_int_equal(rmdir("more/d.sql"), 0);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        assert_int_equal(unlink(files[i]), 0);
    }
    assert_int_equal(rmdir("more"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_files)};
    return cmocka_run_group_tests(tests, load_setup, load_teardown);
}
