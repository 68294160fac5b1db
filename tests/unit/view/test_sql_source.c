/* The view's own query, for the OLTP database; tests/integration/verify runs it. */
#include "load.h"

#define ORDERS                                                                                     \
    "CREATE TYPE mood AS ENUM ('a'); CREATE DOMAIN ints AS integer[];"                             \
    "CREATE TABLE orders (id bigint PRIMARY KEY, customer int, \"State\" text COLLATE \"C\", m "   \
    "mood);"                                                                                       \
    "CREATE TABLE lines (id bigint, no int, qty numeric(9,2), list ints, PRIMARY KEY (id, no))"    \
    " PARTITION BY RANGE (id);"                                                                    \
    "CREATE TABLE s.customers (id int PRIMARY KEY, name varchar(9));"                              \
    "ALTER TABLE orders REPLICA IDENTITY FULL; ALTER TABLE lines REPLICA IDENTITY FULL;"           \
    "ALTER TABLE s.customers REPLICA IDENTITY FULL;"

static void check(struct str got, const char *want) {
    char text[2000];
    (void)snprintf(text, sizeof text, STR_FMT, STR_ARG(got));
    assert_string_equal(text, want);
}

static void columns(void **state) {
    (void)state;
    struct plan *plan = load(
        ORDERS, "CREATE MATERIALIZED VIEW v AS SELECT o.id AS order_id, l.no, m, list, c.name FROM "
                "orders o JOIN lines l ON l.id = o.id LEFT JOIN s.customers c ON c.id = customer");
    const struct source_query *query = &plan->targets[0].source;
    check(query->select, "SELECT t1.id::bigint AS order_id, t2.no::integer AS no, t1.m::text AS m, "
                         "(t2.list::integer[])[:] AS list, t3.name::character varying(9) AS name");
    check(query->from, "\nFROM ONLY public.orders AS t1\n"
                       "JOIN public.lines AS t2 ON t2.id = t1.id\n"
                       "LEFT JOIN ONLY s.customers AS t3 ON t3.id = t1.customer");
    check(query->rest, "");
    assert_false(query->computes);
    check(query->keys[0], "t1.id::bigint");
    check(query->keys[1], "t2.no::integer");
    check(query->parts[0][0], "t1.id::bigint");
    check(query->parts[1][1], "t2.no::integer");
    check(query->parts[2][0], "t3.id::integer");
    plan_destroy(&plan);
}

/* They see the same names and types as in the OLAP database. */
static void expressions(void **state) {
    (void)state;
    struct plan *plan =
        load(ORDERS,
             "CREATE MATERIALIZED VIEW v AS SELECT o.id AS order_id, l.no, qty * 2 AS twice FROM "
             "orders o LEFT JOIN lines l ON l.id = o.id WHERE \"State\" <> 'draft'");
    const struct source_query *query = &plan->targets[0].source;
    check(query->select, "SELECT s.o_id AS order_id, s.l_no AS no, s.l_qty * 2 AS twice\n"
                         "FROM (SELECT t1.id::bigint AS o_id, t2.no::integer AS l_no, "
                         "t2.qty::numeric(9,2) AS l_qty, t1.\"State\"::text COLLATE \"C\" AS "
                         "\"o_State\"");
    check(query->rest, ") AS s\nWHERE (s.\"o_State\" <> 'draft')");
    assert_true(query->computes);
    plan_destroy(&plan);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns),
        cmocka_unit_test(expressions),
    };
    return cmocka_run_group_tests(tests, load_setup, load_teardown);
}
