/* Files, places, and how a refusal looks in full. */
#include "load.h"

#include "view/source.h"

static void test_report(void **state) {
    (void)state;
    load_write("oltp.sql", STUDENT_CONTACT, NULL, NULL);
    load_write(
        "view.sql",
        "CREATE MATERIALIZED VIEW v AS\nSELECT student.student_id\nFROM student\n\tRIGHT JOIN "
        "contact ON true;\n",
        NULL, NULL);
    struct view_options options = load_options();
    struct plan *plan = NULL;
    char *report = NULL;
    struct err err;
    assert_int_equal(view_load(&options, &plan, &report, &err), ERR_CONFIG);
    assert_string_equal(err.message, "view.sql:4:13: RIGHT JOIN is not supported: write it as a "
                                     "LEFT JOIN, the tables the other way round");
    assert_string_equal(report,
                        "view.sql:4:13: RIGHT JOIN is not supported: write it as a LEFT JOIN, the "
                        "tables the other way round\n"
                        "    4 | \tRIGHT JOIN contact ON true;\n"
                        "      | \t           ^\n"
                        "supported: FROM table [AS alias] [[INNER | LEFT] JOIN table [AS alias] ON "
                        "column = column [AND column = column ...] ...]\n");
    free(report);
    /* Neither of the two is needed. */
    assert_int_equal(view_load(&options, &plan, NULL, NULL), ERR_CONFIG);
    assert_null(plan);
}

static void read_refused(const char *path, const char *message) {
    struct err err = {0};
    char *text = NULL;
    struct report report = {&text, &err};
    struct source source = {0};
    assert_int_equal(source_read(path, &source, &report), ERR_CONFIG);
    assert_string_equal(err.message, message);
    source_clear(&source);
    free(text);
}

static void test_files(void **state) {
    (void)state;
    read_refused("missing.sql", "missing.sql: No such file or directory");
    read_refused("/", "/: Is a directory");
    load_write("view.sql", "SELECT '\xff';", NULL, NULL);
    read_refused("view.sql", "view.sql: is not UTF-8");
    load_write("view.sql", "", NULL, NULL);
    assert_int_equal(truncate("view.sql", 10), 0);
    read_refused("view.sql", "view.sql: holds a NUL byte, so it is no SQL text");
    assert_int_equal(truncate("view.sql", (off_t)SOURCE_BYTES_MAX + 1), 0);
    read_refused("view.sql", "view.sql: larger than 16777216 bytes");
}

/* The parser's errors count characters, the tree's places bytes. */
static void test_places_of_errors(void **state) {
    (void)state;
    load_write("view.sql", "SELECT '\xf0\x9f\x98\x80\xc3\xa9',\n  FROM x;", NULL, NULL);
    read_refused("view.sql", "view.sql:2:3: syntax error at or near \"FROM\"");
    load_write("view.sql", "SELECT '\xc3\xa9'\r\n, (\r\n", NULL, NULL);
    read_refused("view.sql", "view.sql:3:1: syntax error at end of input");
    load_write("view.sql", "SELECT 'abc", NULL, NULL);
    read_refused("view.sql", "view.sql:1:8: unterminated quoted string at or near \"'abc\"");
}

static void test_tree(void **state) {
    (void)state;
    load_write("view.sql", "SELECT   b + a, 'x' FROM t; COMMIT", NULL, NULL);
    struct err err;
    struct report report = {NULL, &err};
    struct source source = {0};
    assert_int_equal(source_read("view.sql", &source, &report), ERR_NONE);
    assert_int_equal(source_statement_count(&source), 2);
    json_t *select = ast_is(source_statement(&source, 0), "SelectStmt");
    assert_non_null(select);
    assert_null(ast_is(source_statement(&source, 0), "InsertStmt"));
    assert_string_equal(ast_tag(source_statement(&source, 1)), "TransactionStmt");
    assert_string_equal(ast_tag(NULL), "nothing");
    assert_null(source_statement(&source, 2));
    json_t *first = ast_is(json_array_get(json_object_get(select, "targetList"), 0), "ResTarget");
    assert_int_equal(ast_place(select), 9);
    assert_int_equal(ast_own_place(ast_is(json_object_get(first, "val"), "A_Expr")), 11);
    assert_true(ast_place(source_statement(&source, 1)) == NOWHERE);
    assert_true(str_is(ast_text(select, "op"), "SETOP_NONE"));
    assert_null(ast_text(select, "nothing").ptr);
    assert_false(ast_flag(select, "op"));
    source_clear(&source);
    source_clear(&source);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_report),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_places_of_errors),
        cmocka_unit_test(test_tree),
    };
    return cmocka_run_group_tests(tests, load_setup, load_teardown);
}
