/* What the disk may hold, or refuse, when a store is opened or written. */
#include "sim/state_fixture.h"
#include "state/crc32c.h"
#include "state/lmdb/lmdb_kv.h"
#include "state/meta.h"
#include "state/state.h"

#include <endian.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const struct str identity = {"id", 2};

static const char *path(const struct state_fixture *f, const char *name) {
    return state_fixture_path(f, name);
}

static struct state *open_state(const struct state_fixture *f, struct state_meta *meta) {
    struct state *state = NULL;
    struct err err = {0};
    enum err_kind kind =
        state_open(&f->factory, 0, "", identity, TABLES_ONLY(1), &state, meta, &err);
    if (kind != ERR_NONE) {
        print_error("%s\n", err.message);
    }
    assert_int_equal(kind, ERR_NONE);
    return state;
}

static enum err_kind put_rows(struct state *state, int count, const char *value, struct err *err) {
    enum err_kind kind = ERR_NONE;
    for (int i = 0; kind == ERR_NONE && i < count; i++) {
        char key[16];
        int len = snprintf(key, sizeof key, "%08d", i);
        kind = state_set(state, 0, (struct str){key, (size_t)len}, str_from(value), err);
    }
    return kind;
}

static enum err_kind commit(struct state *state, int64_t offset, struct err *err) {
    return state_commit(state, &offset, 1, false, err);
}

/* A store with 1,000 rows at offset 7, closed. */
static void make_store(const struct state_fixture *f) {
    struct state_meta meta;
    struct err err;
    struct state *state = open_state(f, &meta);
    assert_int_equal(put_rows(state, 1000, "value", &err), ERR_NONE);
    assert_int_equal(commit(state, 7, &err), ERR_NONE);
    state_close(&state);
}

/* Opens the store; is it empty, and said to be damaged? Then it works. */
static void assert_opens(const struct state_fixture *f, bool empty, bool damaged) {
    struct state_meta meta;
    struct state *state = open_state(f, &meta);
    assert_int_equal(meta.empty, empty);
    assert_int_equal(meta.damaged, damaged);
    assert_int_equal(state_row_count(state), empty ? 0 : 1000);
    struct err err;
    assert_int_equal(put_rows(state, 1000, "again", &err), ERR_NONE);
    assert_int_equal(commit(state, 7, &err), ERR_NONE);
    state_close(&state);
}

static uint64_t walk(struct state *state) {
    struct str key = STR_NONE, value;
    struct err err;
    uint64_t rows = 0;
    do {
        assert_int_equal(state_next(state, 0, STR(""), key, &key, &value, &err), ERR_NONE);
        rows += key.ptr ? 1 : 0;
    } while (key.ptr);
    return rows;
}

static bool exists(const struct state_fixture *f, const char *name) {
    struct stat there;
    return stat(path(f, name), &there) == 0;
}

static void write_file(const char *file, const void *bytes, size_t len) {
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    assert_int_equal(close(fd), 0);
}

static void test_damaged_files(void **ctx) {
    const struct state_fixture *f = *ctx;
    make_store(f);
    assert_opens(f, false, false);
    assert_int_equal(truncate(path(f, "0/data.mdb"), (off_t)3 * 4096), 0);
    assert_opens(f, true, true);
    assert_int_equal(truncate(path(f, "0/data.mdb"), 100), 0);
    assert_opens(f, true, true);
    assert_int_equal(truncate(path(f, "0/data.mdb"), 0), 0);
    assert_opens(f, true, false); /* as one that was just being made */
    char garbage[3 * 4096];
    memset(garbage, 'g', sizeof garbage);
    write_file(path(f, "0/data.mdb"), garbage, sizeof garbage);
    assert_opens(f, true, true);
    write_file(path(f, "0/damaged"), "", 0);
    assert_opens(f, true, true);
    assert_false(exists(f, "0/damaged"));
    assert_int_equal(unlink(path(f, "0/data.mdb")), 0);
    assert_opens(f, true, false);
    assert_opens(f, false, false);
}

static void test_another_format_is_discarded(void **ctx) {
    const struct state_fixture *f = *ctx;
    make_store(f);
    struct kv *kv = NULL;
    struct err err;
    bool damaged = true;
    const struct kv_ops *ops = f->factory.ops;
    assert_int_equal(f->factory.open(f->factory.ctx, 0, "", 3, &kv, &damaged, &err), ERR_NONE);
    struct buf old = {0};
    struct meta_record record = {.identity = identity, .table_count = 1};
    meta_encode(&record, &old);
    assert_int_equal(meta_decode(buf_view(&old), &record), META_GOOD);
    struct meta_record other = {.identity = STR("other"), .table_count = 1};
    assert_int_equal(meta_decode(buf_view(&old), &other), META_FOREIGN);
    old.ptr[7]++; /* the format */
    assert_int_equal(meta_decode(buf_view(&old), &record), META_DAMAGED);
    uint32_t crc = htobe32(crc32c(0, old.ptr + 4, old.len - 4));
    memcpy(old.ptr, &crc, sizeof crc);
    assert_int_equal(meta_decode(buf_view(&old), &record), META_FOREIGN);
    assert_int_equal(ops->put(kv, 0, STR("meta"), buf_view(&old), &err), ERR_NONE);
    assert_int_equal(ops->commit(kv, &err), ERR_NONE);
    ops->close(&kv);
    buf_clear(&old);
    assert_opens(f, true, false);
}

static void test_something_in_the_way(void **ctx) {
    const struct state_fixture *f = *ctx;
    struct state *state = NULL;
    struct state_meta meta;
    struct err err = {0};
    assert_int_equal(mkdir(path(f, "0"), 0755), 0);
    assert_int_equal(mkdir(path(f, "0/data.mdb"), 0755), 0);
    assert_int_equal(state_open(&f->factory, 0, "", identity, TABLES_ONLY(1), &state, &meta, &err),
                     ERR_RETRY);
    assert_non_null(strstr(err.message, "0/data.mdb: can't be opened: Is a directory"));
    assert_non_null(strstr(err.message, "remove"));
    assert_int_equal(rmdir(path(f, "0/data.mdb")), 0);
    assert_opens(f, true, false);
    write_file(path(f, "1"), "", 0);
    assert_int_equal(state_open(&f->factory, 1, "", identity, TABLES_ONLY(1), &state, &meta, &err),
                     ERR_RETRY);
    assert_non_null(strstr(err.message, "/1"));
    struct lmdb_store *store = NULL;
    assert_int_equal(lmdb_store_new(path(f, "1"), &store, &err), ERR_CONFIG);
    assert_int_equal(lmdb_store_new(path(f, "1/deeper"), &store, &err), ERR_CONFIG);
    assert_non_null(strstr(err.message, "Not a directory"));
    assert_int_equal(lmdb_store_new("", &store, &err), ERR_CONFIG);
    assert_int_equal(lmdb_store_new("/proc/no/such", &store, &err), ERR_CONFIG);
    assert_int_equal(lmdb_store_new(path(f, "a/b/c/"), &store, &err), ERR_NONE);
    assert_true(exists(f, "a/b/c"));
    lmdb_store_destroy(&store);
    assert_null(store);
    lmdb_store_destroy(&store);
}

static void test_not_writable(void **ctx) {
    const struct state_fixture *f = *ctx;
    if (geteuid() == 0) {
        skip(); /* root may write anywhere */
    }
    make_store(f);
    struct state *state = NULL;
    struct state_meta meta;
    struct err err = {0};
    assert_int_equal(chmod(path(f, "0/data.mdb"), 0444), 0);
    assert_int_equal(state_open(&f->factory, 0, "", identity, TABLES_ONLY(1), &state, &meta, &err),
                     ERR_RETRY);
    assert_non_null(strstr(err.message, "writable"));
    assert_int_equal(chmod(path(f, "0/data.mdb"), 0644), 0);
    assert_opens(f, false, false);
    assert_int_equal(chmod(f->dir, 0555), 0);
    struct lmdb_store *store = NULL;
    assert_int_equal(lmdb_store_new(f->dir, &store, &err), ERR_CONFIG);
    assert_int_equal(state_open(&f->factory, 1, "", identity, TABLES_ONLY(1), &state, &meta, &err),
                     ERR_RETRY);
    assert_int_equal(chmod(f->dir, 0755), 0);
}

static void test_boots(void **ctx) {
    const struct state_fixture *f = *ctx;
    make_store(f);
    assert_false(exists(f, "0/boot")); /* synced at close */
    struct state_meta meta;
    struct err err;
    struct state *state = open_state(f, &meta);
    assert_false(exists(f, "0/boot"));
    assert_int_equal(put_rows(state, 1000, "more", &err), ERR_NONE);
    assert_int_equal(commit(state, 8, &err), ERR_NONE);
    assert_true(exists(f, "0/boot"));
    state_close(&state);
    assert_opens(f, false, false);
    /* as if it had not been closed, and the machine started anew */
    write_file(path(f, "0/boot"), "another boot\n", 13);
    assert_opens(f, true, false);
    write_file(path(f, "0/boot"), "", 0);
    assert_opens(f, true, false);
}

static void test_private_folders(void **ctx) {
    const struct state_fixture *f = *ctx;
    struct state_meta meta;
    struct err err;
    struct state *main = open_state(f, &meta), *private = NULL, *other = NULL;
    const char *const stale[] = {"0.killed", "0.empty", "1.killed", "00.no", "0.held"};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(mkdir(path(f, stale[i]), 0755), 0);
    }
    write_file(path(f, "0.killed/lock"), "", 0);
    write_file(path(f, "0.killed/data.mdb"), "x", 1);
    write_file(path(f, "1.killed/lock"), "", 0);
    assert_int_equal(
        state_open(&f->factory, 0, ".held", identity, TABLES_ONLY(1), &other, &meta, &err),
        ERR_NONE);
    assert_int_equal(
        state_open(&f->factory, 0, ".me", identity, TABLES_ONLY(1), &private, &meta, &err),
        ERR_NONE);
    assert_true(exists(f, "0.me/data.mdb") && exists(f, "0.held/data.mdb"));
    assert_false(exists(f, "0.killed") || exists(f, "0.empty"));
    assert_true(exists(f, "1.killed") && exists(f, "00.no"));
    state_close(&private);
    assert_false(exists(f, "0.me"));
    state_close(&other);
    assert_false(exists(f, "0.held"));
    state_close(&main);
    assert_true(exists(f, "0/data.mdb"));
}

static void test_folder_removed_while_open(void **ctx) {
    const struct state_fixture *f = *ctx;
    struct state_meta meta;
    struct err err;
    struct state *state = open_state(f, &meta);
    assert_int_equal(put_rows(state, 10, "x", &err), ERR_NONE);
    assert_int_equal(commit(state, 1, &err), ERR_NONE);
    assert_int_equal(rename(path(f, "0"), path(f, "away")), 0);
    assert_int_equal(put_rows(state, 20, "x", &err), ERR_NONE);
    assert_int_equal(commit(state, 2, &err), ERR_NONE);      /* into the file it has */
    struct state *second = open_state(f, &meta);             /* another folder, another lock */
    assert_int_equal(state_discard(state, &err), ERR_RETRY); /* not theirs */
    assert_non_null(strstr(err.message, "removed or replaced"));
    assert_int_equal(state_set(state, 0, STR("k"), STR("v"), &err), ERR_RETRY);
    assert_int_equal(put_rows(second, 1000, "x", &err), ERR_NONE);
    assert_int_equal(commit(second, 7, &err), ERR_NONE);
    state_close(&state);
    state_close(&second);
    assert_opens(f, false, false);
}

/* A limit of the file's size stands for a full disk. */
static void test_disk_full(void **ctx) {
    const struct state_fixture *f = *ctx;
    make_store(f);
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        (void)signal(SIGXFSZ, SIG_IGN);
        struct rlimit limit = {(rlim_t)1 << 20, (rlim_t)1 << 20};
        struct state_meta meta;
        struct state *state = NULL;
        struct err err = {0}, again = {0};
        bool good =
            setrlimit(RLIMIT_FSIZE, &limit) == 0 &&
            state_open(&f->factory, 0, "", identity, TABLES_ONLY(1), &state, &meta, &err) ==
                ERR_NONE &&
            put_rows(state, 20000, "a value that fills more than a megabyte", &err) == ERR_NONE &&
            commit(state, 8, &err) == ERR_RETRY && strstr(err.message, "0/data.mdb") &&
            strstr(err.message, "make room") &&
            state_set(state, 0, STR("k"), STR("v"), &again) == ERR_RETRY &&
            strcmp(err.message, again.message) == 0;
        state_close(&state);
        _exit(good ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    struct state_meta meta; /* the last commit stands; parts of the next are there, and counted */
    struct state *state = open_state(f, &meta);
    assert_true(!meta.empty && !meta.damaged);
    assert_int_equal(meta.offsets[0], 7);
    assert_true(state_row_count(state) > 1000);
    assert_int_equal(state_row_count(state), walk(state));
    state_close(&state);
}

static void test_map_grows(void **ctx) {
    const struct state_fixture *f = *ctx;
    lmdb_store_map_bytes(f->store, (size_t)1 << 20);
    struct state_meta meta;
    struct err err = {0};
    struct state *state = open_state(f, &meta);
    char value[1001];
    memset(value, 'v', 1000);
    value[1000] = '\0';
    /* by itself, between transactions */
    for (int i = 1; i <= 20; i++) {
        assert_int_equal(put_rows(state, i * 150, value, &err), ERR_NONE);
        value[0]++; /* the row changes */
        assert_int_equal(commit(state, i, &err), ERR_NONE);
    }
    state_close(&state);
    /* one transaction that is too large: what was committed stays, and it fits in the end */
    lmdb_store_map_bytes(f->store, (size_t)1 << 20);
    int tries = 0;
    struct kv *kv = NULL;
    bool damaged = true;
    const struct kv_ops *ops = f->factory.ops;
    assert_int_equal(f->factory.open(f->factory.ctx, 1, "", 1, &kv, &damaged, &err), ERR_NONE);
    assert_int_equal(ops->put(kv, 0, STR("first"), STR("1"), &err), ERR_NONE);
    assert_int_equal(ops->commit(kv, &err), ERR_NONE);
    enum err_kind kind = ERR_RETRY;
    while (kind != ERR_NONE && tries++ < 20) {
        kind = ERR_NONE;
        for (int i = 0; kind == ERR_NONE && i < 10000; i++) {
            kind = ops->put(kv, 0, (struct str){(char *)&i, sizeof i}, str_from(value), &err);
        }
        if (kind != ERR_NONE) {
            assert_int_equal(kind, ERR_RETRY);
            assert_non_null(strstr(err.message, "the map of"));
            assert_int_equal(ops->commit(kv, &err), ERR_RETRY);
            ops->abort(kv);
        }
    }
    assert_true(tries > 1 && tries < 10);
    assert_int_equal(ops->commit(kv, &err), ERR_NONE);
    struct str first;
    assert_int_equal(ops->get(kv, 0, STR("first"), &first, &err), ERR_NONE);
    assert_true(str_is(first, "1"));
    ops->close(&kv);
}

static void put(const struct kv_ops *ops, struct kv *kv, int number, const char *value) {
    char key[16];
    struct err err = {0};
    int len = snprintf(key, sizeof key, "%08d", number);
    assert_int_equal(ops->put(kv, 0, (struct str){key, (size_t)len}, str_from(value), &err),
                     ERR_NONE);
}

static void test_dirty_bytes_are_pages(void **ctx) {
    const struct state_fixture *f = *ctx;
    enum { PAGE = 4096, CHANGES = 100, ROWS = 20000 };
    struct err err = {0};
    struct kv *kv = NULL;
    bool damaged = false;
    const struct kv_ops *ops = f->factory.ops;
    assert_int_equal(f->factory.open(f->factory.ctx, 1, "", 1, &kv, &damaged, &err), ERR_NONE);
    for (int i = 0; i < ROWS; i++) {
        put(ops, kv, i, "a value of some thirty characters");
    }
    assert_in_range(ops->dirty_bytes(kv), ROWS * 50, ROWS * 100); /* all new: their size */
    assert_int_equal(ops->commit(kv, &err), ERR_NONE);
    assert_int_equal(ops->dirty_bytes(kv), 0);
    for (int i = 0; i < CHANGES; i++) {
        put(ops, kv, i, "neighbours");
    }
    assert_in_range(ops->dirty_bytes(kv), PAGE, 10 * PAGE);
    assert_int_equal(ops->commit(kv, &err), ERR_NONE);
    for (int round = 0; round < 2; round++) { /* the second time the pages are dirty already */
        for (int i = 0; i < CHANGES; i++) {
            put(ops, kv, i * ROWS / CHANGES, round ? "far" : "apart");
        }
        assert_in_range(ops->dirty_bytes(kv), CHANGES * PAGE, 5 * CHANGES * PAGE / 4);
    }
    char large[100 * 1024];
    memset(large, 'l', sizeof large);
    size_t before = ops->dirty_bytes(kv);
    assert_int_equal(ops->put(kv, 0, STR("large"), (struct str){large, sizeof large}, &err),
                     ERR_NONE);
    assert_in_range(ops->dirty_bytes(kv) - before, sizeof large, sizeof large + (size_t)5 * PAGE);
    ops->close(&kv);
}

/* Stores that have given their memory back go on as if nothing had been. */
static void test_many_tasks_share_what_they_keep(void **ctx) {
    const struct state_fixture *f = *ctx;
    enum { TASKS = 8 };
    struct state *states[TASKS];
    struct err err = {0};
    struct state_meta meta;
    for (int32_t i = 0; i < TASKS; i++) {
        assert_int_equal(
            state_open(&f->factory, i, "", identity, TABLES_ONLY(1), &states[i], &meta, &err),
            ERR_NONE);
    }
    for (int64_t round = 1; round <= 3; round++) {
        for (int i = 0; i < TASKS; i++) {
            char value[128];
            (void)snprintf(value, sizeof value, "%-100d%d", i, (int)round);
            assert_int_equal(put_rows(states[i], 30000, value, &err), ERR_NONE);
            assert_int_equal(commit(states[i], round, &err), ERR_NONE);
        }
    }
    for (int i = 0; i < TASKS; i++) {
        struct str value = STR_NONE;
        assert_int_equal(state_get(states[i], 0, STR("00029999"), &value, &err), ERR_NONE);
        assert_int_equal(value.len, 101);
        assert_int_equal(value.ptr[0], '0' + i);
        assert_int_equal(value.ptr[100], '3');
        assert_int_equal(state_row_count(states[i]), 30000);
        state_close(&states[i]);
    }
}

#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__ /* which need terabytes */
static void test_little_address_space(void **ctx) {
    const struct state_fixture *f = *ctx;
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit = {(rlim_t)2 << 30, (rlim_t)2 << 30};
        struct state_meta meta;
        struct state *state = NULL;
        struct err err = {0};
        bool good = setrlimit(RLIMIT_AS, &limit) == 0 &&
                    state_open(&f->factory, 0, "", identity, TABLES_ONLY(1), &state, &meta, &err) ==
                        ERR_NONE &&
                    put_rows(state, 100000, "a value", &err) == ERR_NONE &&
                    commit(state, 8, &err) == ERR_NONE;
        state_close(&state);
        _exit(good ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}
#endif

static struct state_fixture fixture;

static int setup(void **ctx) {
    state_fixture_lmdb(&fixture);
    *ctx = &fixture;
    return 0;
}

static int clear(void **ctx) {
    state_fixture_clear(*ctx);
    return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, clear)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_damaged_files),
        TEST(test_another_format_is_discarded),
        TEST(test_something_in_the_way),
        TEST(test_not_writable),
        TEST(test_boots),
        TEST(test_private_folders),
        TEST(test_folder_removed_while_open),
        TEST(test_disk_full),
        TEST(test_map_grows),
        TEST(test_dirty_bytes_are_pages),
        TEST(test_many_tasks_share_what_they_keep),
#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
        TEST(test_little_address_space),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
