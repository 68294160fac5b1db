#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void real_clocks_run(void **state) {
    (void)state;
    struct clock clock = clock_real();
    int64_t last = clock.mono_us(clock.ctx);
    for (int i = 0; i < 1000; i++) {
        int64_t now = clock.mono_us(clock.ctx);
        assert_true(now >= last);
        last = now;
    }
    const int64_t year_2020_ms = INT64_C(1577836800000);
    assert_true(clock_wall_ms(&clock) > year_2020_ms);
}

static int64_t from_ctx(void *ctx) {
    return *(int64_t *)ctx;
}

static void milliseconds_follow_the_clock_passed_in(void **state) {
    (void)state;
    int64_t us = 1234567;
    struct clock clock = {from_ctx, from_ctx, &us};
    assert_int_equal(clock_mono_ms(&clock), 1234);
    us = 9999;
    assert_int_equal(clock_wall_ms(&clock), 9);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_clocks_run),
        cmocka_unit_test(milliseconds_follow_the_clock_passed_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
