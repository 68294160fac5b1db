/* Rows that differ, on real databases: every kind of difference, key and type. */
#include "verifying.h"

#define ORDERS                                                                                     \
    "CREATE TABLE customers (id int PRIMARY KEY, name text);"                                      \
    "CREATE TABLE orders (order_id bigint PRIMARY KEY, customer_id int, status text);"             \
    "CREATE TABLE lines (order_id bigint, no int, qty numeric(10,2), PRIMARY KEY (order_id, no));" \
    "ALTER TABLE customers REPLICA IDENTITY FULL; ALTER TABLE orders REPLICA IDENTITY FULL;"       \
    "ALTER TABLE lines REPLICA IDENTITY FULL;"
#define ORDERS_ROWS                                                                                \
    "INSERT INTO customers SELECT g, 'c' || g FROM generate_series(1, 20) g;"                      \
    "INSERT INTO orders SELECT g, g % 25, CASE WHEN g % 10 = 0 THEN 'draft' ELSE 'open' END"       \
    " FROM generate_series(1, 100) g;"                                                             \
    "INSERT INTO lines SELECT g, l, g + l FROM generate_series(1, 80) g, generate_series(1, 3) l;"
#define ORDERS_VIEW                                                                                \
    "CREATE MATERIALIZED VIEW v AS SELECT o.order_id, l.no, o.status, c.name, l.qty * 2 AS twice " \
    "FROM orders o LEFT JOIN lines l ON l.order_id = o.order_id "                                  \
    "LEFT JOIN customers c ON c.id = o.customer_id WHERE o.status <> 'draft'"

static void orders(struct context *c) {
    make(c, ORDERS, ORDERS_VIEW);
    sql(c->oltp, ORDERS_ROWS);
    fill(c);
}

static void every_kind(void **state) {
    struct context *c = *state;
    orders(c);
    expect_equal(c, 234);
    sql(c->olap, "DELETE FROM v WHERE order_id = 7 AND no = 2 OR order_id = 91;"
                 "INSERT INTO v VALUES (7, NULL, 'open', 'c7', NULL), (10, 1, 'draft', 'c10', 22),"
                 " (1000, NULL, NULL, NULL, NULL);"
                 "UPDATE v SET name = NULL, twice = 0 WHERE order_id = 8 AND no = 1;"
                 "UPDATE v SET name = '' WHERE order_id = 24 AND no = 3");
    expect(c, "missing 7 2\nextra 7 NULL\ndifferent 8 1 name=c8>NULL twice=18.00>0\n"
              "extra 10 1\ndifferent 24 3 name=NULL>\nmissing 91 NULL\nextra 1000 NULL\n");
    assert_true(c->result.missing == 2 && c->result.extra == 3 && c->result.different == 2);
}

static void some_rows_only(void **state) {
    struct context *c = *state;
    orders(c);
    sql(c->olap, "DELETE FROM v WHERE no = 2");
    struct verify_key keys[] = {{"order_id", "7"}, {"no", "1"}};
    c->options.keys = keys;
    c->options.key_count = 1;
    expect(c, "missing 7 2\n");
    assert_int_equal(c->result.source_rows, 3);
    c->options.key_count = 2;
    expect_equal(c, 1);
    c->options.key_count = 0;
    uint64_t rows = 0, missing = 0;
    for (c->options.task = 0; c->options.task < 4; c->options.task++) {
        assert_int_equal(run(c), ERR_NONE);
        assert_true(c->result.missing > 0 && c->result.source_rows < 100);
        rows += c->result.source_rows;
        missing += c->result.missing;
    }
    assert_true(rows == 234 && missing == 72);
}

/* Each type of docs/types.md that is the same in both databases, two values each; and those that
 * are text in the table. */
static const struct {
    const char *type, *a, *b;
} types[] = {
    {"smallint", "1", "-32768"},
    {"integer", "1", "2147483647"},
    {"bigint", "1", "9223372036854775807"},
    {"boolean", "true", "false"},
    {"text", "E'tab\\t \\\\ new\\nline'", "''"},
    {"varchar(40)", "'trailing  '", "'trailing '"},
    {"char(5)", "'ab'", "'abc'"},
    {"uuid", "'b68a35a7-17ad-35b3-af2a-ae46edb4545a'", "'b68a35a7-17ad-35b3-af2a-ae46edb4545b'"},
    {"numeric", "1.50", "1.5"},
    {"numeric(20,4)", "'NaN'", "1"},
    {"real", "0.1", "0.2"},
    {"double precision", "'-0'", "0"},
    {"date", "'0044-03-15 BC'", "'infinity'"},
    {"timestamp", "'2026-11-22 01:02:03.456789'", "'2026-11-22 01:02:03.456788'"},
    {"timestamptz", "'2026-11-22 01:02:03.456789+05:30'", "'-infinity'"},
    {"time(3)", "'24:00:00'", "'00:00'"},
    {"interval", "'1 year -3 days'", "'-00:00:00.000001'"},
    {"json", "'{\"a\" :  1}'", "'{\"a\": 1}'"},
    {"jsonb", "'{\"a\": 1.0}'", "'{\"a\": 1}'"},
    {"xml", "'<a/>'", "'<b/>'"},
    {"tsvector", "'a:1A'", "'a:1'"},
    {"bytea", "'\\x5c00ff'", "''"},
    {"bit(3)", "'101'", "'001'"},
    {"inet", "'10.0.0.1/32'", "'10.0.0.1/31'"},
    {"cidr", "'10.0.0.1/32'", "'::/0'"},
    {"macaddr", "'08:00:2b:01:02:03'", "'08:00:2b:01:02:04'"},
    {"macaddr8", "'08:00:2b:01:02:03:04:05'", "'08:00:2b:01:02:03:04:06'"},
    {"int4range", "'[1,5)'", "'empty'"},
    {"tstzrange", "'[2026-11-22 01:02:03+05:30,infinity)'", "'(,)'"},
    {"datemultirange", "'{[2026-01-01,2026-02-01)}'", "'{}'"},
    {"point", "'(0.1,-1e300)'", "'(0,0)'"},
    {"text[]", "'{a,NULL,\"x y\"}'", "'{}'"},
    {"integer[]", "'[2:3]={7,8}'", "'{7,9}'"},
    {"citext", "'aBc'", "'abc'"},
    {"ltree", "'Top.Science'", "'Top'"},
    {"hstore", "'b=>1, a=>NULL'", "'a=>NULL'"},
    {"mood", "'sad'", "'ok'"},
    {"posint", "5", "6"},
    {"citext[]", "'{aB,NULL}'", "'{ab,NULL}'"},
    {"mood[]", "'{sad,ok}'", "'{ok}'"},
};
#define TYPES (sizeof types / sizeof *types)

static const char *column_names(size_t i) {
    static char name[10];
    (void)snprintf(name, sizeof name, "c%zu", i);
    return name;
}

/* Sets column i of row i to its second value, as the view has it. */
static void plant(struct context *c, size_t i) {
    struct buf text = {0};
    PGresult *result = NULL;
    const char *bare = strstr("citext ltree hstore mood posint citext[] mood[]", types[i].type);
    buf_printf(&text, "SELECT ((%s)::%s)::text", types[i].b, types[i].type);
    buf_append(&text, "", 1);
    result = PQexec(c->oltp, text.ptr);
    assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
    buf_reset(&text);
    char *literal =
        PQescapeLiteral(c->olap, PQgetvalue(result, 0, 0), strlen(PQgetvalue(result, 0, 0)));
    buf_printf(&text, "UPDATE v SET %s = %s%s%s WHERE id = %zu", column_names(i), literal,
               bare ? "" : "::", bare ? "" : types[i].type, i + 1);
    buf_append(&text, "", 1);
    sql(c->olap, text.ptr);
    PQfreemem(literal);
    PQclear(result);
    buf_clear(&text);
}

static void every_type(void **state) {
    struct context *c = *state;
    struct buf tables = {0}, view = {0}, rows = {0};
    sql_named(c->admin, "ALTER DATABASE %s SET timezone = 'Asia/Kolkata'", oltp_name);
    sql_named(c->admin, "ALTER DATABASE %s SET datestyle = 'SQL, DMY'", oltp_name);
    sql_named(c->admin, "ALTER DATABASE %s SET bytea_output = 'escape'", olap_name);
    sql_named(c->admin, "ALTER DATABASE %s SET intervalstyle = 'sql_standard'", olap_name);
    sql_named(c->admin, "ALTER DATABASE %s SET extra_float_digits = 0", olap_name);
    buf_str(&tables, STR("CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION ltree;"
                         "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN posint AS integer;"
                         "CREATE TABLE t (id int PRIMARY KEY"));
    buf_str(&view, STR("CREATE MATERIALIZED VIEW v AS SELECT id"));
    buf_str(&rows, STR("INSERT INTO t SELECT g"));
    for (size_t i = 0; i < TYPES; i++) {
        buf_printf(&tables, ", %s %s", column_names(i), types[i].type);
        buf_printf(&view, ", %s", column_names(i));
        buf_printf(&rows, ", CASE WHEN g > 0 THEN (%s)::%s END", types[i].a, types[i].type);
    }
    buf_str(&tables, STR("); ALTER TABLE t REPLICA IDENTITY FULL"));
    buf_str(&view, STR(" FROM t"));
    buf_printf(&rows, " FROM generate_series(0, %zu) g", TYPES + 1);
    buf_append(&tables, "", 1);
    buf_append(&view, "", 1);
    buf_append(&rows, "", 1);
    make(c, tables.ptr, view.ptr);
    sql(c->oltp, rows.ptr);
    fill(c);
    expect_equal(c, TYPES + 2);
    for (size_t i = 0; i < TYPES; i++) {
        plant(c, i);
    }
    assert_int_equal(run(c), ERR_NONE);
    assert_true(c->result.different == TYPES && c->result.missing == 0 && c->result.extra == 0);
    const char *at = found_text(c);
    for (size_t i = 0; i < TYPES; i++) {
        char want[100];
        int len = snprintf(want, sizeof want, "different %zu %s=", i + 1, column_names(i));
        if (strncmp(at, want, (size_t)len) != 0) {
            fail_msg("%s: %s", types[i].type, at);
        }
        at = i + 1 < TYPES ? strstr(at, "\ndifferent ") + 1 : at;
    }
    buf_clear(&tables);
    buf_clear(&view);
    buf_clear(&rows);
}

/* The source's collation has another order than bytes; a snapshot of no time ends at once, so the
 * next ones go on in the middle. */
static void keys_of(struct context *c, const char *type, const char *value) {
    struct buf text = {0};
    sql(c->oltp, "DROP TABLE IF EXISTS h, t");
    sql(c->olap, "DROP TABLE IF EXISTS v, sync_progress, sync_identity, sync_dead_letter, "
                 "sync_refused CASCADE");
    buf_printf(&text,
               "CREATE TABLE h (id int PRIMARY KEY); ALTER TABLE h REPLICA IDENTITY FULL;"
               "CREATE TABLE t (id int, k %s, n int, x int, PRIMARY KEY (id, k, n));"
               "ALTER TABLE t REPLICA IDENTITY FULL",
               type);
    buf_append(&text, "", 1);
    make(c, text.ptr,
         "CREATE MATERIALIZED VIEW v AS SELECT t.id, k, n, x FROM h JOIN t ON t.id = h.id");
    buf_reset(&text);
    buf_printf(&text,
               "INSERT INTO h VALUES (0), (1);"
               "INSERT INTO t SELECT g %% 2, k, row_number() OVER (PARTITION BY g %% 2, k), g"
               " FROM (SELECT g, (%s)::%s AS k FROM generate_series(1, 5000) g) s",
               value, type);
    buf_append(&text, "", 1);
    sql(c->oltp, text.ptr);
    buf_clear(&text);
    fill(c);
    expect_equal(c, 5000);
    sql(c->olap, "DELETE FROM v WHERE x = 1999; UPDATE v SET x = -1 WHERE x = 4000;"
                 "UPDATE v SET n = 10000 WHERE x = 2500");
    c->options.snapshot_ms = 0;
    if (run(c) != ERR_NONE) {
        fail_msg("%s: %s", type, c->err.message);
    }
    c->options.snapshot_ms = 60000;
    assert_true(c->result.snapshots >= 4);
    assert_int_equal(c->result.arrived, 0);
    assert_int_equal(c->result.source_rows, 5000);
    assert_int_equal(c->result.sink_rows, 4999);
    assert_true(c->result.missing == 2 && c->result.extra == 1 && c->result.different == 1);
}

static void every_key(void **state) {
    struct context *c = *state;
    static const char *const texts =
        "(ARRAY['a','B','b','A','ä','z','Z','_','-','é',' ','','😀','aa','a b','a-b','Ab','''q'])"
        "[1 + g % 18] || CASE WHEN g % 3 = 0 THEN '' ELSE (g % 700)::text END";
    keys_of(c, "text", texts);
    keys_of(c, "varchar(20)", texts);
    keys_of(c, "char(8)", texts);
    keys_of(c, "integer", "g % 1000 - 500");
    keys_of(c, "bigint", "(g % 1000 - 500) * 1000000000000");
    keys_of(c, "uuid", "md5((g % 1000)::text)");
    keys_of(c, "boolean", "g % 2 = 0");
    keys_of(c, "date", "date '0005-01-01' - g % 3000");
    keys_of(c, "numeric(9,2)", "g % 1000 - 500");
    keys_of(c, "inet", "'10.0.' || g % 200 || '.1/' || 20 + g % 13");
    keys_of(c, "timestamptz", "timestamptz '2026-01-01Z' + g % 2000 * interval '1 day'");
}

/* A column that the operator made of another type: values are compared as it has them. */
static void another_type_in_the_table(void **state) {
    struct context *c = *state;
    make(c,
         "CREATE TABLE t (id int PRIMARY KEY, n numeric, v varchar(9)); "
         "ALTER TABLE t REPLICA IDENTITY FULL",
         "CREATE MATERIALIZED VIEW v AS SELECT id, n, v FROM t");
    sql(c->oltp, "INSERT INTO t SELECT g, g + 0.5, 'x' FROM generate_series(1, 100) g");
    sql(c->olap, "ALTER TABLE v ALTER n TYPE numeric(9,3), ALTER v TYPE text");
    fill(c);
    expect_equal(c, 100);
    sql(c->olap, "UPDATE v SET n = 0 WHERE id = 9");
    expect(c, "different 9 n=9.500>0.000\n");
}

static void by_chance(void **state) {
    struct context *c = *state;
    orders(c);
    sql(c->oltp, "INSERT INTO orders SELECT g, 1, 'open' FROM generate_series(101, 50000) g");
    sql(c->olap, "DELETE FROM v");
    fill(c);
    c->options.sample_ms = 300;
    expect(c, "");
    assert_true(c->result.source_rows > 500 && c->result.sink_rows == c->result.source_rows);
    /* so many that a sample of any rows meets some */
    sql(c->olap, "DELETE FROM v WHERE order_id % 10 = 3; UPDATE v SET name = 'x' WHERE order_id % "
                 "10 = 4; INSERT INTO v SELECT g, 77, 'x' FROM generate_series(1, 50000, 10) g");
    assert_int_equal(run(c), ERR_NONE);
    assert_true(c->result.missing > 0 && c->result.different > 0 && c->result.extra > 0);
    assert_int_equal(c->result.arrived, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_kind, begin, end),
        cmocka_unit_test_setup_teardown(some_rows_only, begin, end),
        cmocka_unit_test_setup_teardown(every_type, begin, end),
        cmocka_unit_test_setup_teardown(every_key, begin, end),
        cmocka_unit_test_setup_teardown(another_type_in_the_table, begin, end),
        cmocka_unit_test_setup_teardown(by_chance, begin, end),
    };
    return cmocka_run_group_tests(tests, set_up_files, remove_files);
}
