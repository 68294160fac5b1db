/* oltp.sql: which statements count, which are passed over. */
#include "load.h"

#include "view/catalog.h"

struct fixture {
    struct arena arena;
    struct catalog catalog;
    struct err err;
};

static enum err_kind read_text(struct fixture *fixture, const char *text) {
    load_write("oltp.sql", text, NULL, NULL);
    struct report report = {NULL, &fixture->err};
    return catalog_read("oltp.sql", &fixture->arena, &fixture->catalog, &report);
}

static void clear(struct fixture *fixture) {
    catalog_clear(&fixture->catalog);
    arena_clear(&fixture->arena);
}

static const struct catalog_table *table(const struct fixture *fixture, const char *schema,
                                         const char *name) {
    return catalog_table(&fixture->catalog, str_from(schema), str_from(name));
}

static void test_tables(void **state) {
    (void)state;
    struct fixture f = {0};
    assert_int_equal(read_text(&f,
                               "CREATE TABLE a (x int, y text COLLATE \"C\", PRIMARY KEY (y, x));"
                               "CREATE TABLE IF NOT EXISTS a (z int);"
                               "CREATE TABLE s.\"A\" (\"Q r\" int PRIMARY KEY);"
                               "CREATE TABLE b (x int); ALTER TABLE ONLY public.b ADD CONSTRAINT "
                               "b_pkey PRIMARY KEY (x);"
                               "ALTER TABLE b ADD COLUMN y int, ADD z text;"),
                     ERR_NONE);
    const struct catalog_table *a = table(&f, "public", "a");
    assert_int_equal(a->column_count, 2);
    assert_int_equal(a->key_count, 2);
    assert_true(str_is(a->key[0], "y"));
    assert_int_equal(catalog_column(a, STR("y")), 1);
    assert_int_equal(catalog_column(a, STR("z")), -1);
    assert_non_null(a->columns[1].collate);
    assert_false(a->replica_identity_full);
    assert_null(a->unfit);
    const struct catalog_table *other = table(&f, "s", "A");
    assert_true(str_is(other->key[0], "Q r"));
    assert_null(table(&f, "public", "A"));
    const struct catalog_table *b = table(&f, "public", "b");
    assert_int_equal(b->key_count, 1);
    assert_int_equal(b->column_count, 3);
    clear(&f);
}

/* Statements about anything else say nothing about a table's columns and keys. */
static void test_passed_over(void **state) {
    (void)state;
    struct fixture f = {0};
    assert_int_equal(
        read_text(&f,
                  "SET search_path = ''; CREATE SCHEMA s; CREATE TYPE mood AS ENUM ('x');"
                  "DROP TABLE IF EXISTS a; CREATE TABLE a (x int PRIMARY KEY, m mood, y int);"
                  "CREATE INDEX ON a (y); ALTER TABLE a OWNER TO me, ALTER y SET NOT NULL,"
                  " ALTER y SET DEFAULT 7, ADD CHECK (y > 0), ADD UNIQUE (y);"
                  "ALTER TABLE unknown REPLICA IDENTITY FULL; ALTER TABLE unknown RENAME TO u;"
                  "ALTER INDEX a_pkey RENAME TO b; ALTER TABLE a RENAME CONSTRAINT c TO d;"
                  "CREATE VIEW w AS SELECT 1; INSERT INTO a VALUES (1); GRANT SELECT ON a TO me;"
                  "COMMENT ON TABLE a IS 'x'; ALTER TABLE a REPLICA IDENTITY FULL;"
                  "CREATE TABLE c AS SELECT 1;"),
        ERR_NONE);
    const struct catalog_table *a = table(&f, "public", "a");
    assert_null(a->unfit);
    assert_int_equal(a->key_count, 1);
    assert_true(a->replica_identity_full);
    assert_null(table(&f, "public", "c"));
    clear(&f);
}

static void test_replica_identity(void **state) {
    (void)state;
    static const struct {
        const char *alter;
        bool full;
    } cases[] = {{"REPLICA IDENTITY FULL", true},
                 {"REPLICA IDENTITY DEFAULT", false},
                 {"REPLICA IDENTITY NOTHING", false},
                 {"REPLICA IDENTITY USING INDEX a_pkey", false},
                 {"REPLICA IDENTITY NOTHING, REPLICA IDENTITY FULL", true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[200];
        (void)snprintf(text, sizeof text, "CREATE TABLE a (x int PRIMARY KEY); ALTER TABLE a %s;",
                       cases[i].alter);
        struct fixture f = {0};
        assert_int_equal(read_text(&f, text), ERR_NONE);
        assert_int_equal(table(&f, "public", "a")->replica_identity_full, cases[i].full);
        clear(&f);
    }
}

static void test_twice(void **state) {
    (void)state;
    struct fixture f = {0};
    assert_int_equal(read_text(&f, "CREATE TABLE a (x int);\nCREATE TABLE public.a (x int);"),
                     ERR_CONFIG);
    assert_string_equal(f.err.message, "oltp.sql:2:14: table public.a is created twice");
    clear(&f);
}

/* Names are cut where PostgreSQL cuts them, at 63 bytes and between characters. */
static void test_long_names(void **state) {
    (void)state;
    struct fixture f = {0};
#define LONG "n123456789012345678901234567890123456789012345678901234567890"
    assert_int_equal(read_text(&f, "CREATE TABLE " LONG "abc (" LONG "\xc3\xa9 int PRIMARY KEY);"),
                     ERR_NONE);
    const struct catalog_table *cut = table(&f, "public", LONG "ab");
    assert_non_null(cut);
    assert_true(str_is(cut->columns[0].name, LONG "\xc3\xa9"));
    clear(&f);
    assert_int_equal(
        read_text(&f, "CREATE TABLE " LONG "abc (x int); CREATE TABLE " LONG "abXX (y int)"),
        ERR_CONFIG);
    assert_non_null(strstr(f.err.message, LONG "ab is created twice"));
    clear(&f);
    assert_int_equal(read_text(&f, "CREATE TABLE " LONG "a\xc3\xa9 (x int);"), ERR_NONE);
    assert_non_null(table(&f, "public", LONG "a"));
    clear(&f);
}

static enum catalog_type_kind kind_of(const struct fixture *f, const char *schema,
                                      const char *name) {
    const struct catalog_type *type =
        catalog_type(&f->catalog, schema ? str_from(schema) : STR_NONE, str_from(name));
    assert_non_null(type);
    return type->kind;
}

/* Enums and domains are found by their schema; without one, in public. */
static void test_types(void **state) {
    (void)state;
    struct fixture f = {0};
    assert_int_equal(
        read_text(&f, "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TYPE s.\"Mood\" AS ENUM ();"
                      "CREATE DOMAIN public.price AS numeric(10,2) NOT NULL CHECK (VALUE > 0);"
                      "CREATE TYPE pair AS (a int, b int); CREATE TYPE s.pairs AS (a int);"
                      "CREATE TYPE floats AS RANGE (subtype = float8); CREATE TYPE shell;"
                      "ALTER TYPE mood ADD VALUE 'good'; CREATE TABLE a (x mood);"),
        ERR_NONE);
    assert_int_equal(kind_of(&f, NULL, "mood"), CATALOG_ENUM);
    assert_int_equal(kind_of(&f, "public", "mood"), CATALOG_ENUM);
    assert_int_equal(kind_of(&f, "s", "Mood"), CATALOG_ENUM);
    assert_int_equal(kind_of(&f, NULL, "price"), CATALOG_DOMAIN);
    assert_int_equal(kind_of(&f, NULL, "pair"), CATALOG_COMPOSITE);
    assert_int_equal(kind_of(&f, "s", "pairs"), CATALOG_COMPOSITE);
    assert_int_equal(kind_of(&f, NULL, "floats"), CATALOG_RANGE);
    assert_non_null(catalog_type(&f.catalog, STR_NONE, STR("price"))->base);
    static const char *const absent[][2] = {
        {"s", "mood"}, {"public", "Mood"}, {"public", "MOOD"}, {"public", "shell"}, {"s", "pair"}};
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
        assert_null(catalog_type(&f.catalog, str_from(absent[i][0]), str_from(absent[i][1])));
    }
    clear(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables), cmocka_unit_test(test_passed_over),
        cmocka_unit_test(test_types),  cmocka_unit_test(test_replica_identity),
        cmocka_unit_test(test_twice),  cmocka_unit_test(test_long_names),
    };
    return cmocka_run_group_tests(tests, load_setup, load_teardown);
}
