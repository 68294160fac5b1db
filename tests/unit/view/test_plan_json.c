/* A plan as JSON. */
#include "load.h"

#include "view/plan_json.h"

#include <jansson.h>

#define SHOP                                                                                       \
    "CREATE TABLE orders (order_id bigint PRIMARY KEY, customer_id int, status text);"             \
    "CREATE TABLE items (order_id bigint, line_no int, qty int, PRIMARY KEY (order_id, line_no));" \
    "CREATE TABLE customers (id int PRIMARY KEY, name text);"                                      \
    "ALTER TABLE orders REPLICA IDENTITY FULL; ALTER TABLE items REPLICA IDENTITY FULL;"           \
    "ALTER TABLE customers REPLICA IDENTITY FULL;"

static json_t *json_of(const char *view_sql) {
    struct plan *plan = load(SHOP, view_sql);
    char *all = view_plan_json(plan, "{\"topic.prefix\": \"prefix\"}\n");
    assert_int_equal(all[strlen(all) - 1], '\n');
    json_t *json = json_loads(all, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    free(all);
    plan_destroy(&plan);
    return json;
}

/* The value at a path of members and indexes: "sources.2.role". */
static void check(json_t *json, const char *path, const char *want) {
    char step[64];
    while (*path) {
        size_t len = strcspn(path, ".");
        (void)snprintf(step, sizeof step, "%.*s", (int)len, path);
        json = json_is_array(json) ? json_array_get(json, strtoul(step, NULL, 10))
                                   : json_object_get(json, step);
        path += len + (path[len] == '.');
    }
    char *got = json_dumps(json, JSON_ENCODE_ANY);
    assert_string_equal(got ? got : "nothing", want);
    free(got);
}

static void test_all(void **state) {
    (void)state;
    json_t *json =
        json_of("CREATE MATERIALIZED VIEW v AS SELECT o.order_id, line_no, name, qty + 1 "
                "AS more FROM orders o LEFT JOIN items i ON i.order_id = o.order_id "
                "LEFT JOIN customers c ON c.id = o.customer_id WHERE status <> 'x'");
    check(json, "plan", "\"v\"");
    check(json, "partitions", "8");
    check(json, "sources.0.placed_by", "[\"order_id\"]");
    check(json, "sources.0.indexes", "[[\"customer_id\"]]");
    check(json, "sources.1.key", "[\"order_id\", \"line_no\"]");
    check(json, "sources.1.columns.1", "{\"name\": \"line_no\", \"type\": \"integer\"}");
    check(json, "sources.2.role", "\"lookup\"");
    check(json, "sources.2.partitions", "1");
    check(json, "sources.2.topic", "\"prefix.public.customers\"");
    check(json, "views.0.key", "[\"order_id\", \"line_no\"]");
    check(json, "views.0.key_has_nulls", "true");
    check(json, "views.0.tables.1.left", "true");
    check(json, "views.0.tables.1.parent", "null");
    check(json, "views.0.tables.2.parent", "0");
    check(json, "views.0.tables.2.by", "[\"customer_id\"]");
    check(json, "views.0.tables.2.delete", "null");
    check(json, "views.0.columns.2", "{\"name\": \"name\", \"table\": 2, \"column\": \"name\"}");
    check(json, "views.0.columns.3", "{\"name\": \"more\", \"table\": null, \"column\": null}");
    check(json, "views.0.copy", "null");
    check(json, "connector", "{\"topic.prefix\": \"prefix\"}");
    check(json, "notes.0",
          "\"Rows are placed by o.order_id = i.order_id: tables are joined on it\"");
    assert_non_null(strstr(json_string_value(json_object_get(
                               json_array_get(json_object_get(json, "views"), 0), "filter")),
                           "IS NOT TRUE"));
    json_decref(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all),
    };
    return cmocka_run_group_tests(tests, load_setup, load_teardown);
}
