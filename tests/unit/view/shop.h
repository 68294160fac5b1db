/* shop.h: tables to choose keys and roles of, and what a plan made of them.
 *
 * What:    SHOP, the tables; CHECK_ROLES, which compares the roles in views over them.
 */
#ifndef TESTS_UNIT_VIEW_SHOP_H
#define TESTS_UNIT_VIEW_SHOP_H

#include "base/buf.h"
#include "load.h"

#define TABLE(name, columns)                                                                       \
    "CREATE TABLE " name " (" columns "); ALTER TABLE " name " REPLICA IDENTITY FULL;\n"
#define SHOP                                                                                       \
    TABLE("countries", "code text PRIMARY KEY, title text")                                        \
    TABLE("customers", "customer_id int PRIMARY KEY, name text, country_code varchar(2),"          \
                       " billing_id bigint, shipping_id smallint")                                 \
    TABLE("addresses", "id int PRIMARY KEY, city text, country_code text")                         \
    TABLE("products", "product_id uuid PRIMARY KEY, title text, price numeric")                    \
    TABLE("orders", "order_id bigint PRIMARY KEY, customer_id int, status text")                   \
    TABLE("order_items", "order_id bigint, line_no int, product_id uuid, quantity int,"            \
                         " PRIMARY KEY (order_id, line_no)")                                       \
    TABLE("shipments", "shipment_id int PRIMARY KEY, order_id bigint NOT NULL, line_no int,"       \
                       " carrier text")                                                            \
    TABLE("returns", "shipment_id int PRIMARY KEY, order_id bigint NOT NULL")                      \
    TABLE("employees", "id int PRIMARY KEY, manager_id int, name text")                            \
    TABLE("staff", "id int PRIMARY KEY, dept_id int NOT NULL, boss_id int, name text")             \
    TABLE("departments", "id int PRIMARY KEY, title text")                                         \
    TABLE("badges", "badge_id int PRIMARY KEY, employee_id int NOT NULL")                          \
    TABLE("prices", "product_id uuid, country text, amount numeric, PRIMARY KEY (product_id,"      \
                    " country)")

/* `orders(order_id) order_items(order_id|line_no) customers<0.customer_id`: core tables with the
 * columns that place their rows and the rest of their key; lookups with their parent's number and
 * the columns that refer to them, ? where they are joined LEFT. ! is behind the name of a core
 * table that is a lookup, too. */
static inline void describe(const struct plan *plan, struct buf *out) {
    const struct target *target = &plan->targets[0];
    for (size_t o = 0; o < target->occurrence_count; o++) {
        const struct occurrence *of = &target->occurrences[o];
        const struct relation *relation = occurrence_relation(plan, target, (int)o);
        bool core = o < target->core_count;
        assert_int_equal(core, relation->role == ROLE_CORE);
        assert_int_equal(core, of->parent < 0);
        bool whole = !core || relation->filtered;
        assert_int_equal(relation->partition_count, whole ? 1 : plan->partition_count);
        buf_printf(out, "%s" STR_FMT "%s", o > 0 ? " " : "", STR_ARG(relation->name),
                   relation->filtered ? "!" : "");
        if (core) {
            assert_int_equal(of->root, o);
            for (size_t i = 0; i < relation->key_count; i++) {
                const char *before = i == 0 ? "(" : i == relation->placement_count ? "|" : ",";
                buf_printf(out, "%s" STR_FMT, before, STR_ARG(relation->columns[i].name));
            }
            buf_str(out, STR(")"));
        } else {
            const struct relation *parent = occurrence_relation(plan, target, of->parent);
            const struct reference *reference = &parent->references[of->reference];
            assert_true(of->parent < (int)o);
            assert_int_equal(of->root, target->occurrences[of->parent].root);
            assert_int_equal(relation->placement_count, 0);
            assert_int_equal(relation->key_count, relation->primary_key_count);
            assert_int_equal(relation->key_count, reference->column_count);
            assert_null(of->sql_delete.ptr);
            buf_printf(out, "<%d", of->parent);
            for (size_t i = 0; i < reference->column_count; i++) {
                const struct relation_column *column = &parent->columns[reference->columns[i]];
                assert_int_not_equal(column->key, KEY_NONE);
                buf_printf(out, "%s" STR_FMT, i == 0 ? "." : ",", STR_ARG(column->name));
            }
        }
        buf_str(out, of->optional ? STR("?") : STR(""));
    }
}

struct role_case {
    const char *select, *from, *roles;
};

static inline void check_roles(const struct role_case *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char sql[2000];
        struct buf text = {0};
        (void)snprintf(sql, sizeof sql, "CREATE MATERIALIZED VIEW v AS SELECT %s FROM %s",
                       cases[i].select, cases[i].from);
        struct plan *plan = load(SHOP, sql);
        describe(plan, &text);
        buf_append(&text, "", 1);
        if (strcmp(text.ptr, cases[i].roles) != 0) {
            fail_msg("%s:\n%s\n%s", cases[i].from, text.ptr, cases[i].roles);
        }
        buf_clear(&text);
        plan_destroy(&plan);
    }
}
#define CHECK_ROLES(cases) check_roles(cases, sizeof(cases) / sizeof *(cases))

#define ITEMS  "order_items i"
#define ORDERS " JOIN orders o ON o.order_id = i.order_id"
#define KEYS   "i.order_id, i.line_no"

#endif
