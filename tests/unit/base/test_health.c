#include "base/health.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void reasons_are_lines(void **state) {
    (void)state;
    struct health_report report;
    health_report_begin(&report);
    assert_true(report.ready);
    assert_string_equal(report.text, "");
    health_report_add(&report, "task %d: %s", 3, "reading");
    health_report_add(&report, "two\nlines\tand a tab");
    assert_false(report.ready);
    assert_string_equal(report.text, "task 3: reading\ntwo lines and a tab\n");
    assert_int_equal(report.len, strlen(report.text));
}

static void too_many_reasons_are_cut(void **state) {
    (void)state;
    for (size_t width = 1; width < 130; width++) { /* every way to just fit and not to */
        struct health_report report;
        health_report_begin(&report);
        for (int i = 0; i < 10000; i++) {
            health_report_add(&report, "%0*d", (int)width, 7);
        }
        assert_true(report.cut);
        assert_true(report.len < sizeof report.text);
        assert_int_equal(report.len, strlen(report.text));
        assert_string_equal(report.text + report.len - 13, "... and more\n");
        size_t lines = (report.len - 13) / (width + 1);
        assert_int_equal(lines * (width + 1), report.len - 13); /* no half lines */
        assert_true(sizeof report.text - report.len < width + 20);
    }
}

static void one_line_too_long(void **state) {
    (void)state;
    struct health_report report;
    health_report_begin(&report);
    health_report_add(&report, "%09000d", 1);
    assert_string_equal(report.text, "... and more\n");
}

static void published_is_read(void **state) {
    (void)state;
    struct health *health = health_new();
    struct health_report report;
    health_read(health, &report);
    assert_false(report.ready);
    assert_string_equal(report.text, "starting\n");
    assert_int_equal(health_last_beat_ms(health), -1);

    health_beat(health, 5000);
    assert_int_equal(health_last_beat_ms(health), 5000);
    health_report_begin(&report);
    assert_true(health_publish(health, &report));
    report.ready = false;
    health_read(health, &report);
    assert_true(report.ready);
    assert_int_equal(report.len, 0);
    health_destroy(&health);
    assert_null(health);
}

static void none_takes_nothing(void **state) {
    (void)state;
    struct health_report report;
    health_report_begin(&report);
    health_beat(NULL, 1);
    assert_true(health_publish(NULL, &report));
    health_destroy(NULL);
}

struct readers {
    struct health *health;
    atomic_bool stop;
    atomic_int reads, torn;
};

static void *read_on(void *ctx) {
    struct readers *readers = ctx;
    while (!readers->stop) {
        struct health_report report;
        health_read(readers->health, &report);
        (void)health_last_beat_ms(readers->health);
        readers->torn += report.len != strlen(report.text);
        readers->reads++;
    }
    return NULL;
}

/* A report is read whole; who says it never waits, and gets through before long. */
static void many_read_while_one_says(void **state) {
    (void)state;
    struct readers readers = {.health = health_new()};
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &readers), 0);
    }
    int published = 0;
    for (int i = 0; readers.reads < 2000 || published < 100; i++) {
        struct health_report report;
        health_report_begin(&report);
        for (int line = 0; line < i % 50; line++) {
            health_report_add(&report, "line %d", line);
        }
        health_beat(readers.health, i);
        published += health_publish(readers.health, &report);
    }
    readers.stop = true;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(readers.torn, 0);
    health_destroy(&readers.health);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reasons_are_lines),  cmocka_unit_test(too_many_reasons_are_cut),
        cmocka_unit_test(one_line_too_long),  cmocka_unit_test(published_is_read),
        cmocka_unit_test(none_takes_nothing), cmocka_unit_test(many_read_while_one_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
