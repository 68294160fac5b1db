#include "consume/said.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static void says_once_a_minute(void **state) {
    (void)state;
    struct said said = {0};
    assert_false(said_lately(&said, "broker away", 0));
    assert_true(said_lately(&said, "broker away", 59999));
    assert_false(said_lately(&said, "another text", 59999));
    assert_false(said_lately(&said, "broker away", 60000));
    assert_true(said_lately(&said, "broker away", 60001));
}

static void numbers_do_not_count(void **state) {
    (void)state;
    struct said said = {0};
    assert_false(said_lately(&said, "after 12ms", 0));
    assert_true(said_lately(&said, "after 3456ms", 1));
    assert_false(said_lately(&said, "", 1));
    assert_true(said_lately(&said, "17", 2));
    assert_false(said_lately(&said, "topic1 [3]: unknown", 3));
    assert_false(said_lately(&said, "topic2 [3]: unknown", 3));
    assert_false(said_lately(&said, "topic2 [4]: unknown", 3));
    assert_true(said_lately(&said, "topic2 [4]: unknown", 4));
}

static void the_oldest_is_forgotten(void **state) {
    (void)state;
    struct said said = {0};
    char text[8] = "text _";
    for (int i = 0; i < SAID_MAX; i++) {
        text[5] = (char)('A' + i);
        assert_false(said_lately(&said, text, i));
    }
    assert_false(said_lately(&said, "one more", SAID_MAX));
    text[5] = 'B';
    assert_true(said_lately(&said, text, SAID_MAX));
    text[5] = 'A';
    assert_false(said_lately(&said, text, SAID_MAX));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_once_a_minute),
        cmocka_unit_test(numbers_do_not_count),
        cmocka_unit_test(the_oldest_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
