/* Which cache is committed, and when; and what Kafka is told beside it. */
#include "fixture.h"
#include "pipeline/checkpoint.h"
#include "sim/state_fixture.h"

static size_t dirty(const struct fixture *f, int32_t task) {
    return state_dirty_bytes(f->member->tasks[task]->state);
}

/* Students of task 0 or 1, which are in the sink afterwards unless it is silent. */
static void write_students(struct fixture *f, int task, int count) {
    static char text[TASKS][32][2][160];
    for (int i = 0; i < count; i++) {
        int64_t offset = f->member->tasks[task]->position[0] + i;
        tell_student(f, &text[task][i], TASKS * (i + 1) + task, offset, "c100");
    }
    step(f);
}

static void begin(struct fixture *f) {
    make_live(f);
    f->member->o.cache_commit_bytes = (size_t)1 << 30;
}

/* What is committed, as another process finds it. */
static struct state_meta committed(const struct fixture *f, int32_t task) {
    struct kv_factory stores = memory_disk_factory(f->disk);
    struct state_meta meta;
    struct state *state;
    struct err err;
    assert_int_equal(
        state_open(&stores, task, "", STR("test"), TABLES_ONLY(2), &state, &meta, &err), ERR_NONE);
    state_close(&state);
    return meta;
}

static int64_t committed_offset(const struct fixture *f, int32_t task) {
    return committed(f, task).offsets[0];
}

static void the_largest_is_committed_first(void **state) {
    struct fixture *f = *state;
    begin(f);
    write_students(f, 0, 20);
    write_students(f, 1, 2);
    size_t large = dirty(f, 0), small = dirty(f, 1);
    assert_true(small > 0 && large > 2 * small);
    f->member->o.cache_commit_bytes = 4 * large + 4; /* beside live tasks a quarter is enough */
    checkpoint_dirty(f->member);
    assert_int_equal(dirty(f, 0), large);
    f->member->o.cache_commit_bytes = 4 * large;
    checkpoint_dirty(f->member);
    assert_int_equal(dirty(f, 0), 0);
    assert_int_equal(dirty(f, 1), small);
    f->member->o.cache_commit_bytes = small;
    checkpoint_dirty(f->member);
    assert_int_equal(dirty(f, 1), 0);
}

/* Its changes are not in the sink, and may never be. */
static void a_batch_under_way_is_not_committed(void **state) {
    struct fixture *f = *state;
    begin(f);
    write_students(f, 0, 1);
    f->sink.silent = true;
    write_students(f, 0, 1);
    assert_int_equal(f->member->tasks[0]->work.kind, WORK_BATCH);
    size_t before = dirty(f, 0);
    f->member->o.cache_commit_bytes = 1;
    f->now_us += 2000000;
    checkpoint_dirty(f->member);
    checkpoint_rested(f->member);
    assert_int_equal(dirty(f, 0), before);
    tell_sink(&f->sink, SINK_COMMITTED, "");
    step(f);
    assert_int_equal(dirty(f, 0), 0);
}

static void a_cache_that_rests_is_committed(void **state) {
    struct fixture *f = *state;
    begin(f);
    write_students(f, 0, 3);
    f->now_us += 900000;
    checkpoint_rested(f->member);
    assert_true(dirty(f, 0) > 0);
    f->now_us += 200000;
    checkpoint_rested(f->member);
    assert_int_equal(dirty(f, 0), 0);
    member_destroy(&f->member);
    assert_int_equal(committed_offset(f, 0), 3);
}

/* Nothing comes for long: that makes it no older. */
static void a_quiet_cache_stays_young(void **state) {
    struct fixture *f = *state;
    begin(f);
    f->member->o.min_compaction_lag_ms = 7200000;
    write_students(f, 0, 3);
    for (int minute = 0; minute < 120; minute++) {
        f->now_us += 60000000;
        checkpoint_rested(f->member);
    }
    int64_t now_ms = f->now_us / 1000;
    member_destroy(&f->member);
    assert_true(now_ms - committed(f, 0).wall_ms <= 31 * 60000);
}

/* A task that is left keeps what is in the sink, and nothing of what may not be. */
static void a_task_leaves_with_what_is_in_the_sink(void **state) {
    struct fixture *f = *state;
    begin(f);
    write_students(f, 0, 3);
    f->sink.silent = true;
    write_students(f, 0, 2);
    struct task *task = f->member->tasks[0];
    assert_int_equal(task->position[0], 5);
    checkpoint_leave(&f->member->o, task);
    assert_int_equal(state_row_count(task->state), 3);
    assert_int_equal(dirty(f, 0), 0);
    member_destroy(&f->member);
    assert_int_equal(committed_offset(f, 0), 3);
}

/* Once a second, and only what the sink has. */
static void kafka_is_told_what_is_in_the_sink(void **state) {
    struct fixture *f = *state;
    begin(f);
    f->now_us += 2000000;
    write_students(f, 0, 3);
    f->now_us += 2000000;
    step(f);
    assert_int_equal(f->consume.committed[0][0], 3);
    int times = f->consume.commits;
    f->sink.silent = true;
    write_students(f, 0, 2);
    f->now_us += 2000000;
    step(f);
    assert_int_equal(f->consume.commits, times);
    tell_sink(&f->sink, SINK_COMMITTED, "");
    step(f);
    assert_int_equal(f->consume.committed[0][0], 5);
    assert_int_equal(f->consume.commits, times + 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_largest_is_committed_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_batch_under_way_is_not_committed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cache_that_rests_is_committed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_quiet_cache_stays_young, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_task_leaves_with_what_is_in_the_sink, set_up, tear_down),
        cmocka_unit_test_setup_teardown(kafka_is_told_what_is_in_the_sink, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("checkpoint", tests, NULL, NULL);
}
