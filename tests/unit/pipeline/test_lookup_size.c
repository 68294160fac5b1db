/* A lookup that is too large halts its tasks, before anything is written. */
#include "lookups.h"

#define ROWS 40

static void assert_halted(const struct fixture *f, int32_t p) {
    const struct task *task = task_of(f, p);
    assert_int_equal(task->phase, TASK_HALTED);
    assert_non_null(strstr(task->halt.message, "lookup table student takes "));
    assert_non_null(strstr(task->halt.message, " bytes in the cache of task "));
    assert_non_null(strstr(task->halt.message, "more than lookup.max.bytes (500); every task keeps "
                                               "all of it: 2 tasks "));
    assert_int_equal(task->halt.partition, p);
}

static void tell_all_ends(struct fixture *f, int64_t lookups) {
    (void)add_record(f, CONSUME_EOF, 0, 0, 0);
    (void)add_record(f, CONSUME_EOF, 0, 1, 0);
    (void)add_record(f, CONSUME_EOF, LOOKUP, 0, lookups);
}

/* While it is read, and so before the initial load. */
static void a_load_halts(void **state) {
    struct fixture *f = *state;
    f->member->o.lookup_max_bytes = 500;
    begin(f);
    tell_lookups(f, 0, ROWS);
    tell_all_ends(f, ROWS);
    f->consume.end = ROWS;
    (void)turn(f);
    for (int32_t p = 0; p < TASKS; p++) {
        assert_halted(f, p);
        assert_false(f->sink.newest[p].has_offsets);
    }
}

/* All of it came in one piece: it is first committed when it was read to its end. */
static void a_load_in_one_piece_halts(void **state) {
    struct fixture *f = *state;
    f->member->o.lookup_max_bytes = 500;
    f->member->o.cache_commit_bytes = SIZE_MAX;
    begin(f);
    for (int64_t offset = 0; offset < ROWS; offset++) {
        tell_lookup(f, offset);
    }
    tell_all_ends(f, ROWS);
    f->consume.end = ROWS;
    (void)turn(f);
    for (int32_t p = 0; p < TASKS; p++) {
        assert_halted(f, p);
        assert_false(f->sink.newest[p].has_offsets);
    }
}

static void it_grows(void **state) {
    struct fixture *f = *state;
    f->member->o.lookup_max_bytes = 500;
    begin_live(f);
    tell_lookups(f, 0, 2);
    assert_string_equal(turn(f), "ready");
    tell_lookups(f, 2, ROWS);
    (void)turn(f);
    assert_halted(f, 0);
    assert_halted(f, 1);
}

/* Resumed, the cache that it has is too large again; with another bound it goes on. */
static void a_cache_is_looked_at_when_opened(void **state) {
    struct fixture *f = *state;
    begin_live(f);
    tell_lookups(f, 0, ROWS);
    assert_string_equal(turn(f), "ready");
    f->member->o.lookup_max_bytes = 500;
    for (int i = 0; i < 2; i++) {
        for (int32_t p = 0; p < TASKS; p++) {
            verdict_reacquire(&task_of(f, p)->verdict, REACQUIRED_TABLE, "the test says so");
        }
        step(f);
        assert_halted(f, 0);
        assert_halted(f, 1);
    }
    f->member->o.lookup_max_bytes = 1000000;
    member_resume(f->member);
    step(f);
    assert_int_equal(task_of(f, 0)->phase, TASK_LIVE);
    assert_positions(f, ROWS, ROWS);
}

/* Tables that are shared out may be of any size. */
static void core_tables_may_be_large(void **state) {
    struct fixture *f = *state;
    f->member->o.lookup_max_bytes = 500;
    begin_live(f);
    for (int contact = 0; contact < ROWS; contact++) {
        tell_contact(f, contact, contact / TASKS, 1);
    }
    assert_string_equal(turn(f), "ready");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_load_halts, set_up_lookup, tear_down),
        cmocka_unit_test_setup_teardown(a_load_in_one_piece_halts, set_up_lookup, tear_down),
        cmocka_unit_test_setup_teardown(it_grows, set_up_lookup, tear_down),
        cmocka_unit_test_setup_teardown(a_cache_is_looked_at_when_opened, set_up_lookup, tear_down),
        cmocka_unit_test_setup_teardown(core_tables_may_be_large, set_up_lookup, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
