/* Readiness while the connector's first snapshot comes, and late snapshots. */
#include "fixture.h"

#define RUNNING(rows) "initial copy running: " rows " source rows so far\n"

/* A student as a snapshot reads it, in the partition of its id. */
static void tell_copied(struct fixture *f, char (*text)[2][160], int student, int64_t offset,
                        const char *mark) {
    char op_ts_and_mark[80];
    (void)snprintf(op_ts_and_mark, sizeof op_ts_and_mark, "r90,\"snapshot\":\"%s\"", mark);
    tell_student(f, text, student, offset, op_ts_and_mark);
    f->consume.records[f->consume.record_count - 1].record.timestamp_ms = f->now_us / 1000;
}

static void running_until_the_last_record_is_applied(void **state) {
    struct fixture *f = *state;
    static char text[4][2][160];
    make_live(f);
    tell_copied(f, &text[0], 2, 0, "first");
    assert_string_equal(turn(f), RUNNING("1"));
    assert_false(member_ready(f->member));
    tell_copied(f, &text[1], 4, 1, "last_in_data_collection");
    tell_copied(f, &text[2], 3, 0, "first_in_data_collection");
    assert_string_equal(turn(f), RUNNING("3"));
    f->consume.end = 2; /* there is more in the log, in every partition */
    tell_copied(f, &text[3], 5, 1, "last");
    assert_string_equal(turn(f), RUNNING("4"));
    tell_ends(f);
    assert_string_equal(turn(f), "ready");
    assert_int_equal(metrics_get(f->metrics, METRIC_LATE_SNAPSHOT_RECORDS, 0), 0);
}

/* Each partition is read by itself: the last record may come before all others. */
static void the_last_record_may_be_read_first(void **state) {
    struct fixture *f = *state;
    static char text[4][2][160];
    f->member->o.board = NULL;
    make_live(f);
    tell_copied(f, &text[0], 3, 0, "last");
    assert_string_equal(turn(f), "ready");
    tell_copied(f, &text[1], 2, 0, "first");
    tell_copied(f, &text[2], 4, 1, "true");
    assert_string_equal(turn(f), "ready");
    tell_student(f, &text[3], 2, 2, "r95,\"snapshot\":\"true\""); /* of a later snapshot */
    assert_string_equal(turn(f), RUNNING("3"));
}

/* Another member has the last record: what is streamed is behind it. */
static void a_streamed_record_ends_it(void **state) {
    struct fixture *f = *state;
    static char text[3][2][160];
    make_live(f);
    tell_copied(f, &text[0], 2, 0, "true");
    tell_student(f, &text[1], 3, 0, "c89"); /* of a stream before the snapshot */
    assert_string_equal(turn(f), RUNNING("2"));
    tell_student(f, &text[2], 3, 1, "c90");
    assert_string_equal(turn(f), "ready");
}

static void post(struct fixture *f, bool slot_read, uint32_t looks) {
    struct board_news news = {.answered = true, .slot_read = slot_read, .looks = looks};
    assert_true(board_post(f->board, board_round(f->board), &news));
}

static void a_reader_of_the_slot_ends_it(void **state) {
    struct fixture *f = *state;
    static char text[1][2][160];
    make_live(f);
    post(f, true, 1); /* before the snapshot: it says nothing of it */
    (void)turn(f);
    tell_copied(f, &text[0], 2, 0, "true");
    assert_string_equal(turn(f), RUNNING("1"));
    f->now_us += INT64_C(60000000); /* quiet or not: the watch knows */
    post(f, false, 2);
    assert_string_equal(turn(f), RUNNING("1"));
    post(f, true, 3);
    assert_string_equal(turn(f), "ready");
}

/* Nobody watches, and the last record may be another member's. */
static void quiet_ends_it_for_a_member_of_several(void **state) {
    struct fixture *f = *state;
    static char text[2][2][160];
    f->member->o.board = NULL;
    tell_sink(&f->sink, SINK_CONNECTED, "");
    tell_assignment(f, 2); /* partition 0 of both */
    (void)turn(f);
    (void)add_record(f, CONSUME_EOF, 0, 0, 0);
    (void)add_record(f, CONSUME_EOF, 1, 0, 0);
    assert_string_equal(turn(f), "ready");
    tell_copied(f, &text[0], 2, 0, "true");
    assert_string_equal(turn(f), RUNNING("1"));
    f->now_us += INT64_C(5000000);
    assert_string_equal(turn(f), RUNNING("1"));
    f->now_us += INT64_C(5000000);
    assert_string_equal(turn(f), "ready");
}

/* A member that has every partition comes to see the last one: it waits, and the operator may know
 * better. */
static void quiet_does_not_end_it_for_one_that_has_all(void **state) {
    struct fixture *f = *state;
    static char text[1][2][160];
    f->member->o.board = NULL;
    make_live(f);
    tell_copied(f, &text[0], 2, 0, "true");
    (void)turn(f);
    f->now_us += INT64_C(3600000000);
    assert_string_equal(turn(f), RUNNING("1"));
    member_resume(f->member);
    assert_string_equal(turn(f), "ready");
}

/* Rows that were asked for beside the stream: nothing is late, and nothing is copied anew. */
static void incremental_snapshots_are_neither(void **state) {
    struct fixture *f = *state;
    static char text[3][2][160];
    make_live(f);
    tell_student(f, &text[0], 2, 0, "c50");
    tell_copied(f, &text[1], 4, 1, "incremental");
    assert_string_equal(turn(f), "ready");
    assert_int_equal(metrics_get(f->metrics, METRIC_LATE_SNAPSHOT_RECORDS, 0), 0);
    tell_copied(f, &text[2], 6, 2, "true");
    assert_string_equal(turn(f), RUNNING("3"));
    assert_int_equal(metrics_get(f->metrics, METRIC_LATE_SNAPSHOT_RECORDS, 0), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(running_until_the_last_record_is_applied),
        CASE(the_last_record_may_be_read_first),
        CASE(a_streamed_record_ends_it),
        CASE(a_reader_of_the_slot_ends_it),
        CASE(quiet_ends_it_for_a_member_of_several),
        CASE(quiet_does_not_end_it_for_one_that_has_all),
        CASE(incremental_snapshots_are_neither),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
