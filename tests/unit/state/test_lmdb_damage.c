/* Whatever is damaged in a cache's file: good rows, ERR_CACHE, or a death that leaves the mark;
 * never a hang, never another error. */
#include "state/lmdb/guard.h"
#include "state/lmdb/lmdb_store.h"
#include "state/state.h"

#include <lmdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "damage.h"

enum { ROWS = 3000, STORES = 4, DAMAGES = 300 };
static const struct str identity = {"id", 2};

static enum err_kind open_state(struct state **state, struct state_meta *meta, struct err *err) {
    return state_open(&fixture.factory, 0, "", identity, TABLES_ONLY(2), state, meta, err);
}

static struct str make_key(char key[32], size_t i) {
    return (struct str){key, (size_t)snprintf(key, 32, "%0*zu", 8 + (int)(i % 3) * 6, i)};
}

/* Sets or removes one; of forty values one has pages of its own. */
static enum err_kind change(struct state *state, struct err *err) {
    char key[32], value[12000];
    size_t len = 10 + below(below(40) == 0 ? sizeof value - 10 : 90);
    memset(value, 'a' + (int)below(26), len);
    struct str v = below(5) == 0 ? STR_NONE : (struct str){value, len};
    return state_set(state, (int)below(2), make_key(key, below(ROWS)), v, err);
}

static enum err_kind commit(struct state *state, bool complete, struct err *err) {
    return state_commit(state, (int64_t[]){7, 7}, 1, complete, err);
}

/* Several commits, so that pages have been given back. n odd: a rebuild is under way. */
static void make_store(int n) {
    struct state *state = NULL;
    struct state_meta meta;
    struct err err;
    seed = 4711 + (uint64_t)n;
    assert_int_equal(open_state(&state, &meta, &err), ERR_NONE);
    assert_int_equal(n % 2 == 0 ? ERR_NONE : state_discard(state, &err), ERR_NONE);
    for (int i = 0; i < 12; i++) {
        for (int j = 0; j < ROWS / 10; j++) {
            char key[32];
            assert_int_equal(change(state, &err), ERR_NONE);
            assert_int_equal(
                state_add_changed_row(state, 0, make_key(key, below(ROWS)), false, &err), ERR_NONE);
        }
        assert_int_equal(commit(state, false, &err), ERR_NONE);
    }
    state_close(&state);
}

static enum err_kind walk(struct state *state, int count, struct err *err) {
    char start[32];
    struct str key = make_key(start, below(ROWS)), value;
    int table = (int)below(2);
    enum err_kind kind = ERR_NONE;
    for (int i = 0; kind == ERR_NONE && key.ptr && i < count; i++) {
        kind = state_next(state, table, STR(""), key, &key, &value, err);
    }
    return kind;
}

static enum err_kind some_changes(struct state *state, int count, bool undone, struct err *err) {
    enum err_kind kind = ERR_NONE;
    state_savepoint(state);
    for (int i = 0; kind == ERR_NONE && i < count; i++) {
        kind = change(state, err);
    }
    if (kind == ERR_NONE && undone) {
        state_rollback(state);
        return ERR_NONE;
    }
    state_release(state);
    return kind;
}

static enum err_kind operate(struct state **state, struct err *err) {
    char key[32];
    struct state_meta meta;
    switch (below(9)) {
    case 0:
        return commit(*state, below(2) == 0, err);
    case 1:
        return walk(*state, 200, err);
    case 2:
        return state_add_changed_row(*state, 0, make_key(key, below(ROWS)), below(2) == 0, err);
    case 3:
        return below(8) == 0 ? state_discard(*state, err) : ERR_NONE;
    case 4:
        if (below(8) == 0) {
            state_close(state);
            return open_state(state, &meta, err);
        }
        return ERR_NONE;
    default:
        return some_changes(*state, 25, below(4) == 0, err);
    }
}

/* Its exit code is what came of it. */
static _Noreturn void use_damaged(void) {
    be_mortal();
    struct state *state = NULL;
    struct state_meta meta;
    struct err err = {0};
    bool while_open = below(3) == 0;
    bool good = lmdb_store_guard(&err) == ERR_NONE && guard_watch(1000, &err) == ERR_NONE &&
                (while_open || damage());
    enum err_kind kind = good ? open_state(&state, &meta, &err) : ERR_BUG;
    for (int i = 0, damaged_at = while_open ? (int)below(20) : -1; kind == ERR_NONE && i < 60;
         i++) {
        if (i == damaged_at && !damage()) {
            kind = ERR_BUG;
            break;
        }
        kind = operate(&state, &err);
    }
    if (kind == ERR_NONE) {
        kind = commit(state, false, &err);
    }
    if (state) {
        state_close(&state);
    }
    _exit((int)kind);
}

/* A store that had the mark is empty and said to be damaged; it works. */
static void assert_opens(bool was_marked) {
    struct state *state = NULL;
    struct state_meta meta;
    struct err err = {0};
    assert_int_equal(open_state(&state, &meta, &err), ERR_NONE);
    assert_true(!was_marked || (meta.empty && meta.damaged));
    assert_false(is_marked());
    assert_int_equal(state_discard(state, &err), ERR_NONE);
    assert_int_equal(some_changes(state, 20, false, &err), ERR_NONE);
    assert_int_equal(commit(state, true, &err), ERR_NONE);
    state_close(&state);
}

static void test_any_damage(void **ctx) {
    (void)ctx;
#ifdef __SANITIZE_THREAD__
    skip(); /* it follows LMDB through gigabytes that are not there, for minutes */
#endif
    char good[STORES][160];
    for (int i = 0; i < STORES; i++) {
        make_store(i);
        (void)snprintf(good[i], sizeof good[i], "%s/good%d", fixture.dir, i);
        copy_file(data, good[i]);
        (void)unlink(data);
    }
    int fates[FATES] = {0};
    for (int n = 0; n < DAMAGES; n++) {
        enum damage_fate fate = use_in_child(good[n % STORES], n, use_damaged);
        fates[fate]++;
        if (fate == DIED) {
            assert_opens(true);
        }
    }
    print_message("%d fine, %d refused, %d died\n", fates[FINE], fates[REFUSED], fates[DIED]);
    assert_true(fates[FINE] > 0 && fates[REFUSED] > 0 && fates[DIED] > 0);
}

/* Processor time; usleep lets a thread sanitizer hand signals on. */
static void burn(int64_t burn_ms) {
    struct timespec start, now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
    do {
        (void)usleep(0);
        (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    } while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 <
             burn_ms);
}

/* way 0: a call that does not end. 1: many calls, each short. 2: none, for long. 3: a call that
 * waits for long. */
static _Noreturn void call(int way) {
    be_mortal();
    struct state *state = NULL;
    struct state_meta meta;
    struct err err = {0};
    if (lmdb_store_guard(&err) != ERR_NONE || guard_watch(50, &err) != ERR_NONE ||
        open_state(&state, &meta, &err) != ERR_NONE) {
        _exit(1);
    }
    for (int i = 0; i < 100; i++) {
        if (way != 2) {
            guard_enter(mark);
        }
        if (way == 3 && i == 0) {
            (void)nanosleep(&(struct timespec){0, 300000000}, NULL);
        } else if (way != 3) {
            burn(way == 0 ? HANG_MS : 3);
        }
        guard_leave();
    }
    state_close(&state);
    _exit(0);
}

static void test_endless_call(void **ctx) {
    (void)ctx;
    for (int way = 0; way < 4; way++) {
        (void)fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            call(way);
        }
        int status = 0;
        assert_true(wait_for(child, &status));
        assert_int_equal(WIFSIGNALED(status) ? WTERMSIG(status) : 0, way == 0 ? SIGABRT : 0);
        assert_int_equal(WIFSIGNALED(status) ? 0 : WEXITSTATUS(status), 0);
        assert_int_equal(is_marked(), way == 0);
        assert_opens(way == 0);
    }
}

/* Where in the file the record of a space says which page is its root. */
static off_t root_at(const char *space) {
    MDB_env *env = NULL;
    MDB_txn *txn = NULL;
    MDB_dbi spaces = 0;
    MDB_cursor *cursor = NULL;
    char name[16];
    (void)snprintf(name, sizeof name, "%s", space);
    MDB_val key = {strlen(name), name}, record = {0};
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_open(env, data, MDB_NOSUBDIR | MDB_NOLOCK | MDB_RDONLY, 0), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, NULL, 0, &spaces), 0);
    assert_int_equal(mdb_cursor_open(txn, spaces, &cursor), 0);
    assert_int_equal(mdb_cursor_get(cursor, &key, &record, MDB_SET_KEY), 0);
    const char *root = (const char *)record.mv_data + record.mv_size - sizeof(uint64_t);
    uint64_t page = 0;
    memcpy(&page, root - (uintptr_t)root % PAGE, sizeof page);
    off_t at = (off_t)(page * PAGE + (uintptr_t)root % PAGE);
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    mdb_env_close(env);
    return at;
}

static void move_root(void) {
    const uint64_t nowhere = (uint64_t)1 << 30;
    int fd = open(data, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, &nowhere, sizeof nowhere, root_at("1")), sizeof nowhere);
    (void)close(fd);
}

/* At opening that is seen. Later LMDB drops the error where it opens a cursor, and calls the
 * transaction bad at the next. */
static void test_root_out_of_reach(void **ctx) {
    (void)ctx;
    struct state *state = NULL;
    struct state_meta meta;
    struct err err = {0};
    struct str value;
    make_store(0);
    move_root();
    assert_int_equal(open_state(&state, &meta, &err), ERR_NONE);
    assert_true(meta.empty && meta.damaged);
    state_close(&state);
    make_store(0);
    assert_int_equal(open_state(&state, &meta, &err), ERR_NONE);
    assert_false(meta.empty);
    move_root();
    assert_int_equal(state_get(state, 0, STR("k"), &value, &err), ERR_CACHE);
    assert_true(strstr(err.message, "MDB_CORRUPTED") && !strstr(err.message, "BAD_TXN"));
    state_close(&state); /* and empties it */
    assert_int_equal(open_state(&state, &meta, &err), ERR_NONE);
    assert_true(meta.empty);
    state_close(&state);
}

/* A value's pages, counted wrong: LMDB would give them all back, one by one, for minutes and in
 * gigabytes. */
static void test_large_count(void **ctx) {
    (void)ctx;
    make_store(0);
    int fd = open(data, O_RDWR), found = 0;
    assert_true(fd >= 0);
    unsigned char head[16];
    for (off_t at = 0; pread(fd, head, sizeof head, at) == sizeof head; at += PAGE) {
        if (head[10] == 4 && head[11] == 0) {
            head[15] = 0x40;
            assert_int_equal(pwrite(fd, head, sizeof head, at), sizeof head);
            found++;
        }
    }
    (void)close(fd);
    assert_true(found > 0);
    struct state *state = NULL;
    struct state_meta meta;
    struct err err = {0};
    assert_int_equal(open_state(&state, &meta, &err), ERR_NONE);
    assert_false(meta.empty);
    enum err_kind kind = ERR_NONE;
    for (size_t i = 0; kind == ERR_NONE && i < 2 * (size_t)ROWS; i++) {
        char key[32];
        kind = state_set(state, (int)(i % 2), make_key(key, i / 2), STR_NONE, &err);
    }
    kind = kind == ERR_NONE ? commit(state, false, &err) : kind;
    assert_int_equal(kind, ERR_CACHE);
    state_close(&state);
    assert_opens(false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_any_damage),
        TEST(test_endless_call),
        TEST(test_root_out_of_reach),
        TEST(test_large_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
