/* Which rows refer to a row: as rows are set, and undone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "referrers.h"

#include "state/checksummed.h"

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

/* Of a table's rows and indexes, and of no other table's. */
static void test_what_a_table_takes(void **ctx) {
    const struct state_fixture *f = *ctx;
    struct state_meta meta;
    struct state *state = open_cache(f, &meta);
    struct err err;
    uint64_t bytes[3][2];
    for (int i = 0; i < 3; i++) {
        for (int row = 0; i > 0 && row < 500; row++) {
            char key[16], value[40];
            (void)snprintf(key, sizeof key, "%d", row);
            /* At first they refer to nothing. */
            (void)snprintf(value, sizeof value, "%s,%s,%0*d,", i == 1 ? "-" : key, "-",
                           i == 1 ? 20 : 20 - (int)strlen(key), 0);
            set(state, 0, key, value);
        }
        static const int64_t offsets[STATE_TABLES_MAX] = {1};
        assert_int_equal(state_commit(state, offsets, 1, false, &err), ERR_NONE);
        for (int table = 0; table < 2; table++) {
            assert_int_equal(state_table_bytes(state, table, &bytes[i][table], &err), ERR_NONE);
        }
        assert_int_equal(bytes[i][1], bytes[0][1]);
    }
    assert_true(bytes[1][0] >= bytes[0][0] + (uint64_t)500 * 23);
    assert_true(bytes[2][0] >= bytes[1][0] + (uint64_t)500 * 4); /* the index */
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

int main(void) {
    const struct CMUnitTest tests[] = {
        OVER_BOTH(test_entries_follow_their_rows),
        OVER_BOTH(test_an_unchanged_reference_dirties_nothing),
        OVER_BOTH(test_entries_are_undone_with_their_rows),
        OVER_BOTH(test_a_walk_goes_on_from_any_key),
        OVER_BOTH(test_an_entry_that_fits_nowhere),
        OVER_BOTH(test_whatever_is_done),
        IN_MEMORY(test_a_damaged_entry),
        OVER_BOTH(test_what_a_table_takes),
        OVER_BOTH(test_as_many_as_there_may_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
