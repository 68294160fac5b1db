/* The connector's configuration. */
#include "load.h"

#include "view/connector.h"

#include <jansson.h>

static json_t *settings_of(const struct plan *plan, const struct view_connector_options *options) {
    char *text = NULL;
    struct err err;
    assert_int_equal(view_connector_json(plan, options, &text, &err), ERR_NONE);
    assert_int_equal(text[strlen(text) - 1], '\n');
    json_t *settings = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(settings);
    free(text);
    return settings;
}

static void check(json_t *settings, const char *key, const char *want) {
    const char *got = json_string_value(json_object_get(settings, key));
    if (!want) {
        assert_null(got);
    } else if (!got || strcmp(got, want) != 0) {
        fail_msg("%s is %s, not %s", key, got ? got : "absent", want);
    }
}

static void test_student_contact(void **state) {
    (void)state;
    struct plan *plan =
        load(STUDENT_CONTACT, SELECT_LIST "FROM student JOIN contact ON "
                                          "student.student_id = contact.student_id");
    struct view_connector_options options = {.topic_prefix = "prefix",
                                             .record_max_bytes = 67108864};
    json_t *s = settings_of(plan, &options);
    check(s, "topic.prefix", "prefix");
    check(s, "producer.override.max.request.size", "67108864");
    check(s, "producer.override.buffer.memory", "100663296");
    check(s, "slot.name", "oltp_olap_sync");
    check(s, "publication.name", "oltp_olap_sync");
    check(s, "table.include.list", "public\\.student,public\\.contact");
    check(s, "message.key.columns", "public\\.contact:student_id,contact_id");
    check(s, "transforms", "route");
    check(s, "transforms.route.type", "io.debezium.transforms.partitions.PartitionRouting");
    check(s, "transforms.route.partition.payload.fields", "change.student_id");
    check(s, "transforms.route.partition.topic.num", "8");
    check(s, "transforms.route.partition.hash.function", "java");
    check(s, "topic.creation.default.partitions", "8");
    check(s, "predicates", NULL);
    check(s, "database.hostname", "localhost");
    check(s, "database.port", "5432");
    check(s, "database.password", "${env:OLTP_PASSWORD}");
    check(s, "tombstones.on.delete", "false");
    check(s, "decimal.handling.mode", "string");
    check(s, "interval.handling.mode", "string");
    check(s, "time.precision.mode", "adaptive");
    check(s, "event.converting.failure.handling.mode", "fail");
    check(s, "event.processing.failure.handling.mode", "fail");
    check(s, "errors.tolerance", "none");
    check(s, "unavailable.value.placeholder", "__oltp_olap_sync_unavailable_ba8821b572531e29");
    check(s, "skipped.operations", "t");
    check(s, "schema.refresh.mode", "columns_diff");
    check(s, "field.name.adjustment.mode", "none");
    check(s, "value.converter.replace.null.with.default", "false");
    check(s, "value.converter.schemas.enable", "false");
    check(s, "publication.autocreate.mode", "filtered");
    check(s, "snapshot.mode", "initial");
    check(s, "poll.interval.ms", "2");
    check(s, "include.unknown.datatypes", NULL);
    check(s, "driver.options", NULL);
    check(s, "publish.via.partition.root", NULL);
    json_decref(s);
    plan_destroy(&plan);
}

static void check_type(const char *declared, const char *unknown, const char *styles) {
    char oltp[600];
    (void)snprintf(oltp, sizeof oltp,
                   "CREATE TABLE a (id int PRIMARY KEY, g int, x %s); CREATE TABLE b (id int "
                   "PRIMARY KEY, g int); ALTER TABLE a REPLICA IDENTITY FULL; ALTER TABLE b "
                   "REPLICA IDENTITY FULL;",
                   declared);
    struct plan *plan = load(oltp, "CREATE MATERIALIZED VIEW v AS SELECT a.g, a.id AS a_id, b.id, "
                                   "x FROM a JOIN b ON a.g = b.g");
    struct view_connector_options options = {.topic_prefix = "prefix"};
    json_t *s = settings_of(plan, &options);
    check(s, "include.unknown.datatypes", unknown);
    check(s, "driver.options", styles);
    json_decref(s);
    plan_destroy(&plan);
}

/* Settings that only some types need: no other view's connector changes. */
static void test_types(void **state) {
    (void)state;
    static const char styles[] = "-c IntervalStyle=postgres -c bytea_output=hex";
    check_type("text[]", NULL, NULL);
    check_type("interval", NULL, styles);
    check_type("bytea", NULL, styles);
    check_type("bytea[]", NULL, styles);
    check_type("int8multirange", "true", styles);
}

static void test_partitioned(void **state) {
    (void)state;
    struct plan *plan =
        load("CREATE TABLE a (id int PRIMARY KEY, g int) PARTITION BY HASH (id); CREATE TABLE a1 "
             "PARTITION OF a FOR VALUES WITH (MODULUS 1, REMAINDER 0); CREATE TABLE b (id int "
             "PRIMARY KEY, g int); ALTER TABLE a REPLICA IDENTITY FULL; ALTER TABLE b REPLICA "
             "IDENTITY FULL;",
             "CREATE MATERIALIZED VIEW v AS SELECT a.g, a.id AS a_id, b.id FROM a JOIN b ON a.g = "
             "b.g");
    struct view_connector_options options = {.topic_prefix = "prefix"};
    json_t *s = settings_of(plan, &options);
    check(s, "publish.via.partition.root", "true");
    check(s, "table.include.list", "public\\.a,public\\.b");
    json_decref(s);
    plan_destroy(&plan);
}

/* A transform for each table where the join columns have other names, under a predicate of its
 * topic. */
static void test_other_names(void **state) {
    (void)state;
    struct plan *plan =
        load("CREATE TABLE \"A.1\" (\"k 1\" int, y text, id int, PRIMARY KEY (\"k 1\", y, id));"
             "CREATE TABLE b (p int, q text, \"a,:;\\.\xc3\xa9\" int PRIMARY KEY);"
             "ALTER TABLE \"A.1\" REPLICA IDENTITY FULL; ALTER TABLE b REPLICA IDENTITY FULL;",
             "CREATE MATERIALIZED VIEW v AS SELECT \"k 1\", y, a.id, \"a,:;\\.\xc3\xa9\" FROM "
             "\"A.1\" a JOIN b ON "
             "\"k 1\" = p AND y = q");
    struct view_connector_options options = {.topic_prefix = "prefix", .name = "slot_7"};
    json_t *s = settings_of(plan, &options);
    check(s, "slot.name", "slot_7");
    check(s, "table.include.list", "public\\.A\\x2e1,public\\.b");
    check(s, "message.key.columns", "public\\.b:p,q,a\\x2c\\x3a\\x3b\\x5c\\x2e\xc3\xa9");
    check(s, "transforms", "route1,route2");
    check(s, "predicates", "route1,route2");
    check(s, "transforms.route1.predicate", "route1");
    check(s, "transforms.route1.partition.payload.fields", "change.k 1,change.y");
    check(s, "transforms.route2.partition.payload.fields", "change.p,change.q");
    check(s, "predicates.route1.type",
          "org.apache.kafka.connect.transforms.predicates.TopicNameMatches");
    check(s, "predicates.route1.pattern", "prefix\\x2epublic\\x2eA\\x2e1");
    check(s, "predicates.route2.pattern", "prefix\\x2epublic\\x2eb");
    json_decref(s);
    plan_destroy(&plan);
}

/* An integer that is compared with a bigint is cast in the key, and routed by what it was cast to.
 */
static void test_casts(void **state) {
    (void)state;
    struct plan *plan =
        load("CREATE TABLE a (id int PRIMARY KEY, g int, h text, s smallint);"
             "CREATE TABLE b (id int PRIMARY KEY, g bigint, h varchar(9), s bigint);"
             "ALTER TABLE a REPLICA IDENTITY FULL; ALTER TABLE b REPLICA IDENTITY FULL;",
             "CREATE MATERIALIZED VIEW v AS SELECT a.g, a.h, a.s, a.id AS a_id, b.id FROM a JOIN b "
             "ON a.g = b.g AND a.h = b.h AND a.s = b.s");
    struct view_connector_options options = {.topic_prefix = "prefix"};
    json_t *s = settings_of(plan, &options);
    check(s, "transforms", "cast1,header1,lift1,route1,drop1,route2");
    check(s, "predicates", "route1,route2");
    static const char *const names[] = {"cast1", "header1", "lift1", "route1", "drop1"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char key[64];
        (void)snprintf(key, sizeof key, "transforms.%s.predicate", names[i]);
        check(s, key, "route1");
    }
    check(s, "transforms.cast1.type", "org.apache.kafka.connect.transforms.Cast$Key");
    check(s, "transforms.cast1.spec", "g:int64,s:int64");
    check(s, "transforms.cast1.replace.null.with.default", "false");
    check(s, "transforms.header1.type", "org.apache.kafka.connect.transforms.HeaderFrom$Key");
    check(s, "transforms.header1.fields", "g,s");
    check(s, "transforms.header1.headers", "sync_key_1,sync_key_3");
    check(s, "transforms.header1.operation", "copy");
    check(s, "transforms.lift1.type", "io.debezium.transforms.HeaderToValue");
    check(s, "transforms.lift1.headers", "sync_key_1,sync_key_3");
    check(s, "transforms.lift1.fields", "sync_key_1,sync_key_3");
    check(s, "transforms.lift1.operation", "move");
    check(s, "transforms.route1.partition.payload.fields", "sync_key_1,change.h,sync_key_3");
    check(s, "transforms.drop1.type", "org.apache.kafka.connect.transforms.ReplaceField$Value");
    check(s, "transforms.drop1.exclude", "sync_key_1,sync_key_3");
    check(s, "transforms.route2.partition.payload.fields", "change.g,change.h,change.s");
    check(s, "predicates.route1.pattern", "prefix\\x2epublic\\x2ea");
    json_decref(s);
    plan_destroy(&plan);
}

#define SHOP                                                                                       \
    "CREATE TABLE orders (order_id int PRIMARY KEY, customer_id int);"                             \
    "CREATE TABLE items (order_id int, no int, PRIMARY KEY (order_id, no));"                       \
    "CREATE TABLE parcels (id int PRIMARY KEY, for_order int);"                                    \
    "CREATE TABLE customers (customer_id int PRIMARY KEY, name text);"                             \
    "ALTER TABLE orders REPLICA IDENTITY FULL; ALTER TABLE items REPLICA IDENTITY FULL;"           \
    "ALTER TABLE parcels REPLICA IDENTITY FULL; ALTER TABLE customers REPLICA IDENTITY FULL;"

/* The records of lookups keep Debezium's own key and are not routed. */
static void test_lookups(void **state) {
    (void)state;
    struct plan *plan =
        load(SHOP, "CREATE MATERIALIZED VIEW v AS SELECT o.order_id, no, name FROM customers c "
                   "JOIN orders o ON o.customer_id = c.customer_id JOIN items i ON i.order_id = "
                   "o.order_id");
    struct view_connector_options options = {.topic_prefix = "prefix"};
    json_t *s = settings_of(plan, &options);
    check(s, "table.include.list", "public\\.orders,public\\.items,public\\.customers");
    check(s, "message.key.columns", NULL);
    check(s, "transforms", "route");
    check(s, "transforms.route.partition.payload.fields", "change.order_id");
    check(s, "transforms.route.predicate", "route");
    check(s, "predicates", "route");
    check(s, "predicates.route.pattern",
          "prefix\\x2epublic\\x2eorders|prefix\\x2epublic\\x2eitems");
    json_decref(s);
    plan_destroy(&plan);
    plan = load(SHOP, "CREATE MATERIALIZED VIEW v AS SELECT o.order_id, id, name FROM customers c "
                      "JOIN orders o ON o.customer_id = c.customer_id JOIN parcels p ON "
                      "p.for_order = o.order_id");
    s = settings_of(plan, &options);
    check(s, "message.key.columns", "public\\.parcels:for_order,id");
    check(s, "transforms", "route1,route2");
    check(s, "predicates", "route1,route2");
    check(s, "predicates.route2.pattern", "prefix\\x2epublic\\x2eparcels");
    check(s, "transforms.route3.type", NULL);
    json_decref(s);
    plan_destroy(&plan);
}

#define STAFF                                                                                      \
    "CREATE TABLE employees (id int PRIMARY KEY, manager_id int, name text);\n"                    \
    "CREATE TABLE badges (badge_id int PRIMARY KEY, employee_id int NOT NULL);\n"                  \
    "ALTER TABLE employees REPLICA IDENTITY FULL; ALTER TABLE badges REPLICA IDENTITY FULL;\n"

/* A table in two roles is captured once, and its records go where Kafka puts them. */
static void test_two_roles(void **state) {
    (void)state;
    struct plan *plan = load(STAFF, "CREATE MATERIALIZED VIEW v AS SELECT e.id, m.name FROM "
                                    "employees e LEFT JOIN employees m ON m.id = e.manager_id");
    struct view_connector_options options = {.topic_prefix = "prefix"};
    json_t *s = settings_of(plan, &options);
    check(s, "table.include.list", "public\\.employees");
    check(s, "message.key.columns", NULL);
    check(s, "transforms", NULL);
    check(s, "predicates", NULL);
    json_decref(s);
    plan_destroy(&plan);
    plan = load(STAFF, "CREATE MATERIALIZED VIEW v WITH (partition_by = 'e.id') AS SELECT e.id, "
                       "b.badge_id, m.name FROM employees e JOIN badges b ON e.id = b.employee_id "
                       "LEFT JOIN employees m ON m.id = e.manager_id");
    s = settings_of(plan, &options);
    check(s, "table.include.list", "public\\.badges,public\\.employees");
    check(s, "message.key.columns", "public\\.badges:employee_id,badge_id");
    check(s, "transforms", "route");
    check(s, "transforms.route.partition.payload.fields", "change.employee_id");
    check(s, "predicates.route.pattern", "prefix\\x2epublic\\x2ebadges");
    json_decref(s);
    plan_destroy(&plan);
}

/* ... under a key beyond its primary key: a row that moves must say so to the task that it leaves.
 */
static void test_two_roles_moving(void **state) {
    (void)state;
    struct plan *plan =
        load(STAFF,
             "CREATE MATERIALIZED VIEW v WITH (partition_by = 'e.id') AS SELECT e.id, c.badge_id, "
             "d.employee_id AS other FROM badges c JOIN employees e ON e.id = c.employee_id LEFT "
             "JOIN badges d ON d.badge_id = e.manager_id");
    struct view_connector_options options = {.topic_prefix = "prefix"};
    json_t *s = settings_of(plan, &options);
    check(s, "table.include.list", "public\\.employees,public\\.badges");
    check(s, "message.key.columns", "public\\.badges:employee_id,badge_id");
    check(s, "transforms.route.partition.payload.fields", "change.id");
    check(s, "predicates.route.pattern", "prefix\\x2epublic\\x2eemployees");
    json_decref(s);
    plan_destroy(&plan);
}

static void test_overrides(void **state) {
    (void)state;
    struct plan *plan =
        load(STUDENT_CONTACT, SELECT_LIST "FROM student JOIN contact ON "
                                          "student.student_id = contact.student_id");
    struct view_connector_setting overrides[] = {
        {STR("database.port"), STR("15432")},
        {STR("heartbeat.action.query"), STR("")},
        {STR("not.there"), STR("")},
        {STR("signal.data.collection"), STR("public.\"signal\"")},
        {STR("database.port"), STR("25432")},
    };
    struct view_connector_options options = {
        .topic_prefix = "prefix", .overrides = overrides, .override_count = 5};
    json_t *s = settings_of(plan, &options);
    check(s, "database.port", "25432");
    check(s, "heartbeat.action.query", NULL);
    check(s, "heartbeat.interval.ms", "10000");
    check(s, "not.there", NULL);
    check(s, "signal.data.collection", "public.\"signal\"");
    json_decref(s);

    char *text = NULL;
    struct err err;
    overrides[0].value = STR("\xff");
    assert_int_equal(view_connector_json(plan, &options, &text, &err), ERR_CONFIG);
    assert_string_equal(err.message, "the connector's setting database.port is not UTF-8");
    static const char *const bad[] = {
        "", "Slot", "a-b", "a b",
        "a123456789012345678901234567890123456789012345678901234567890123"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        options.name = bad[i];
        assert_int_equal(view_connector_json(plan, &options, &text, &err), ERR_CONFIG);
        assert_non_null(strstr(err.message, "a replication slot's name has lower case letters"));
    }
    assert_null(text);
    plan_destroy(&plan);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_student_contact),  cmocka_unit_test(test_types),
        cmocka_unit_test(test_partitioned),      cmocka_unit_test(test_other_names),
        cmocka_unit_test(test_lookups),          cmocka_unit_test(test_two_roles),
        cmocka_unit_test(test_two_roles_moving), cmocka_unit_test(test_casts),
        cmocka_unit_test(test_overrides),
    };
    return cmocka_run_group_tests(tests, load_setup, load_teardown);
}
