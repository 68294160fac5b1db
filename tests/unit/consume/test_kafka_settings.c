#include "consume/kafka_impl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct kafka_topic topics[] = {{"student", 8, false, false},
                                            {"contact", 8, false, false}};
static const struct log silent = {.fd = -1, .level = LOG_ERROR};

static enum err_kind try_settings(const struct kafka_setting *settings, size_t count,
                                  struct consume **ret, struct err *reterr) {
    struct kafka_options options = {.settings = settings,
                                    .setting_count = count,
                                    .topics = topics,
                                    .topic_count = 2,
                                    .log = &silent,
                                    .clock = clock_real()};
    return kafka_new(&options, ret, reterr);
}

static void check_refused(const char *name, const char *value, const char *expected) {
    const struct kafka_setting setting = {name, value};
    struct consume *consume = NULL;
    struct err err;
    assert_int_equal(try_settings(&setting, 1, &consume, &err), ERR_CONFIG);
    assert_null(consume);
    if (!strstr(err.message, name) || !strstr(err.message, expected)) {
        fail_msg("%s", err.message);
    }
}

static void refusals_name_the_setting(void **state) {
    (void)state;
    check_refused("no.such.thing", "1", "No such configuration property");
    check_refused("session.timeout.ms", "many", "session.timeout.ms");
    check_refused("session.timeout.ms", "-1", "range");
}

static void some_are_not_anybodys_choice(void **state) {
    (void)state;
    check_refused("enable.auto.commit", "true", "must be false");
    check_refused("auto.offset.reset", "earliest", "must be error");
    check_refused("partition.assignment.strategy", "cooperative-sticky", "must be range");
}

static void impossible_together(void **state) {
    (void)state;
    const struct kafka_setting settings[] = {{"security.protocol", "ssl"},
                                             {"ssl.ca.location", "/does/not/exist"}};
    struct consume *consume = NULL;
    struct err err;
    assert_int_equal(try_settings(settings, 2, &consume, &err), ERR_CONFIG);
    assert_null(consume);
    assert_non_null(strstr(err.message, "ssl.ca.location"));
}

static void check_value(const struct consume *consume, const char *name, const char *expected) {
    char value[64];
    size_t size = sizeof value;
    assert_int_equal(rd_kafka_conf_get(rd_kafka_conf(consume->rk), name, value, &size),
                     RD_KAFKA_CONF_OK);
    assert_string_equal(value, expected);
}

static void fixed_ones_come_on_top(void **state) {
    (void)state;
    const struct kafka_setting settings[] = {{"bootstrap.servers", "127.0.0.1:1"},
                                             {"group.id", "g"},
                                             {"session.timeout.ms", "7000"},
                                             {"auto.offset.reset", "error"}};
    struct consume *consume = NULL;
    struct err err;
    assert_int_equal(try_settings(settings, 4, &consume, &err), ERR_NONE);
    check_value(consume, "enable.auto.commit", "false");
    check_value(consume, "enable.auto.offset.store", "false");
    check_value(consume, "enable.partition.eof", "true");
    check_value(consume, "partition.assignment.strategy", "range");
    check_value(consume, "allow.auto.create.topics", "false");
    check_value(consume, "session.timeout.ms", "7000");
    assert_true(kafka_ops.fd(consume) >= 0);
    kafka_destroy(&consume);
    assert_null(consume);
    kafka_destroy(&consume);
}

/* An answer holds the largest record, and what may be fetched beside it. */
static void answers_are_as_large_as_records(void **state) {
    (void)state;
    const struct kafka_setting settings[] = {{"bootstrap.servers", "127.0.0.1:1"},
                                             {"group.id", "g"},
                                             {"fetch.max.bytes", "1048576"},
                                             {"receive.message.max.bytes", "150000000"}};
    static const struct {
        int64_t record_max_bytes;
        size_t setting_count;
        const char *bytes;
    } cases[] = {{0, 3, "100000000"},
                 {1048576, 3, "100000000"},
                 {268435456, 3, "271581184"},
                 {268435456, 4, "150000000"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct kafka_options options = {.settings = settings,
                                        .setting_count = cases[i].setting_count,
                                        .record_max_bytes = cases[i].record_max_bytes};
        rd_kafka_conf_t *conf = NULL;
        bool needs_fetch_wakeup;
        struct err err;
        char value[64];
        size_t size = sizeof value;
        assert_int_equal(kafka_conf_make(&options, &conf, &needs_fetch_wakeup, &err), ERR_NONE);
        assert_int_equal(rd_kafka_conf_get(conf, "receive.message.max.bytes", value, &size),
                         RD_KAFKA_CONF_OK);
        assert_string_equal(value, cases[i].bytes);
        rd_kafka_conf_destroy(conf);
    }
}

static void assigning_needs_a_group_that_gave(void **state) {
    (void)state;
    const struct kafka_setting settings[] = {{"bootstrap.servers", "127.0.0.1:1"},
                                             {"group.id", "g"}};
    struct consume *consume = NULL;
    struct err err;
    const struct topic_position at = {0, 0, 0};
    assert_int_equal(try_settings(settings, 2, &consume, &err), ERR_NONE);
    assert_int_equal(kafka_subscribe(consume, &err), ERR_NONE);
    assert_int_equal(kafka_ops.assign(consume, &at, 1, &err), ERR_BUG);
    assert_int_equal(kafka_ops.assign(consume, NULL, 0, &err), ERR_NONE);
    kafka_ops.pause(consume, 0, 0, true);
    kafka_ops.pause(consume, 7, -1, true);
    kafka_ops.revoked(consume);
    kafka_ops.release(consume, NULL);
    kafka_close(consume, 500);
    kafka_destroy(&consume);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals_name_the_setting),
        cmocka_unit_test(some_are_not_anybodys_choice),
        cmocka_unit_test(impossible_together),
        cmocka_unit_test(fixed_ones_come_on_top),
        cmocka_unit_test(answers_are_as_large_as_records),
        cmocka_unit_test(assigning_needs_a_group_that_gave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
