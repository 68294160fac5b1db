/* Which rows refer to a row: with the rows, after a bulk load, after a crash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "referring.h"
#include "rows.h"

#include "state/checksummed.h"

#include <malloc.h>

static struct state *opened; /* closed after a test that failed, too */

static struct state *open_cache(const struct state_fixture *f, struct state_meta *meta) {
    struct err err;
    assert_int_equal(state_open(&f->factory, TASK, "", identity, &layout, &opened, meta, &err),
                     ERR_NONE);
    return opened;
}

static void close_cache(struct state **state) {
    state_close(state);
    opened = NULL;
}

static int close_and_clear(void **ctx) {
    state_close(&opened);
    return clear(ctx);
}

static struct str referred_key(const char *text) {
    return (struct str){text, strlen(text) + 1};
}

/* The keys of all rows that refer to it, in one text. */
static const char *referrers(struct state *state, int table, size_t reference, const char *to) {
    static char text[4096];
    size_t used = 0;
    text[0] = '\0';
    struct str key = STR_NONE;
    struct err err;
    for (;;) {
        assert_int_equal(
            state_next_referrer(state, table, reference, referred_key(to), key, &key, &err),
            ERR_NONE);
        if (!key.ptr) {
            return text;
        }
        used += (size_t)snprintf(text + used, sizeof text - used, STR_FMT " ", STR_ARG(key));
        assert_true(used < sizeof text);
    }
}

static void put(struct state *state, int table, const char *key, const char *value) {
    struct err err;
    assert_int_equal(state_bulk_put(state, table, str_from(key), str_from(value), &err), ERR_NONE);
}

static void commit_all(struct state *state, bool complete) {
    struct err err;
    assert_int_equal(state_commit(state, (int64_t[]){1, 1, 1}, 1234, complete, &err), ERR_NONE);
}

static void build(struct state *state, size_t rows) {
    struct err err;
    for (int steps = 0; state_lacks_indexes(state); steps++) {
        assert_int_equal(state_build_indexes(state, rows, &err), ERR_NONE);
        assert_true(steps < 100000);
    }
}

/* ---- with the rows ---- */

static void test_entries_follow_their_rows(void **ctx) {
    struct state_meta meta;
    struct state *state = open_cache(*ctx, &meta);
    assert_false(state_lacks_indexes(state));
    set(state, 0, "b", "7,x,1");
    set(state, 0, "a", "7,-,1");
    set(state, 0, "c", "77,x,1");
    set(state, 1, "z", "7,1");
    set(state, 2, "no references", "7");
    for (int committed = 0; committed < 2; committed++) {
        assert_string_equal(referrers(state, 0, 0, "7"), "a b ");
        assert_string_equal(referrers(state, 0, 0, "77"), "c ");
        assert_string_equal(referrers(state, 0, 1, "x"), "b c ");
        assert_string_equal(referrers(state, 0, 1, "-"), "");
        assert_string_equal(referrers(state, 1, 0, "7"), "z ");
        assert_string_equal(referrers(state, 1, 0, ""), "");
        commit_all(state, false);
    }
    set(state, 0, "b", "8,x,1");       /* refers elsewhere */
    set(state, 0, "a", "7,-,another"); /* as before */
    set(state, 0, "c", NULL);
    set(state, 1, "z", "-,1");
    for (int round = 0; round < 3; round++) {
        assert_string_equal(referrers(state, 0, 0, "7"), "a ");
        assert_string_equal(referrers(state, 0, 0, "8"), "b ");
        assert_string_equal(referrers(state, 0, 0, "77"), "");
        assert_string_equal(referrers(state, 0, 1, "x"), "b ");
        assert_string_equal(referrers(state, 1, 0, "7"), "");
        commit_all(state, false);
        if (round == 1) {
            close_cache(&state);
            state = open_cache(*ctx, &meta);
            assert_false(meta.empty || state_lacks_indexes(state));
        }
    }
    close_cache(&state);
}

/* What does not change what a row refers to, writes no entry. */
static void test_an_unchanged_reference_dirties_nothing(void **ctx) {
    const struct state_fixture *f = *ctx;
    struct state_meta meta;
    struct state *state = open_cache(f, &meta);
    set(state, 0, "a", "7,x,1");
    commit_all(state, false);
    set(state, 0, "a", "7,x,2");
    size_t one_row = state_dirty_bytes(state);
    set(state, 0, "a", "8,x,2");
    assert_true(state_dirty_bytes(state) > one_row);
    close_cache(&state);
    state = open_state(f, &meta); /* the same without references */
    assert_true(one_row > 0);
    set(state, 0, "a", "7,x,2");
    assert_int_equal(state_dirty_bytes(state), one_row);
    close_cache(&state);
}

static void test_entries_are_undone_with_their_rows(void **ctx) {
    struct state_meta meta;
    struct state *state = open_cache(*ctx, &meta);
    set(state, 0, "a", "7,x,1");
    set(state, 0, "b", "7,x,1");
    commit_all(state, false);
    set(state, 0, "c", "7,x,1");
    for (int round = 0; round < 2; round++) {
        state_savepoint(state);
        set(state, 0, "a", "8,x,1");
        set(state, 0, "a", "9,-,1");
        set(state, 0, "a", "8,-,1");
        set(state, 0, "b", NULL);
        set(state, 0, "c", "9,y,1");
        set(state, 0, "d", "7,x,1");
        assert_string_equal(referrers(state, 0, 0, "7"), "d ");
        assert_string_equal(referrers(state, 0, 0, "8"), "a ");
        state_rollback(state);
        assert_string_equal(referrers(state, 0, 0, "7"), "a b c ");
        assert_string_equal(referrers(state, 0, 0, "8"), "");
        assert_string_equal(referrers(state, 0, 0, "9"), "");
        assert_string_equal(referrers(state, 0, 1, "x"), "a b c ");
        assert_string_equal(referrers(state, 0, 1, "y"), "");
    }
    state_savepoint(state);
    set(state, 0, "a", "8,x,1");
    state_release(state);
    commit_all(state, false);
    assert_string_equal(referrers(state, 0, 0, "7"), "b c ");
    assert_string_equal(referrers(state, 0, 0, "8"), "a ");
    close_cache(&state);
}

static void test_a_walk_goes_on_from_any_key(void **ctx) {
    struct state_meta meta;
    struct state *state = open_cache(*ctx, &meta);
    char key[8];
    for (int i = 0; i < 50; i++) {
        (void)snprintf(key, sizeof key, "%03d", i);
        set(state, 0, key, i % 2 ? "7,-,1" : "8,-,1");
        if (i == 25) {
            commit_all(state, false);
        }
    }
    struct str found;
    struct err err;
    assert_int_equal(state_next_referrer(state, 0, 0, referred_key("7"), STR("011"), &found, &err),
                     ERR_NONE);
    assert_true(str_is(found, "013"));
    assert_int_equal(state_next_referrer(state, 0, 0, referred_key("7"), STR("030"), &found, &err),
                     ERR_NONE);
    assert_true(str_is(found, "031"));
    assert_int_equal(state_next_referrer(state, 0, 0, referred_key("7"), STR("0"), &found, &err),
                     ERR_NONE);
    assert_true(str_is(found, "001"));
    assert_int_equal(state_next_referrer(state, 0, 0, referred_key("7"), STR("049"), &found, &err),
                     ERR_NONE);
    assert_null(found.ptr);
    close_cache(&state);
}

static void test_an_entry_that_fits_nowhere(void **ctx) {
    struct state_meta meta;
    struct state *state = open_cache(*ctx, &meta);
    char value[512];
    memset(value, '7', sizeof value);
    (void)snprintf(value + 500, sizeof value - 500, ",-,1");
    struct err err;
    set(state, 0, "key is 10b", value); /* 500, a NUL, 10 */
    assert_int_equal(state_set(state, 0, STR("key is 11 b"), str_from(value), &err), ERR_HALT);
    assert_non_null(strstr(err.message, "512 bytes, more than 511"));
    close_cache(&state);
}

/* ---- all of them against the rows ---- */

/* Each row's entries are there, and no others. */
static void assert_agrees(struct state *state) {
    size_t entries = 0, found = 0;
    for (int table = 0; table < 2; table++) {
        for (size_t r = 0; r < layout.reference_counts[table]; r++) {
            struct str key = STR_NONE, value = STR_NONE;
            struct err err;
            for (;;) {
                assert_int_equal(state_next(state, table, STR(""), key, &key, &value, &err),
                                 ERR_NONE);
                if (!key.ptr) {
                    break;
                }
                struct buf to = {0};
                bool has = false;
                char copy[64];
                (void)snprintf(copy, sizeof copy, STR_FMT, STR_ARG(key));
                assert_int_equal(refers_to(NULL, table, r, key, value, &to, &has, &err), ERR_NONE);
                entries += has;
                struct str after = STR_NONE, referrer;
                while (has) {
                    assert_int_equal(
                        state_next_referrer(state, table, r, buf_view(&to), after, &referrer, &err),
                        ERR_NONE);
                    if (!referrer.ptr || str_is(referrer, copy)) {
                        found += referrer.ptr != NULL;
                        break;
                    }
                    after = referrer;
                }
                buf_clear(&to);
                assert_int_equal(entries, found);
            }
            /* and nothing else: all values are of one digit */
            for (char to[2] = "0"; to[0] <= '9'; to[0]++) {
                struct str referrer = STR_NONE;
                do {
                    assert_int_equal(state_next_referrer(state, table, r, referred_key(to),
                                                         referrer, &referrer, &err),
                                     ERR_NONE);
                    found -= referrer.ptr != NULL;
                } while (referrer.ptr);
            }
            assert_int_equal(found, 0);
            entries = 0;
        }
    }
}

static unsigned rolled = 1;
static unsigned roll(unsigned below) {
    rolled = rolled * 1103515245U + 12345U;
    return (rolled >> 16) % below;
}

static void set_any(struct state *state) {
    char key[8], value[16];
    (void)snprintf(key, sizeof key, "%02u", roll(40));
    (void)snprintf(value, sizeof value, "%c,%c,%u", "-0123456789"[roll(11)],
                   "-0123456789"[roll(11)], roll(3));
    set(state, (int)roll(2), key, roll(5) == 0 ? NULL : value);
}

static void test_whatever_is_done(void **ctx) {
    struct state_meta meta;
    for (unsigned run = 1; run <= 40; run++) {
        rolled = run;
        struct state *state = open_cache(*ctx, &meta);
        for (int i = 0; i < 100; i++) {
            unsigned what = roll(12);
            if (what == 0) {
                commit_all(state, false);
            } else if (what == 1) {
                close_cache(&state);
                state = open_cache(*ctx, &meta);
                assert_false(state_lacks_indexes(state));
            } else if (what < 4) {
                state_savepoint(state);
                for (unsigned changes = roll(8); changes > 0; changes--) {
                    set_any(state);
                }
                if (what == 2) {
                    state_rollback(state);
                } else {
                    state_release(state);
                }
            } else {
                set_any(state);
            }
        }
        assert_agrees(state);
        close_cache(&state);
    }
}

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

static void test_a_damaged_entry(void **ctx) {
    const struct state_fixture *f = *ctx;
    struct state_meta meta;
    struct err err;
    struct str key;
    struct state *state = open_cache(f, &meta);
    set(state, 0, "a", "7,x,1");
    commit_all(state, false);
    close_cache(&state);
    assert_true(memory_disk_flip(f->disk, TASK, INDEX_SPACE(TABLE_COUNT) + 1, 0));
    state = open_cache(f, &meta);
    assert_string_equal(referrers(state, 0, 0, "7"), "a ");
    assert_int_equal(state_next_referrer(state, 0, 1, referred_key("x"), STR_NONE, &key, &err),
                     ERR_CACHE);
    assert_non_null(strstr(err.message, "an entry of index 1 fails its checksum"));
    close_cache(&state);
    state = open_cache(f, &meta); /* it was emptied */
    assert_true(meta.empty);
    close_cache(&state);
}

/* All that a store has room for, and once more after it was closed. */
static void test_as_many_as_there_may_be(void **ctx) {
    const struct state_fixture *f = *ctx;
    struct state_layout most = {.table_count = STATE_TABLES_MAX, .refers_to = refers_to};
    most.reference_counts[0] = 2;
    most.reference_counts[STATE_TABLES_MAX - 1] = STATE_REFERENCES_MAX - 2;
    struct state *state = NULL;
    struct state_meta meta;
    struct err err;
    for (int round = 0; round < 3; round++) {
        assert_int_equal(state_open(&f->factory, TASK, "", identity, &most, &state, &meta, &err),
                         ERR_NONE);
        assert_int_equal(meta.empty, round == 0);
        set(state, 0, round == 0 ? "a" : "b", "7,8,1");
        assert_string_equal(referrers(state, 0, 1, "8"), round == 0 ? "a " : "a b ");
        assert_string_equal(referrers(state, STATE_TABLES_MAX - 1, STATE_REFERENCES_MAX - 3, "8"),
                            "");
        static const int64_t offsets[STATE_TABLES_MAX] = {1};
        assert_int_equal(state_commit(state, offsets, 1, false, &err), ERR_NONE);
        close_cache(&state);
    }
}

#define IN_MEMORY(f) cmocka_unit_test_setup_teardown(f, in_memory, close_and_clear)
#define OVER_LMDB(f) cmocka_unit_test_setup_teardown(f, over_lmdb, close_and_clear)
#define OVER_BOTH(f) IN_MEMORY(f), OVER_LMDB(f)

int main(void) {
    const struct CMUnitTest tests[] = {
        OVER_BOTH(test_entries_follow_their_rows),
        OVER_BOTH(test_an_unchanged_reference_dirties_nothing),
        OVER_BOTH(test_entries_are_undone_with_their_rows),
        OVER_BOTH(test_a_walk_goes_on_from_any_key),
        OVER_BOTH(test_an_entry_that_fits_nowhere),
        OVER_BOTH(test_whatever_is_done),
        OVER_BOTH(test_a_bulk_load_indexes_nothing),
        OVER_BOTH(test_a_crash_while_they_are_built),
        OVER_LMDB(test_many_referrers_with_flat_memory),
        IN_MEMORY(test_a_commit_that_a_crash_met),
        IN_MEMORY(test_a_damaged_entry),
        OVER_BOTH(test_as_many_as_there_may_be),
    };
    cmocka_set_test_filter(getenv("ONLY_TEST")); /* of tests/sim/mutations.py */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
