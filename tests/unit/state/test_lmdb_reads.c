/* Whatever is damaged in a cache's file, no read says anything else than what was committed: not
 * another value, and not that a row is not there. */
#include "state/lmdb/guard.h"
#include "state/lmdb/lmdb_store.h"
#include "state/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "damage.h"

enum { TABLES = 2, ROWS = 6000, VALUE_BYTES = 3000, STORES = 3, DAMAGES = 600, WRONG = 99 };

struct row {
    char key[24];
    struct {
        size_t len; /* 0: not there */
        char fill;
    } values[TABLES];
};
static struct row rows[ROWS]; /* by key */

static enum err_kind open_state(struct state **state, struct state_meta *meta, struct err *err) {
    return state_open(&fixture.factory, 0, "", STR("id"), TABLES_ONLY(TABLES), state, meta, err);
}

static int by_key(const void *a, const void *b) {
    return strcmp(((const struct row *)a)->key, ((const struct row *)b)->key);
}

static void make_rows(void) {
    for (size_t i = 0; i < ROWS; i++) {
        rows[i] = (struct row){.key = ""};
        (void)snprintf(rows[i].key, sizeof rows[i].key, "%0*zu", 8 + (int)(i % 3) * 6, i * 7);
    }
    qsort(rows, ROWS, sizeof rows[0], by_key);
}

static bool is_value(struct str value, int table, const struct row *row) {
    size_t len = row->values[table].len;
    bool good = len == 0 ? value.ptr == NULL : value.ptr != NULL && value.len == len;
    for (size_t i = 0; good && i < len; i++) {
        good = value.ptr[i] == row->values[table].fill;
    }
    return good;
}

static enum err_kind wrong(struct err *err, const char *what, const struct row *row) {
    return err_set(err, ERR_BUG, "%s at %s", what, row->key);
}

/* Sets or removes one; of forty values one has pages of its own. */
static enum err_kind change(struct state *state, struct err *err) {
    char value[VALUE_BYTES];
    int table = (int)below(TABLES);
    struct row *row = &rows[below(ROWS)];
    size_t len = below(4) == 0 ? 0 : 10 + below(below(40) == 0 ? sizeof value - 10 : 60);
    char fill = (char)('a' + (int)below(26));
    memset(value, fill, len);
    enum err_kind kind = state_set(state, table, str_from(row->key),
                                   len > 0 ? (struct str){value, len} : STR_NONE, err);
    if (kind == ERR_NONE) {
        row->values[table].len = len;
        row->values[table].fill = fill;
    }
    return kind;
}

static enum err_kind look_up(struct state *state, struct err *err) {
    int table = (int)below(TABLES);
    const struct row *row = &rows[below(ROWS)];
    struct str value = STR_NONE;
    enum err_kind kind = state_get(state, table, str_from(row->key), &value, err);
    return kind != ERR_NONE || is_value(value, table, row) ? kind : wrong(err, "a row", row);
}

/* At most count rows that start with prefix, from the one behind row `from` on. */
static enum err_kind walk(struct state *state, struct str prefix, size_t from, int count,
                          struct err *err) {
    int table = (int)below(TABLES);
    struct str key = from < ROWS ? str_from(rows[from].key) : STR_NONE, value = STR_NONE;
    size_t i = from < ROWS ? from + 1 : 0;
    for (; count > 0; count--) {
        enum err_kind kind = state_next(state, table, prefix, key, &key, &value, err);
        if (kind != ERR_NONE) {
            return kind;
        }
        while (i < ROWS &&
               (rows[i].values[table].len == 0 || !str_starts(str_from(rows[i].key), prefix))) {
            i++;
        }
        if (!key.ptr || i == ROWS) {
            return key.ptr || i < ROWS ? wrong(err, "an end", &rows[from < ROWS ? from : 0])
                                       : ERR_NONE;
        }
        if (!str_is(key, rows[i].key) || !is_value(value, table, &rows[i])) {
            return wrong(err, "a walk", &rows[i]);
        }
        i++;
    }
    return ERR_NONE;
}

static enum err_kind commit(struct state *state, struct err *err) {
    return state_commit(state, (int64_t[]){7, 7}, 1, true, err);
}

static enum err_kind many(struct state *state, int count, struct err *err,
                          enum err_kind (*call)(struct state *state, struct err *err)) {
    enum err_kind kind = ERR_NONE;
    while (kind == ERR_NONE && count-- > 0) {
        kind = call(state, err);
    }
    return kind;
}

static enum err_kind operate(struct state *state, struct err *err) {
    const struct row *row = &rows[below(ROWS)];
    switch (below(6)) {
    case 0:
        return commit(state, err);
    case 1:
        return walk(state, STR(""), below(ROWS), below(20) == 0 ? ROWS : 100, err);
    case 2:
        return walk(state, (struct str){row->key, 1 + below(strlen(row->key))}, ROWS, 100, err);
    case 3:
        return many(state, 30, err, change);
    default:
        return many(state, 30, err, look_up);
    }
}

/* Its exit code is what came of it. ERR_CACHE: found damaged. */
static enum err_kind use(struct err *err) {
    struct state *state = NULL;
    struct state_meta meta;
    enum err_kind kind = open_state(&state, &meta, err);
    if (kind == ERR_NONE && meta.empty) {
        kind = ERR_CACHE;
    }
    for (int i = 0; kind == ERR_NONE && i < 60; i++) {
        kind = operate(state, err);
        if (kind == ERR_NONE && below(20) == 0) {
            kind = commit(state, err);
            state_close(&state);
            kind = kind == ERR_NONE ? open_state(&state, &meta, err) : kind;
            kind = kind == ERR_NONE && meta.empty ? ERR_CACHE : kind;
        }
    }
    if (kind == ERR_NONE) {
        kind = commit(state, err);
    }
    if (state) {
        state_close(&state);
    }
    return kind;
}

static _Noreturn void use_damaged(int out) {
    be_mortal();
    struct err err = {0};
    bool ready = lmdb_store_guard(&err) == ERR_NONE && guard_watch(1000, &err) == ERR_NONE;
    enum err_kind kind = ready && damage() ? use(&err) : ERR_BUG;
    if (kind != ERR_NONE && kind != ERR_CACHE) {
        (void)dprintf(out, "%s\n", err.message);
    }
    _exit(kind == ERR_NONE || kind == ERR_CACHE ? (int)kind : WRONG);
}

static void make_store(int n) {
    struct state *state = NULL;
    struct state_meta meta;
    struct err err;
    seed = 815 + (uint64_t)n;
    make_rows();
    assert_int_equal(open_state(&state, &meta, &err), ERR_NONE);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(many(state, ROWS / 4, &err, change), ERR_NONE);
        assert_int_equal(commit(state, &err), ERR_NONE);
    }
    state_close(&state);
}

/* Returns how it ended: ERR_NONE, ERR_CACHE; -1: it died. */
static int try_one(int n) {
    seed = 0x9e3779b97f4a7c15U * (uint64_t)(n + 1);
    (void)fflush(NULL);
    int out = dup(2);
    pid_t child = fork();
    if (child == 0) {
        use_damaged(out);
    }
    (void)close(out);
    int status = 0;
    assert_true(wait_for(child, &status));
    return WIFSIGNALED(status) ? -1 : WEXITSTATUS(status);
}

static void test_damaged_reads(void **ctx) {
    (void)ctx;
#ifdef __SANITIZE_THREAD__
    skip(); /* as test_lmdb_damage */
#endif
    char good[160];
    (void)snprintf(good, sizeof good, "%s/good", fixture.dir);
    int fates[3] = {0};
    for (int i = 0; i < STORES; i++) {
        (void)unlink(data);
        make_store(i);
        copy_file(data, good);
        for (int n = i; n < DAMAGES; n += STORES) {
            copy_file(good, data);
            int fate = try_one(n);
            if (fate != ERR_NONE && fate != ERR_CACHE && fate != -1) {
                print_error("damage %d ended with %d\n", n, fate);
            }
            assert_true(fate == ERR_NONE || fate == ERR_CACHE || fate == -1);
            fates[fate == ERR_NONE ? 0 : fate == ERR_CACHE ? 1 : 2]++;
        }
    }
    print_message("%d fine, %d refused, %d died\n", fates[0], fates[1], fates[2]);
    assert_true(fates[0] > 0 && fates[1] > 0 && fates[2] > 0);
}

/* What LMDB writes is what we take to be valid: nothing is refused that nobody has touched. */
static void test_sound_stays_valid(void **ctx) {
    (void)ctx;
    struct err err;
    for (int i = 0; i < STORES; i++) {
        make_store(STORES + i);
        for (int j = 0; j < 20; j++) {
            enum err_kind kind = use(&err);
            if (kind != ERR_NONE) {
                print_error("%s\n", err.message);
            }
            assert_int_equal(kind, ERR_NONE);
        }
        (void)unlink(data);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST(test_damaged_reads), TEST(test_sound_stays_valid)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
