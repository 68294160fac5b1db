/* The connector that runs against the one that plan prints. */
#include "load.h"

#include "view/connector.h"
#include "view/connector_check.h"

#include <jansson.h>

static char *planned;

static int setup(void **state) {
    if (load_setup(state) != 0) {
        return -1;
    }
    struct plan *plan =
        load(STUDENT_CONTACT, SELECT_LIST "FROM student JOIN contact ON "
                                          "student.student_id = contact.student_id");
    struct view_connector_options options = {.topic_prefix = "oltp"};
    struct err err;
    int result = view_connector_json(plan, &options, &planned, &err) == ERR_NONE ? 0 : -1;
    plan_destroy(&plan);
    return result;
}

static int teardown(void **state) {
    free(planned);
    return load_teardown(state);
}

/* Plan's own text with some settings set otherwise; a NULL value: taken out. */
struct change {
    const char *key, *value;
};

static char *changed(const struct change *changes, size_t count) {
    json_t *settings = json_loads(planned, 0, NULL);
    for (size_t i = 0; i < count; i++) {
        if (changes[i].value) {
            assert_int_equal(
                json_object_set_new(settings, changes[i].key, json_string(changes[i].value)), 0);
        } else {
            assert_int_equal(json_object_del(settings, changes[i].key), 0);
        }
    }
    char *text = json_dumps(settings, JSON_INDENT(1));
    json_decref(settings);
    return text;
}

/* The report about one change; the caller clears it. */
static struct connector_report report_of(const char *key, const char *value) {
    struct change change = {key, value};
    char *real = changed(&change, 1);
    struct connector_report report = {0};
    struct err err;
    assert_int_equal(connector_compare(planned, str_from(real), &report, &err), ERR_NONE);
    buf_append(&report.text, "", 1);
    free(real);
    return report;
}

static void check(const char *key, const char *value, size_t different, size_t safe,
                  const char *text) {
    struct connector_report report = report_of(key, value);
    if (report.different != different || report.harmless != safe ||
        !strstr(report.text.ptr, text)) {
        fail_msg("%s=%s: %zu different, %zu harmless: %s", key, value ? value : "",
                 report.different, report.harmless, report.text.ptr);
    }
    buf_clear(&report.text);
}

/* Also as the answer to GET /connectors/NAME. */
static void test_same(void **state) {
    (void)state;
    struct connector_report report = {0};
    struct err err;
    assert_int_equal(connector_compare(planned, str_from(planned), &report, &err), ERR_NONE);
    json_t *whole =
        json_pack("{s:s, s:o, s:[]}", "name", "x", "config", json_loads(planned, 0, NULL), "tasks");
    char *text = json_dumps(whole, 0);
    assert_int_equal(connector_compare(planned, str_from(text), &report, &err), ERR_NONE);
    assert_int_equal(report.different + report.harmless + report.text.len, 0);
    json_decref(whole);
    free(text);
}

/* Everything on which keys, routing, values and completeness rest. */
static void test_different(void **state) {
    (void)state;
    static const struct change changes[] = {
        {"table.include.list", "public\\.student"},
        {"table.include.list", "public\\.student,public\\.contact,public\\.other"},
        {"message.key.columns", NULL},
        {"message.key.columns", "public\\.contact:contact_id"},
        {"transforms", NULL},
        {"transforms.route.partition.payload.fields", "change.contact_id"},
        {"transforms.route.partition.topic.num", "4"},
        {"transforms.drop.type", "org.apache.kafka.connect.transforms.Filter"},
        {"predicates", "p"},
        {"slot.name", "another"},
        {"publication.name", NULL},
        {"topic.prefix", "oltp2"},
        {"database.dbname", "other"},
        {"decimal.handling.mode", NULL},
        {"decimal.handling.mode", "double"},
        {"interval.handling.mode", NULL},
        {"time.precision.mode", "connect"},
        {"tombstones.on.delete", NULL},
        {"value.converter.replace.null.with.default", NULL},
        {"value.converter", "io.confluent.connect.avro.AvroConverter"},
        {"event.converting.failure.handling.mode", NULL},
        {"errors.tolerance", "all"},
        {"snapshot.mode", "no_data"},
        {"column.exclude.list", "public\\.student\\.name"},
        {"skipped.operations", "t,d"},
        {"a.setting.of.debezium.4", "x"},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        char start[100];
        (void)snprintf(start, sizeof start, "different: %s: the connector has ", changes[i].key);
        check(changes[i].key, changes[i].value, 1, 0, start);
    }
    check("slot.name", "another", 1, 0,
          "different: slot.name: the connector has 'another', plan says 'oltp_olap_sync'\n");
    check("message.key.columns", NULL, 1, 0,
          "has nothing, plan says 'public\\.contact:student_id,contact_id'\n");
    check("publication.name", NULL, 1, 0, "the connector has 'dbz_publication', plan says");
}

static void test_harmless(void **state) {
    (void)state;
    static const struct change changes[] = {
        {"poll.interval.ms", "500"},
        {"heartbeat.action.query", NULL},
        {"producer.override.linger.ms", "5"},
        {"producer.override.max.request.size", "7"},
        {"topic.creation.default.partitions", "1"},
        {"database.hostname", "db.example.org"},
        {"snapshot.mode", "when_needed"},
        {"unavailable.value.placeholder", "x"},
        {"signal.data.collection", "public.signal"},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        check(changes[i].key, changes[i].value, 0, 1, "harmless: ");
    }
}

/* The default said or not said, tables in another order or with plain dots. */
static void test_equal_in_meaning(void **state) {
    (void)state;
    check("time.precision.mode", NULL, 0, 0, "");
    check("errors.tolerance", NULL, 0, 0, "");
    check("skipped.operations", "t", 0, 0, "");
    check("table.include.list", "public.contact, public.student", 0, 0, "");
    check("message.key.columns", "public.contact:student_id,contact_id", 0, 0, "");
}

/* The topics of a predicate in another order. */
static void test_patterns(void **state) {
    (void)state;
    struct connector_report report = {0};
    struct err err;
    static const char before[] = "{\"connector.class\":\"x\",\"predicates.route.pattern\":\"a|b\"}";
    static const char after[] = "{\"connector.class\":\"x\",\"predicates.route.pattern\":\"b|a\"}";
    static const char other[] = "{\"connector.class\":\"x\",\"predicates.route.pattern\":\"b|c\"}";
    assert_int_equal(connector_compare(before, STR(after), &report, &err), ERR_NONE);
    assert_int_equal(report.different + report.harmless, 0);
    assert_int_equal(connector_compare(before, STR(other), &report, &err), ERR_NONE);
    assert_int_equal(report.different, 1);
    buf_clear(&report.text);
}

static void test_secrets(void **state) {
    (void)state;
    struct connector_report report = report_of("database.password", "hunter2");
    assert_int_equal(report.harmless, 1);
    assert_null(strstr(report.text.ptr, "hunter2"));
    assert_non_null(strstr(report.text.ptr, "has ***, plan says ***"));
    buf_clear(&report.text);
}

static void test_no_configuration(void **state) {
    (void)state;
    static const char *const bad[] = {"", "{", "[]", "{}",
                                      "{\"error_code\":404,\"message\":\"Connector x not found\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct connector_report report = {0};
        struct err err;
        assert_int_equal(connector_compare(planned, str_from(bad[i]), &report, &err), ERR_CONFIG);
        assert_non_null(strstr(err.message, "GET /connectors/NAME/config"));
    }
}

static void test_value(void **state) {
    (void)state;
    struct buf value = {0};
    connector_value(planned, "slot.name", &value);
    connector_value("{}", "publication.name", &value);
    connector_value("{}", "not.known", &value);
    assert_true(str_is(buf_view(&value), "oltp_olap_syncdbz_publication"));
    buf_clear(&value);
}

/* What plan sets for an interval's sake is no matter of taste, as it is elsewhere. */
static void test_driver_options(void **state) {
    (void)state;
    static const char with[] =
        "{\"connector.class\":\"c\",\"driver.options\":\"-c IntervalStyle=postgres\"}";
    static const char without[] = "{\"connector.class\":\"c\"}";
    struct connector_report report = {0};
    struct err err;
    assert_int_equal(connector_compare(with, STR(without), &report, &err), ERR_NONE);
    assert_int_equal(report.different, 1);
    assert_int_equal(report.harmless, 0);
    assert_int_equal(connector_compare(without, STR(with), &report, &err), ERR_NONE);
    assert_int_equal(report.different, 1);
    assert_int_equal(report.harmless, 1);
    buf_clear(&report.text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),           cmocka_unit_test(test_different),
        cmocka_unit_test(test_harmless),       cmocka_unit_test(test_equal_in_meaning),
        cmocka_unit_test(test_secrets),        cmocka_unit_test(test_no_configuration),
        cmocka_unit_test(test_patterns),       cmocka_unit_test(test_value),
        cmocka_unit_test(test_driver_options),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
