/* What members write beside their offsets, and read of others. */
#include "consume/kafka_peers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct said_by example(void) {
    return (struct said_by){.id = "rdkafka-1b2c",
                            .since_ms = 1796025600123,
                            .plan = "4eae6691b6614037.8.oltp",
                            .sink = "7312.16384.2200",
                            .member = "consumer-1",
                            .view = "student_contact",
                            .place = "database pg, schema public at localhost:5433"};
}

static void comes_back(void **state) {
    (void)state;
    struct said_by said = example(), read = {0};
    char line[1400];
    said_write(&said, line, sizeof line);
    assert_true(said_read(line, strlen(line), &read));
    assert_memory_equal(&read, &said, sizeof said);
}

static void separators_do_no_harm(void **state) {
    (void)state;
    struct said_by said = example(), read;
    char line[1400];
    (void)snprintf(said.view, sizeof said.view, "a|b\nc");
    (void)snprintf(said.sink, sizeof said.sink, "%s", "");
    said_write(&said, line, sizeof line);
    assert_true(said_read(line, strlen(line), &read));
    assert_string_equal(read.view, "a?b?c");
    assert_string_equal(read.sink, "");
    assert_string_equal(read.place, said.place);
}

/* Other programs, other versions, a line cut short. */
static void others_say_nothing(void **state) {
    (void)state;
    struct said_by said = example(), read;
    char line[1400];
    assert_false(said_read("", 0, &read));
    assert_false(said_read("some metadata", 13, &read));
    assert_false(said_read("oltp-olap-sync:2|a|1|p|s|m|v|d|", 31, &read));
    said_write(&said, line, sizeof line);
    for (size_t len = 0; len < strlen(line); len++) {
        assert_false(said_read(line, len, &read));
    }
    char small[40];
    said_write(&said, small, sizeof small);
    assert_true(strlen(small) < sizeof small);
    assert_false(said_read(small, strlen(small), &read));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back),
        cmocka_unit_test(separators_do_no_harm),
        cmocka_unit_test(others_say_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
