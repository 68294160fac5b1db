/* Who writes next, and who waits in Kafka. */
#include "fixture.h"
#include "pipeline/turn.h"

/* Students of one task, each new and without a contact: a delete and a check, two rows each. */
static void tell_students(struct fixture *f, int task, int count) {
    static char text[2][512][2][160];
    for (int i = 0; i < count; i++) {
        int64_t offset = f->member->tasks[task]->position[0] + i;
        tell_student(f, &text[task][offset % 512], task + TASKS * (int)(offset + 1), offset,
                     "c100");
    }
}

static void answer(struct fixture *f) {
    tell_sink(&f->sink, SINK_COMMITTED, "");
    step(f);
}

static void assert_rows(const struct fixture *f, size_t of_task_0, size_t of_task_1) {
    assert_int_equal(f->sink.rows[0], of_task_0);
    assert_int_equal(f->sink.rows[1], of_task_1);
}

static void little_goes_together(void **state) {
    struct fixture *f = *state;
    make_live(f);
    f->sink.silent = true;
    tell_students(f, 0, 10);
    tell_students(f, 1, 20);
    step(f);
    assert_rows(f, 20, 40);
    assert_false(turn_is_built(&f->member->sessions[0]));
}

static void much_goes_in_turn(void **state) {
    struct fixture *f = *state;
    make_live(f);
    f->sink.silent = true;
    tell_students(f, 0, 120);
    tell_students(f, 1, 120);
    step(f);
    for (int i = 0; i < 2; i++) {
        assert_rows(f, 100, 0);
        /* the next one, while this one is in flight */
        assert_true(turn_is_built(&f->member->sessions[0]));
        answer(f);
        assert_rows(f, 0, 100);
        answer(f);
    }
    assert_rows(f, 40, 40); /* the rest of both fits into one */
    answer(f);
    assert_int_equal(f->member->tasks[0]->progress.offsets[0], 120);
    assert_int_equal(f->member->tasks[1]->progress.offsets[0], 120);
}

static void a_quiet_task_goes_in_between(void **state) {
    struct fixture *f = *state;
    make_live(f);
    f->sink.silent = true;
    tell_students(f, 0, 250);
    step(f);
    assert_rows(f, 100, 0);
    tell_students(f, 1, 1);
    step(f);
    answer(f);
    assert_rows(f, 0, 2);
    tell_students(f, 1, 1);
    step(f);
    answer(f);
    assert_rows(f, 100, 0); /* the busy one's turn: it does not wait for ever */
    answer(f);
    assert_rows(f, 0, 2);
}

static void a_busy_task_is_paused(void **state) {
    struct fixture *f = *state;
    make_live(f);
    f->sink.silent = true;
    f->member->o.held_max_bytes = 30000;
    tell_students(f, 1, 1);
    tell_students(f, 0, 150);
    step(f);
    assert_true(f->consume.paused[0][0] && f->consume.paused[1][0]);
    assert_false(f->consume.paused[0][1] || f->consume.paused[1][1]);
    tell_students(f, 1, 1);
    step(f);
    assert_int_equal(f->consume.record_count, 0); /* the quiet one is read on */
    for (int i = 0; i < 6; i++) {
        answer(f);
    }
    assert_int_equal(f->member->tasks[0]->progress.offsets[0], 150);
    assert_false(f->consume.paused[0][0] || f->consume.paused[1][0]);
}

/* Pausing would drop what was fetched, and for nobody. */
static void nobody_is_paused(struct fixture *f, int of_task_0, int of_task_1) {
    make_live(f);
    f->sink.silent = true;
    f->member->o.held_max_bytes = 30000;
    tell_students(f, 0, of_task_0);
    tell_students(f, 1, of_task_1);
    step(f);
    tell_students(f, 0, 1);
    step(f);
    assert_int_equal(f->consume.record_count, 1);
    assert_false(f->consume.paused[0][0] || f->consume.paused[0][1]);
    for (int i = 0; i < 8; i++) {
        answer(f);
    }
    assert_int_equal(f->consume.record_count, 0);
    assert_int_equal(f->member->tasks[0]->position[0], of_task_0 + 1);
}

static void all_wait_where_all_are_busy(void **state) {
    nobody_is_paused(*state, 60, 60);
}

static void all_wait_where_there_is_only_one(void **state) {
    nobody_is_paused(*state, 120, 0);
}

static int set_up_two(void **state) {
    return set_up_sessions(state, 2);
}

static void sessions_write_beside_each_other(void **state) {
    struct fixture *f = *state;
    make_live(f);
    f->sink.silent = f->second.silent = true;
    tell_students(f, 0, 10);
    tell_students(f, 1, 20);
    step(f);
    assert_true(f->sink.busy && f->second.busy);
    assert_rows(f, 20, 0);
    assert_int_equal(f->second.rows[1], 40);
    tell_sink(&f->second, SINK_LOST, "gone"); /* the other goes on meanwhile */
    answer(f);
    tell_students(f, 0, 30);
    step(f);
    assert_rows(f, 60, 0);
    answer(f);
    assert_int_equal(f->member->tasks[0]->progress.offsets[0], 40);
    assert_int_equal(f->member->tasks[1]->progress.offsets[0], 0);
    assert_non_null(strstr(turn(f), "gone"));
    tell_sink(&f->second, SINK_CONNECTED, "");
    assert_string_equal(turn(f), "ready"); /* what was sent stands there, by the newest row */
    assert_int_equal(f->member->tasks[1]->progress.offsets[0], 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(little_goes_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(much_goes_in_turn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_quiet_task_goes_in_between, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_busy_task_is_paused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(all_wait_where_all_are_busy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(all_wait_where_there_is_only_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sessions_write_beside_each_other, set_up_two, tear_down),
    };
    return cmocka_run_group_tests_name("turn", tests, NULL, NULL);
}
