/* What is taken back, and a cache that is filled from the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rows.h"

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
        state_savepoint(state);
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
    state_savepoint(state);
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

static const char *dump_changed_rows(struct state *state) {
    static char text[1024];
    size_t used = 0;
    text[0] = '\0';
    int table = 0;
    struct str key = STR_NONE;
    bool deleted = false;
    struct err err;
    for (;;) {
        assert_int_equal(state_next_changed_row(state, table, key, &table, &key, &deleted, &err),
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
    assert_int_equal(state_next_changed_row(state, 0, STR_NONE, &table, &key, &deleted, &err),
                     ERR_NONE);
    assert_int_equal(key.len, 511);
    assert_false(deleted);
    commit(state, 11, 11, true);
    assert_string_equal(dump_changed_rows(state), "");
    state_close(&state);
    state = open_state(*ctx, &meta);
    assert_false(meta.incomplete || meta.empty);
    assert_int_equal(meta.offsets[1], 11);
    touch(state, 1, "b", true);
    touch(state, 1, "a", false);
    touch(state, 1, "b", false);
    touch(state, 0, "z", false);
    touch(state, 0, "z", true);
    assert_string_equal(dump_changed_rows(state), "0:z! 1:a 1:b! ");
    state_close(&state);
}

static void bulk_put(struct state *state, int table, const char *key, const char *value) {
    struct err err;
    assert_int_equal(state_bulk_put(state, table, str_from(key), str_from(value), &err), ERR_NONE);
}

static void test_a_bulk_load(void **ctx) {
    struct state_meta meta;
    struct state *state = open_state(*ctx, &meta);
    struct err err;
    set(state, 0, "1", "Anna");
    assert_int_equal(state_bulk_put(state, 0, STR("1"), STR("x"), &err), ERR_BUG); /* in use */
    assert_int_equal(state_discard(state, &err), ERR_NONE);
    bulk_put(state, 0, "2", "Berta");
    bulk_put(state, 0, "1", "Anna");
    bulk_put(state, 1, "1/9", "");
    bulk_put(state, 0, "1", "Ada");
    assert_true(state_dirty_bytes(state) > 0);
    assert_value(state, 0, "1", "Ada"); /* a read sees what was filled in before */
    bulk_put(state, 0, "2", NULL);
    bulk_put(state, 0, "3", NULL);
    bulk_put(state, 0, "3", "Cem");
    assert_string_equal(dump(state, 0), "1=Ada 3=Cem ");
    bulk_put(state, 0, "3", "older than what is set next");
    set(state, 0, "3", "Cleo");
    bulk_put(state, 0, "4", "Dora");
    commit(state, 5, 5, false);
    assert_int_equal(state_dirty_bytes(state), 0);
    assert_int_equal(state_row_count(state), 4);
    state_close(&state);
    state = open_state(*ctx, &meta);
    assert_true(meta.incomplete);
    assert_string_equal(dump(state, 0), "1=Ada 3=Cleo 4=Dora ");
    bulk_put(state, 0, "5", "lost at the close");
    assert_int_equal(state_discard(state, &err), ERR_NONE);
    commit(state, 6, 6, true);
    assert_string_equal(dump(state, 0), "");
    state_close(&state);
}

/* More than the store may hold in memory at once. */
static void test_a_large_bulk_load(void **ctx) {
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
        bulk_put(state, 0, key, value);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(test_rollback_restores_exactly),
        BOTH(test_a_rebuild),
        BOTH(test_a_bulk_load),
        BOTH(test_a_large_bulk_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
