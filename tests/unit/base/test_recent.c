#include "base/recent.h"

#include "base/log.h"
#include "base/trend.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

static void the_newest_comes_first_and_the_oldest_goes(void **state) {
    (void)state;
    struct recent *recent = recent_new();
    struct buf line = {0};
    assert_false(recent_get(recent, 0, &line));
    for (int i = 0; i < RECENT_LINES + 7; i++) {
        char text[20];
        (void)snprintf(text, sizeof text, "line=%d", i);
        recent_add(recent, str_from(text));
    }
    assert_true(recent_get(recent, 0, &line));
    assert_true(str_is(buf_view(&line), "line=56"));
    buf_reset(&line);
    assert_true(recent_get(recent, RECENT_LINES - 1, &line));
    assert_true(str_is(buf_view(&line), "line=7"));
    assert_false(recent_get(recent, RECENT_LINES, &line));
    buf_clear(&line);
    recent_destroy(&recent);
}

static void warnings_and_errors_are_kept(void **state) {
    (void)state;
    struct recent *recent = recent_new();
    struct log log = {.fd = open("/dev/null", O_WRONLY | O_CLOEXEC),
                      .member = "1",
                      .format = LOG_FORMAT_JSON,
                      .recent = recent};
    log_line(&log, LOG_INFO, "cli", "start", "a=%d", 1);
    struct buf line = {0};
    assert_false(recent_get(recent, 0, &line));
    log_line(&log, LOG_WARN, "cli", "slow", "why=%s", "x");
    assert_true(recent_get(recent, 0, &line));
    buf_append(&line, "", 1);
    assert_non_null(strstr(line.ptr, " level=warn member=1 component=cli event=slow why=x"));
    buf_clear(&line);
    recent_destroy(&recent);
    (void)close(log.fd);
}

static void steps_are_differences(void **state) {
    (void)state;
    struct metrics_options options = {.task_count = 2, .version = "1"};
    struct metrics *metrics = metrics_new(&options);
    struct trend *trend = trend_new();
    struct trend_step step;
    trend_look(trend, metrics, 100);
    assert_false(trend_get(trend, 0, &step)); /* nothing to compare with */
    metrics_add(metrics, METRIC_RECORDS_APPLIED, 1, 5);
    trend_look(trend, metrics, 100 + TREND_STEP_MS - 1);
    assert_false(trend_get(trend, 0, &step)); /* not due */
    trend_look(trend, metrics, 100 + TREND_STEP_MS);
    assert_true(trend_get(trend, 0, &step));
    assert_int_equal(step.records, 5);
    assert_int_equal(step.commits, 0);
    assert_int_equal(step.at_ms, 100 + TREND_STEP_MS);
    metrics_observe(metrics, METRIC_COMMIT_TO_VISIBLE, INT64_C(90000000));
    for (int i = 2; i < TREND_STEPS + 9; i++) {
        trend_look(trend, metrics, 100 + (int64_t)i * TREND_STEP_MS);
        assert_true(trend_get(trend, 0, &step));
        assert_int_equal(step.records, 0);
        assert_int_equal(step.commits, i == 2);
        assert_int_equal(step.slowest_us, i == 2 ? -1 : 0);
    }
    assert_true(trend_get(trend, TREND_STEPS - 1, &step));
    assert_false(trend_get(trend, TREND_STEPS, &step));
    trend_destroy(&trend);
    metrics_destroy(&metrics);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_comes_first_and_the_oldest_goes),
        cmocka_unit_test(warnings_and_errors_are_kept),
        cmocka_unit_test(steps_are_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
