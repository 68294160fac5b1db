#include "sim/state_fixture.h"
#include "state/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { TASK = 5 };
static const struct str identity = {"cluster/topics/8", 16};

static struct state *open_as(const struct state_fixture *f, struct str id, size_t tables,
                             struct state_meta *meta) {
    struct state *state = NULL;
    struct err err;
    assert_int_equal(state_open(&f->factory, TASK, "", id, tables, &state, meta, &err), ERR_NONE);
    return state;
}

static struct state *open_state(const struct state_fixture *f, struct state_meta *meta) {
    return open_as(f, identity, 2, meta);
}

static void set(struct state *state, int table, const char *key, const char *value) {
    struct err err;
    assert_int_equal(state_set(state, table, str_from(key), str_from(value), &err), ERR_NONE);
}

static void assert_value(struct state *state, int table, const char *key, const char *expected) {
    struct err err;
    struct str value;
    assert_int_equal(state_get(state, table, str_from(key), &value, &err), ERR_NONE);
    assert_int_equal(value.ptr == NULL, expected == NULL);
    if (value.ptr && expected) {
        assert_true(str_is(value, expected));
    }
}

static void commit(struct state *state, int64_t first, int64_t second, bool complete) {
    struct err err;
    assert_int_equal(state_commit(state, (int64_t[]){first, second}, 1234, complete, &err),
                     ERR_NONE);
}

/* All rows of a table in one text. */
static const char *dump(struct state *state, int table) {
    static char text[4096];
    size_t used = 0;
    text[0] = '\0';
    struct str key = STR_NONE, value;
    struct err err;
    for (;;) {
        assert_int_equal(state_next(state, table, STR(""), key, &key, &value, &err), ERR_NONE);
        if (!key.ptr) {
            return text;
        }
        used += (size_t)snprintf(text + used, sizeof text - used, STR_FMT "=" STR_FMT " ",
                                 STR_ARG(key), STR_ARG(value));
        assert_true(used < sizeof text);
    }
}

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

static void test_rollback_restores_exactly(void **ctx) {
    struct state_meta meta;
    struct state *state = open_state(*ctx, &meta);
    set(state, 0, "kept", "old");
    set(state, 0, "gone", "old");
    commit(state, 1, 1, false);
    set(state, 0, "uncommitted", "x");
    char before[4096];
    (void)snprintf(before, sizeof before, "%s", dump(state, 0));
    for (int round = 0; round < 2; round++) {
        state_mark(state);
        set(state, 0, "kept", "new");
        set(state, 0, "kept", "newer");
        set(state, 0, "kept", NULL);
        set(state, 0, "kept", "newest");
        set(state, 0, "gone", NULL);
        set(state, 0, "added", "y");
        set(state, 0, "never there", NULL);
        set(state, 1, "added", "");
        assert_int_equal(state_row_count(state), 4);
        state_rollback(state);
        assert_string_equal(dump(state, 0), before);
        assert_string_equal(dump(state, 1), "");
        assert_int_equal(state_row_count(state), 3);
    }
    state_mark(state);
    set(state, 0, "gone", NULL);
    struct err err;
    assert_int_equal(state_commit(state, (int64_t[]){2, 2}, 0, false, &err), ERR_BUG);
    state_release(state);
    commit(state, 2, 2, false);
    state_close(&state);
    state = open_state(*ctx, &meta);
    assert_string_equal(dump(state, 0), "kept=old uncommitted=x ");
    assert_int_equal(state_row_count(state), 2);
    state_close(&state);
}

static void touch(struct state *state, int table, const char *key, bool deleted) {
    struct err err;
    assert_int_equal(state_touch(state, table, str_from(key), deleted, &err), ERR_NONE);
}

static const char *dump_touched(struct state *state) {
    static char text[1024];
    size_t used = 0;
    text[0] = '\0';
    int table = 0;
    struct str key = STR_NONE;
    bool deleted = false;
    struct err err;
    for (;;) {
        assert_int_equal(state_touched_next(state, table, key, &table, &key, &deleted, &err),
                         ERR_NONE);
        if (!key.ptr) {
            return text;
        }
        used += (size_t)snprintf(text + used, sizeof text - used, "%d:" STR_FMT "%s ", table,
                                 STR_ARG(key), deleted ? "!" : "");
    }
}

static void test_a_rebuild(void **ctx) {
    struct state_meta meta;
    struct state *state = open_state(*ctx, &meta);
    set(state, 0, "old", "x");
    commit(state, 9, 9, false);
    struct err err;
    assert_int_equal(state_discard(state, &err), ERR_NONE);
    assert_string_equal(dump(state, 0), "");
    assert_int_equal(state_row_count(state), 0);
    state_close(&state);

    state = open_state(*ctx, &meta);
    assert_true(meta.incomplete);
    assert_int_equal(meta.offsets[0], 0);
    touch(state, 1, "b", true);
    touch(state, 1, "a", false);
    touch(state, 1, "b", false);
    touch(state, 0, "z", false);
    touch(state, 0, "z", true);
    char long_key[512];
    memset(long_key, 'k', 511);
    long_key[511] = '\0';
    touch(state, 0, long_key, false);
    set(state, 0, long_key, "as long as can be");
    commit(state, 10, 10, false);
    state_close(&state);

    state = open_state(*ctx, &meta);
    assert_true(meta.incomplete);
    struct str key;
    int table = -1;
    bool deleted = true;
    assert_int_equal(state_touched_next(state, 0, STR_NONE, &table, &key, &deleted, &err),
                     ERR_NONE);
    assert_int_equal(key.len, 511);
    assert_false(deleted);
    commit(state, 11, 11, true);
    assert_string_equal(dump_touched(state), "");
    state_close(&state);
    state = open_state(*ctx, &meta);
    assert_false(meta.incomplete || meta.empty);
    assert_int_equal(meta.offsets[1], 11);
    touch(state, 1, "b", true);
    touch(state, 1, "a", false);
    touch(state, 1, "b", false);
    touch(state, 0, "z", false);
    touch(state, 0, "z", true);
    assert_string_equal(dump_touched(state), "0:z! 1:a 1:b! ");
    state_close(&state);
}

static void fill(struct state *state, int table, const char *key, const char *value) {
    struct err err;
    assert_int_equal(state_fill(state, table, str_from(key), str_from(value), &err), ERR_NONE);
}

static void test_a_fill(void **ctx) {
    struct state_meta meta;
    struct state *state = open_state(*ctx, &meta);
    struct err err;
    set(state, 0, "1", "Anna");
    assert_int_equal(state_fill(state, 0, STR("1"), STR("x"), &err), ERR_BUG); /* in use */
    assert_int_equal(state_discard(state, &err), ERR_NONE);
    fill(state, 0, "2", "Berta");
    fill(state, 0, "1", "Anna");
    fill(state, 1, "1/9", "");
    fill(state, 0, "1", "Ada");
    assert_true(state_dirty_bytes(state) > 0);
    assert_value(state, 0, "1", "Ada"); /* a read sees what was filled in before */
    fill(state, 0, "2", NULL);
    fill(state, 0, "3", NULL);
    fill(state, 0, "3", "Cem");
    assert_string_equal(dump(state, 0), "1=Ada 3=Cem ");
    fill(state, 0, "3", "older than what is set next");
    set(state, 0, "3", "Cleo");
    fill(state, 0, "4", "Dora");
    commit(state, 5, 5, false);
    assert_int_equal(state_dirty_bytes(state), 0);
    assert_int_equal(state_row_count(state), 4);
    state_close(&state);
    state = open_state(*ctx, &meta);
    assert_true(meta.incomplete);
    assert_string_equal(dump(state, 0), "1=Ada 3=Cleo 4=Dora ");
    fill(state, 0, "5", "lost at the close");
    assert_int_equal(state_discard(state, &err), ERR_NONE);
    commit(state, 6, 6, true);
    assert_string_equal(dump(state, 0), "");
    state_close(&state);
}

/* More than the store may hold in memory at once. */
static void test_a_large_fill(void **ctx) {
    const struct state_fixture *f = *ctx;
    const unsigned rows = f->disk ? 2000 : 60000;
    struct state_meta meta;
    struct state *state = open_state(f, &meta);
    struct err err;
    assert_int_equal(state_discard(state, &err), ERR_NONE);
    char key[16], value[256];
    for (unsigned i = 0; i < 2 * rows; i++) {
        (void)snprintf(key, sizeof key, "%08u", i * 7919U % rows);
        (void)snprintf(value, sizeof value, "%0200u", i);
        fill(state, 0, key, value);
    }
    commit(state, 1, 1, false);
    assert_int_equal(state_row_count(state), rows);
    struct str k = STR_NONE, v;
    unsigned seen = 0;
    for (;; seen++) {
        assert_int_equal(state_next(state, 0, STR(""), k, &k, &v, &err), ERR_NONE);
        if (!k.ptr) {
            break;
        }
        char last[256]; /* of each key the second version */
        (void)snprintf(key, sizeof key, STR_FMT, STR_ARG(k));
        (void)snprintf(last, sizeof last, STR_FMT, STR_ARG(v));
        unsigned version = (unsigned)strtoul(last, NULL, 10);
        assert_in_range(version, rows, 2 * rows - 1);
        assert_int_equal(version * 7919U % rows, strtoul(key, NULL, 10));
    }
    assert_int_equal(seen, rows);
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
    assert_int_equal(state_open(&f->factory, TASK, "", identity, 2, &second, &meta, &err),
                     ERR_RETRY);
    assert_true(err.locked);
    assert_int_equal(state_open(&f->factory, TASK, ".me", identity, 2, &second, &meta, &err),
                     ERR_NONE);
    set(second, 0, "1", "private");
    commit(second, 1, 1, false);
    assert_string_equal(dump(state, 0), "");
    state_close(&second);
    assert_int_equal(state_open(&f->factory, TASK, ".me", identity, 2, &second, &meta, &err),
                     ERR_NONE);
    assert_true(meta.empty);
    state_close(&second);
    state_close(&state);
}

/* ---- in memory only ---- */

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
            assert_int_equal(state_touched_next(state, 0, STR_NONE, &table, &value, &deleted, &err),
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
    enum err_kind kind = state_open(&f->factory, TASK, "", identity, 2, &state, &meta, err);
    bool fills = kind == ERR_NONE && (meta.empty || meta.incomplete);
    if (fills) {
        kind = state_discard(state, err);
    }
    for (int64_t batch = 1; kind == ERR_NONE && batch <= 2; batch++) {
        char value[16];
        int len = snprintf(value, sizeof value, "%d", (int)batch);
        struct str v = {value, (size_t)len};
        state_mark(state);
        kind = state_set(state, 0, STR("a"), STR("refused"), err);
        state_rollback(state);
        kind = kind ? kind : state_set(state, 0, STR("a"), v, err);
        kind = kind    ? kind
               : fills ? state_fill(state, 1, STR("b"), v, err)
                       : state_set(state, 1, STR("b"), v, err);
        kind = kind ? kind : state_touch(state, 1, STR("b"), true, err);
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

static struct state_fixture fixture;

static int in_memory(void **ctx) {
    state_fixture_memory(&fixture);
    *ctx = &fixture;
    return 0;
}

static int over_lmdb(void **ctx) {
    state_fixture_lmdb(&fixture);
    *ctx = &fixture;
    return 0;
}

static int clear(void **ctx) {
    state_fixture_clear(*ctx);
    return 0;
}

#define MEMORY(f) cmocka_unit_test_setup_teardown(f, in_memory, clear)
#define BOTH(f)   MEMORY(f), cmocka_unit_test_setup_teardown(f, over_lmdb, clear)

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(test_nothing_at_first_and_what_was_committed_afterwards),
        BOTH(test_numbers),
        BOTH(test_rows_by_prefix_in_order),
        BOTH(test_a_walk_from_before_the_prefix),
        BOTH(test_key_and_value_may_come_from_the_store),
        BOTH(test_a_cache_of_something_else_comes_back_empty),
        BOTH(test_rollback_restores_exactly),
        BOTH(test_a_rebuild),
        BOTH(test_a_fill),
        BOTH(test_a_large_fill),
        BOTH(test_what_changes_nothing_dirties_nothing),
        BOTH(test_held_by_another),
        MEMORY(test_a_flipped_bit_is_found),
        MEMORY(test_a_damaged_store_comes_back_empty),
        MEMORY(test_any_call_may_fail),
        MEMORY(test_back_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
