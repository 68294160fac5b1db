#include "base/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void doubles_up_to_the_limit(void **state) {
    (void)state;
    struct backoff b = backoff_init(100, 1000, 0);
    const int64_t expected[] = {100, 200, 400, 800, 1000, 1000, 1000};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        assert_int_equal(backoff_next_ms(&b), expected[i]);
    }
    backoff_reset(&b);
    assert_int_equal(backoff_next_ms(&b), 100);
    assert_int_equal(backoff_next_ms(&b), 200);
}

static void strange_limits_are_mended(void **state) {
    (void)state;
    struct backoff b = backoff_init(0, -5, 0);
    assert_int_equal(backoff_next_ms(&b), 1);
    assert_int_equal(backoff_next_ms(&b), 1);
    b = backoff_init(500, 100, 0);
    assert_int_equal(backoff_next_ms(&b), 500);
    assert_int_equal(backoff_next_ms(&b), 500);
}

static void never_overflows(void **state) {
    (void)state;
    struct backoff b = backoff_init(INT64_MAX / 3, INT64_MAX, 0);
    struct backoff jittered = backoff_init(INT64_MAX, INT64_MAX, 7);
    for (int i = 0; i < 10; i++) {
        assert_true(backoff_next_ms(&b) > 0);
        assert_true(backoff_next_ms(&jittered) >= INT64_MAX / 2);
    }
    assert_true(backoff_next_ms(&b) == INT64_MAX);
}

static void jitter_stays_between_half_and_whole(void **state) {
    (void)state;
    int64_t lowest = INT64_MAX, highest = 0;
    for (uint64_t seed = 1; seed < 2000; seed++) {
        struct backoff b = backoff_init(100, 1000, seed);
        for (int64_t step = 100; step <= 800; step *= 2) {
            int64_t wait = backoff_next_ms(&b);
            assert_true(wait >= step / 2 && wait <= step);
            if (step == 800) {
                lowest = wait < lowest ? wait : lowest;
                highest = wait > highest ? wait : highest;
            }
        }
    }
    assert_true(lowest < 420 && highest > 780); /* and uses the whole range */
    struct backoff shortest = backoff_init(1, 1, 3);
    assert_int_equal(backoff_next_ms(&shortest), 1);
}

static void equal_seeds_repeat(void **state) {
    (void)state;
    struct backoff a = backoff_init(50, 30000, 42), b = a, other = backoff_init(50, 30000, 43);
    int different = 0;
    for (int i = 0; i < 100; i++) {
        int64_t wait = backoff_next_ms(&a);
        assert_int_equal(wait, backoff_next_ms(&b));
        different += wait != backoff_next_ms(&other);
    }
    assert_true(different > 50);
}

/* The seed whose next state is 0 must not turn the jitter off. */
static void jitter_survives_state_zero(void **state) {
    (void)state;
    struct backoff b = backoff_init(1000, 1000, -UINT64_C(0x9e3779b97f4a7c15));
    (void)backoff_next_ms(&b);
    assert_int_not_equal(b.seed, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doubles_up_to_the_limit),
        cmocka_unit_test(strange_limits_are_mended),
        cmocka_unit_test(never_overflows),
        cmocka_unit_test(jitter_stays_between_half_and_whole),
        cmocka_unit_test(equal_seeds_repeat),
        cmocka_unit_test(jitter_survives_state_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
