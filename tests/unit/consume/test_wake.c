#include "consume/wake.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static bool readable(const struct wake *wake) {
    struct pollfd fd = {.fd = wake->both, .events = POLLIN};
    return poll(&fd, 1, 0) == 1;
}

static int open_wake(void **state) {
    static struct wake wake;
    struct err err;
    *state = &wake;
    return wake_init(&wake, &err) == ERR_NONE ? 0 : -1;
}

static int close_wake(void **state) {
    wake_clear(*state);
    wake_clear(*state);
    return 0;
}

static void quiet_at_first(void **state) {
    assert_false(readable(*state));
}

static void either_queue_wakes(void **state) {
    struct wake *wake = *state;
    wake_again(wake->group);
    assert_true(readable(wake));
    wake_before_group(wake);
    assert_false(readable(wake));
    wake_again(wake->records);
    assert_true(readable(wake));
    wake_before_records(wake);
    assert_false(readable(wake));
}

static void many_wakes_are_one(void **state) {
    struct wake *wake = *state;
    for (int i = 0; i < 1000; i++) {
        wake_again(wake->records);
    }
    wake_before_records(wake);
    assert_false(readable(wake));
}

/* Records polled, then the group: records that came in between still wake. */
static void group_poll_keeps_a_wanted_record(void **state) {
    struct wake *wake = *state;
    wake_before_records(wake);
    wake_again(wake->records);
    wake_before_group(wake);
    assert_true(readable(wake));
}

/* Nobody polls records: the second poll of the group silences them. */
static void group_poll_silences_an_unwanted_record(void **state) {
    struct wake *wake = *state;
    wake_before_records(wake);
    wake_again(wake->records);
    wake_before_group(wake);
    wake_before_group(wake);
    assert_false(readable(wake));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(quiet_at_first, open_wake, close_wake),
        cmocka_unit_test_setup_teardown(either_queue_wakes, open_wake, close_wake),
        cmocka_unit_test_setup_teardown(many_wakes_are_one, open_wake, close_wake),
        cmocka_unit_test_setup_teardown(group_poll_keeps_a_wanted_record, open_wake, close_wake),
        cmocka_unit_test_setup_teardown(group_poll_silences_an_unwanted_record, open_wake,
                                        close_wake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
