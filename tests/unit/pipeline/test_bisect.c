/* Which record of a batch, and which row of a load, is to blame: found in few tries. */
#include "fixture.h"
#include "pipeline/bisect_batch.h"

#define STUDENTS 32
#define TRIES    (2 * 5 + 2) /* 5 halvings of 32, both halves of each */

static void tell_students(struct fixture *f, int64_t first, int count, int bad) {
    static char text[STUDENTS][2][160];
    for (int i = 0; i < count; i++) {
        tell_student(f, &text[i], TASKS * (i + 1), first + i, "c100");
        if (i == bad) {
            char *name = strstr(text[i][1], "\"a\"");
            memcpy(name, "\"!\"", 3);
        }
    }
}

/* The record at offset `bad` of the batch that is with the sink is in it. */
static bool holds(const struct task *task, int64_t bad) {
    bool found = false;
    for (size_t i = 0; i < task->work.record_count; i++) {
        found |= task->current.items[task->current.consumed + i].record.offset == bad;
    }
    return found;
}

static void a_record_is_found_in_few_tries(void **state) {
    struct fixture *f = *state;
    make_live(f);
    f->sink.silent = true;
    struct task *task = f->member->tasks[0];
    tell_students(f, 0, STUDENTS, -1);
    step(f);
    int tries = 0;
    for (; task->work.kind != WORK_NONE && tries < 100; tries++) {
        bool refused = task->work.kind == WORK_BATCH && holds(task, 21);
        size_t count = task->work.record_count;
        if (refused) {
            f->sink.newest[0] = task->progress;
        }
        tell_sink(&f->sink, refused ? SINK_REFUSED : SINK_COMMITTED, "does not fit");
        f->sink.events[f->sink.event_count - 1].blame = BLAME_RECORD;
        step(f);
        if (refused) {
            assert_int_equal(task->work.kind, count == 1 ? WORK_DEAD_LETTER : WORK_BATCH);
            assert_int_equal(task->work.record_count, count == 1 ? 1 : count / 2);
        }
    }
    assert_true(tries <= TRIES + 5); /* and the batches behind it, which grow again */
    assert_int_equal(task->progress.offsets[0], STUDENTS);
    assert_int_equal(task->dead_letters.count, 1);
    assert_int_equal(task->dead_letters.items[0].offset, 21);
    assert_int_equal(task->phase, TASK_LIVE);
    assert_int_equal(state_row_count(task->state), STUDENTS - 1);
}

static void batches_grow_again(void **state) {
    (void)state;
    struct task task = {.record_limit = 3};
    bisect_batch_passed(&task, 10);
    assert_int_equal(task.record_limit, 6);
    bisect_batch_passed(&task, 10);
    assert_int_equal(task.record_limit, 0); /* as many as there is room for */
    bisect_batch_passed(&task, 10);
    assert_int_equal(task.record_limit, 0);
}

static void tell_log(struct fixture *f, int bad) {
    tell_students(f, 0, STUDENTS, bad);
    f->consume.end = STUDENTS;
    (void)add_record(f, CONSUME_EOF, 0, 0, STUDENTS);
    (void)add_record(f, CONSUME_EOF, 1, 0, 0);
}

/* Rows without a partner, before an initial load: no COPY would try them. */
static void a_row_is_found_in_few_checks(void **state) {
    struct fixture *f = *state;
    f->sink.refused = "!";
    tell_sink(&f->sink, SINK_CONNECTED, "");
    tell_assignment(f, (size_t)2 * TASKS);
    (void)turn(f);
    tell_log(f, 21);
    step(f);
    const struct task *task = f->member->tasks[0];
    assert_int_equal(task->phase, TASK_BOOTSTRAP_SCAN); /* again, to find the row's record */
    assert_int_equal(task->refused_count, 1);
    assert_int_equal(task->refused[0].table, 0);
    assert_in_range(f->sink.checks, 6, TRIES);
    assert_null(f->member->sessions[0].bisection);
    (void)turn(f);
    tell_log(f, 21);
    step(f);
    assert_int_equal(task->phase, TASK_LIVE);
    assert_int_equal(task->dead_letters.count, 1);
    assert_int_equal(task->dead_letters.items[0].offset, 21);
    assert_int_equal(state_row_count(task->state), STUDENTS - 1);
}

/* More than dead.letter.max: a column that never fits is not searched to its end. */
static void too_many_rows_halt_the_task(void **state) {
    struct fixture *f = *state;
    f->sink.refused = "a";
    tell_sink(&f->sink, SINK_CONNECTED, "");
    tell_assignment(f, (size_t)2 * TASKS);
    (void)turn(f);
    tell_log(f, -1);
    step(f);
    assert_int_equal(f->member->tasks[0]->phase, TASK_HALTED);
    assert_in_range(f->sink.checks, 6, TRIES);
    assert_null(f->member->sessions[0].bisection);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_record_is_found_in_few_tries, set_up, tear_down),
        cmocka_unit_test(batches_grow_again),
        cmocka_unit_test_setup_teardown(a_row_is_found_in_few_checks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_many_rows_halt_the_task, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("bisect", tests, NULL, NULL);
}
