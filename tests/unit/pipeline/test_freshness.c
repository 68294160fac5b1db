/* How old the table is said to be, and a connector that falls silent. */
#include "fixture.h"

#define S INT64_C(1000000)

static int64_t freshness_s(const struct fixture *f) {
    return metrics_is_set(f->metrics, METRIC_FRESHNESS, 0)
               ? metrics_get(f->metrics, METRIC_FRESHNESS, 0) / S
               : -1;
}

static int64_t task_freshness_s(const struct fixture *f, size_t task) {
    return metrics_is_set(f->metrics, METRIC_TASK_FRESHNESS, task)
               ? metrics_get(f->metrics, METRIC_TASK_FRESHNESS, task) / S
               : -1;
}

static void beat(struct fixture *f) {
    f->consume.heartbeat_ms = f->now_us / 1000;
}

/* At least two seconds later, which turn takes. */
static const char *later(struct fixture *f, int64_t seconds) {
    f->now_us += (seconds - 2) * S;
    return turn(f);
}

static void unknown_without_tasks_and_heartbeats(void **state) {
    struct fixture *f = *state;
    (void)turn(f);
    assert_int_equal(freshness_s(f), -1);
    make_live(f);
    (void)later(f, 2);
    assert_int_equal(task_freshness_s(f, 0), 0);
    assert_int_equal(freshness_s(f), -1); /* nothing is known of the connector */
    beat(f);
    (void)later(f, 2);
    assert_int_equal(freshness_s(f), 0);
}

static void a_quiet_source_is_fresh(void **state) {
    struct fixture *f = *state;
    make_live(f);
    for (int i = 0; i < 20; i++) {
        beat(f);
        assert_string_equal(later(f, 10), "ready");
        assert_int_equal(freshness_s(f), 0);
    }
}

static void a_stalled_road_is_not(void **state) {
    struct fixture *f = *state;
    make_live(f);
    beat(f);
    (void)later(f, 15); /* its interval, and some grace */
    assert_int_equal(freshness_s(f), 0);
    assert_string_equal(later(f, 2), "ready");
    assert_int_equal(freshness_s(f), 17);
    assert_int_equal(task_freshness_s(f, 0), 0); /* of what is in Kafka */
    assert_string_equal(later(f, 42), "ready");
    assert_string_equal(later(f, 2), "the connector has sent no heartbeat for 61 s: it has failed "
                                     "or is stopped, its slot is lost, or the OLTP database does "
                                     "not answer\n");
    assert_int_equal(freshness_s(f), 61);
    beat(f);
    assert_string_equal(later(f, 2), "ready");
    assert_int_equal(freshness_s(f), 0);
}

/* The connector may have been started a moment ago, too. */
static void a_member_that_starts_waits_for_the_first_one(void **state) {
    struct fixture *f = *state;
    f->consume.heartbeat_ms = f->now_us / 1000 - 3600000;
    make_live(f);
    assert_string_equal(later(f, 50), "ready");
    assert_int_equal(freshness_s(f) > 3600, 1);
    assert_int_equal(strncmp(later(f, 20), "the connector has sent no heartbeat", 35), 0);
}

static void what_waits_ages(void **state) {
    struct fixture *f = *state;
    static char text[40];
    make_live(f);
    beat(f);
    (void)later(f, 2);
    int64_t end = f->consume.end;
    f->consume.end += 5; /* in Kafka, not applied */
    beat(f);
    (void)later(f, 3);
    assert_int_equal(task_freshness_s(f, 0), 3);
    assert_int_equal(freshness_s(f), 3);
    (void)snprintf(text, sizeof text, "c%lld", (long long)(f->now_us - S));
    static char record[2][160];
    tell_student(f, &record, 2, end, text); /* one of five, committed a second ago */
    (void)later(f, 2);
    assert_int_equal(task_freshness_s(f, 0), 3);
    assert_int_equal(metrics_get(f->metrics, METRIC_TASK_CHANGE_AGE, 0) / S, 3);
    assert_int_equal(freshness_s(f), 5); /* of the other task, which applied nothing */
    f->consume.end = end;
    (void)later(f, 2);
    assert_int_equal(freshness_s(f), 0);
    assert_int_equal(metrics_get(f->metrics, METRIC_TASK_CHANGE_AGE, 0) / S, 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(unknown_without_tasks_and_heartbeats),
        TEST(a_quiet_source_is_fresh),
        TEST(a_stalled_road_is_not),
        TEST(a_member_that_starts_waits_for_the_first_one),
        TEST(what_waits_ages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
