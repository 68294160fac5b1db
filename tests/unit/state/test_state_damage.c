/* A store that is damaged, fails at any call, or goes back in time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rows.h"

static void test_a_flipped_bit_is_found(void **ctx) {
    struct state_fixture *f = *ctx;
    for (int space = 0; space < 4; space++) {
        struct state_meta meta;
        struct state *state = open_state(f, &meta);
        set(state, 0, "1", "Anna");
        set(state, 1, "1/1", "123");
        touch(state, 0, "1", true);
        commit(state, 1, 1, false);
        state_close(&state);
        assert_true(memory_disk_flip(f->disk, TASK, space, 0));
        state = open_state(f, &meta);
        assert_int_equal(meta.damaged, space == 0);
        assert_int_equal(meta.empty, space == 0);
        struct err err = {0};
        struct str value = STR_NONE;
        bool deleted = false;
        int table = 0;
        if (space == 1 || space == 2) {
            const char *key = space == 1 ? "1" : "1/1";
            assert_int_equal(state_get(state, space - 1, str_from(key), &value, &err), ERR_CACHE);
            assert_null(value.ptr);
        } else if (space == 3) {
            assert_int_equal(
                state_next_changed_row(state, 0, STR_NONE, &table, &value, &deleted, &err),
                ERR_CACHE);
        }
        if (space > 0) {
            assert_non_null(strstr(err.message, "task 5"));
            assert_non_null(strstr(err.message, space == 2 ? "table 1" : "table 0"));
        }
        state_close(&state);
        state = open_state(f, &meta); /* no loop: it was emptied at close */
        assert_true(meta.empty);
        state_close(&state);
    }
}

static void test_a_damaged_store_comes_back_empty(void **ctx) {
    struct state_fixture *f = *ctx;
    struct state_meta meta;
    struct state *state = open_state(f, &meta);
    set(state, 0, "1", "Anna");
    commit(state, 1, 1, false);
    state_close(&state);
    memory_disk_damage(f->disk, TASK);
    state = open_state(f, &meta);
    assert_true(meta.damaged && meta.empty);
    state_close(&state);
}

/* A life with two commits; the rows always are those of the offsets. */
static enum err_kind live(const struct state_fixture *f, struct err *err) {
    struct state *state = NULL;
    struct state_meta meta;
    enum err_kind kind =
        state_open(&f->factory, TASK, "", identity, TABLES_ONLY(2), &state, &meta, err);
    bool fills = kind == ERR_NONE && (meta.empty || meta.incomplete);
    if (fills) {
        kind = state_discard(state, err);
    }
    for (int64_t batch = 1; kind == ERR_NONE && batch <= 2; batch++) {
        char value[16];
        int len = snprintf(value, sizeof value, "%d", (int)batch);
        struct str v = {value, (size_t)len};
        state_savepoint(state);
        kind = state_set(state, 0, STR("a"), STR("refused"), err);
        state_rollback(state);
        kind = kind ? kind : state_set(state, 0, STR("a"), v, err);
        kind = kind    ? kind
               : fills ? state_bulk_put(state, 1, STR("b"), v, err)
                       : state_set(state, 1, STR("b"), v, err);
        kind = kind ? kind : state_add_changed_row(state, 1, STR("b"), true, err);
        kind = kind ? kind : state_commit(state, (int64_t[]){batch, batch}, 0, batch == 2, err);
    }
    state_close(&state);
    return kind;
}

static void assert_consistent(const struct state_fixture *f) {
    struct state_meta meta;
    struct state *state = open_state(f, &meta);
    char expected[2][16] = {"", ""};
    if (meta.offsets[0] > 0) {
        (void)snprintf(expected[0], 16, "a=%d ", (int)meta.offsets[0]);
        (void)snprintf(expected[1], 16, "b=%d ", (int)meta.offsets[0]);
    }
    assert_string_equal(dump(state, 0), expected[0]);
    assert_string_equal(dump(state, 1), expected[1]);
    assert_int_equal(state_row_count(state), meta.offsets[0] > 0 ? 2 : 0);
    state_close(&state);
}

static void test_any_call_may_fail(void **ctx) {
    struct state_fixture *f = *ctx;
    const enum err_kind kinds[] = {ERR_RETRY, ERR_CACHE};
    for (size_t k = 0; k < 2; k++) {
        int failures = 0;
        for (uint64_t nth = 1;; nth++) {
            struct err err;
            memory_disk_restore(f->disk, TASK, NULL);
            memory_disk_fail(f->disk, nth, kinds[k]);
            enum err_kind kind = live(f, &err);
            memory_disk_fail(f->disk, 0, ERR_NONE);
            assert_consistent(f);
            if (kind == ERR_NONE && nth > 40) {
                break;
            }
            failures += kind != ERR_NONE;
        }
        assert_true(failures > 15);
    }
}

static void test_back_in_time(void **ctx) {
    struct state_fixture *f = *ctx;
    struct err err;
    struct memory_snapshot *nothing = memory_disk_snapshot(f->disk, TASK);
    assert_int_equal(live(f, &err), ERR_NONE);
    struct memory_snapshot *after = memory_disk_snapshot(f->disk, TASK);
    memory_disk_restore(f->disk, TASK, nothing);
    struct state_meta meta;
    struct state *state = open_state(f, &meta);
    assert_true(meta.empty);
    state_close(&state);
    memory_disk_restore(f->disk, TASK, after);
    assert_consistent(f);
    memory_disk_lock(f->disk, TASK, true);
    assert_int_equal(live(f, &err), ERR_RETRY);
    memory_disk_lock(f->disk, TASK, false);
    assert_int_equal(live(f, &err), ERR_NONE);
    memory_snapshot_destroy(&nothing);
    memory_snapshot_destroy(&after);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MEMORY(test_a_flipped_bit_is_found),
        MEMORY(test_a_damaged_store_comes_back_empty),
        MEMORY(test_any_call_may_fail),
        MEMORY(test_back_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
