/* A target that lacks a task's rows is filled from its state. The plan has two that show the same:
 * students with their contacts, or without. */
#include "fixture.h"
#include "pipeline/fill.h"

#define STUDENTS 25
#define ROWS     10 /* of a transaction */
#define SECOND   ((target_set)1 << 1)

static int set_up_two(void **state) {
    (void)set_up(state);
    struct fixture *f = *state;
    struct plan *plan = f->plan;
    const struct target *first = plan->targets;
    struct target *targets = arena_alloc(&plan->arena, 2 * sizeof *targets);
    for (int t = 0; t < 2; t++) {
        size_t size = first->occurrence_count * sizeof *first->occurrences;
        targets[t] = *first;
        targets[t].number = t;
        targets[t].occurrences = arena_alloc(&plan->arena, size);
        memcpy(targets[t].occurrences, first->occurrences, size);
        targets[t].occurrences[1].optional = targets[t].occurrences[1].adds_key = true;
    }
    targets[1].name = STR("second");
    plan->targets = targets;
    plan->target_count = 2;
    struct member_options options = f->member->o;
    member_destroy(&f->member);
    options.batch_max_rows = ROWS;
    options.conflict_halt_ms = 60000;
    options.refused_row_max = 10;
    f->member = member_new(&options);
    return 0;
}

static struct task *first_task(const struct fixture *f) {
    return f->member->tasks[0];
}

static void answer(struct fixture *f) {
    tell_sink(&f->sink, SINK_COMMITTED, "");
    step(f);
}

/* Offset i of task 0 has its i-th student. */
static void tell_students(struct fixture *f, int from, int to) {
    static char text[4 * STUDENTS][2][160];
    for (int i = from; i < to; i++) {
        tell_student(f, &text[i], TASKS * (i + 1), i, "c100");
    }
    step(f);
}

static void assign_anew(struct fixture *f) {
    f->consume.group[f->consume.group_count++] = (struct consume_event){.kind = CONSUME_REVOKE};
    step(f);
    tell_assignment(f, (size_t)2 * TASKS);
}

/* Task 0 has written its students to the first target; the second one was added since. */
static void begin(struct fixture *f) {
    make_live(f);
    tell_students(f, 0, STUDENTS);
    assert_int_equal(first_task(f)->progress.offsets[0], STUDENTS);
    f->sink.to_fill[0] = SECOND;
    f->sink.filled[0] &= ~SECOND;
    assign_anew(f);
    f->sink.silent = true;
    step(f);
    f->now_us += 1000000; /* others might have come */
    step(f);
}

static size_t upserts(const struct fixture *f, size_t target) {
    return first_task(f)->part.targets[target].upserts.row_count;
}

/* A transaction of the fill is in flight: so many rows, and nothing else. */
static void expect_rows(struct fixture *f, size_t rows) {
    const struct txn_part *part = &first_task(f)->part;
    assert_int_equal(first_task(f)->work.kind, WORK_FILL);
    assert_int_equal(first_task(f)->work.txn, TXN_SENT);
    assert_int_equal(upserts(f, 1), rows);
    assert_int_equal(txn_part_rows(part), rows);
    assert_int_equal(part->after.seq, part->before.seq + 1);
    assert_memory_equal(part->after.offsets, part->before.offsets, sizeof part->after.offsets);
}

static void it_is_filled_beside_the_other_task(void **state) {
    static char text[2][160];
    struct fixture *f = *state;
    begin(f);
    expect_rows(f, ROWS);
    assert_string_equal(turn(f), "task 0 is to fill table second\n");
    assert_false(member_ready(f->member));
    assert_int_equal(metrics_get(f->metrics, METRIC_TABLES_TO_FILL, 0), 1);
    tell_students(f, STUDENTS, STUDENTS + 1); /* waits */
    tell_student(f, &text, 3, 0, "c100");     /* of task 1 */
    answer(f);
    assert_int_equal(f->sink.filled[0] & SECOND, 0);
    bool other = false;
    while (f->sink.filled[0] == 1) {
        other |= f->sink.rows[1] > 0;
        if (f->sink.rows[0] > 0) {
            assert_int_equal(upserts(f, 0), 0);
        }
        answer(f);
    }
    assert_true(other);
    assert_int_equal(upserts(f, 1), STUDENTS - 2 * ROWS);
    assert_int_equal(first_task(f)->progress.offsets[0], STUDENTS);
    answer(f);
    assert_int_equal(metrics_get(f->metrics, METRIC_FILLS, 0), 1);
    assert_int_equal(upserts(f, 0), 1); /* the record that waited, in both */
    assert_int_equal(upserts(f, 1), 1);
    answer(f);
    assert_int_equal(first_task(f)->progress.offsets[0], STUDENTS + 1);
    assert_string_equal(turn(f), "ready");
    assert_int_equal(metrics_get(f->metrics, METRIC_TABLES_TO_FILL, 0), 0);
}

/* Whoever has it next begins at the first row, and only the last transaction has the mark. */
static void it_is_filled_anew_after_it_was_taken_away(void **state) {
    struct fixture *f = *state;
    begin(f);
    answer(f);
    expect_rows(f, ROWS);
    assign_anew(f);
    answer(f); /* the second of three */
    f->now_us += 1000000;
    f->sink.silent = true;
    step(f);
    for (int rows = STUDENTS; rows > 0; rows -= ROWS) {
        assert_int_equal(f->sink.filled[0] & SECOND, rows > ROWS ? 0 : SECOND);
        expect_rows(f, rows < ROWS ? (size_t)rows : ROWS);
        answer(f);
    }
    assert_string_equal(turn(f), "ready");
}

static void lose(struct fixture *f) {
    tell_sink(&f->sink, SINK_LOST, "lost");
    tell_sink(&f->sink, SINK_CONNECTED, "");
    step(f);
}

/* The newest progress row says what became of a transaction without an answer. */
static void an_unknown_outcome(void **state) {
    struct fixture *f = *state;
    begin(f);
    f->sink.newest[0] = first_task(f)->progress; /* it was not committed */
    lose(f);
    expect_rows(f, ROWS);
    for (int i = 0; i < 2; i++) {
        answer(f);
    }
    expect_rows(f, STUDENTS - 2 * ROWS);
    lose(f); /* the last one was */
    assert_int_equal(first_task(f)->to_fill, 0);
    assert_string_equal(turn(f), "ready");
}

static void refuse(struct fixture *f, enum blame blame, const char *sqlstate) {
    f->sink.newest[0] = first_task(f)->progress;
    tell_sink(&f->sink, SINK_REFUSED, "refused");
    struct sink_event *event = &f->sink.events[f->sink.event_count - 1];
    event->blame = blame;
    (void)snprintf(event->err.sqlstate, sizeof event->err.sqlstate, "%s", sqlstate);
    step(f);
}

static void a_refused_row_is_left_out(void **state) {
    struct fixture *f = *state;
    begin(f);
    refuse(f, BLAME_ROW, "22012");
    expect_rows(f, ROWS);
    assert_true(first_task(f)->part.savepoints);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(first_task(f)->part.dead_letter_count, 0);
        answer(f);
    }
    assert_string_equal(turn(f), "ready");
    tell_students(f, STUDENTS, STUDENTS + 1);
    assert_false(first_task(f)->part.savepoints);
    answer(f);
}

/* What depends on others' rows is tried again, then the task halts. */
static void a_conflict_halts(void **state) {
    struct fixture *f = *state;
    begin(f);
    for (int i = 0; i < 1000 && first_task(f)->phase == TASK_LIVE; i++) {
        if (f->sink.busy) {
            expect_rows(f, ROWS);
            refuse(f, BLAME_OTHERS, "P0001");
        }
        f->now_us += 500000;
        step(f);
    }
    const char *text = turn(f);
    assert_non_null(strstr(text, "task 0 halted: table student_contact refuses the row"));
    assert_null(strstr(text, "task 1"));
}

/* The state has rows of later versions than the sink: what was half filled would stand beside
 * them. */
static void it_waits_for_a_cache_that_is_ahead(void **state) {
    struct fixture *f = *state;
    make_live(f);
    tell_students(f, 0, 5);
    struct progress before = first_task(f)->progress;
    tell_students(f, 5, 7);
    f->sink.to_fill[0] = SECOND;
    f->sink.filled[0] &= ~SECOND;
    f->now_us += 5000000; /* the cache is committed */
    step(f);
    f->sink.newest[0] = before; /* the sink lost a commit */
    assign_anew(f);
    f->sink.silent = true;
    step(f);
    f->now_us += 1000000;
    step(f);
    assert_int_equal(first_task(f)->phase, TASK_LIVE);
    assert_int_equal(first_task(f)->work.kind, WORK_NONE);
    assert_string_equal(turn(f), "task 0 is to fill table second\n");
    tell_students(f, 5, 7);
    assert_int_equal(first_task(f)->work.kind, WORK_BATCH);
    answer(f);
    expect_rows(f, 7);
    answer(f);
    assert_string_equal(turn(f), "ready");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_is_filled_beside_the_other_task, set_up_two, tear_down),
        cmocka_unit_test_setup_teardown(it_is_filled_anew_after_it_was_taken_away, set_up_two,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_unknown_outcome, set_up_two, tear_down),
        cmocka_unit_test_setup_teardown(a_refused_row_is_left_out, set_up_two, tear_down),
        cmocka_unit_test_setup_teardown(a_conflict_halts, set_up_two, tear_down),
        cmocka_unit_test_setup_teardown(it_waits_for_a_cache_that_is_ahead, set_up_two, tear_down),
    };
    return cmocka_run_group_tests_name("fill", tests, NULL, NULL);
}
