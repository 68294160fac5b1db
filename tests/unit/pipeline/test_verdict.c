/* What a step finds out about a task is acted on behind it, once; until then the task is left
 * alone.
 */
#include "fixture.h"

static struct err err_of(enum err_kind kind, const char *message) {
    struct err err;
    (void)err_set(&err, kind, "%s", message);
    return err;
}

static void the_first_one_stands(void **state) {
    (void)state;
    struct err err = err_of(ERR_HALT, "first"), other = err_of(ERR_RETRY, "second");
    struct verdict verdict = {.kind = VERDICT_NONE};
    assert_false(verdict_stands(&verdict));
    verdict_halt(&verdict, &err);
    verdict_fail(&verdict, &other);
    verdict_reacquire(&verdict, REACQUIRED_FENCED, "third");
    verdict_distrust(&verdict, DISCARD_CONFLICT);
    verdict_read_again(&verdict, DISCARD_ROWS_REFUSED);
    assert_true(verdict_stands(&verdict));
    assert_int_equal(verdict.kind, VERDICT_HALT);
    assert_string_equal(verdict.err.message, "first");
    struct verdict distrust = {.kind = VERDICT_NONE};
    verdict_distrust(&distrust, DISCARD_CONFLICT);
    assert_int_equal(distrust.kind, VERDICT_REACQUIRE);
    assert_int_equal(distrust.reason, REACQUIRED_CACHE);
    assert_int_equal(distrust.discard, DISCARD_CONFLICT);
}

/* Records that come in the same poll are not taken. */
static void a_task_is_left_alone_until_then(void **state) {
    static char text[2][2][160];
    struct fixture *f = *state;
    make_live(f);
    add_record(f, CONSUME_HALT, 0, 0, 0)->err = err_of(ERR_HALT, "records are gone");
    tell_student(f, &text[0], 2, 0, "c100"); /* of task 0 */
    tell_student(f, &text[1], 3, 0, "c100"); /* of task 1 */
    step(f);
    assert_int_equal(f->member->tasks[0]->phase, TASK_HALTED);
    assert_string_equal(f->member->tasks[0]->halt.message, "records are gone");
    assert_int_equal(metrics_get(f->metrics, METRIC_HALTS, 0), 1);
    assert_int_equal(metrics_get(f->metrics, METRIC_RECORDS_TAKEN, 0), 1);
    assert_int_equal(f->member->tasks[0]->progress.offsets[0], 0);
    assert_int_equal(f->member->tasks[1]->progress.offsets[0], 1);
    member_resume(f->member);
    step(f);
    assert_int_equal(f->member->tasks[0]->phase, TASK_LIVE);
}

/* A halt while the sink reads the task's transaction: another task is in its place, and the one
 * that is read is freed when the sink has answered. */
static void what_the_sink_reads_is_kept(void **state) {
    static char text[2][160];
    struct fixture *f = *state;
    make_live(f);
    f->sink.silent = true;
    tell_student(f, &text, 2, 0, "c100");
    step(f);
    struct task *in_flight = f->member->tasks[0];
    assert_int_equal(in_flight->work.txn, TXN_SENT);
    add_record(f, CONSUME_HALT, 0, 0, 1)->err = err_of(ERR_HALT, "records are gone");
    step(f);
    assert_ptr_not_equal(f->member->tasks[0], in_flight);
    assert_int_equal(f->member->tasks[0]->phase, TASK_HALTED);
    assert_int_equal(in_flight->part.checks[0].row_count, 1);
    assert_int_equal(f->member->orphan_count, 1);
    tell_sink(&f->sink, SINK_COMMITTED, "");
    step(f);
    assert_int_equal(f->member->orphan_count, 0);
}

/* Where the sink has answered, nobody reads it any more: the task itself begins anew. */
static void a_failure_begins_the_task_anew(void **state) {
    static char text[2][160];
    struct fixture *f = *state;
    make_live(f);
    f->member->o.cache_commit_bytes = (size_t)1 << 20;
    tell_student(f, &text, 2, 0, "c100");
    step(f);
    const struct task *task = f->member->tasks[0];
    assert_true(state_dirty_bytes(task->state) > 0);
    f->now_us += 2000000; /* the cache has rested: it is committed, and that fails */
    memory_disk_fail(f->disk, 1, ERR_CACHE);
    (void)member_step(f->member);
    assert_ptr_equal(f->member->tasks[0], task);
    assert_int_equal(task->phase, TASK_WAITING);
    assert_int_equal(task->distrust, DISCARD_DISTRUSTED);
    assert_true(task->retry_at_ms > f->now_us / 1000);
    assert_int_equal(metrics_get(f->metrics, METRIC_REACQUISITIONS, REACQUIRED_CACHE), 1);
    f->now_us += 10000000;
    step(f);
    assert_int_equal(task->phase, TASK_BOOTSTRAP_SCAN);
    assert_int_equal(metrics_get(f->metrics, METRIC_CACHE_DISCARDS, DISCARD_DISTRUSTED), 1);
}

/* Nothing more is sent or committed in that step, whosever it is. */
static void after_an_error_the_step_ends(void **state) {
    static char text[3][2][160];
    struct fixture *f = *state;
    make_live(f);
    f->member->o.cache_commit_bytes = (size_t)1 << 20;
    tell_student(f, &text[0], 3, 0, "c100"); /* of task 1 */
    step(f);
    const struct task *other = f->member->tasks[1];
    assert_true(state_dirty_bytes(other->state) > 0);
    f->now_us += 2000000; /* its cache has rested, and would be committed */
    tell_student(f, &text[1], 2, 0, "c100");
    memory_disk_fail(f->disk, 1, ERR_BUG);
    (void)member_step(f->member);
    assert_non_null(member_error(f->member));
    assert_int_equal(member_error(f->member)->kind, ERR_BUG);
    assert_true(state_dirty_bytes(other->state) > 0);
    memset(f->sink.rows, 0, sizeof f->sink.rows);
    tell_student(f, &text[2], 3, 1, "c101");
    (void)member_step(f->member);
    assert_int_equal(f->sink.rows[1], 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_one_stands),
        cmocka_unit_test_setup_teardown(a_task_is_left_alone_until_then, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_the_sink_reads_is_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failure_begins_the_task_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(after_an_error_the_step_ends, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("verdict", tests, NULL, NULL);
}
