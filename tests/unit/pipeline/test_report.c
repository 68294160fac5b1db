/* A real member over edges that say what the test tells them to: its reasons and its counts. */
#include "hints.h"

static void tell_group(struct fixture *f, enum consume_event_kind kind, bool lost) {
    struct consume_event event = {.kind = kind, .lost = lost};
    (void)err_set(&event.err, ERR_RETRY, "Kafka: broker down");
    f->consume.group[f->consume.group_count++] = event;
}

static int64_t count(const struct fixture *f, enum metric metric, size_t at) {
    return metrics_get(f->metrics, metric, at);
}

static void from_nothing_to_ready(void **state) {
    struct fixture *f = *state;
    assert_string_equal(turn(f), "no assignment from the consumer group yet\n"
                                 "OLAP database: not connected yet\n");
    tell_assignment(f, (size_t)2 * TASKS);
    assert_string_equal(turn(f), "OLAP database: not connected yet\n"
                                 "task 0: waiting\ntask 1: waiting\n");
    assert_int_equal(count(f, METRIC_TASKS, TASK_WAITING), 2);
    tell_sink(&f->sink, SINK_CONNECTED, "");
    f->consume.end = 5;
    assert_string_equal(turn(f), "task 0: reading\ntask 1: reading\n");
    assert_int_equal(count(f, METRIC_LAG, 0), 10);
    assert_int_equal(count(f, METRIC_CACHE_DISCARDS, DISCARD_NO_PROGRESS), 2);
    tell_ends(f);
    assert_string_equal(turn(f), "ready");
    assert_int_equal(count(f, METRIC_TASKS, TASK_LIVE), 2);
    assert_int_equal(count(f, METRIC_INITIAL_LOADS, 0), 2);
    assert_int_equal(count(f, METRIC_TRANSACTIONS, TRANSACTION_COMMITTED), 2);
    assert_int_equal(count(f, METRIC_TRANSACTION_TIME, 0), 2);
    assert_int_equal(count(f, METRIC_ROWS_UPSERTED, 0), 6);
    assert_int_equal(count(f, METRIC_ROWS_DELETED, 0), 2);
    assert_int_equal(count(f, METRIC_LAG, 0), 0);
    assert_int_equal(count(f, METRIC_APPLIED_OFFSET, metrics_at(f->metrics, 1, 1)), 5);
    assert_int_equal(count(f, METRIC_REBALANCES, REBALANCE_ASSIGNED), 1);
}

static void records_are_counted(void **state) {
    struct fixture *f = *state;
    static char text[3][2][160];
    make_live(f);
    f->consume.end = 2;
    char op_and_ts[32];
    (void)snprintf(op_and_ts, sizeof op_and_ts, "c%lld", (long long)f->now_us - 7000);
    tell_student(f, &text[0], 2, 0, op_and_ts);
    tell_student(f, &text[1], 4, 1, op_and_ts);
    assert_string_equal(turn(f), "ready");
    assert_int_equal(count(f, METRIC_RECORDS_TAKEN, 0), 2);
    assert_int_equal(count(f, METRIC_RECORDS_TAKEN, 1), 0);
    assert_int_equal(count(f, METRIC_RECORDS_APPLIED, 0), 2);
    assert_int_equal(count(f, METRIC_APPLIED_OFFSET, metrics_at(f->metrics, 0, 0)), 2);
    assert_int_equal(count(f, METRIC_CACHE_ROWS, 0), 2);
    assert_int_equal(count(f, METRIC_COMMIT_TO_VISIBLE, 0), 1);
    assert_int_equal(count(f, METRIC_LAG, 0), 2); /* the contacts' end: nothing was read of it */
}

static void odd_records_are_noticed(void **state) {
    struct fixture *f = *state;
    static char text[6][2][160];
    make_live(f);
    tell_student(f, &text[0], 2, 0, "r90"); /* a first snapshot */
    tell_student(f, &text[1], 2, 1, "c100");
    tell_student(f, &text[2], 4, 2, "c100"); /* of the same transaction */
    tell_student(f, &text[3], 2, 3, "c80");  /* sent again */
    tell_student(f, &text[4], 4, 4, "r110"); /* a second snapshot */
    tell_student(f, &text[5], 3, 0, "r110"); /* of a partition where nothing was streamed */
    assert_string_equal(turn(f), "ready");
    assert_int_equal(count(f, METRIC_COMMIT_TIME_REGRESSIONS, 0), 1);
    assert_int_equal(count(f, METRIC_LATE_SNAPSHOT_RECORDS, 0), 1);
    assert_int_equal(count(f, METRIC_RECORDS_TAKEN, 0), 6);
}

static void a_sink_that_is_away(void **state) {
    struct fixture *f = *state;
    make_live(f);
    tell_sink(&f->sink, SINK_LOST, "connection refused");
    tell_sink(&f->sink, SINK_LOST, "still\nrefused");
    assert_non_null(strstr(turn(f), "OLAP database: not connected since 2030-03-17T17:4"));
    assert_non_null(strstr(f->report.text, "Z: still refused\n"));
    assert_int_equal(count(f, METRIC_SINK_LOSSES, 0), 2);
    tell_sink(&f->sink, SINK_CONNECTED, "");
    assert_string_equal(turn(f), "ready");
    assert_int_equal(count(f, METRIC_SINK_CONNECTS, 0), 2);
    tell_sink(&f->sink, SINK_AGAIN, "disk full");
    assert_non_null(strstr(turn(f), "OLAP database: trouble since 20"));
    assert_non_null(strstr(f->report.text, "Z: disk full\n"));
}

/* What to do about a server that is away is said once, and again when it goes once more. */
static void a_server_that_goes_is_hinted_at(void **state) {
    struct fixture *f = *state;
    int fds[2];
    make_live(f);
    hints_begin(f, fds);
    for (int round = 0; round < 2; round++) {
        tell_sink(&f->sink, SINK_LOST, "connection refused");
        tell_sink(&f->sink, SINK_LOST, "still refused");
        (void)turn(f);
        expect_hints(fds, "lost", 1, 1);
        tell_group(f, CONSUME_TROUBLE, false);
        (void)turn(f);
        tell_group(f, CONSUME_TROUBLE, false);
        (void)turn(f);
        expect_hints(fds, "trouble", 1, 1);
        tell_sink(&f->sink, SINK_CONNECTED, "");
        f->now_us += 20 * INT64_C(1000000); /* librdkafka does not say that it is over */
        assert_string_equal(turn(f), "ready");
    }
    hints_end(f, fds);
}

/* The answer to COMMIT is lost; settled says what the newest rows show then. */
static void lose_an_answer(struct fixture *f, enum unknown_settled settled) {
    static char text[2][160];
    make_live(f);
    f->sink.silent = true;
    struct progress before = f->sink.newest[0];
    tell_student(f, &text, 2, 0, "c100");
    (void)turn(f);
    if (settled == UNKNOWN_WAS_NOT) {
        f->sink.newest[0] = before;
    } else if (settled == UNKNOWN_OVERTAKEN) {
        f->sink.newest[0].owner[0] = 'x';
    }
    tell_sink(&f->sink, SINK_LOST, "cut");
    (void)turn(f);
    f->sink.silent = false;
    tell_sink(&f->sink, SINK_CONNECTED, "");
    (void)turn(f);
    for (size_t i = UNKNOWN_WAS_COMMITTED; i <= UNKNOWN_OVERTAKEN; i++) {
        assert_int_equal(count(f, METRIC_UNKNOWN_OUTCOMES, i), i == (size_t)settled);
    }
    assert_int_equal(count(f, METRIC_REACQUISITIONS, REACQUIRED_FENCED),
                     settled == UNKNOWN_OVERTAKEN);
    assert_int_equal(count(f, METRIC_RECORDS_APPLIED, 0), settled != UNKNOWN_OVERTAKEN);
}

static void an_unknown_outcome_was_committed(void **state) {
    lose_an_answer(*state, UNKNOWN_WAS_COMMITTED);
}

static void an_unknown_outcome_was_not(void **state) {
    lose_an_answer(*state, UNKNOWN_WAS_NOT);
}

static void an_unknown_outcome_was_overtaken(void **state) {
    lose_an_answer(*state, UNKNOWN_OVERTAKEN);
}

static void a_halt_has_its_place_and_message(void **state) {
    struct fixture *f = *state;
    static char text[2][160];
    make_live(f);
    tell_student(f, &text, 2, 7, "c100");
    f->consume.records[0].record.partition = 1; /* where it does not belong */
    const char *said = turn(f);
    assert_int_equal(strncmp(said,
                             "task 1 halted at topic test.public.student partition 1 offset 7: "
                             "the join key of this record belongs to partition 0",
                             100),
                     0);
    assert_int_equal(count(f, METRIC_HALTS, 1), 1);
    assert_int_equal(count(f, METRIC_TASKS, TASK_HALTED), 1);
    assert_int_equal(count(f, METRIC_TASKS, TASK_LIVE), 1);
    member_resume(f->member);
    (void)turn(f);
    assert_int_equal(count(f, METRIC_REACQUISITIONS, REACQUIRED_RESUMED), 1);
}

static void the_group_takes_and_gives(void **state) {
    struct fixture *f = *state;
    make_live(f);
    tell_group(f, CONSUME_REVOKE, true);
    assert_string_equal(turn(f), "no assignment from the consumer group yet\n");
    assert_int_equal(count(f, METRIC_REBALANCES, REBALANCE_LOST), 1);
    assert_int_equal(count(f, METRIC_TASKS, TASK_LIVE), 0);
    tell_assignment(f, 3); /* the last pair is missing */
    assert_string_equal(turn(f), "partition 1 is assigned for only some of the topics\n");
    tell_group(f, CONSUME_REVOKE, false);
    tell_assignment(f, 0); /* more members than tasks */
    assert_string_equal(turn(f), "ready");
    assert_int_equal(count(f, METRIC_REBALANCES, REBALANCE_REVOKED), 1);
    assert_int_equal(count(f, METRIC_REBALANCES, REBALANCE_ASSIGNED), 3);
}

static void trouble_with_kafka_passes(void **state) {
    struct fixture *f = *state;
    make_live(f);
    tell_group(f, CONSUME_TROUBLE, false);
    assert_non_null(strstr(turn(f), "Kafka: broker down (since 2030-03-17T17:4"));
    assert_int_equal(count(f, METRIC_KAFKA_TROUBLES, 0), 1);
    f->now_us += 14000000;
    assert_string_equal(turn(f), "ready");
}

static void stopping_is_not_ready(void **state) {
    struct fixture *f = *state;
    make_live(f);
    f->sink.silent = true;
    static char text[2][160];
    tell_student(f, &text, 2, 0, "c100");
    (void)member_step(f->member);
    member_stop(f->member); /* waits for the answer */
    f->now_us += 500000;
    (void)member_step(f->member);
    health_read(f->health, &f->report);
    assert_string_equal(f->report.text, "stopping\n");
}

static void phases_have_their_names(void **state) {
    (void)state;
    const char *const *words = metric_table[METRIC_TASKS].words;
    for (size_t phase = 0; phase <= TASK_HALTED; phase++) {
        assert_string_equal(words[phase], task_phase_name((enum task_phase)phase));
    }
    assert_null(words[TASK_HALTED + 1]);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(from_nothing_to_ready),
        CASE(records_are_counted),
        CASE(odd_records_are_noticed),
        CASE(a_sink_that_is_away),
        CASE(a_server_that_goes_is_hinted_at),
        CASE(an_unknown_outcome_was_committed),
        CASE(an_unknown_outcome_was_not),
        CASE(an_unknown_outcome_was_overtaken),
        CASE(a_halt_has_its_place_and_message),
        CASE(the_group_takes_and_gives),
        CASE(trouble_with_kafka_passes),
        CASE(stopping_is_not_ready),
        cmocka_unit_test(phases_have_their_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
