/* A lookup topic: one reader for all tasks, and what each makes of it. */
#include "lookups.h"

static void every_task_has_it(void **state) {
    struct fixture *f = *state;
    begin_live(f);
    assert_int_equal(f->consume.assigned_count, TASKS + 1);
    assert_int_equal(read_from(f), 0);
    f->sink.silent = true;
    tell_lookups(f, 0, 3);
    assert_positions(f, 3, 3);
    assert_given_back(0, 3, 0); /* both hold it */
    tell_sink(&f->sink, SINK_COMMITTED, "");
    step(f);
    tell_sink(&f->sink, SINK_COMMITTED, "");
    step(f);
    for (int32_t p = 0; p < TASKS; p++) {
        assert_int_equal(task_of(f, p)->progress.offsets[LOOKUP], 3);
        assert_int_equal(task_of(f, p)->progress.anchors[LOOKUP].offset, 2);
        assert_int_equal(state_row_count(task_of(f, p)->state), 3);
    }
    assert_given_back(0, 3, 1);
    assert_int_equal(metrics_get(f->metrics, METRIC_RECORDS_TAKEN, LOOKUP), 3);
    (void)turn(f);
    (void)turn(f);
    assert_int_equal(f->consume.committed[LOOKUP][0], 0); /* the group has nothing to do with it */
}

static void a_scan_waits_for_its_end(void **state) {
    struct fixture *f = *state;
    begin(f);
    (void)add_record(f, CONSUME_EOF, 0, 0, 0);
    (void)add_record(f, CONSUME_EOF, 0, 1, 0);
    tell_lookups(f, 0, 2);
    assert_int_equal(task_of(f, 0)->phase, TASK_BOOTSTRAP_SCAN);
    (void)add_record(f, CONSUME_EOF, LOOKUP, 0, 5); /* what lies between was compacted away */
    assert_string_equal(turn(f), "ready");
    assert_positions(f, 5, 5);
    assert_int_equal(f->sink.newest[1].offsets[LOOKUP], 5);
    assert_given_back(0, 2, 1);
}

static void a_late_task_goes_back(void **state) {
    struct fixture *f = *state;
    f->member->o.checks = false; /* they would end what is to be seen in the result */
    begin_live(f);
    tell_lookups(f, 0, 4);
    set_back(f, 1, 1);
    assert_int_equal(read_from(f), 1);
    assert_positions(f, 4, 1);
    f->sink.rows[0] = 0;
    tell_lookups(f, 1, 4);
    assert_positions(f, 4, 4);
    assert_int_equal(f->sink.rows[0], 0); /* it had them */
    assert_int_equal(task_of(f, 1)->progress.offsets[LOOKUP], 4);
    tell_lookups(f, 4, 5);
    assert_positions(f, 5, 5);
    assert_given_back(1, 4, 2); /* each time they came */
    assert_int_equal(reacquired(f), 0);
}

/* Its cache was not committed, and is behind what the sink has. */
static void a_replay_has_lookups(void **state) {
    struct fixture *f = *state;
    begin_live(f);
    f->member->o.cache_commit_bytes = (size_t)1 << 30;
    tell_lookups(f, 0, 3);
    assert_int_equal(f->sink.newest[1].offsets[LOOKUP], 3);
    verdict_reacquire(&task_of(f, 1)->verdict, REACQUIRED_FENCED, "the test says so");
    step(f);
    f->now_us += 300000;
    step(f);
    assert_int_equal(task_of(f, 1)->phase, TASK_CATCH_UP);
    assert_int_equal(read_from(f), 0);
    f->sink.rows[1] = 0;
    tell_lookups(f, 0, 3);
    assert_int_equal(task_of(f, 1)->phase, TASK_LIVE);
    assert_int_equal(state_row_count(task_of(f, 1)->state), 3);
    assert_int_equal(f->sink.rows[1], 0);
    assert_positions(f, 3, 3);
}

/* ... and ahead of it in another topic, since the sink went back in time. */
static void a_cache_may_be_behind_in_one_topic_alone(void **state) {
    struct fixture *f = *state;
    begin_live(f);
    struct progress before = f->sink.newest[0];
    tell_contact(f, 2, 0, 5);
    step(f); /* committed with its cache */
    f->member->o.cache_commit_bytes = (size_t)1 << 30;
    tell_lookups(f, 0, 3);
    f->sink.newest[0].offsets[0] = before.offsets[0];
    f->sink.newest[0].anchors[0] = before.anchors[0];
    verdict_reacquire(&task_of(f, 0)->verdict, REACQUIRED_FENCED, "the test says so");
    step(f);
    f->now_us += 300000;
    step(f);
    assert_int_equal(task_of(f, 0)->phase, TASK_CATCH_UP);
    assert_int_equal(task_of(f, 0)->position[0], 0);
    assert_int_equal(read_from(f), 0);
    tell_lookups(f, 0, 3);
    assert_int_equal(task_of(f, 0)->phase, TASK_LIVE);
    assert_int_equal(state_row_count(task_of(f, 0)->state), 4);
}

static void what_passed_by_is_noticed(void **state) {
    struct fixture *f = *state;
    begin_live(f);
    tell_lookups(f, 0, 1);
    f->member->lookups[LOOKUP].next = 7; /* as if it had been read from there */
    f->member->o.checks = false;
    tell_lookups(f, 7, 8);
    assert_int_equal(reacquired(f), 2);
    assert_given_back(7, 8, 1);
    (void)turn(f);
    assert_int_equal(read_from(f), 0); /* the record that proves the log */
}

/* Task 0 is refused for what depends on others, and holds all it may. */
static void fill_task_0(struct fixture *f) {
    f->sink.silent = true;
    tell_lookups(f, 0, 1);
    task_of(f, 0)->conflict_since_ms = 1;
    tell_lookups(f, 1, 201);
    assert_positions(f, 201, 201);
    tell_lookups(f, 201, 203);
}

static void let_it_write(struct fixture *f) {
    task_of(f, 0)->conflict_since_ms = 0;
    for (int i = 0; i < 10; i++) {
        f->now_us += 100000;
        tell_sink(&f->sink, SINK_COMMITTED, "");
        step(f);
    }
}

static void a_full_task_is_cut_and_goes_back(void **state) {
    struct fixture *f = *state;
    begin_live(f);
    int assigns = f->consume.assigns;
    fill_task_0(f);
    assert_positions(f, 201, 203);
    assert_true(task_of(f, 0)->cut[LOOKUP]);
    assert_false(f->consume.paused[LOOKUP][0]);
    assert_int_equal(f->consume.assigns, assigns);
    let_it_write(f);
    assert_int_equal(f->consume.assigns, assigns + 1);
    assert_int_equal(read_from(f), 201);
    assert_false(task_of(f, 0)->cut[LOOKUP]);
    tell_lookups(f, 201, 204);
    assert_positions(f, 204, 204);
    assert_int_equal(reacquired(f), 0);
    let_it_write(f);
    assert_int_equal(task_of(f, 0)->progress.offsets[LOOKUP], 204);
    assert_int_equal(task_of(f, 1)->progress.offsets[LOOKUP], 204);
    assert_given_back(0, 201, 1);
    assert_given_back(203, 204, 1);
}

/* It makes the others wait: so it has to wait longer each time. */
static void going_back_costs_time(void **state) {
    struct fixture *f = *state;
    begin_live(f);
    tell_lookups(f, 0, 4);
    set_back(f, 1, 1);
    f->now_us += 60000000; /* long ago, but not long enough to be forgotten */
    for (int64_t wait_ms = 2000; wait_ms <= 32000; wait_ms *= 4) { /* twice in each round */
        tell_lookups(f, read_from(f), 4);
        int64_t begin_us = f->now_us;
        ask_back(f, 1, 2); /* the last time was long ago enough */
        assert_true(task_of(f, 1)->assigned);
        assert_int_equal(read_from(f), 2);
        tell_lookups(f, 2, 4);
        ask_back(f, 1, 2);
        while (f->now_us - begin_us < (wait_ms - 50) * 1000) {
            assert_true(task_of(f, 0)->assigned);
            assert_false(task_of(f, 1)->assigned);
            assert_false(member_ready(f->member));
            f->now_us += 50000;
            step(f);
        }
        health_read(f->health, &f->report);
        assert_string_equal(f->report.text,
                            "task 1 waits 1 s before lookup topics are read again for it\n");
        f->now_us += 50000;
        step(f);
        assert_true(task_of(f, 1)->assigned);
        assert_true(member_ready(f->member));
        assert_int_equal(read_from(f), 2);
        f->now_us += 60000000;
    }
}

/* Nothing is read again for what has no room: that costs nothing, whatever else is said anew. */
static void no_room_costs_no_time(void **state) {
    struct fixture *f = *state;
    begin_live(f);
    fill_task_0(f);
    assert_true(task_of(f, 0)->cut[LOOKUP]);
    for (int i = 0; i < 5; i++) {
        f->member->needs_assign = true;
        f->now_us += 1000000;
        step(f);
        assert_int_equal(read_from(f), 203);
    }
    assert_int_equal(f->member->going_back[0].at_ms, 0);
    let_it_write(f);
    assert_int_equal(read_from(f), 201);
}

/* Both have passed something by, and would have to wait for the sake of the other. */
static void where_nobody_reads_nobody_waits(void **state) {
    struct fixture *f = *state;
    begin_live(f);
    fill_task_0(f);
    task_of(f, 1)->conflict_since_ms = 1;
    tell_lookups(f, 203, 410);
    assert_true(task_of(f, 0)->cut[LOOKUP] && task_of(f, 1)->cut[LOOKUP]);
    for (int32_t p = 0; p < TASKS; p++) {
        task_of(f, p)->conflict_since_ms = 0;
        f->member->going_back[p].at_ms = now_ms(f->member) + 60000;
    }
    let_it_write(f);
    assert_int_equal(read_from(f), 201);
    assert_false(task_of(f, 0)->cut[LOOKUP] || task_of(f, 1)->cut[LOOKUP]);
}

static void all_that_are_full_wait_in_kafka(void **state) {
    struct fixture *f = *state;
    begin_live(f);
    f->sink.silent = true;
    tell_lookups(f, 0, 1);
    task_of(f, 0)->conflict_since_ms = task_of(f, 1)->conflict_since_ms = 1;
    tell_lookups(f, 1, 201);
    (void)member_step(f->member);
    assert_true(f->consume.paused[LOOKUP][0]);
    int assigns = f->consume.assigns;
    task_of(f, 1)->conflict_since_ms = 0;
    let_it_write(f);
    assert_false(f->consume.paused[LOOKUP][0]);
    assert_int_equal(f->consume.assigns, assigns);
    tell_lookups(f, 201, 203);
    assert_positions(f, 203, 203);
}

static void one_that_halts_stops_no_other(void **state) {
    struct fixture *f = *state;
    struct err err;
    begin_live(f);
    (void)err_set(&err, ERR_HALT, "the test says so");
    verdict_halt(&task_of(f, 0)->verdict, &err);
    step(f);
    tell_lookups(f, 0, 2);
    assert_int_equal(task_of(f, 0)->phase, TASK_HALTED);
    assert_int_equal(task_of(f, 1)->progress.offsets[LOOKUP], 2);
    assert_given_back(0, 2, 1);
    member_resume(f->member);
    (void)turn(f);
    assert_int_equal(read_from(f), 0);
}

/* Kafka has no longer what task 1 needs. */
static void a_log_cut_off_halts_who_needs_it(void **state) {
    struct fixture *f = *state;
    begin_live(f);
    tell_lookups(f, 0, 4);
    set_back(f, 1, 1);
    struct consume_event *event = add_record(f, CONSUME_HALT, LOOKUP, 0, 1);
    (void)err_set(&event->err, ERR_HALT, "cut off");
    (void)turn(f);
    assert_int_equal(task_of(f, 1)->phase, TASK_HALTED);
    assert_int_equal(task_of(f, 0)->phase, TASK_LIVE);
    assert_int_equal(read_from(f), 4);
    tell_lookups(f, 4, 5);
    assert_int_equal(task_of(f, 0)->progress.offsets[LOOKUP], 5);
}

static void a_log_that_is_too_short_is_seen(void **state) {
    struct fixture *f = *state;
    begin_live(f);
    tell_lookups(f, 0, 4);
    set_back(f, 1, 1);
    (void)add_record(f, CONSUME_EOF, LOOKUP, 0, 2);
    step(f);
    assert_int_equal(task_of(f, 0)->phase, TASK_HALTED); /* it has read up to 4 */
    assert_non_null(strstr(task_of(f, 0)->halt.message, "ends at offset 2"));
    assert_int_equal(task_of(f, 0)->halt.partition, 0);
}

static void two_partitions_halt(void **state) {
    struct fixture *f = *state;
    begin_live(f);
    tell_assignment(f, 0);
    f->consume.pairs[0] = (struct topic_position){0, 0, -1};
    f->consume.pairs[1] = (struct topic_position){LOOKUP, 1, -1};
    f->consume.group[0].pair_count = 2;
    (void)turn(f);
    assert_int_equal(task_of(f, 0)->phase, TASK_HALTED);
    assert_string_equal(task_of(f, 0)->halt.topic, f->plan->relations[LOOKUP].topic.ptr);
    assert_non_null(strstr(task_of(f, 0)->halt.message, "one partition"));
}

static int64_t transactions(const struct fixture *f) {
    return metrics_get(f->metrics, METRIC_TRANSACTIONS, TRANSACTION_COMMITTED);
}

static void assert_applied(const struct fixture *f, int64_t by_task_0, int64_t by_task_1) {
    assert_int_equal(f->sink.newest[0].offsets[LOOKUP], by_task_0);
    assert_int_equal(f->sink.newest[1].offsets[LOOKUP], by_task_1);
}

/* A busy lookup table whose rows nothing shows costs no transactions of its own, but one now and
 * then. */
static void what_nothing_shows_waits(void **state) {
    struct fixture *f = *state;
    begin_live(f);
    int64_t before = transactions(f);
    for (int64_t offset = 0; offset < 9; offset++) {
        tell_lookup(f, offset);
        step(f);
        f->now_us += 10000;
    }
    assert_true(member_wait_ms(f->member) <= 10);
    assert_applied(f, 0, 0);
    tell_contact(f, 2, 0, 5);
    step(f);
    assert_applied(f, 9, 0); /* they go with what must be written */
    assert_int_equal(f->sink.newest[0].offsets[0], 1);
    assert_int_equal(transactions(f), before + 1);
    f->now_us += 10000;
    step(f);
    assert_applied(f, 9, 9);
    assert_int_equal(transactions(f), before + 2);
}

static void what_a_row_shows_goes_at_once(void **state) {
    struct fixture *f = *state;
    begin_live(f);
    tell_contact(f, 2, 0, 5);
    step(f);
    tell_lookup(f, 4);
    step(f);
    assert_applied(f, 0, 0);
    tell_lookup(f, 5);
    step(f);
    assert_applied(f, 6, 0);
    assert_true(f->sink.rows[0] > 0);
    f->now_us += 100000;
    step(f);
    assert_applied(f, 6, 6);
}

/* A record that can't be decoded is every task's dead letter, of partition 0. */
static void each_task_has_its_dead_letter(void **state) {
    struct fixture *f = *state;
    begin_live(f);
    f->sink.silent = true;
    struct consume_event *event = add_record(f, CONSUME_RECORD, LOOKUP, 0, 0);
    event->record.key = STR("{\"student_id\":7}");
    event->record.value = STR("{");
    event->record.handle = &given_back[0];
    step(f);
    for (int32_t p = 0; p < TASKS; p++) {
        const struct txn_part *part = &task_of(f, p)->part;
        assert_int_equal(part->task, p);
        assert_int_equal(part->dead_letter_count, 1);
        assert_int_equal(part->dead_letters[0].partition, 0);
        assert_string_equal(part->dead_letters[0].topic.ptr, f->plan->relations[LOOKUP].topic.ptr);
    }
    tell_sink(&f->sink, SINK_COMMITTED, "");
    step(f);
    assert_given_back(0, 1, 1);
    f->sink.silent = false;
    assert_string_equal(turn(f), "ready");
}

/* Its last record is of long ago: that says nothing of the caches, which have all up to its end.
 * The record that proves the log is read again, and is not the first one that is new. */
static void a_quiet_one_ages_no_cache(void **state) {
    struct fixture *f = *state;
    begin_live(f);
    tell_lookups(f, 0, 3);
    assert_positions(f, 3, 3);
    f->member->o.min_compaction_lag_ms = INT64_C(7) * 86400000;
    f->consume.end = 3;
    for (int times = 0; times < 2; times++) {
        f->now_us += INT64_C(3) * 86400 * 1000000; /* the caches are refreshed meanwhile */
        (void)turn(f);
        for (int32_t p = 0; p < TASKS; p++) {
            verdict_reacquire(&task_of(f, p)->verdict, REACQUIRED_TABLE, "the test says so");
        }
        step(f);
        assert_int_equal(read_from(f), 2);
        tell_lookup(f, 2);
        (void)add_record(f, CONSUME_EOF, LOOKUP, 0, 3);
        (void)add_record(f, CONSUME_EOF, 0, 0, 0);
        (void)add_record(f, CONSUME_EOF, 0, 1, 0);
        assert_string_equal(turn(f), "ready");
        assert_positions(f, 3, 3);
        assert_int_equal(metrics_get(f->metrics, METRIC_CACHE_DISCARDS, DISCARD_LOG_TOO_OLD), 0);
        assert_int_equal(metrics_get(f->metrics, METRIC_CACHE_DISCARDS, DISCARD_TOO_OLD), 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_lookup, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_task_has_it),
        TEST(a_scan_waits_for_its_end),
        TEST(a_late_task_goes_back),
        TEST(a_replay_has_lookups),
        TEST(a_cache_may_be_behind_in_one_topic_alone),
        TEST(what_passed_by_is_noticed),
        TEST(a_full_task_is_cut_and_goes_back),
        TEST(going_back_costs_time),
        TEST(no_room_costs_no_time),
        TEST(where_nobody_reads_nobody_waits),
        TEST(all_that_are_full_wait_in_kafka),
        TEST(one_that_halts_stops_no_other),
        TEST(a_log_cut_off_halts_who_needs_it),
        TEST(a_log_that_is_too_short_is_seen),
        TEST(two_partitions_halt),
        TEST(each_task_has_its_dead_letter),
        TEST(what_nothing_shows_waits),
        TEST(a_quiet_one_ages_no_cache),
        TEST(what_a_row_shows_goes_at_once),
    };
    return cmocka_run_group_tests_name("lookup topics", tests, NULL, NULL);
}
