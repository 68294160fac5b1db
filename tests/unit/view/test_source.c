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

/* With file, line, column and caret like any other refusal. The place is that of @. */
static void test_newer_syntax(void **state) {
    (void)state;
    static const struct {
        const char *sql, *error, *what;
        int version; /* 0: it is no version's */
    } cases[] = {
        {"SELECT a IS @JSON FROM t", "near \"JSON\"", "IS JSON", 16},
        {"SELECT a IS NOT @JSON OBJECT FROM t", "near \"JSON\"", "IS NOT JSON", 16},
        {"SELECT JSON_OBJECT('a'@: 1) FROM t", "near \":\"", "JSON_OBJECT", 16},
        {"SELECT json_array(a @ABSENT ON NULL) FROM t", "near \"ABSENT\"", "JSON_ARRAY", 16},
        {"SELECT json_value(a, '$.x' @RETURNING int) FROM t", "near \"RETURNING\"", "JSON_VALUE",
         17},
        {"SELECT * FROM json_table(a, '$' @COLUMNS (b int))", "near \"COLUMNS\"", "JSON_TABLE", 17},
        {"SELECT now() AT @LOCAL", "near \"LOCAL\"", "AT LOCAL", 17},
        {"SELECT 1 -- it's\n, @0x1F", NULL, "a number with underscores or of base 2, 8 or 16", 16},
        {"SELECT @1_000", NULL, "a number with underscores or of base 2, 8 or 16", 16},
        {"CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a * (2)) @VIRTUAL)", "near \"VIRTUAL\"",
         "a generated column that is not STORED", 18},
        {"CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a)@)", "near \")\"",
         "a generated column that is not STORED", 18},
        {"CREATE TABLE t (a int, CHECK (a > 0) NOT @ENFORCED)", "near \"ENFORCED\"", "NOT ENFORCED",
         18},
        {"CREATE TABLE t (a int, @NOT NULL a)", "near \"NOT\"",
         "NOT NULL as a constraint of the table", 18},
        {"CREATE TABLE t (a int, CONSTRAINT c @NOT NULL a)", "near \"NOT\"",
         "NOT NULL as a constraint of the table", 18},
        {"CREATE TABLE t (a int, b tsrange, PRIMARY KEY (a, b @WITHOUT OVERLAPS))",
         "near \"WITHOUT\"", "WITHOUT OVERLAPS", 18},
        {"CREATE TABLE t (a int, b tsrange, FOREIGN KEY (a, PERIOD @b) REFERENCES u)", "near \"b\"",
         "PERIOD", 18},
        {"SELECT 'JSON_VALUE(', $$ IS JSON $$, \"JSON_VALUE\", @FROM t", "near \"FROM\"", NULL, 0},
        {"SELECT a /* JSON_TABLE( */ a @b FROM t", NULL, NULL, 0},
        {"SELECT (JSON_VALUE(a), @)", "near \")\"", NULL, 0},
        {"CREATE TABLE t (a int@", "at end of input", NULL, 0},
        {"SELECT @12abc", NULL, NULL, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char prefix[64], shown[600], want[300] = "";
        load_write("view.sql", cases[i].sql, prefix, shown);
        struct err err = {0};
        char *text = NULL;
        struct report report = {&text, &err};
        struct source source = {0};
        assert_int_equal(source_read("view.sql", &source, &report), ERR_CONFIG);
        if (cases[i].version > 0) {
            (void)snprintf(want, sizeof want,
                           ": %s is syntax of PostgreSQL %d, and the parser here knows that of "
                           "PostgreSQL 15: write it in another way, or leave it out",
                           cases[i].what, cases[i].version);
        }
        bool placed = strncmp(err.message, prefix, strlen(prefix)) == 0 && strstr(text, shown);
        bool told = cases[i].version > 0 ? strstr(err.message, want) != NULL
                                         : strstr(err.message, "is syntax of") == NULL;
        if (!placed || !told || (cases[i].error && !strstr(err.message, cases[i].error)) ||
            !strstr(text, "\nsupported: the syntax of PostgreSQL 15\n")) {
            fail_msg("%s: %s", cases[i].sql, text);
        }
        source_clear(&source);
        free(text);
    }
}

/* What pg_dump writes around its statements since August 2025, for psql. */
static void test_commands_of_psql(void **state) {
    (void)state;
    load_write("view.sql",
               "--\n-- PostgreSQL database dump\n--\n\n\\restrict a1B2\n\nSELECT a,\n"
               "'\\restrict x';\n\\unrestrict a1B2\n",
               NULL, NULL);
    struct err err;
    struct report report = {NULL, &err};
    struct source source = {0};
    assert_int_equal(source_read("view.sql", &source, &report), ERR_NONE);
    assert_int_equal(source_statement_count(&source), 1);
    source_clear(&source);
    load_write("view.sql", "SELECT 1;\n@\\connect x\n", NULL, NULL);
    read_refused("view.sql", "view.sql:2:1: syntax error at or near \"\\\"");
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
        cmocka_unit_test(test_report),           cmocka_unit_test(test_files),
        cmocka_unit_test(test_places_of_errors), cmocka_unit_test(test_newer_syntax),
        cmocka_unit_test(test_commands_of_psql), cmocka_unit_test(test_tree),
    };
    return cmocka_run_group_tests(tests, load_setup, load_teardown);
}
