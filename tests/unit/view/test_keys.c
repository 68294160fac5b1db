/* Join key, primary keys, types and collations. */
#include "load.h"

/* Two tables joined on a column g of the given declarations. */
static void pair(char *out, size_t size, const char *left, const char *right) {
    (void)snprintf(
        out, size,
        "CREATE TABLE a (id int PRIMARY KEY, g %s);\nCREATE TABLE b (id int PRIMARY KEY, "
        "g %s);\nALTER TABLE a REPLICA IDENTITY FULL; ALTER TABLE b REPLICA IDENTITY FULL;",
        left, right);
}
#define PAIR_VIEW                                                                                  \
    "CREATE MATERIALIZED VIEW v AS SELECT a.g, a.id AS a_id, b.id FROM a JOIN b ON @a.g = b.g"

static void test_join_types(void **state) {
    (void)state;
    static const struct {
        const char *declared, *type;
        enum key_code key;
    } good[] = {
        {"smallint", "smallint", KEY_INTEGER},
        {"smallserial", "smallint", KEY_INTEGER},
        {"int", "integer", KEY_INTEGER},
        {"serial4", "integer", KEY_INTEGER},
        {"bigint", "bigint", KEY_BIGINT},
        {"bigserial", "bigint", KEY_BIGINT},
        {"text", "text", KEY_TEXT},
        {"text COLLATE \"C\"", "text", KEY_TEXT},
        {"text COLLATE pg_catalog.\"POSIX\"", "text", KEY_TEXT},
        {"text COLLATE \"default\"", "text", KEY_TEXT},
        {"text COLLATE ucs_basic", "text", KEY_TEXT},
        {"varchar", "character varying", KEY_TEXT},
        {"varchar(7)", "character varying(7)", KEY_TEXT},
        {"uuid", "uuid", KEY_UUID},
    };
    char oltp[1000];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        pair(oltp, sizeof oltp, good[i].declared, good[i].declared);
        struct plan *plan =
            load(oltp, "CREATE MATERIALIZED VIEW v AS SELECT a.g, a.id AS a_id, b.id "
                       "FROM a JOIN b ON a.g = b.g");
        assert_true(str_is(plan->relations[0].columns[0].type, good[i].type));
        assert_int_equal(plan->relations[1].columns[0].key, good[i].key);
        plan_destroy(&plan);
    }
    /* The lengths of varchar may differ; the first one shown is the sink's. */
    pair(oltp, sizeof oltp, "varchar(40)", "varchar(3)");
    struct plan *plan =
        load(oltp, "CREATE MATERIALIZED VIEW v AS SELECT b.g, a.id AS a_id, b.id FROM "
                   "a JOIN b ON a.g = b.g");
    assert_non_null(strstr(plan->targets[0].sql_ddl.ptr, "g character varying(3),"));
    plan_destroy(&plan);
}

static void test_join_types_refused(void **state) {
    (void)state;
    static const struct {
        const char *left, *right, *message;
    } bad[] = {
        {"bigint", "int", "the join key's types differ: a.g is bigint, b.g is integer"},
        {"smallint", "int", "the join key's types differ: a.g is smallint, b.g is integer"},
        {"text", "varchar(9)",
         "the join key's types differ: a.g is text, b.g is character varying(9)"},
        {"numeric", "numeric",
         "join column a.g is of type numeric, which Debezium does not hash as SQL compares it"},
        {"boolean", "boolean",
         "join column a.g is of type boolean, which Debezium does not hash as SQL compares it"},
        {"char(3)", "char(3)",
         "join column a.g is of type character(3), which Debezium does not hash as SQL compares "
         "it"},
        {"date", "date",
         "join column a.g is of type date, which Debezium does not hash as SQL compares it"},
        {"timestamptz(3)", "timestamptz(3)",
         "join column a.g is of type timestamp(3) with time zone, which Debezium does not hash as "
         "SQL "
         "compares it"},
        {"bytea", "bytea",
         "join column a.g is of type bytea, which Debezium does not hash as SQL compares it"},
        {"citext", "citext",
         "join column a.g is of type citext, which Debezium does not hash as SQL compares it"},
        {"text COLLATE \"de-x-icu\"", "text",
         "key column a.g has COLLATE \"de-x-icu\", under which different texts may be equal"},
        {"text", "text COLLATE ci",
         "key column b.g has COLLATE \"ci\", under which different texts may be equal"},
    };
    char oltp[1000];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        pair(oltp, sizeof oltp, bad[i].left, bad[i].right);
        refused(oltp, PAIR_VIEW, bad[i].message);
    }
}

static void test_join_names(void **state) {
    (void)state;
    static const char *const bad[] = {"a.b", "a,b", " a", "a ", "\tx"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char oltp[1000], sql[500], message[500];
        (void)snprintf(
            oltp, sizeof oltp,
            "CREATE TABLE a (id int PRIMARY KEY, \"%s\" int);CREATE TABLE b (id int PRIMARY "
            "KEY, g int);ALTER TABLE a REPLICA IDENTITY FULL;ALTER TABLE b REPLICA IDENTITY "
            "FULL;",
            bad[i]);
        (void)snprintf(
            sql, sizeof sql,
            "CREATE MATERIALIZED VIEW v AS SELECT b.g, a.id AS a_id, b.id FROM a JOIN b ON "
            "@a.\"%s\" = b.g",
            bad[i]);
        (void)snprintf(
            message, sizeof message,
            "join column a.\"%s\": Debezium's setting partition.payload.fields can't name a "
            "column with a dot, a comma or a blank at an end",
            bad[i]);
        refused(oltp, sql, message);
    }
}

static void test_select_list_lacks_a_key(void **state) {
    (void)state;
    refused(
        STUDENT_CONTACT,
        "CREATE MATERIALIZED VIEW v AS SELECT @name, c.student_id FROM student JOIN contact c ON "
        "student.student_id = c.student_id",
        "the select list lacks c.contact_id: every row needs the join key and the primary keys of "
        "all tables");
    /* Either side shows the join key. */
    accepted(
        STUDENT_CONTACT,
        "CREATE MATERIALIZED VIEW v AS SELECT c.student_id, contact_id FROM student JOIN contact c "
        "ON student.student_id = c.student_id");
}

static void test_primary_keys(void **state) {
    (void)state;
    static const struct {
        const char *declared, *message;
    } cases[] = {
        {"boolean", NULL},
        {"numeric(10,2)", NULL},
        {"date", NULL},
        {"timestamp(3)", NULL},
        {"timestamptz", NULL},
        {"char(5)", NULL},
        {"text", NULL},
        {"real",
         "key column a.k is of type real, which can't be a key here: its equal values may be "
         "written differently"},
        {"float8",
         "key column a.k is of type double precision, which can't be a key here: its equal "
         "values may be written differently"},
        {"jsonb",
         "key column a.k is of type jsonb, which can't be a key here: its equal values may be "
         "written differently"},
        {"inet", NULL},
        {"macaddr", NULL},
        {"time(3)", NULL},
        {"interval",
         "key column a.k is of type interval, which can't be a key here: its equal values may be "
         "written differently"},
        {"int[]",
         "key column a.k is of type integer[], which can't be a key here: its equal values may be "
         "written differently"},
        {"text COLLATE nd",
         "key column a.k has COLLATE \"nd\", under which different texts may be equal"},
        {"char(5) COLLATE nd",
         "key column a.k has COLLATE \"nd\", under which different texts may be equal"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char oltp[1000];
        (void)snprintf(
            oltp, sizeof oltp,
            "CREATE TABLE a (g int, k %s, PRIMARY KEY (k));CREATE TABLE b (id int PRIMARY "
            "KEY, g int);ALTER TABLE a REPLICA IDENTITY FULL;ALTER TABLE b REPLICA IDENTITY "
            "FULL;",
            cases[i].declared);
        if (cases[i].message) {
            refused(oltp,
                    "CREATE MATERIALIZED VIEW v AS SELECT a.g, id, @k FROM a JOIN b ON a.g = b.g",
                    cases[i].message);
        } else {
            accepted(oltp,
                     "CREATE MATERIALIZED VIEW v AS SELECT a.g, id, k FROM a JOIN b ON a.g = b.g");
        }
    }
}

/* Join key first, then the rest of the primary key in its order, then the others as they are
 * selected. */
static void test_column_order(void **state) {
    (void)state;
    struct plan *plan = load(
        "CREATE TABLE a (n1 int, k2 int, g int, n2 int, k1 int, unused bytea, PRIMARY KEY (k1, g, "
        "k2));"
        "CREATE TABLE b (g int PRIMARY KEY, x text);"
        "ALTER TABLE a REPLICA IDENTITY FULL; ALTER TABLE b REPLICA IDENTITY FULL;",
        "CREATE MATERIALIZED VIEW v AS SELECT n2, a.n1, k2, x, b.g, k1 FROM b JOIN a ON a.g = b.g");
    static const char *const a[] = {"g", "k1", "k2", "n2", "n1"};
    const struct relation *table = &plan->relations[1];
    assert_int_equal(table->column_count, 5);
    assert_int_equal(table->key_count, 3);
    assert_int_equal(table->primary_key_count, 3);
    for (size_t i = 0; i < 5; i++) {
        assert_true(str_is(table->columns[i].name, a[i]));
        assert_int_equal(table->columns[i].key, i < 3 ? KEY_INTEGER : KEY_NONE);
    }
    assert_int_equal(plan->relations[0].key_count, 1);
    assert_non_null(strstr(plan->targets[0].sql_ddl.ptr, "PRIMARY KEY (g, k1, k2)"));
    plan_destroy(&plan);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_join_types),   cmocka_unit_test(test_join_types_refused),
        cmocka_unit_test(test_join_names),   cmocka_unit_test(test_select_list_lacks_a_key),
        cmocka_unit_test(test_primary_keys), cmocka_unit_test(test_column_order),
    };
    return cmocka_run_group_tests(tests, load_setup, load_teardown);
}
