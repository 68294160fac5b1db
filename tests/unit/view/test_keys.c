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
        {"bigint", "text",
         "the join key's types differ: a.g is bigint, b.g is text: change one of them in the OLTP "
         "database"},
        {"uuid", "varchar(36)",
         "the join key's types differ: a.g is uuid, b.g is character varying(36): change one of "
         "them in the OLTP database"},
        {"bigint", "numeric",
         "join column b.g is of type numeric, which Debezium does not hash as SQL compares it"},
        {"text", "char(3)",
         "join column b.g is of type character(3), which Debezium does not hash as SQL compares "
         "it"},
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

/* Types that differ, and are equal, hashed and coded alike; with a bigint as bigints. */
static void test_comparable_types(void **state) {
    (void)state;
    static const struct {
        const char *left, *right;
        enum key_code key;
        bool widened[2];
    } good[] = {
        {"smallint", "int", KEY_INTEGER, {false, false}},
        {"serial", "smallint", KEY_INTEGER, {false, false}},
        {"bigint", "int", KEY_BIGINT, {false, true}},
        {"int", "bigint", KEY_BIGINT, {true, false}},
        {"smallint", "bigserial", KEY_BIGINT, {true, false}},
        {"text", "varchar(9)", KEY_TEXT, {false, false}},
        {"varchar", "text COLLATE \"C\"", KEY_TEXT, {false, false}},
    };
    char oltp[1000];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        pair(oltp, sizeof oltp, good[i].left, good[i].right);
        struct plan *plan =
            load(oltp, "CREATE MATERIALIZED VIEW v AS SELECT b.g, a.id AS a_id, b.id FROM a JOIN b "
                       "ON a.g = b.g");
        for (size_t t = 0; t < 2; t++) {
            const struct relation_column *column = &plan->relations[t].columns[0];
            assert_int_equal(column->key, good[i].key);
            assert_int_equal(column_is_widened(column), good[i].widened[t]);
            assert_int_equal(plan->relations[t].columns[1].key, KEY_INTEGER);
        }
        plan_destroy(&plan);
    }
}

/* A table whose records go elsewhere than before is not the same. */
static void test_widened_identity(void **state) {
    (void)state;
    static const char sql[] = "CREATE MATERIALIZED VIEW v AS SELECT a.g, a.id AS a_id, b.id FROM a "
                              "JOIN b ON a.g = b.g";
    char oltp[1000];
    pair(oltp, sizeof oltp, "int", "int");
    struct plan *before = load(oltp, sql);
    pair(oltp, sizeof oltp, "int", "bigint");
    struct plan *after = load(oltp, sql);
    assert_false(str_equal(before->relations[0].identity, after->relations[0].identity));
    plan_destroy(&before);
    plan_destroy(&after);
}

static void test_colon(void **state) {
    (void)state;
    refused(
        "CREATE TABLE a (id int PRIMARY KEY, \"g:h\" int);CREATE TABLE b (id int PRIMARY KEY, g "
        "bigint);ALTER TABLE a REPLICA IDENTITY FULL;ALTER TABLE b REPLICA IDENTITY FULL;",
        "CREATE MATERIALIZED VIEW v AS SELECT b.g, a.id AS a_id, b.id FROM a JOIN b ON "
        "@a.\"g:h\" = b.g",
        "join column a.\"g:h\" is compared with a bigint, and Kafka's Cast can't name a column "
        "with a colon: make it bigint in the OLTP database, too");
    accepted("CREATE TABLE a (id int PRIMARY KEY, \"g:h\" int);CREATE TABLE b (id int PRIMARY KEY, "
             "g int);ALTER TABLE a REPLICA IDENTITY FULL;ALTER TABLE b REPLICA IDENTITY FULL;",
             "CREATE MATERIALIZED VIEW v AS SELECT b.g, a.id AS a_id, b.id FROM a JOIN b ON "
             "a.\"g:h\" = b.g");
}

/* What was chosen when a key had to be of one type stays, though another one has fewer lookups. */
static void test_one_type_goes_first(void **state) {
    (void)state;
    static const char tables[] =
        "CREATE TABLE orders (order_id bigint PRIMARY KEY, customer_id int NOT NULL);"
        "CREATE TABLE customers (id bigint PRIMARY KEY, name text);"
        "ALTER TABLE orders REPLICA IDENTITY FULL; ALTER TABLE customers REPLICA IDENTITY FULL;";
    struct plan *plan = load(tables, "CREATE MATERIALIZED VIEW v AS SELECT o.order_id, c.id, name "
                                     "FROM orders o JOIN customers c ON c.id = o.customer_id");
    assert_int_equal(plan->relations[1].role, ROLE_LOOKUP);
    assert_non_null(strstr(plan->notes.ptr, "Another key, by o.customer_id: 0 lookups\n"));
    plan_destroy(&plan);
    plan = load(tables, "CREATE MATERIALIZED VIEW v WITH (partition_by = 'c.id') AS SELECT "
                        "o.order_id, c.id, name FROM orders o JOIN customers c ON c.id = "
                        "o.customer_id");
    assert_int_equal(plan->relations[1].role, ROLE_CORE);
    assert_non_null(strstr(plan->notes.ptr, "\nNote: o.customer_id is integer and compared with a "
                                            "bigint: Kafka Connect casts it to find its "
                                            "partition\n"));
    plan_destroy(&plan);
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
        cmocka_unit_test(test_comparable_types),
        cmocka_unit_test(test_widened_identity),
        cmocka_unit_test(test_colon),
        cmocka_unit_test(test_one_type_goes_first),
        cmocka_unit_test(test_join_types),
        cmocka_unit_test(test_join_types_refused),
        cmocka_unit_test(test_join_names),
        cmocka_unit_test(test_select_list_lacks_a_key),
        cmocka_unit_test(test_primary_keys),
        cmocka_unit_test(test_column_order),
    };
    return cmocka_run_group_tests(tests, load_setup, load_teardown);
}
