#include "consume/log_throttle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static void says_once_a_minute(void **state) {
    (void)state;
    struct log_throttle throttle = {0};
    assert_false(log_throttle_drops(&throttle, "broker away", 0));
    assert_true(log_throttle_drops(&throttle, "broker away", 59999));
    assert_false(log_throttle_drops(&throttle, "another text", 59999));
    assert_false(log_throttle_drops(&throttle, "broker away", 60000));
    assert_true(log_throttle_drops(&throttle, "broker away", 60001));
}

static void numbers_do_not_count(void **state) {
    (void)state;
    struct log_throttle throttle = {0};
    assert_false(log_throttle_drops(&throttle, "after 12ms", 0));
    assert_true(log_throttle_drops(&throttle, "after 3456ms", 1));
    assert_false(log_throttle_drops(&throttle, "", 1));
    assert_true(log_throttle_drops(&throttle, "17", 2));
    assert_false(log_throttle_drops(&throttle, "topic1 [3]: unknown", 3));
    assert_false(log_throttle_drops(&throttle, "topic2 [3]: unknown", 3));
    assert_false(log_throttle_drops(&throttle, "topic2 [4]: unknown", 3));
    assert_true(log_throttle_drops(&throttle, "topic2 [4]: unknown", 4));
}

static void the_oldest_is_forgotten(void **state) {
    (void)state;
    struct log_throttle throttle = {0};
    char text[8] = "text _";
    for (int i = 0; i < LOG_THROTTLE_TEXTS; i++) {
        text[5] = (char)('A' + i);
        assert_false(log_throttle_drops(&throttle, text, i));
    }
    assert_false(log_throttle_drops(&throttle, "one more", LOG_THROTTLE_TEXTS));
    text[5] = 'B';
    assert_true(log_throttle_drops(&throttle, text, LOG_THROTTLE_TEXTS));
    text[5] = 'A';
    assert_false(log_throttle_drops(&throttle, text, LOG_THROTTLE_TEXTS));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_once_a_minute),
        cmocka_unit_test(numbers_do_not_count),
        cmocka_unit_test(the_oldest_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
