/* What the sink refuses: who is blamed, who halts, who goes on. */
#include "fixture.h"
#include "pipeline/refused_rows.h"

/* Nothing was written. */
static void not_written(struct fixture *f) {
    for (int32_t p = 0; p < TASKS; p++) {
        f->sink.newest[p] = f->member->tasks[p]->progress;
    }
}

static void refuse(struct fixture *f, enum blame blame, const char *sqlstate) {
    not_written(f);
    tell_sink(&f->sink, SINK_REFUSED, "refused");
    struct sink_event *event = &f->sink.events[f->sink.event_count - 1];
    event->blame = blame;
    (void)snprintf(event->err.sqlstate, sizeof event->err.sqlstate, "%s", sqlstate);
    step(f);
}

static void answer(struct fixture *f, enum sink_event_kind kind) {
    if (kind != SINK_COMMITTED) {
        not_written(f);
    }
    tell_sink(&f->sink, kind, "an answer");
    step(f);
}

static struct txn_part *part_of(const struct fixture *f, int32_t task) {
    return &f->member->tasks[task]->part;
}

static void begin(struct fixture *f) {
    make_live(f);
    f->sink.silent = true;
    f->member->o.conflict_halt_ms = 60000;
    f->member->o.refused_row_max = 10;
    f->member->o.dead_letter_max = 10;
}

/* A part of its work may be in: the row is written once more, as it was. */
static void a_refused_record_is_written_as_it_was(void **state) {
    static char text[2][2][160];
    struct fixture *f = *state;
    begin(f);
    tell_student(f, &text[0], 2, 0, "c100");
    step(f);
    assert_int_equal(f->sink.rows[0], 2); /* no contact: its delete, its check */
    answer(f, SINK_COMMITTED);
    tell_student(f, &text[1], 2, 1, "c200");
    step(f);
    refuse(f, BLAME_RECORD, "22001");
    assert_int_equal(part_of(f, 0)->dead_letter_count, 1);
    assert_int_equal(part_of(f, 0)->targets[0].deletes[DELETE_KEY][0].row_count, 1);
    assert_int_equal(part_of(f, 0)->checks[0].row_count, 1);
    answer(f, SINK_COMMITTED);
    assert_int_equal(metrics_get(f->metrics, METRIC_DEAD_LETTERS, 0), 1);
    assert_string_equal(turn(f), "ready");
}

/* What is no record's fault: the records' own checks, and bisection; no dead letter. */
static void a_refused_row_is_looked_for(void **state) {
    static char text[2][160];
    struct fixture *f = *state;
    begin(f);
    tell_student(f, &text, 2, 0, "c100");
    step(f);
    assert_false(part_of(f, 0)->savepoints);
    refuse(f, BLAME_ROW, "23514");
    assert_true(part_of(f, 0)->savepoints);
    assert_int_equal(part_of(f, 0)->refused_max, 10);
    assert_int_equal(part_of(f, 0)->dead_letter_count, 0);
    answer(f, SINK_COMMITTED);
    tell_student(f, &text, 2, 1, "c200");
    step(f);
    assert_false(part_of(f, 0)->savepoints); /* once is enough */
    answer(f, SINK_COMMITTED);
    assert_int_equal(metrics_get(f->metrics, METRIC_DEAD_LETTERS, 0), 0);
}

static void tell_both(struct fixture *f) {
    static char text[2][2][160];
    tell_student(f, &text[0], 2, 0, "c100");
    tell_student(f, &text[1], 3, 0, "c100");
    step(f);
    assert_true(f->sink.rows[0] > 0 && f->sink.rows[1] > 0);
}

static void one_task_halts_alone(void **state) {
    struct fixture *f = *state;
    begin(f);
    tell_both(f);
    answer(f, SINK_HALT);
    for (int i = 0; i < 2; i++) { /* each alone; the first one is to blame */
        bool first = f->sink.rows[0] > 0;
        assert_true(first != (f->sink.rows[1] > 0));
        answer(f, first ? SINK_HALT : SINK_COMMITTED);
    }
    assert_int_equal(f->member->tasks[0]->phase, TASK_HALTED);
    assert_int_equal(f->member->tasks[1]->phase, TASK_LIVE);
    assert_int_equal(f->member->tasks[1]->progress.offsets[0], 1);
    assert_non_null(strstr(turn(f), "task 0 halted at topic test.public.student partition 0 offset "
                                    "0: an answer"));
}

/* Tried again, while the other task goes on; then it halts and names row and record. */
static void a_conflict_is_tried_again(void **state) {
    struct fixture *f = *state;
    begin(f);
    tell_both(f);
    refuse(f, BLAME_OTHERS, "P0001");
    for (int i = 0; i < 5; i++) { /* both alone, the one again with savepoints, and again ... */
        if (f->sink.busy && f->sink.rows[0] > 0) {
            refuse(f, BLAME_OTHERS, "P0001");
        } else if (f->sink.busy) {
            answer(f, SINK_COMMITTED);
        }
        f->now_us += 100000;
        step(f);
    }
    assert_int_equal(f->member->tasks[1]->progress.offsets[0], 1);
    assert_non_null(strstr(turn(f), "task 0 is refused and tries again: refused"));
    int tries = 0;
    for (; f->member->tasks[0]->phase == TASK_LIVE && tries < 1000; tries++) {
        if (f->sink.busy) {
            refuse(f, BLAME_OTHERS, "P0001");
        }
        f->now_us += 500000;
        step(f);
    }
    assert_in_range(tries, 100, 140); /* a minute */
    const char *text = turn(f);
    assert_non_null(strstr(text, "task 0 halted at topic test.public.student partition 0 offset 0: "
                                 "table student_contact refuses the row student_id=2 since 6"));
    assert_null(strstr(text, "task 1"));
    assert_int_equal(metrics_get(f->metrics, METRIC_DEAD_LETTERS, 0), 0);
}

/* Some of its records pass meanwhile: others wait for the last one, so its time goes on. */
static void a_batch_in_conflict_has_one_clock(void **state) {
    static char text[3][2][160];
    struct fixture *f = *state;
    begin(f);
    for (int i = 0; i < 3; i++) {
        tell_student(f, &text[i], 2, i, "c100");
    }
    step(f);
    struct task **task = &f->member->tasks[0]; /* a rebuild begins with another */
    int halves = 0;
    bool passed = false;
    for (; (*task)->phase == TASK_LIVE && halves < 200; halves++) {
        if (f->sink.busy && halves > 40 && !passed && (*task)->work.record_count == 1) {
            passed = true;
            answer(f, SINK_COMMITTED);
        } else if (f->sink.busy) {
            refuse(f, BLAME_OTHERS, "23505");
        }
        f->now_us += 500000;
        step(f);
    }
    assert_true(passed);
    assert_in_range(halves, 60, 66); /* half of conflict.halt.ms, then a rebuild */
}

static void too_many_rows_halt(void **state) {
    struct fixture *f = *state;
    begin(f);
    static char text[2][160];
    static struct refusal newest = {
        .key = {"student_id=2 contact_id=1", 25}, .sqlstate = "23514", .message = {"check", 5}};
    tell_student(f, &text, 2, 0, "c100");
    step(f);
    refuse(f, BLAME_ROW, "23514");
    tell_sink(&f->sink, SINK_REFUSED, "refused");
    f->sink.events[0].blame = BLAME_ROW;
    f->sink.events[0].refusals = &newest;
    f->sink.events[0].refusal_count = 1;
    assert_non_null(strstr(turn(f), "more than 10 rows of this task are refused by table "
                                    "student_contact (refused.row.max); the newest: "
                                    "student_id=2 contact_id=1, SQLSTATE 23514: check"));
}

/* A row that is deleted and written again leaves room for one more, not for two. */
static void a_row_that_is_cleared_twice_counts_once(void **state) {
    struct fixture *f = *state;
    begin(f);
    struct task *task = f->member->tasks[0];
    const struct str one = {"2\0001\0", 4}, other = {"2\0002\0", 4};
    assert_true(refused_set_add(&task->refused_rows, one));
    assert_true(refused_set_add(&task->refused_rows, other));
    txn_part_add_cleared(&task->part, other);
    txn_part_add_cleared(&task->part, one);
    txn_part_add_cleared(&task->part, other);
    txn_part_add_cleared(&task->part, other);
    task_use_savepoints(task, f->member->o.refused_row_max);
    assert_int_equal(task->part.refused_max, 10);
    txn_part_reset(&task->part);
    txn_part_add_cleared(&task->part, other);
    txn_part_add_cleared(&task->part, other);
    task_use_savepoints(task, f->member->o.refused_row_max);
    assert_int_equal(task->part.refused_max, 9); /* `one` stands */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_refused_record_is_written_as_it_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_refused_row_is_looked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_task_halts_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_conflict_is_tried_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_batch_in_conflict_has_one_clock, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_many_rows_halt, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_row_that_is_cleared_twice_counts_once, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("refuse", tests, NULL, NULL);
}
