/* Which key places the rows, and what each table is under it. */
#include "shop.h"

static void test_lookups(void **state) {
    (void)state;
    static const struct role_case cases[] = {
        /* The order view: two core tables, lookups on both, and a lookup on a lookup. */
        {KEYS ", o.status, c.name, k.title AS country, p.title",
         ITEMS ORDERS " LEFT JOIN customers c ON c.customer_id = o.customer_id"
                      " LEFT JOIN countries k ON k.code = c.country_code"
                      " JOIN products p ON p.product_id = i.product_id",
         "order_items(order_id|line_no) orders(order_id) customers<1.customer_id? "
         "countries<2.country_code? products<0.product_id"},
        /* INNER below LEFT makes it INNER, and so on upwards. */
        {KEYS ", k.title",
         ITEMS ORDERS " LEFT JOIN customers c ON c.customer_id = o.customer_id"
                      " LEFT JOIN addresses a ON a.id = c.billing_id"
                      " JOIN countries k ON k.code = a.country_code",
         "order_items(order_id|line_no) orders(order_id) customers<1.customer_id "
         "addresses<2.billing_id countries<3.country_code"},
        /* The order of FROM does not matter among tables joined INNER. */
        {KEYS ", k.title",
         "countries k JOIN customers c ON c.country_code = k.code JOIN orders o ON "
         "o.customer_id = c.customer_id JOIN order_items i ON i.order_id = o.order_id",
         "orders(order_id) order_items(order_id|line_no) customers<0.customer_id "
         "countries<2.country_code"},
        /* Two nodes of one lookup table, each with its reference; types that are alike. */
        {"o.order_id, b.city, s.city AS city2",
         "orders o LEFT JOIN customers c ON c.customer_id = o.customer_id LEFT JOIN addresses b ON "
         "b.id = c.billing_id LEFT JOIN addresses s ON s.id = c.shipping_id",
         "orders(order_id) customers<0.customer_id? addresses<1.billing_id? "
         "addresses<1.shipping_id?"},
        /* A lookup by a composite key, in the key's order. */
        {"s.shipment_id, i.quantity",
         "shipments s LEFT JOIN order_items i ON i.line_no = s.line_no AND s.order_id = i.order_id",
         "shipments(shipment_id) order_items<0.order_id,line_no?"},
        /* A table that holds the key and is joined on more than it: a lookup. */
        {"s.shipment_id, s.order_id, o.order_id AS id, o.status, i.quantity",
         "shipments s JOIN order_items i ON i.order_id = s.order_id AND i.line_no = s.line_no JOIN "
         "orders o ON o.order_id = i.order_id",
         "shipments(order_id|shipment_id) orders(order_id) order_items<0.order_id,line_no"},
        /* One table and what hangs on it. */
        {KEYS ", p.title", ITEMS " LEFT JOIN products p ON p.product_id = i.product_id",
         "order_items(order_id,line_no) products<0.product_id?"},
    };
    CHECK_ROLES(cases);
}

/* LEFT JOIN by the key: core, too, and a partner's own key is part of the sink's. */
static void test_left(void **state) {
    (void)state;
    static const struct role_case cases[] = {
        {"o.order_id, i.line_no, s.shipment_id, s.order_id AS shipped",
         "orders o LEFT JOIN order_items i ON i.order_id = o.order_id LEFT JOIN shipments s ON "
         "o.order_id = s.order_id",
         "orders(order_id) order_items(order_id|line_no)? shipments(order_id|shipment_id)?"},
        /* A lookup below is LEFT, too; one below it that is INNER makes it INNER. */
        {"o.order_id, i.line_no, p.title",
         "orders o LEFT JOIN order_items i ON i.order_id = o.order_id LEFT JOIN products p ON "
         "p.product_id = i.product_id",
         "orders(order_id) order_items(order_id|line_no)? products<1.product_id?"},
        {"o.order_id, i.line_no, p.title",
         "orders o LEFT JOIN order_items i ON i.order_id = o.order_id JOIN products p ON "
         "p.product_id = i.product_id",
         "orders(order_id) order_items(order_id|line_no) products<1.product_id"},
        /* The primary key lies inside the key that places rows: nothing is added. */
        {"s.shipment_id, s.order_id, o.status",
         "shipments s LEFT JOIN orders o ON o.order_id = s.order_id",
         "shipments(order_id|shipment_id) orders(order_id)?"},
        /* Otherwise it is a lookup: a row of the left table may have NULL in its reference. */
        {"o.order_id, o.customer_id, c.name",
         "orders o LEFT JOIN customers c ON c.customer_id = o.customer_id",
         "orders(order_id) customers<0.customer_id?"},
    };
    CHECK_ROLES(cases);
}

static void test_left_keys(void **state) {
    (void)state;
    struct plan *plan =
        load(SHOP, "CREATE MATERIALIZED VIEW v AS SELECT i.line_no, s.carrier, o.order_id, "
                   "i.order_id AS again, s.shipment_id, h.shipment_id AS h FROM orders o LEFT JOIN "
                   "order_items i ON i.order_id = o.order_id JOIN shipments s ON o.order_id = "
                   "s.order_id LEFT JOIN returns h ON h.order_id = s.order_id");
    const struct target *target = &plan->targets[0];
    static const bool optional[] = {false, true, false, true};
    assert_true(target->key_has_nulls);
    assert_int_equal(target->core_count, 4);
    for (size_t o = 0; o < 4; o++) {
        const struct occurrence *of = &target->occurrences[o];
        assert_int_equal(of->optional, optional[o]);
        assert_int_equal(of->adds_key, optional[o]);
        assert_int_equal(of->sql_delete_null.ptr != NULL, optional[o]);
        assert_int_equal(of->sql_delete_matched.ptr != NULL, optional[o]);
        assert_non_null(of->sql_delete.ptr);
    }
    /* What places a row, then what is always there, then what may be NULL. */
    assert_non_null(strstr(target->sql_ddl.ptr, "  order_id bigint NOT NULL,\n"));
    assert_non_null(strstr(target->sql_ddl.ptr,
                           "  UNIQUE NULLS NOT DISTINCT (order_id, shipment_id, line_no, h)\n"));
    assert_non_null(strstr(target->definition.ptr, "join of public.returns: LEFT\n"));
    assert_int_equal(target->occurrences[1].key_positions[1], 2);
    plan_destroy(&plan);
}

/* Of several keys that fit the one with the fewest lookups, whose columns are selected. */
static void test_choice(void **state) {
    (void)state;
#define STAR                                                                                       \
    "orders o JOIN customers c ON c.customer_id = o.customer_id JOIN countries k ON k.code = "     \
    "c.country_code"
    static const struct role_case cases[] = {
        {"o.order_id, c.customer_id, k.title", STAR,
         "orders(customer_id|order_id) customers(customer_id) countries<1.country_code"},
        {"o.order_id, k.title", STAR,
         "orders(order_id) customers<0.customer_id countries<1.country_code"},
        {"o.order_id, o.customer_id",
         "orders o JOIN customers c ON c.customer_id = o.customer_id AND o.customer_id = "
         "c.customer_id",
         "orders(customer_id|order_id) customers(customer_id)"},
    };
    CHECK_ROLES(cases);
    static const struct {
        const char *by, *roles;
    } said[] = {
        {"o.order_id", "orders(order_id) customers<0.customer_id countries<1.country_code"},
        {"orders_.order_id", NULL},
        {"c.customer_id",
         "orders(customer_id|order_id) customers(customer_id) countries<1.country_code"},
        {" O . \"customer_id\" ",
         "orders(customer_id|order_id) customers(customer_id) countries<1.country_code"},
        {"ORDER_ID", "orders(order_id) customers<0.customer_id countries<1.country_code"},
    };
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        char sql[1000];
        struct buf text = {0};
        (void)snprintf(sql, sizeof sql,
                       "CREATE MATERIALIZED VIEW v WITH (%spartition_by = '%s') AS SELECT "
                       "o.order_id, o.customer_id, k.title FROM " STAR,
                       said[i].roles ? "" : "@", said[i].by);
        if (!said[i].roles) {
            refused(SHOP, sql, "no table orders_ in FROM");
            continue;
        }
        struct plan *plan = load(SHOP, sql);
        describe(plan, &text);
        buf_append(&text, "", 1);
        assert_string_equal(text.ptr, said[i].roles);
        buf_clear(&text);
        plan_destroy(&plan);
    }
}

static void test_partition_by_refused(void **state) {
    (void)state;
    static const struct {
        const char *by, *message;
    } cases[] = {
        {"''", "partition_by does not name columns"},
        {"'o.order_id,'", "partition_by does not name columns"},
        {"'o.order_id o'", "partition_by does not name columns"},
        {"'o.'", "partition_by does not name columns"},
        {"'o.\"order_id'", "partition_by does not name columns"},
        {"'o.a.b.c.d'", "this names no column"},
        {"'o.id'", "no column id in o"},
        {"7", "partition_by is a text, given once: 'table.column'"},
        {"'o.order_id', partition_by = 'o.order_id'", NULL},
        {"'c.customer_id'", "partition_by names c.customer_id, whose table is joined LEFT: name "
                            "the column of another table that it is compared with"},
        {"'o.status'", "o.status may be NULL, and the view shows such rows, which belong to no "
                       "partition: declare it NOT NULL"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char sql[1000];
        if (!cases[i].message) {
            refused(SHOP,
                    "CREATE MATERIALIZED VIEW v WITH (partition_by = 'o.order_id', @partition_by = "
                    "'o.order_id') AS SELECT o.order_id FROM orders o",
                    "partition_by is a text, given once: 'table.column'");
            continue;
        }
        (void)snprintf(
            sql, sizeof sql,
            "CREATE MATERIALIZED VIEW v WITH (@partition_by = %s) AS SELECT "
            "o.order_id, o.status FROM orders o LEFT JOIN customers c ON c.customer_id = "
            "o.customer_id",
            cases[i].by);
        refused(SHOP, sql, cases[i].message);
    }
}

/* No key fits: which table did not, at its place. */
static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *select, *from, *message;
    } cases[] = {
        /* 1:n on two different keys. */
        {"o.order_id, i.line_no, s.shipment_id",
         "orders o JOIN order_items i ON i.order_id = o.order_id JOIN @shipments s ON s.carrier = "
         "o.status",
         "partitioned by o.order_id, s is not joined on it alone, and is no lookup: ON must "
         "compare its whole primary key (s.shipment_id) with columns of one table"},
        {"i.product_id, i.order_id, i.line_no, p.country",
         ITEMS " LEFT JOIN prices p ON @p.product_id = i.product_id",
         "i.product_id may be NULL, and the view shows such rows, which belong to no partition: "
         "declare it NOT NULL"},
        /* Partners of partners. */
        {"o.order_id, i.line_no, s.shipment_id",
         "orders o LEFT JOIN order_items i ON i.order_id = o.order_id LEFT JOIN shipments s ON "
         "@s.order_id = i.order_id",
         "partitioned by o.order_id, s is compared with a column of i, which is joined LEFT "
         "itself: write o.order_id = s.order_id"},
        /* A key compared with two tables' columns. */
        {KEYS,
         ITEMS ORDERS " LEFT JOIN @prices p ON p.product_id = i.product_id AND p.country = "
                      "o.status",
         "partitioned by i.order_id, p is not joined on it alone, and is no lookup: ON of its "
         "LEFT JOIN must compare its primary key (p.product_id, p.country) with columns of one "
         "table, and nothing else"},
        /* More than the key of a lookup. */
        {"o.order_id, c.name",
         "orders o LEFT JOIN customers c ON c.customer_id = o.customer_id LEFT JOIN @addresses a "
         "ON "
         "a.id = c.billing_id AND a.country_code = c.country_code",
         "partitioned by o.customer_id, a is not joined on it alone, and is no lookup: ON of its "
         "LEFT JOIN must compare its primary key (a.id) with columns of one table, and nothing "
         "else"},
        {"o.order_id, c.name, i.line_no, i.order_id AS i",
         "orders o JOIN order_items i ON i.order_id = o.order_id JOIN customers c ON "
         "c.customer_id = o.customer_id AND @i.quantity = c.billing_id",
         "partitioned by o.order_id, ON says more than it: write i.quantity = c.billing_id into "
         "WHERE"},
        {"e.id, m.id AS m", "employees e JOIN @employees m ON m.manager_id = e.manager_id",
         "partitioned by e.manager_id, e and m are one table, whose rows can be placed by one key "
         "only"},
        {"o.order_id, p.title, i.line_no",
         "orders o JOIN order_items i ON i.order_id = o.order_id JOIN @products p ON p.product_id "
         "= "
         "o.status",
         "o.status is text and p.product_id is uuid: a lookup is found by a column of a like type; "
         "change one of them in the OLTP database"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char sql[1000];
        (void)snprintf(sql, sizeof sql, "CREATE MATERIALIZED VIEW v AS\nSELECT %s\nFROM %s",
                       cases[i].select, cases[i].from);
        refused(SHOP, sql, cases[i].message);
    }
}

/* All keys that were tried are listed below the place. */
static void test_tried(void **state) {
    (void)state;
    load_write("oltp.sql", SHOP, NULL, NULL);
    load_write("view.sql",
               "CREATE MATERIALIZED VIEW v AS SELECT o.order_id, s.shipment_id FROM orders o JOIN "
               "shipments s ON s.carrier = o.status JOIN products p ON p.title = s.carrier",
               NULL, NULL);
    struct view_options options = load_options();
    struct plan *plan = NULL;
    char *report = NULL;
    struct err err;
    assert_int_equal(view_load(&options, &plan, &report, &err), ERR_CONFIG);
    const char *tried = strstr(report, "^\n  by o.status: the select list lacks o.status: ");
    assert_non_null(tried);
    assert_non_null(strstr(tried, "\n  by o.order_id: s is not joined on it alone, and is no "));
    free(report);
}

static void test_columns(void **state) {
    (void)state;
    struct plan *plan = load(
        SHOP, "CREATE MATERIALIZED VIEW v AS SELECT o.status, o.order_id, c.name, b.city, s.city "
              "AS city2, c.shipping_id FROM orders o JOIN customers c ON c.customer_id = "
              "o.customer_id JOIN addresses b ON b.id = c.billing_id LEFT JOIN addresses s ON s.id "
              "= c.shipping_id");
    /* Keys, references, then what is shown. */
    static const char *const names[3][5] = {{"order_id", "customer_id", "status"},
                                            {"customer_id", "billing_id", "shipping_id", "name"},
                                            {"id", "city"}};
    static const enum key_code keys[3][5] = {
        {KEY_BIGINT, KEY_INTEGER}, {KEY_INTEGER, KEY_BIGINT, KEY_INTEGER}, {KEY_INTEGER}};
    static const size_t counts[] = {3, 4, 2};
    assert_int_equal(plan->relation_count, 3);
    for (size_t r = 0; r < 3; r++) {
        const struct relation *relation = &plan->relations[r];
        assert_int_equal(relation->column_count, counts[r]);
        for (size_t c = 0; c < counts[r]; c++) {
            assert_true(str_is(relation->columns[c].name, names[r][c]));
            assert_int_equal(relation->columns[c].key, keys[r][c]);
        }
    }
    assert_int_equal(plan->relations[1].reference_count, 2);
    static const struct target_input inputs[] = {{0, 2}, {0, 0}, {1, 3}, {2, 1}, {3, 1}, {1, 2}};
    const struct target *target = &plan->targets[0];
    assert_int_equal(target->input_count, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(target->inputs[i].occurrence, inputs[i].occurrence);
        assert_int_equal(target->inputs[i].column, inputs[i].column);
    }
    assert_non_null(strstr(target->sql_ddl.ptr, "PRIMARY KEY (order_id)"));
    assert_non_null(strstr(target->definition.ptr,
                           "lookup 3: public.addresses.id = public.customers.shipping_id by "
                           "public.orders.customer_id, LEFT\n"));
    assert_non_null(strstr(target->definition.ptr,
                           "column city2 of the view: public.addresses.city by "
                           "public.customers.shipping_id by public.orders.customer_id\n"));
    plan_destroy(&plan);
}

/* Two nodes by the same columns share their reference. */
static void test_shared_reference(void **state) {
    (void)state;
    struct plan *plan =
        load(SHOP, "CREATE MATERIALIZED VIEW v AS SELECT o.order_id, a.city, c.name FROM orders o "
                   "LEFT JOIN customers c ON c.customer_id = o.customer_id LEFT JOIN addresses a "
                   "ON a.id = o.customer_id");
    assert_int_equal(plan->relations[0].reference_count, 1);
    assert_int_equal(plan->targets[0].occurrences[1].reference, 0);
    assert_int_equal(plan->targets[0].occurrences[2].reference, 0);
    plan_destroy(&plan);
}

/* What changes rows changes the fingerprint; what changes a state, its relation's identity. */
static void test_fingerprints(void **state) {
    (void)state;
    static const struct {
        const char *from;
        bool same_identity[2]; /* of orders, customers */
    } cases[] = {
        {"orders o LEFT JOIN customers c ON c.customer_id = o.customer_id", {true, true}},
        {"orders o JOIN customers c ON c.customer_id = o.customer_id", {true, true}},
    };
    char before[17] = "";
    struct str identities[2] = {STR_NONE, STR_NONE};
    struct plan *first = NULL;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char sql[400];
        (void)snprintf(sql, sizeof sql,
                       "CREATE MATERIALIZED VIEW v WITH (partition_by = 'o.order_id') AS SELECT "
                       "o.order_id, c.name FROM %s",
                       cases[i].from);
        struct plan *plan = load(SHOP, sql);
        for (size_t r = 0; first && r < 2; r++) {
            assert_int_equal(str_equal(plan->relations[r].identity, identities[r]),
                             cases[i].same_identity[r]);
        }
        assert_string_not_equal(plan->targets[0].fingerprint.ptr, before);
        (void)snprintf(before, sizeof before, "%s", plan->targets[0].fingerprint.ptr);
        if (!first) {
            first = plan;
            identities[0] = plan->relations[0].identity;
            identities[1] = plan->relations[1].identity;
        } else {
            plan_destroy(&plan);
        }
    }
    /* As a lookup and as a core table of the same columns it is kept in two ways. */
    struct plan *core = load(SHOP, "CREATE MATERIALIZED VIEW v AS SELECT customer_id, name FROM "
                                   "customers c");
    assert_false(str_equal(core->relations[0].identity, identities[1]));
    plan_destroy(&core);
    plan_destroy(&first);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lookups),
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_left),
        cmocka_unit_test(test_left_keys),
        cmocka_unit_test(test_partition_by_refused),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_tried),
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_shared_reference),
        cmocka_unit_test(test_fingerprints),
    };
    return cmocka_run_group_tests(tests, load_setup, load_teardown);
}
