/* Indexes that a cache lacks are built before anything is written, or read. */
#include "fixture.h"
#include "state/checksummed.h"

/* A student refers to itself. */
static struct reference to_student = {(const size_t[]){0}, 1};

static void begin(struct fixture *f) {
    f->plan->relations[0].references = &to_student;
    f->plan->relations[0].reference_count = 1;
    f->member->o.batch_max_rows = 2;
}

static bool lacks(const struct fixture *f, int32_t task) {
    const struct task *t = f->member->tasks[task];
    return t->state && state_lacks_indexes(t->state);
}

static bool finds(const struct fixture *f, int student) {
    char text[16];
    struct buf key = {0};
    struct str found = STR_NONE;
    struct err err;
    (void)snprintf(text, sizeof text, "%d", student);
    assert_int_equal(row_key_encode(&f->plan->relations[0],
                                    (struct str[]){str_from(text), STR_NONE}, &key, &err),
                     ERR_NONE);
    assert_int_equal(state_next_referrer(f->member->tasks[student % TASKS]->state, 0, 0,
                                         buf_view(&key), STR_NONE, &found, &err),
                     ERR_NONE);
    bool same = found.ptr && str_equal(found, buf_view(&key));
    buf_clear(&key);
    return same;
}

static void load(struct fixture *f, int students) {
    static char text[64][2][160];
    tell_sink(&f->sink, SINK_CONNECTED, "");
    tell_assignment(f, (size_t)2 * TASKS);
    (void)turn(f);
    for (int i = 0; i < students; i++) {
        tell_student(f, &text[i], i, i / TASKS, "r100");
    }
    f->consume.end = students / TASKS;
    tell_ends(f);
}

/* One task after the other, and nothing is written of a task before. */
static void before_a_load(void **state) {
    struct fixture *f = *state;
    begin(f);
    load(f, 24);
    int both = 0, second = 0;
    for (int i = 0; i < 300; i++) {
        assert_true(member_step(f->member) > 0 || !lacks(f, 1));
        assert_null(member_error(f->member));
        for (int32_t p = 0; p < TASKS; p++) {
            const struct task *task = f->member->tasks[p];
            assert_true(!lacks(f, p) || task->work.txn == TXN_NONE);
            assert_true(!lacks(f, p) || task->phase == TASK_BOOTSTRAP_SCAN ||
                        task->phase == TASK_BACKFILL);
        }
        both += lacks(f, 0) && lacks(f, 1);
        second += !lacks(f, 0) && lacks(f, 1);
    }
    assert_true(both > 6 && second > 6); /* 12 rows of each, two at a time */
    assert_string_equal(turn(f), "ready");
    for (int i = 0; i < 24; i++) {
        assert_true(finds(f, i));
    }
}

static void what_arrives_meanwhile_waits(void **state) {
    struct fixture *f = *state;
    begin(f);
    load(f, 24);
    while (!lacks(f, 0) || f->member->tasks[0]->phase != TASK_BACKFILL) {
        assert_true(member_step(f->member) > 0);
    }
    static char text[2][160];
    tell_student(f, &text, 24, 12, "c100");
    assert_true(member_step(f->member) > 0);
    assert_true(lacks(f, 0));
    assert_int_equal(f->member->tasks[0]->next.count, 1);
    assert_string_equal(turn(f), "ready");
    assert_true(finds(f, 0) && finds(f, 24));
}

/* As a crash leaves it that meets a commit between its parts. */
static void tear(const struct fixture *f, int32_t task) {
    struct kv_factory stores = memory_disk_factory(f->disk);
    struct kv *kv = NULL;
    struct err err;
    bool damaged;
    assert_int_equal(stores.open(stores.ctx, task, "", SPACES_OF(2, 1), &kv, &damaged, &err),
                     ERR_NONE);
    assert_int_equal(stores.ops->put(kv, META_SPACE, STR("torn"), STR(""), &err), ERR_NONE);
    assert_int_equal(stores.ops->clear(kv, INDEX_SPACE(2), &err), ERR_NONE);
    assert_int_equal(stores.ops->commit(kv, &err), ERR_NONE);
    stores.ops->close(&kv);
}

static void of_a_torn_cache(void **state) {
    struct fixture *f = *state;
    begin(f);
    load(f, 24);
    assert_string_equal(turn(f), "ready");
    verdict_reacquire(&f->member->tasks[1]->verdict, REACQUIRED_RESUMED, "by the test");
    assert_true(member_step(f->member) > 0);
    assert_null(f->member->tasks[1]->state);
    tear(f, 1);
    int steps = 0;
    while (!lacks(f, 1)) {
        assert_true(member_step(f->member) > 0);
    }
    for (; lacks(f, 1); steps++) {
        const struct task *task = f->member->tasks[1];
        assert_true(task->phase == TASK_OPENING && !task->positioned && !task->assigned);
        assert_true(member_step(f->member) > 0);
    }
    assert_true(steps > 6);
    assert_string_equal(turn(f), "ready");
    assert_true(finds(f, 1) && finds(f, 23));
    assert_int_equal(metrics_get(f->metrics, METRIC_REBUILDS, 0), 0);
}

/* A task taken away meanwhile. */
static void of_a_task_that_goes(void **state) {
    struct fixture *f = *state;
    begin(f);
    load(f, 24);
    while (!lacks(f, 0) || f->member->tasks[0]->phase != TASK_BACKFILL) {
        assert_true(member_step(f->member) > 0);
    }
    f->consume.group[f->consume.group_count++] = (struct consume_event){.kind = CONSUME_REVOKE};
    (void)turn(f);
    assert_null(f->member->tasks[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(before_a_load, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_arrives_meanwhile_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(of_a_torn_cache, set_up, tear_down),
        cmocka_unit_test_setup_teardown(of_a_task_that_goes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
