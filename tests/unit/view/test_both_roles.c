/* One table, core and lookup in one view. */
#include "shop.h"

#define BY_DEPARTMENT                                                                              \
    "CREATE MATERIALIZED VIEW v WITH (partition_by = 's.dept_id') AS SELECT s.dept_id, s.id, "     \
    "d.title, b.name FROM staff s JOIN departments d ON d.id = s.dept_id LEFT JOIN staff b ON "    \
    "b.id = s.boss_id"

static void test_roles(void **state) {
    (void)state;
    static const struct role_case cases[] = {
        {"e.id, m.name", "employees e LEFT JOIN employees m ON m.id = e.manager_id",
         "employees!(id) employees<0.manager_id?"},
        {"e.id, m.name", "employees e JOIN employees m ON m.id = e.manager_id",
         "employees!(id) employees<0.manager_id"},
        {"e.id, m.name, b.name AS b",
         "employees e LEFT JOIN employees m ON m.id = e.manager_id LEFT JOIN employees b ON b.id = "
         "m.manager_id",
         "employees!(id) employees<0.manager_id? employees<1.manager_id?"},
        /* By dept_id there would be fewer lookups; but rows would move from task to task. */
        {"s.id, s.dept_id, d.title, b.name",
         "staff s JOIN departments d ON d.id = s.dept_id LEFT JOIN staff b ON b.id = s.boss_id",
         "staff!(id) departments<0.dept_id staff<0.boss_id?"},
        /* The key is part of the primary key. */
        {KEYS ", j.quantity, o.status",
         ITEMS ORDERS " LEFT JOIN order_items j ON j.order_id = i.order_id AND j.line_no = "
                      "i.quantity",
         "order_items!(order_id|line_no) orders(order_id) order_items<0.order_id,quantity?"},
        /* Rather a lookup twice than in two roles. */
        {"b.badge_id, e.id, e.name, m.name AS m",
         "badges b JOIN employees e ON e.id = b.employee_id LEFT JOIN employees m ON m.id = "
         "e.manager_id",
         "badges(badge_id) employees<0.employee_id employees<1.manager_id?"},
    };
    CHECK_ROLES(cases);
}

/* By a key beyond the primary key, if it is asked for: then a row's move is a delete and an insert,
 * each under a key of its own. */
static void test_moving(void **state) {
    (void)state;
    struct plan *plan = load(SHOP, BY_DEPARTMENT);
    struct buf text = {0};
    describe(plan, &text);
    buf_append(&text, "", 1);
    assert_string_equal(text.ptr, "staff!(dept_id|id) departments(id) staff<0.boss_id?");
    buf_clear(&text);
    plan_destroy(&plan);
    plan = load(SHOP, "CREATE MATERIALIZED VIEW v AS SELECT s.dept_id, s.id, d.title, b.name FROM "
                      "staff s JOIN departments d ON d.id = s.dept_id LEFT JOIN staff b ON b.id = "
                      "s.boss_id");
    assert_non_null(strstr(plan->notes.ptr, "Another key, by s.dept_id: 1 lookup, 1 table in two "
                                            "roles, whose rows would move\n"));
    plan_destroy(&plan);
}

/* The table's topic has other keys then than for views that look it up alone. */
static void test_shared(void **state) {
    (void)state;
    static const struct {
        const char *key;
        size_t plans;
    } cases[] = {{"s.id", 1}, {"s.dept_id", 2}};
    for (size_t i = 0; i < 2; i++) {
        char sql[1000];
        (void)snprintf(sql, sizeof sql,
                       "CREATE MATERIALIZED VIEW v WITH (partition_by = '%s') AS SELECT s.dept_id, "
                       "s.id, d.title, b.name FROM staff s JOIN departments d ON d.id = s.dept_id "
                       "LEFT JOIN staff b ON b.id = s.boss_id;\n"
                       "CREATE MATERIALIZED VIEW w AS SELECT g.badge_id, s.name FROM badges g LEFT "
                       "JOIN staff s ON s.id = g.employee_id;\n",
                       cases[i].key);
        load_write("oltp.sql", SHOP, NULL, NULL);
        load_write("view.sql", sql, NULL, NULL);
        struct view_options options = load_options();
        struct view_plans plans = {.count = 0};
        struct err err;
        assert_int_equal(view_load_all(&options, &plans, NULL, &err), ERR_NONE);
        assert_int_equal(plans.count, cases[i].plans);
        view_plans_clear(&plans);
    }
}

/* Relations with a partition for each task come first. */
static void test_order(void **state) {
    (void)state;
    struct plan *plan =
        load(SHOP, "CREATE MATERIALIZED VIEW v WITH (partition_by = 'e.id') AS SELECT e.id, "
                   "b.badge_id, m.name FROM employees e JOIN badges b ON e.id = b.employee_id LEFT "
                   "JOIN employees m ON m.id = e.manager_id");
    struct buf text = {0};
    describe(plan, &text);
    buf_append(&text, "", 1);
    assert_string_equal(text.ptr, "employees!(id) badges(employee_id|badge_id) "
                                  "employees<0.manager_id?");
    buf_clear(&text);
    static const char *const slots[] = {"prefix.public.badges", "prefix.public.employees:core",
                                        "prefix.public.employees"};
    for (size_t t = 0; t < 3; t++) {
        assert_string_equal(plan->relations[t].slot.ptr, slots[t]);
        assert_int_equal(plan_feed(plan, t), t == 0 ? 0 : 2);
    }
    assert_int_equal(plan_parted_count(plan), 1);
    assert_null(plan->tasks_topic.ptr);
    plan_destroy(&plan);
    plan =
        load(SHOP, "CREATE MATERIALIZED VIEW \"our staff\" AS SELECT e.id, m.name FROM employees "
                   "e JOIN employees m ON m.id = e.manager_id");
    assert_int_equal(plan_parted_count(plan), 0);
    assert_string_equal(plan->tasks_topic.ptr, "prefix.our_staff-tasks");
    assert_non_null(strstr(plan->notes.ptr,
                           "Tasks are shared out by the topic prefix.our_staff-tasks,"
                           " which has no records"));
    plan_destroy(&plan);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_roles),
        cmocka_unit_test(test_moving),
        cmocka_unit_test(test_shared),
        cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, load_setup, load_teardown);
}
