/* What members write beside their offsets, and read of others. */
#include "consume/kafka_peers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct member_info example(void) {
    return (struct member_info){.id = "rdkafka-1b2c",
                                .since_ms = 1796025600123,
                                .plan = "4eae6691b6614037.8.oltp",
                                .sink = "7312.16384.2200",
                                .member = "consumer-1",
                                .view = "student_contact",
                                .sink_name = "database pg, schema public at localhost:5433"};
}

static void comes_back(void **state) {
    (void)state;
    struct member_info info = example(), read = {0};
    char line[1400];
    member_info_write(&info, line, sizeof line);
    assert_true(member_info_read(line, strlen(line), &read));
    assert_memory_equal(&read, &info, sizeof info);
}

static void separators_do_no_harm(void **state) {
    (void)state;
    struct member_info info = example(), read;
    char line[1400];
    (void)snprintf(info.view, sizeof info.view, "a|b\nc");
    (void)snprintf(info.sink, sizeof info.sink, "%s", "");
    member_info_write(&info, line, sizeof line);
    assert_true(member_info_read(line, strlen(line), &read));
    assert_string_equal(read.view, "a?b?c");
    assert_string_equal(read.sink, "");
    assert_string_equal(read.sink_name, info.sink_name);
}

/* Other programs, other versions, a line cut short. */
static void others_say_nothing(void **state) {
    (void)state;
    struct member_info info = example(), read;
    char line[1400];
    assert_false(member_info_read("", 0, &read));
    assert_false(member_info_read("some metadata", 13, &read));
    assert_false(member_info_read("oltp-olap-sync:2|a|1|p|s|m|v|d|", 31, &read));
    member_info_write(&info, line, sizeof line);
    for (size_t len = 0; len < strlen(line); len++) {
        assert_false(member_info_read(line, len, &read));
    }
    char small[40];
    member_info_write(&info, small, sizeof small);
    assert_true(strlen(small) < sizeof small);
    assert_false(member_info_read(small, strlen(small), &read));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back),
        cmocka_unit_test(separators_do_no_harm),
        cmocka_unit_test(others_say_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
