/* Expressions in the select list, and WHERE: which columns they use, and their text. */
#include "load.h"

#define SHOP                                                                                       \
    "CREATE TABLE orders (order_id bigint PRIMARY KEY, customer_id int, status text,"              \
    " \"Placed At\" timestamptz, note varchar(9));"                                                \
    "CREATE TABLE items (order_id bigint, line_no int, qty int, price numeric(9,2),"               \
    " PRIMARY KEY (order_id, line_no));"                                                           \
    "CREATE TABLE customers (id int PRIMARY KEY, name varchar, city text);"                        \
    "ALTER TABLE orders REPLICA IDENTITY FULL; ALTER TABLE items REPLICA IDENTITY FULL;"           \
    "ALTER TABLE customers REPLICA IDENTITY FULL;"
#define FROM                                                                                       \
    " FROM orders o JOIN items ON items.order_id = o.order_id LEFT JOIN customers c ON c.id = "    \
    "o.customer_id "
#define VIEW(list, where)                                                                          \
    "CREATE MATERIALIZED VIEW v AS SELECT o.order_id, line_no, " list FROM where

static void check(struct str got, const char *want) {
    char text[4000];
    (void)snprintf(text, sizeof text, STR_FMT, STR_ARG(got));
    assert_string_equal(text, want);
}

static bool contains(struct str text, const char *part) {
    return memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}

static void test_statements(void **state) {
    (void)state;
    struct plan *plan = load(SHOP, VIEW("qty * price AS amount, upper(c.name) customer, qty",
                                        "WHERE o.status <> 'draft'"));
    const struct target *target = &plan->targets[0];
#define S                                                                                          \
    "SELECT x.c1::bigint AS o_order_id, x.c2::integer AS items_line_no, x.c3::integer AS "         \
    "items_qty, CASE x.c4 WHEN 'POSITIVE_INFINITY' THEN 'Infinity' WHEN 'NEGATIVE_INFINITY' THEN " \
    "'-Infinity' ELSE x.c4 END::numeric(9,2) AS items_price, x.c5::character varying AS c_name, "  \
    "x.c6 AS o_status\n"                                                                           \
    "FROM (SELECT unnest($1::text[]) AS c1, unnest($2::text[]) AS c2, unnest($3::text[]) AS c3, "  \
    "unnest($4::text[]) AS c4, unnest($5::text[]) AS c5, unnest($6::text[]) AS c6) AS x"
    check(target->sql_insert,
          "INSERT INTO v AS t (order_id, line_no, amount, customer, qty)\n"
          "SELECT s.o_order_id, s.items_line_no, s.items_qty * s.items_price, upper(s.c_name), "
          "s.items_qty\n"
          "FROM (" S ") AS s\n"
          "WHERE (s.o_status <> 'draft')");
    check(target->sql_filter,
          "WITH s AS MATERIALIZED (" S ")\n"
          "DELETE FROM v AS t\n"
          "USING s WHERE t.order_id = s.o_order_id AND t.line_no = s.items_line_no\n"
          "AND (s.o_status <> 'draft') IS NOT TRUE");
    assert_true(contains(target->sql_upsert, "\nON CONFLICT (order_id, line_no) DO UPDATE SET "
                                             "amount = excluded.amount, customer = "
                                             "excluded.customer, qty = excluded.qty\nWHERE "));
    assert_null(target->sql_copy.ptr);
    check(target->sql_ddl,
          "CREATE TEMP TABLE sync_shape AS SELECT s.o_order_id AS order_id, s.items_line_no AS "
          "line_no, s.items_qty * s.items_price AS amount, upper(s.c_name) AS customer, "
          "s.items_qty AS qty\n"
          "FROM (SELECT NULL::bigint AS o_order_id, NULL::integer AS items_line_no, NULL::integer "
          "AS items_qty, NULL::numeric(9,2) AS items_price, NULL::character varying AS c_name, "
          "NULL::text AS o_status) AS s WITH NO DATA;\n"
          "CREATE TABLE IF NOT EXISTS v (\n"
          "  LIKE sync_shape,\n"
          "  PRIMARY KEY (order_id, line_no)\n"
          ");\n"
          "DROP TABLE sync_shape");
    check(target->sql_prove,
          "CREATE TEMP TABLE s (o_order_id bigint, items_line_no integer, items_qty integer, "
          "items_price numeric(9,2), c_name character varying, o_status text);\n"
          "/* view.sql:1:59: column amount: items.qty * items.price */\n"
          "ALTER TABLE pg_temp.s ADD COLUMN g3 boolean GENERATED ALWAYS AS ((s.items_qty * "
          "s.items_price) IS NULL) STORED;\n"
          "/* view.sql:1:82: column customer: upper(c.name) */\n"
          "ALTER TABLE pg_temp.s ADD COLUMN g4 boolean GENERATED ALWAYS AS ((upper(s.c_name)) IS "
          "NULL) STORED;\n"
          "/* view.sql:1:218: WHERE o.status <> 'draft' */\n"
          "ALTER TABLE pg_temp.s ADD COLUMN \"where\" boolean GENERATED ALWAYS AS ((s.o_status <> "
          "'draft')) STORED;\n"
          "DROP TABLE pg_temp.s");
    static const int inputs[] = {0, 1, -1, -1, 2};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(target->outputs[i].input, inputs[i]);
    }
    assert_int_equal(target->input_count, 6);
    assert_true(
        contains(target->definition, "\ncolumn amount of the view: items.qty * items.price\n"));
    assert_true(contains(target->definition, "\nWHERE of the view: o.status <> 'draft'\n"));
    plan_destroy(&plan);
}

/* A row's own check has the expressions over its table alone: unless WHERE may keep them from it.
 */
static void test_checks(void **state) {
    (void)state;
    struct plan *plan = load(
        SHOP, VIEW("1 / qty AS a, qty + c.id AS b, length(note) + o.order_id AS c, 7 AS d", ""));
    check(plan->relations[1].sql_check,
          "SELECT count(s.c1) + count(s.c2) + count(s.c3) + count(ROW(1 / s.c3))\n"
          "FROM (SELECT x.c1::bigint AS c1, x.c2::integer AS c2, x.c3::integer AS c3\n"
          "FROM unnest($1::text[], $2::text[], $3::text[]) AS x(c1, c2, c3)) AS s");
    check(plan->relations[0].sql_check,
          "SELECT count(s.c1) + count(s.c2) + count(s.c3) + count(ROW(length(s.c3) + s.c1))\n"
          "FROM (SELECT x.c1::bigint AS c1, x.c2::integer AS c2, pg_catalog.\"varchar\"("
          "x.c3::varchar, 13, false) AS c3\n"
          "FROM unnest($1::text[], $2::text[], $3::text[]) AS x(c1, c2, c3)) AS s");
    check(plan->relations[2].sql_check,
          "SELECT count(x.c1::integer)\nFROM unnest($1::text[]) AS x(c1)");
    plan_destroy(&plan);
    plan = load(SHOP, VIEW("1 / qty AS a", "WHERE qty <> 0"));
    check(plan->relations[1].sql_check,
          "SELECT count(x.c1::bigint) + count(x.c2::integer) + count(x.c3::integer)\n"
          "FROM unnest($1::text[], $2::text[], $3::text[]) AS x(c1, c2, c3)");
    plan_destroy(&plan);
}

/* The text of each expression as it stands in the statement. */
static void test_texts(void **state) {
    (void)state;
    static const struct {
        const char *list, *select;
    } cases[] = {
        {"o.\"Placed At\" AT TIME ZONE 'UTC' AS \"at\"", "s.\"o_Placed At\" AT TIME ZONE 'UTC'\n"},
        {"o . status || -- the customer's\n  ' ' /* and */ || items . \"qty\" x",
         "s.o_status || ' ' || s.items_qty\n"},
        {"status IS DISTINCT FROM c.city AS x", "s.o_status IS DISTINCT FROM s.c_city\n"},
        {"extract(epoch FROM \"Placed At\") AS x, 'a, b' || status \"from\"",
         "extract(epoch FROM s.\"o_Placed At\"), 'a, b' || s.o_status\n"},
        {"CASE status WHEN 'AS' THEN qty ELSE - -1 END AS x",
         "CASE s.o_status WHEN 'AS' THEN s.items_qty ELSE - -1 END\n"},
        {"(qty + 1) * (price) AS \"as\", (status) AS s",
         "(s.items_qty + 1) * (s.items_price), s.o_status\n"},
        {"$q$qty, status$q$ || E'it\\'s' || status || U&'\\0041' AS x",
         "$q$qty, status$q$ || E'it\\'s' || s.o_status || U&'\\0041'\n"},
        {"'a'\n  'b' || status AS x", "'a'\n'b' || s.o_status\n"},
        {"ARRAY[qty, line_no] AS x, (ARRAY[qty])[1] y",
         "ARRAY[s.items_qty, s.items_line_no], (ARRAY[s.items_qty])[1]\n"},
        {"status::varchar(3) COLLATE \"C\" AS x, qty::numeric(9,2) AS y",
         "s.o_status::varchar(3) COLLATE \"C\", s.items_qty::numeric(9,2)\n"},
        {"qty BETWEEN 1 AND line_no AS x, status IN ('a', note) AS y",
         "s.items_qty BETWEEN 1 AND s.items_line_no, s.o_status IN ('a', s.o_note)\n"},
        {"coalesce(c.name, status)x", "coalesce(s.c_name, s.o_status)\n"},
        {"price*1.5e-3 AS x", "s.items_price*1.5e-3\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char sql[1000], want[1000];
        (void)snprintf(sql, sizeof sql,
                       "CREATE MATERIALIZED VIEW v AS SELECT o.order_id, line_no, %s" FROM,
                       cases[i].list);
        (void)snprintf(want, sizeof want, "\nSELECT s.o_order_id, s.items_line_no, %sFROM (",
                       cases[i].select);
        struct plan *plan = load(SHOP, sql);
        if (!contains(plan->targets[0].sql_insert, want)) {
            fail_msg("%s\n" STR_FMT, want, STR_ARG(plan->targets[0].sql_insert));
        }
        plan_destroy(&plan);
    }
}

static void test_where(void **state) {
    (void)state;
    static const struct {
        const char *where, *text;
    } cases[] = {
        {"WHERE status = 'new'", "s.o_status = 'new'"},
        {"where status = 'new' OR qty > 3 WITH DATA;", "s.o_status = 'new' OR s.items_qty > 3"},
        {"WHERE -- only\n (status) = 'WHERE;' -- new ones\n ;", "(s.o_status) = 'WHERE;'"},
        {"WHERE \"Placed At\"::timestamp with time zone IS NOT NULL AND status = 'a' WITH DATA",
         "s.\"o_Placed At\"::timestamp with time zone IS NOT NULL AND s.o_status = 'a'"},
        {"WHERE true", "true"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char sql[1000], want[1000];
        (void)snprintf(sql, sizeof sql,
                       "CREATE MATERIALIZED VIEW v AS SELECT o.order_id, line_no" FROM "%s",
                       cases[i].where);
        (void)snprintf(want, sizeof want, ") AS s\nWHERE (%s)", cases[i].text);
        struct plan *plan = load(SHOP, sql);
        if (!contains(plan->targets[0].sql_insert, want)) {
            fail_msg("%s\n" STR_FMT, want, STR_ARG(plan->targets[0].sql_insert));
        }
        assert_true(contains(plan->targets[0].sql_ddl, "  order_id bigint,\n"));
        plan_destroy(&plan);
    }
}

static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *list, *where, *message;
    } cases[] = {
        {"@qty + 1", "", "an expression needs a name: use AS"},
        {"qty + @(SELECT 1) AS x", "", "subqueries are not supported: join the table in FROM"},
        {"qty", "WHERE qty > 0 AND @EXISTS (SELECT 1)",
         "subqueries are not supported: join the table in FROM"},
        {"@sum(qty) AS x", "", "aggregates are not supported: they are over several rows"},
        {"coalesce(@pg_catalog.max(qty), 0) AS x", "",
         "aggregates are not supported: they are over several rows"},
        {"@count(*) AS x", "", "aggregates are not supported: they are over several rows"},
        {"@own_agg(DISTINCT qty) AS x", "",
         "aggregates are not supported: they are over several rows"},
        {"@row_number() OVER () AS x", "",
         "window functions are not supported: they are over several rows"},
        {"@unnest(ARRAY[qty]) AS x", "", "unnest gives several rows, which is not supported"},
        {"qty", "WHERE \"Placed At\" > @now()",
         "now: it changes without a record of the row, and the view would not notice"},
        {"@current_date AS x", "",
         "current_date: it changes without a record of the row, and the view would not notice"},
        {"qty", "WHERE \"Placed At\" > @LocalTimestamp(3)",
         "LocalTimestamp: it changes without a record of the row, and the view would not notice"},
        {"qty + @$1 AS x", "", "parameters are not supported"},
        {"row_to_json(@o.*) AS x", "", "* is not supported: name the columns"},
        {"@ROW(1, 2) AS x", "",
         "a row can't be a column of a table: write its columns, each with a name"},
        {"@(qty, status) AS x", "",
         "a row can't be a column of a table: write its columns, each with a name"},
        {"@o.*", "", "* is not supported: name the columns"},
        {"qty", "WHERE @nothing > 1", "no column nothing in the tables of FROM"},
        {"qty", "WHERE @o IS NOT NULL", "no column o in the tables of FROM"},
        {"qty", "WHERE @order_id > 1",
         "column order_id is ambiguous: o.order_id or items.order_id?"},
        {"qty + 1 AS x, @line_no + 1 AS x", "", "column name x is given twice: use AS"},
        {"@qty + 1 AS U&\"d!0061t\" UESCAPE '!'", "",
         "a name with UESCAPE is not supported: write the letters"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char sql[1000];
        (void)snprintf(sql, sizeof sql,
                       "CREATE MATERIALIZED VIEW v AS\nSELECT o.order_id, line_no,\n  %s\n" FROM
                       "\n  %s",
                       cases[i].list, cases[i].where);
        refused(SHOP, sql, cases[i].message);
    }
    /* The sink's key is of plain columns. */
    refused(SHOP, "CREATE MATERIALIZED VIEW v AS SELECT @o.order_id, line_no + 0 AS line_no" FROM,
            "the select list lacks items.line_no: every row needs the join key and the primary "
            "keys of all tables that are no lookups");
}

/* Of types that the sink has text in place of. */
#define TYPES                                                                                      \
    "CREATE TYPE mood AS ENUM ('low', 'mid', 'high'); CREATE DOMAIN email AS citext;"              \
    "CREATE TABLE t (id int PRIMARY KEY, m mood, ms mood[], em email, ems citext[], path ltree,"   \
    " h hstore, shape geometry(Point,4326), name text);"                                           \
    "ALTER TABLE t REPLICA IDENTITY FULL;"
#define REPLACED(column, type, array)                                                              \
    "write o." column "::text" array ": its type " type " is text" array                           \
    " in the OLAP database, where an expression would give other results"

static void test_replaced_types(void **state) {
    (void)state;
    static const struct {
        const char *expression, *message; /* NULL: accepted */
    } cases[] = {
        {"@o.m < 'mid'", REPLACED("m", "mood", "")},
        {"@em = 'ABC'", REPLACED("em", "citext", "")},
        {"greatest(name, 'x') < @o . m", REPLACED("m", "mood", "")},
        {"name IN ('a', @em)", REPLACED("em", "citext", "")},
        {"'a' = ANY (@ems)", REPLACED("ems", "citext[]", "[]")},
        {"(@o.ms)[1] = 'mid'", REPLACED("ms", "mood[]", "[]")},
        {"@o.path ~ 'Top'", REPLACED("path", "ltree", "")},
        {"@o.h ? 'a'", REPLACED("h", "hstore", "")},
        {"@o.h::json IS NULL", REPLACED("h", "hstore", "")},
        {"@o.shape::bytea IS NULL", REPLACED("shape", "geometry", "")},
        {"lower(@em)::text = 'abc'", REPLACED("em", "citext", "")},
        {"(@em || name)::text = 'abc'", REPLACED("em", "citext", "")},
        {"@em::other.text = 'a'", REPLACED("em", "citext", "")},
        {"o.m::text < 'mid'", NULL},
        {"CAST(o.m AS text) < 'mid'", NULL},
        {"(em)::varchar(9) = 'ABC'", NULL},
        {"'a' = ANY (o.ms::text[])", NULL},
        {"(o.h::text)::hstore ? 'a'", NULL},
        {"o.shape::pg_catalog.text = 'a'", NULL},
        {"o.m IS NULL OR em IS NOT NULL", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t s = 0; s < 2; s++) {
            char sql[500];
            (void)snprintf(sql, sizeof sql,
                           s == 0 ? "CREATE MATERIALIZED VIEW v AS SELECT id FROM t o WHERE %s"
                                  : "CREATE MATERIALIZED VIEW v AS SELECT id, %s AS x FROM t o",
                           cases[i].expression);
            if (cases[i].message) {
                refused(TYPES, sql, cases[i].message);
            } else {
                accepted(TYPES, sql);
            }
        }
    }
    accepted(TYPES, "CREATE MATERIALIZED VIEW v AS SELECT id, m, (ms) AS ms, em, ems, path, h, "
                    "shape, upper(name) AS name FROM t");
}

#define COLLATED                                                                                   \
    "CREATE DOMAIN code AS text COLLATE \"C\"; CREATE DOMAIN code2 AS code;"                       \
    "CREATE DOMAIN german AS varchar(9) COLLATE \"de-x-icu\";"                                     \
    "CREATE TABLE t (id int, c text COLLATE pg_catalog.\"POSIX\", d code2, n text, "               \
    "g text COLLATE own.\"de_DE\", gd german, e citext COLLATE nd, f text COLLATE \"default\", "   \
    "PRIMARY KEY (id, c)); ALTER TABLE t REPLICA IDENTITY FULL;"
#define USES_OTHER(column, collation)                                                              \
    "write o." column " COLLATE " collation                                                        \
    ": the column is declared so, and the OLAP database, which must have that collation, would "   \
    "use its own"

/* Declared for the column or its domain: by bytes is said for it, another one the view must say. */
static void test_collations(void **state) {
    (void)state;
    struct plan *plan = load(COLLATED, "CREATE MATERIALIZED VIEW v AS SELECT id, c, upper(d) AS u, "
                                       "f || n AS fn FROM t o WHERE c < 'b'");
    const struct target *target = &plan->targets[0];
    assert_true(contains(target->sql_insert,
                         "(SELECT x.c1::integer AS o_id, x.c2 COLLATE \"C\" AS o_c, x.c3 COLLATE "
                         "\"C\" AS o_d, x.c4 AS o_f, x.c5 AS o_n\n"));
    assert_true(
        contains(target->sql_filter, "t.id = s.o_id AND t.c = s.o_c COLLATE \"default\"\n"));
    assert_true(contains(target->sql_prove,
                         "(o_id integer, o_c text COLLATE \"C\", o_d text COLLATE "
                         "\"C\", o_f text, o_n text);\n"));
    assert_true(contains(target->sql_ddl, "NULL::text AS o_c, NULL::text AS o_d,"));
    plan_destroy(&plan);
    plan = load(COLLATED, "CREATE MATERIALIZED VIEW v AS SELECT id, c, upper(d) AS u FROM t");
    assert_true(contains(plan->relations[0].sql_check, ", x.c2 COLLATE \"C\" AS c2, x.c3 COLLATE "
                                                       "\"C\" AS c3\n"));
    plan_destroy(&plan);
    static const struct {
        const char *expression, *message; /* NULL: accepted */
    } cases[] = {
        {"@o.g < 'b'", USES_OTHER("g", "own.\"de_DE\"")},
        {"lower(@gd) = 'b'", USES_OTHER("gd", "\"de-x-icu\"")},
        {"lower(@gd) COLLATE \"C\" = 'b'", USES_OTHER("gd", "\"de-x-icu\"")},
        {"@e::text = 'b'", USES_OTHER("e::text", "nd")},
        {"@e COLLATE nd = 'b'", REPLACED("e", "citext", "")},
        {"o.g COLLATE own.\"de_DE\" < 'b'", NULL},
        {"lower(o.gd COLLATE \"C\") = 'b'", NULL},
        {"e::text COLLATE nd = 'b'", NULL},
        {"o.g IS NULL", NULL},
        {"f < 'b'", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char sql[500];
        (void)snprintf(sql, sizeof sql,
                       "CREATE MATERIALIZED VIEW v AS SELECT id, c FROM t o WHERE %s",
                       cases[i].expression);
        if (cases[i].message) {
            refused(COLLATED, sql, cases[i].message);
        } else {
            accepted(COLLATED, sql);
        }
    }
    plan = load(COLLATED, "CREATE MATERIALIZED VIEW v AS SELECT id, c, d, g, gd, e FROM t");
    assert_false(contains(plan->targets[0].sql_upsert, "COLLATE"));
    plan_destroy(&plan);
}

/* What is declared decides what expressions make of the column, and nothing else. */
static void test_collation_changes(void **state) {
    (void)state;
    static const char *const lists[] = {"upper(s) AS x", "s"};
    static const char *const declared[] = {"", "COLLATE \"default\"", "COLLATE \"C\""};
    for (size_t l = 0; l < 2; l++) {
        char prints[3][17];
        for (size_t d = 0; d < 3; d++) {
            char oltp[300], sql[300];
            (void)snprintf(oltp, sizeof oltp,
                           "CREATE TABLE t (id int PRIMARY KEY, s text %s);"
                           "ALTER TABLE t REPLICA IDENTITY FULL;",
                           declared[d]);
            (void)snprintf(sql, sizeof sql, "CREATE MATERIALIZED VIEW v AS SELECT id, %s FROM t",
                           lists[l]);
            struct plan *plan = load(oltp, sql);
            (void)snprintf(prints[d], 17, STR_FMT, STR_ARG(plan->targets[0].fingerprint));
            plan_destroy(&plan);
        }
        assert_string_equal(prints[0], prints[1]);
        assert_int_equal(strcmp(prints[0], prints[2]) == 0, l == 1);
    }
}

/* Two columns that would be called alike, or longer than PostgreSQL's names. */
static void test_input_names(void **state) {
    (void)state;
    struct plan *plan =
        load("CREATE TABLE a (id int PRIMARY KEY, b_c int, "
             "a23456789012345678901234567890123456789012345678901234567890123 int);"
             "CREATE TABLE a_b (id int PRIMARY KEY, c int);"
             "ALTER TABLE a REPLICA IDENTITY FULL; ALTER TABLE a_b REPLICA IDENTITY FULL;",
             "CREATE MATERIALIZED VIEW v AS SELECT a.id, a_b.c + a.b_c + "
             "a23456789012345678901234567890123456789012345678901234567890123 AS x FROM a JOIN a_b "
             "ON a.id = a_b.id");
    assert_true(contains(plan->targets[0].sql_insert, "\nSELECT s.a_id, s.a_b_c + s.x3 + s.x4\n"));
    plan_destroy(&plan);
}

static void fingerprint(const char *list, const char *alias, const char *where, char out[17]) {
    char sql[500];
    (void)snprintf(sql, sizeof sql,
                   "CREATE MATERIALIZED VIEW v AS SELECT %s.order_id, %s FROM orders %s %s", alias,
                   list, alias, where);
    struct plan *plan = load(SHOP, sql);
    (void)snprintf(out, 17, STR_FMT, STR_ARG(plan->targets[0].fingerprint));
    plan_destroy(&plan);
}

static void test_fingerprint(void **state) {
    (void)state;
    static const struct {
        const char *list, *alias, *where;
        bool same;
    } cases[] = {
        {"upper(status) AS x", "o", "WHERE o.note = 'a'", true},
        {"UPPER(/* c */status) x", "o", "where o . note=-- c\n 'a';", true},
        {"upper(status) AS x", "o", "WHERE o.note = 'A'", false},
        {"upper(status) AS x", "p", "WHERE p.note = 'a'", true},
        {"lower(status) AS x", "o", "WHERE o.note = 'a'", false},
        {"upper(note) AS x", "o", "WHERE o.note = 'a'", false},
        {"upper(status) AS x", "o", "WHERE o.note = 'b'", false},
        {"upper(status) AS x", "o", "WHERE o.status = 'a'", false},
        {"upper(status) AS x", "o", "", false},
    };
    char want[17], got[17];
    fingerprint(cases[0].list, cases[0].alias, cases[0].where, want);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fingerprint(cases[i].list, cases[i].alias, cases[i].where, got);
        if ((strcmp(got, want) == 0) != cases[i].same) {
            fail_msg("case %zu", i);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statements),  cmocka_unit_test(test_checks),
        cmocka_unit_test(test_texts),       cmocka_unit_test(test_where),
        cmocka_unit_test(test_refused),     cmocka_unit_test(test_input_names),
        cmocka_unit_test(test_fingerprint), cmocka_unit_test(test_replaced_types),
        cmocka_unit_test(test_collations),  cmocka_unit_test(test_collation_changes),
    };
    return cmocka_run_group_tests(tests, load_setup, load_teardown);
}
