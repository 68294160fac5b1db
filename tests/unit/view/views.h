/* views.h: several views over the same tables, for tests of their plans. */
#ifndef TESTS_UNIT_VIEW_VIEWS_H
#define TESTS_UNIT_VIEW_VIEWS_H

#include "load.h"

#define TABLES                                                                                     \
    "CREATE TABLE customers (id int PRIMARY KEY, name text, country text);\n"                      \
    "CREATE TABLE orders (id int PRIMARY KEY, customer int NOT NULL, seller int, note text);\n"    \
    "CREATE TABLE items (id int PRIMARY KEY, orders int NOT NULL, n int, price int);\n"            \
    "CREATE TABLE sellers (id int PRIMARY KEY, name text, boss int);\n"                            \
    "CREATE TABLE pairs (a int NOT NULL, b int NOT NULL, id int PRIMARY KEY, t text);\n"           \
    "CREATE TABLE longs (id bigint PRIMARY KEY, t text);\n"                                        \
    "ALTER TABLE longs REPLICA IDENTITY FULL;\n"                                                   \
    "CREATE TABLE thirds (a int PRIMARY KEY, b int NOT NULL, id int NOT NULL);\n"                  \
    "ALTER TABLE thirds REPLICA IDENTITY FULL;\n"                                                  \
    "CREATE TABLE halves (a int NOT NULL, b int NOT NULL, id int PRIMARY KEY, u text);\n"          \
    "ALTER TABLE customers REPLICA IDENTITY FULL; ALTER TABLE orders REPLICA IDENTITY FULL;\n"     \
    "ALTER TABLE items REPLICA IDENTITY FULL; ALTER TABLE sellers REPLICA IDENTITY FULL;\n"        \
    "ALTER TABLE pairs REPLICA IDENTITY FULL; ALTER TABLE halves REPLICA IDENTITY FULL;\n"

/* Core: orders, items; lookup: customers. */
#define LINES                                                                                      \
    "CREATE MATERIALIZED VIEW lines AS SELECT o.id, i.id AS item, i.n, c.name FROM items i "       \
    "JOIN orders o ON o.id = i.orders LEFT JOIN customers c ON c.id = o.customer;\n"
/* Core: orders; lookups: sellers, customers; other columns of all. */
#define HEADS                                                                                      \
    "CREATE MATERIALIZED VIEW heads AS SELECT o.id, o.note, s.name AS seller, c.country AS land "  \
    "FROM orders o LEFT JOIN sellers s ON s.id = o.seller "                                        \
    "LEFT JOIN customers c ON c.id = o.customer;\n"
/* Its best key would be the customer, and orders core by it. */
#define BUYERS                                                                                     \
    "CREATE MATERIALIZED VIEW buyers AS SELECT c.id, o.id AS orders, c.name FROM customers c "     \
    "JOIN orders o ON o.customer = c.id;\n"
/* The same without another key. */
#define ONLY_BUYERS                                                                                \
    "CREATE MATERIALIZED VIEW buyers WITH (partition_by = 'c.id') AS SELECT c.id, o.id AS orders," \
    " c.name FROM customers c JOIN orders o ON o.customer = c.id;\n"

static inline struct view_plans load_all(const char *views) {
    load_write("oltp.sql", TABLES, NULL, NULL);
    load_write("view.sql", views, NULL, NULL);
    struct view_options options = load_options();
    struct view_plans plans = {.count = 0};
    char *report = NULL;
    struct err err;
    if (view_load_all(&options, &plans, &report, &err) != ERR_NONE) {
        print_error("%s", report);
        free(report);
        fail();
    }
    return plans;
}

#endif
