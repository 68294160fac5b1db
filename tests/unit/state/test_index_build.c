/* Indexes are built: after a bulk load, and after a crash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "referrers.h"

#include <malloc.h>

/* ---- after a bulk load ---- */

static void test_a_bulk_load_indexes_nothing(void **ctx) {
    struct state_meta meta;
    struct err err;
    struct str key;
    struct state *state = open_cache(*ctx, &meta);
    set(state, 0, "old", "7,5,1");
    assert_int_equal(state_discard(state, &err), ERR_NONE);
    assert_false(state_lacks_indexes(state));
    assert_string_equal(referrers(state, 0, 0, "7"), "");
    put(state, 2, "1", "no references");
    assert_false(state_lacks_indexes(state));
    put(state, 0, "b", "7,5,1");
    put(state, 0, "b", "8,5,1"); /* an older version refers elsewhere */
    put(state, 0, "c", "8,-,1");
    put(state, 0, "d", "7,5,1");
    put(state, 0, "d", NULL);
    put(state, 1, "z", "7,1");
    put(state, 0, "a", "8,6,1");
    assert_true(state_lacks_indexes(state));
    commit_all(state, false);
    assert_int_equal(state_next_referrer(state, 0, 0, referred_key("8"), STR_NONE, &key, &err),
                     ERR_BUG);
    assert_int_equal(state_commit(state, (int64_t[]){2, 2, 2}, 0, true, &err), ERR_BUG);
    assert_int_equal(state_build_indexes(state, 2, &err), ERR_NONE);
    assert_int_equal(state_set(state, 0, STR("e"), STR("7,5,1"), &err), ERR_BUG);
    assert_int_equal(state_bulk_put(state, 0, STR("e"), STR("7,5,1"), &err), ERR_BUG);
    build(state, 2);
    assert_string_equal(referrers(state, 0, 0, "8"), "a b c ");
    assert_string_equal(referrers(state, 0, 0, "7"), "");
    assert_string_equal(referrers(state, 0, 1, "5"), "b ");
    assert_string_equal(referrers(state, 1, 0, "7"), "z ");
    assert_agrees(state);
    commit_all(state, true);
    set(state, 0, "e", "8,5,1"); /* kept from now on */
    assert_string_equal(referrers(state, 0, 0, "8"), "a b c e ");
    commit_all(state, false);
    close_cache(&state);
    state = open_cache(*ctx, &meta);
    assert_false(meta.incomplete || state_lacks_indexes(state));
    assert_string_equal(referrers(state, 0, 0, "8"), "a b c e ");
    close_cache(&state);
}

/* A crash while they are built leaves an incomplete cache, which nobody reads. */
static void test_a_crash_while_they_are_built(void **ctx) {
    struct state_meta meta;
    struct err err;
    struct state *state = open_cache(*ctx, &meta);
    assert_int_equal(state_discard(state, &err), ERR_NONE);
    put(state, 0, "a", "7,x,1");
    commit_all(state, false);
    assert_int_equal(state_build_indexes(state, 1, &err), ERR_NONE);
    assert_int_equal(state_build_indexes(state, 1, &err), ERR_NONE);
    close_cache(&state);
    state = open_cache(*ctx, &meta);
    assert_true(meta.incomplete && state_lacks_indexes(state));
    assert_int_equal(state_discard(state, &err), ERR_NONE);
    assert_false(state_lacks_indexes(state));
    close_cache(&state);
}

/* More than one run of entries, put into the store in order with memory that stays; then a row with
 * many that refer to it, walked with memory that stays. */
static void test_many_referrers_with_flat_memory(void **ctx) {
    const struct state_fixture *f = *ctx;
    const unsigned rows = 300000, step = 2000;
    const size_t bound = (size_t)24 << 20;
    struct state_meta meta;
    struct err err;
    struct state *state = open_cache(f, &meta);
    assert_int_equal(state_discard(state, &err), ERR_NONE);
    char key[16], value[64];
    for (unsigned i = 0; i < rows; i++) {
        (void)snprintf(key, sizeof key, "%08u", i * 7919U % rows);
        (void)snprintf(value, sizeof value, "%u,%u,something else", i * 7919U % rows % 50000, 7U);
        put(state, 0, key, value);
        if (state_dirty_bytes(state) > (size_t)4 << 20) {
            commit_all(state, false);
        }
    }
    commit_all(state, false);
    size_t before = mallinfo2().uordblks, most = 0;
    while (state_lacks_indexes(state)) {
        assert_int_equal(state_build_indexes(state, step, &err), ERR_NONE);
        size_t now = mallinfo2().uordblks;
        most = now > most ? now : most;
    }
    assert_true(most < before + bound);
    commit_all(state, true);
    before = mallinfo2().uordblks;
    struct str row = STR_NONE;
    unsigned seen = 0;
    for (;; seen++) {
        assert_int_equal(state_next_referrer(state, 0, 1, referred_key("7"), row, &row, &err),
                         ERR_NONE);
        if (!row.ptr) {
            break;
        }
        (void)snprintf(key, sizeof key, "%08u", seen);
        assert_true(str_is(row, key)); /* in the order of their keys */
        struct str read;
        assert_int_equal(state_get(state, 0, row, &read, &err), ERR_NONE);
        assert_non_null(read.ptr);
    }
    assert_int_equal(seen, rows);
    assert_true(mallinfo2().uordblks < before + (1 << 20));
    assert_string_equal(referrers(state, 0, 0, "49999"),
                        "00049999 00099999 00149999 00199999 00249999 00299999 ");
    close_cache(&state);
}

/* ---- after a crash ---- */

/* A large commit comes in parts: a crash between them leaves rows and entries that don't agree. */
static void test_a_commit_that_a_crash_met(void **ctx) {
    const struct state_fixture *f = *ctx;
    struct state_meta meta;
    struct err err;
    unsigned torn = 0, whole = 0;
    for (uint64_t nth = 1; whole == 0; nth++) {
        assert_true(nth < 2000);
        memory_disk_fail(f->disk, 0, ERR_NONE);
        memory_disk_restore(f->disk, TASK, NULL);
        struct state_fixture parted = *f;
        memory_disk_part(f->disk, 64);
        parted.factory = memory_disk_factory(f->disk);
        struct state *state = open_cache(&parted, &meta);
        rolled = 5;
        for (int i = 0; i < 30; i++) {
            set_any(state);
        }
        commit_all(state, false);
        for (int i = 0; i < 60; i++) {
            set_any(state);
        }
        memory_disk_fail(f->disk, nth, ERR_RETRY);
        whole = state_commit(state, (int64_t[]){2, 2, 2}, 0, false, &err) == ERR_NONE;
        memory_disk_fail(f->disk, 0, ERR_NONE);
        close_cache(&state); /* the crash: what is not committed is gone */

        state = open_cache(&parted, &meta);
        assert_int_equal(meta.offsets[0], whole ? 2 : 1);
        torn += state_lacks_indexes(state);
        if (nth % 2 == 0) { /* and another one while they are built */
            for (int steps = 0; steps < 3; steps++) {
                assert_int_equal(state_build_indexes(state, 3, &err), ERR_NONE);
            }
            close_cache(&state);
            state = open_cache(&parted, &meta);
        }
        build(state, 3);
        assert_agrees(state);
        set_any(state);
        commit_all(state, false);
        close_cache(&state);
        state = open_cache(&parted, &meta);
        assert_false(state_lacks_indexes(state));
        assert_agrees(state);
        close_cache(&state);
    }
    assert_true(torn > 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        OVER_BOTH(test_a_bulk_load_indexes_nothing),
        OVER_BOTH(test_a_crash_while_they_are_built),
        OVER_LMDB(test_many_referrers_with_flat_memory),
        IN_MEMORY(test_a_commit_that_a_crash_met),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
