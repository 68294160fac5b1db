/* What plan says of a view, for people. */
#include "load.h"

#define SHOP                                                                                       \
    "CREATE TABLE orders (order_id bigint PRIMARY KEY, customer_id int NOT NULL, status text, "    \
    "code text COLLATE \"C\");"                                                                    \
    "CREATE TABLE items (order_id bigint, line_no int, qty int, PRIMARY KEY (order_id, line_no));" \
    "CREATE TABLE customers (id int PRIMARY KEY, name text, country text);"                        \
    "CREATE TABLE countries (code text PRIMARY KEY, title text);"                                  \
    "ALTER TABLE orders REPLICA IDENTITY FULL; ALTER TABLE items REPLICA IDENTITY FULL;"           \
    "ALTER TABLE customers REPLICA IDENTITY FULL; ALTER TABLE countries REPLICA IDENTITY FULL;"

static void check(const char *view_sql, const char *want) {
    struct plan *plan = load(SHOP, view_sql);
    assert_string_equal(plan->notes.ptr, want);
    plan_destroy(&plan);
}

static void test_roles(void **state) {
    (void)state;
    check(
        "CREATE MATERIALIZED VIEW v AS SELECT o.order_id, i.line_no, k.title FROM orders o LEFT "
        "JOIN items i ON i.order_id = o.order_id LEFT JOIN customers c ON c.id = o.customer_id "
        "JOIN countries AS k ON k.code = c.country",
        "Rows are placed by o.order_id = i.order_id: tables are joined on it\n"
        "Table orders o: core: task p reads partition p of it\n"
        "Table items i: core: task p reads partition p of it; joined LEFT\n"
        "Table customers c: lookup by o.customer_id: every task reads all of it, and keeps its "
        "rows\n"
        "Table countries k: lookup by c.country: every task reads all of it, and keeps its rows\n"
        "Key in the sink: order_id, line_no\n"
        "Progress of a task: the offsets of orders, items, customers, countries\n"
        "Index in the state: rows of orders by customer_id\n"
        "Index in the state: rows of customers by country\n"
        "Note: LEFT JOIN of customers c means JOIN here: a table behind it is joined INNER on "
        "it\n"
        "Note: the key has NULLs where a table has no row, so it needs PostgreSQL 15 and is no "
        "primary key: to publish the sink's table further, give it REPLICA IDENTITY FULL\n"
        "Another key, by o.customer_id: i is not joined on it alone, and is no lookup: ON must "
        "compare its whole primary key (i.order_id, i.line_no) with columns of one table\n"
        "Another key, by c.country: o is not joined on it alone, and is no lookup: ON must "
        "compare its whole primary key (o.order_id) with columns of one table\n"
        "Note: what a row of customers refers to and its own key take at most 511 bytes together, "
        "but country may be of any length: a record with longer ones becomes a dead letter\n"
        "Note: the key of countries takes at most 511 bytes, but code may be of any length: a "
        "record with a longer key becomes a dead letter\n");
    check("CREATE MATERIALIZED VIEW v WITH (partition_by = 'c.id') AS SELECT o.order_id, c.id, "
          "name FROM orders o JOIN customers c ON c.id = o.customer_id",
          "Rows are placed by o.customer_id = c.id: partition_by says so\n"
          "Table orders o: core: task p reads partition p of it\n"
          "Table customers c: core: task p reads partition p of it\n"
          "Key in the sink: id, order_id\n"
          "Progress of a task: the offsets of orders, customers\n");
    check("CREATE MATERIALIZED VIEW v AS SELECT o.order_id, o.customer_id, name FROM orders o LEFT "
          "JOIN customers c ON c.id = o.customer_id",
          "Rows are placed by o.customer_id = c.id: tables are joined on it\n"
          "Table orders o: core: task p reads partition p of it\n"
          "Table customers c: core: task p reads partition p of it; joined LEFT\n"
          "Key in the sink: customer_id, order_id\n"
          "Progress of a task: the offsets of orders, customers\n"
          "Note: customers c adds nothing to the key: rows stay in place when its row comes or "
          "goes\n"
          "Another key, by o.order_id: 1 lookup\n");
    check("CREATE MATERIALIZED VIEW v AS SELECT code FROM countries",
          "Rows are placed by countries.code: the primary key of countries\n"
          "Table countries: core: task p reads partition p of it\n"
          "Key in the sink: code\n"
          "Progress of a task: the offsets of countries\n"
          "Note: the key of countries takes at most 511 bytes, but code may be of any length: a "
          "record with a longer key becomes a dead letter\n");
}

/* What the types tell of a key's length, in bytes as plan/row.h writes it; NULL: it can't be too
 * long. */
static void test_long_keys(void **state) {
    (void)state;
    static const struct {
        const char *a, *b, *note;
    } cases[] = {
        {"varchar(110)", "boolean", "k, a, b may take 513 bytes"},
        {"varchar(109)", "boolean", NULL},
        {"varchar(124)", "smallint", "k, a, b may take 513 bytes"},
        {"varchar(123)", "bigint", NULL},
        {"char(122)", "uuid", "k, a, b may take 513 bytes"},
        {"char(121)", "uuid", NULL},
        {"varchar(10)", "varchar", "b may be of any length"},
        {"text", "varchar", "a, b may be of any length"},
        {"numeric(489,3)", "int", "k, a, b may take 512 bytes"},
        {"numeric(488,3)", "int", NULL},
        {"numeric", "int", "a may be of any length"},
        {"inet", "timestamptz", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char oltp[300], want[200];
        (void)snprintf(oltp, sizeof oltp,
                       "CREATE TABLE t (k bigint NOT NULL, a %s, b %s, PRIMARY KEY (a, b));"
                       "ALTER TABLE t REPLICA IDENTITY FULL;",
                       cases[i].a, cases[i].b);
        (void)snprintf(want, sizeof want, "\nNote: the key of t takes at most 511 bytes, but %s: ",
                       cases[i].note ? cases[i].note : "");
        struct plan *plan = load(oltp, "CREATE MATERIALIZED VIEW v WITH (partition_by = 't.k') AS "
                                       "SELECT k, a, b FROM t");
        if (cases[i].note ? !strstr(plan->notes.ptr, want)
                          : strstr(plan->notes.ptr, "\nNote: ") != NULL) {
            fail_msg("%s, %s: %s", cases[i].a, cases[i].b, plan->notes.ptr);
        }
        plan_destroy(&plan);
    }
}

/* Only what depends on how texts are ordered, or which letters are each other's capitals. */
static void test_collation(void **state) {
    (void)state;
    static const struct {
        const char *expression;
        bool warned;
    } cases[] = {
        {"status = 'a'", false},
        {"status <> 'a'", false},
        {"status < 'b'", true},
        {"status COLLATE \"C\" < 'b'", false},
        {"status ~ 'a'", true},
        {"status !~* 'a'", true},
        {"status SIMILAR TO 'a'", true},
        {"code ~ 'a' OR code < 'b'", false},
        {"status < code", false},
        {"status < code OR status < 'b'", true},
        {"upper(code) = 'A'", false},
        {"customer_id < 7", false},
        {"customer_id < 7 AND status >= 'a'", true},
        {"status LIKE 'a%'", true},
        {"status BETWEEN 'a' AND 'b'", true},
        {"customer_id BETWEEN 1 AND 2", false},
        {"lower(status) = 'a'", true},
        {"lower(status COLLATE \"C\") = 'a'", false},
        {"greatest(status, 'b') = 'b'", true},
        {"length(status) > 3", false},
        {"status::int > 3", false},
        {"customer_id::text > '3'", true},
        {"upper(trim(status)) = 'A'", true},
        {"CASE WHEN customer_id > 3 THEN upper(status) END = 'A'", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char sql[500];
        static const char *const before[] = {" FROM orders WHERE ", ", "};
        static const char *const behind[] = {"", " AS x FROM orders"};
        static const char *const warnings[] = {"\nWarning: WHERE depends on the collation",
                                               "\nWarning: column x depends on the collation"};
        for (size_t s = 0; s < 2; s++) {
            (void)snprintf(sql, sizeof sql, "CREATE MATERIALIZED VIEW v AS SELECT order_id%s%s%s",
                           before[s], cases[i].expression, behind[s]);
            struct plan *plan = load(SHOP, sql);
            if ((strstr(plan->notes.ptr, warnings[s]) != NULL) != cases[i].warned) {
                fail_msg("%s: %s", cases[i].expression, plan->notes.ptr);
            }
            plan_destroy(&plan);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_roles),
        cmocka_unit_test(test_long_keys),
        cmocka_unit_test(test_collation),
    };
    return cmocka_run_group_tests(tests, load_setup, load_teardown);
}
