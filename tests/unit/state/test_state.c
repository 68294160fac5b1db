/* Rows, in order; what a cache stands at; whose it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rows.h"

static void test_nothing_at_first_and_what_was_committed_afterwards(void **ctx) {
    const struct state_fixture *f = *ctx;
    struct state_meta meta;
    struct state *state = open_state(f, &meta);
    assert_true(meta.empty);
    assert_false(meta.incomplete || meta.damaged);
    assert_int_equal(state_row_count(state), 0);
    assert_value(state, 0, "1", NULL);
    set(state, 0, "1", "Anna");
    set(state, 1, "1/9", "");
    commit(state, 10, -7, false);
    set(state, 0, "2", "lost");
    set(state, 0, "1", NULL);
    assert_int_equal(state_row_count(state), 2);
    state_close(&state);
    assert_null(state);

    state = open_state(f, &meta);
    assert_false(meta.empty || meta.incomplete || meta.damaged);
    assert_int_equal(meta.offsets[0], 10);
    assert_int_equal(meta.offsets[1], -7);
    assert_int_equal(meta.wall_ms, 1234);
    assert_int_equal(state_row_count(state), 2);
    assert_string_equal(dump(state, 0), "1=Anna ");
    assert_string_equal(dump(state, 1), "1/9= ");
    state_close(&state);
}

static bool knows(struct state *state, uint64_t number) {
    bool known = false;
    struct err err;
    assert_int_equal(state_number_known(state, number, &known, &err), ERR_NONE);
    return known;
}

/* Numbers stay as rows do, and are no rows. */
static void test_numbers(void **ctx) {
    const struct state_fixture *f = *ctx;
    struct state_meta meta;
    struct err err;
    struct state *state = open_state(f, &meta);
    assert_false(knows(state, 7));
    assert_int_equal(state_number_add(state, 7, &err), ERR_NONE);
    assert_int_equal(state_number_add(state, UINT64_MAX, &err), ERR_NONE);
    assert_true(knows(state, 7) && knows(state, UINT64_MAX) && !knows(state, 8));
    commit(state, 1, 1, false);
    assert_int_equal(state_number_add(state, 8, &err), ERR_NONE);
    assert_int_equal(state_number_add(state, 7, &err), ERR_NONE);
    assert_int_equal(state_row_count(state), 0);
    state_close(&state);

    state = open_state(f, &meta);
    assert_true(knows(state, 7) && knows(state, UINT64_MAX) && !knows(state, 8));
    assert_int_equal(state_discard(state, &err), ERR_NONE);
    assert_int_equal(state_number_add(state, 9, &err), ERR_NONE); /* while it is filled */
    commit(state, 2, 2, true);
    assert_true(knows(state, 9) && !knows(state, 7));
    state_close(&state);
}

static void test_rows_by_prefix_in_order(void **ctx) {
    struct state_meta meta;
    struct state *state = open_state(*ctx, &meta);
    set(state, 1, "7/2", "b");
    set(state, 1, "7/1", "a");
    set(state, 1, "70", "no");
    set(state, 1, "8/1", "no");
    struct str key = STR_NONE, value;
    struct err err;
    assert_int_equal(state_next(state, 1, STR("7/"), key, &key, &value, &err), ERR_NONE);
    assert_true(str_is(key, "7/1") && str_is(value, "a"));
    assert_int_equal(state_next(state, 1, STR("7/"), key, &key, &value, &err), ERR_NONE);
    assert_true(str_is(key, "7/2") && str_is(value, "b"));
    assert_int_equal(state_next(state, 1, STR("7/"), key, &key, &value, &err), ERR_NONE);
    assert_null(key.ptr);
    /* a row in the way of the walk goes: the walk goes on behind it */
    assert_int_equal(state_next(state, 1, STR("7/"), STR_NONE, &key, &value, &err), ERR_NONE);
    set(state, 1, "7/1", NULL);
    assert_int_equal(state_next(state, 1, STR("7/"), STR("7/1"), &key, &value, &err), ERR_NONE);
    assert_true(str_is(key, "7/2"));
    state_close(&state);
}

/* Both in memory and in the store, and with the walk left behind a row of another prefix. */
static void test_a_walk_from_before_the_prefix(void **ctx) {
    struct state_meta meta;
    struct state *state = open_state(*ctx, &meta);
    set(state, 1, "5/1", "other");
    set(state, 1, "6/1", "other");
    set(state, 1, "7/1", "a");
    struct str key, value;
    struct err err;
    static const int64_t offsets[STATE_TABLES_MAX] = {0};
    for (int committed = 0; committed < 2; committed++) {
        assert_int_equal(state_next(state, 1, STR("5/"), STR_NONE, &key, &value, &err), ERR_NONE);
        assert_true(str_is(key, "5/1"));
        assert_int_equal(state_next(state, 1, STR("7/"), STR("5/1"), &key, &value, &err), ERR_NONE);
        assert_true(str_is(key, "7/1") && str_is(value, "a"));
        assert_int_equal(state_next(state, 1, STR("7/"), STR("0"), &key, &value, &err), ERR_NONE);
        assert_true(str_is(key, "7/1"));
        assert_int_equal(state_next(state, 1, STR("7/"), STR("8"), &key, &value, &err), ERR_NONE);
        assert_null(key.ptr);
        assert_int_equal(state_commit(state, offsets, 1, false, &err), ERR_NONE);
    }
    state_close(&state);
}

static void test_key_and_value_may_come_from_the_store(void **ctx) {
    struct state_meta meta;
    struct state *state = open_state(*ctx, &meta);
    char key[16];
    for (int i = 0; i < 50; i++) {
        (void)snprintf(key, sizeof key, "%03d", i);
        set(state, 0, key, "some value");
    }
    struct str k = STR_NONE, v;
    struct err err;
    char last[16] = "";
    for (;;) {
        assert_int_equal(
            state_next(state, 0, STR(""), str_from(last[0] ? last : NULL), &k, &v, &err), ERR_NONE);
        if (!k.ptr) {
            break;
        }
        (void)snprintf(last, sizeof last, STR_FMT, STR_ARG(k));
        assert_int_equal(state_set(state, 0, k, (struct str){v.ptr, 4}, &err), ERR_NONE);
    }
    assert_value(state, 0, "000", "some");
    assert_value(state, 0, "049", "some");
    state_close(&state);
}

static void test_a_cache_of_something_else_comes_back_empty(void **ctx) {
    struct state_meta meta;
    struct state *state = open_state(*ctx, &meta);
    set(state, 0, "1", "Anna");
    commit(state, 1, 1, false);
    state_close(&state);
    state = open_as(*ctx, STR("another identity"), 2, &meta);
    assert_true(meta.empty);
    assert_false(meta.damaged);
    assert_string_equal(dump(state, 0), "");
    assert_int_equal(meta.offsets[0], 0);
    commit(state, 3, 4, false);
    state_close(&state);

    state = open_as(*ctx, STR("another identity"), 3, &meta);
    assert_true(meta.empty);
    struct err err;
    assert_int_equal(state_commit(state, (int64_t[]){1, 2, 3}, 9, false, &err), ERR_NONE);
    state_close(&state);
    state = open_as(*ctx, STR("another identity"), 2, &meta);
    assert_true(meta.empty && !meta.damaged);
    state_close(&state);
}

static void test_what_changes_nothing_dirties_nothing(void **ctx) {
    struct state_meta meta;
    struct state *state = open_state(*ctx, &meta);
    set(state, 0, "1", "Anna");
    assert_true(state_dirty_bytes(state) > 0);
    commit(state, 1, 1, false);
    assert_int_equal(state_dirty_bytes(state), 0);
    set(state, 0, "1", "Anna");
    set(state, 0, "2", NULL);
    assert_int_equal(state_dirty_bytes(state), 0);
    state_close(&state);
}

static void test_held_by_another(void **ctx) {
    struct state_fixture *f = *ctx;
    struct state_meta meta;
    struct state *state = open_state(f, &meta), *second = NULL;
    struct err err;
    assert_int_equal(
        state_open(&f->factory, TASK, "", identity, TABLES_ONLY(2), &second, &meta, &err),
        ERR_RETRY);
    assert_true(err.locked);
    assert_int_equal(
        state_open(&f->factory, TASK, ".me", identity, TABLES_ONLY(2), &second, &meta, &err),
        ERR_NONE);
    set(second, 0, "1", "private");
    commit(second, 1, 1, false);
    assert_string_equal(dump(state, 0), "");
    state_close(&second);
    assert_int_equal(
        state_open(&f->factory, TASK, ".me", identity, TABLES_ONLY(2), &second, &meta, &err),
        ERR_NONE);
    assert_true(meta.empty);
    state_close(&second);
    state_close(&state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(test_nothing_at_first_and_what_was_committed_afterwards),
        BOTH(test_numbers),
        BOTH(test_rows_by_prefix_in_order),
        BOTH(test_a_walk_from_before_the_prefix),
        BOTH(test_key_and_value_may_come_from_the_store),
        BOTH(test_a_cache_of_something_else_comes_back_empty),
        BOTH(test_what_changes_nothing_dirties_nothing),
        BOTH(test_held_by_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
