/* Looking at a cache must not change it, and must not take what a member would throw away. */
#include "sim/state_fixture.h"
#include "state/lmdb/peek.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { TASK = 0, TABLES = 2 };
static const struct str identity = {"cluster|prefix", 14};

static struct state *open_state(const struct state_fixture *f) {
    struct state *state = NULL;
    struct state_meta meta;
    struct err err;
    assert_int_equal(
        state_open(&f->factory, TASK, "", identity, TABLES_ONLY(TABLES), &state, &meta, &err),
        ERR_NONE);
    return state;
}

static void fill(struct state *state, bool complete) {
    struct err err;
    assert_int_equal(state_set(state, 0, STR("b"), STR("2"), &err), ERR_NONE);
    assert_int_equal(state_set(state, 0, STR("a"), STR("1"), &err), ERR_NONE);
    assert_int_equal(state_set(state, 1, STR("c"), STR(""), &err), ERR_NONE);
    assert_int_equal(state_commit(state, (int64_t[]){7, 9}, 1234, complete, &err), ERR_NONE);
}

static void make_cache(const struct state_fixture *f) {
    struct state *state = open_state(f);
    fill(state, true);
    state_close(&state);
}

static enum err_kind look(const struct state_fixture *f, size_t tables, struct peek **ret_peek,
                          struct peek_meta *meta, struct err *err) {
    return peek_open(f->dir, TASK, TABLES_ONLY(tables), ret_peek, meta, err);
}

static void assert_next(struct peek *peek, int table, const char *key, const char *value) {
    struct err err;
    struct str k = STR_NONE, v = STR_NONE;
    assert_int_equal(peek_next(peek, table, &k, &v, &err), ERR_NONE);
    assert_int_equal(k.ptr == NULL, key == NULL);
    if (k.ptr && key) {
        assert_true(str_is(k, key));
        assert_true(str_is(v, value));
    }
}

static void test_tells_what_the_cache_holds(void **context) {
    struct state_fixture *f = *context;
    make_cache(f);
    struct peek *peek = NULL;
    struct peek_meta meta;
    struct err err;
    assert_int_equal(look(f, TABLES, &peek, &meta, &err), ERR_NONE);
    assert_non_null(peek);
    assert_int_equal(meta.offsets[0], 7);
    assert_int_equal(meta.offsets[1], 9);
    assert_int_equal(meta.wall_ms, 1234);
    assert_int_equal(meta.row_count, 3);
    assert_false(meta.incomplete);
    assert_true(str_equal(meta.identity, identity));
    assert_next(peek, 0, "a", "1");
    assert_next(peek, 0, "b", "2");
    assert_next(peek, 0, NULL, NULL);
    assert_next(peek, 1, "c", "");
    assert_next(peek, 1, NULL, NULL);
    assert_next(peek, 0, "a", "1"); /* from the start again */
    peek_close(&peek);
    assert_null(peek);
}

static void test_makes_nothing(void **context) {
    struct state_fixture *f = *context;
    struct peek *peek = NULL;
    struct peek_meta meta;
    struct err err;
    assert_int_equal(look(f, TABLES, &peek, &meta, &err), ERR_NONE);
    assert_null(peek);
    assert_int_not_equal(access(state_fixture_path(f, "0"), F_OK), 0);
}

static void test_keeps_what_it_can_not_read(void **context) {
    struct state_fixture *f = *context;
    make_cache(f);
    struct peek *peek = NULL;
    struct peek_meta meta;
    struct err err;
    assert_int_equal(look(f, TABLES + 1, &peek, &meta, &err), ERR_CACHE); /* another view's */
    assert_null(peek);
    assert_int_equal(look(f, TABLES, &peek, &meta, &err), ERR_NONE); /* nobody has emptied it */
    assert_next(peek, 0, "a", "1");
    peek_close(&peek);
}

static void test_leaves_a_cache_in_use_alone(void **context) {
    struct state_fixture *f = *context;
    struct state *state = open_state(f);
    fill(state, true);
    struct peek *peek = NULL, *other = NULL;
    struct peek_meta meta;
    struct err err;
    assert_int_equal(look(f, TABLES, &peek, &meta, &err), ERR_RETRY);
    assert_true(err.locked);
    assert_null(peek);
    state_close(&state);
    assert_int_equal(look(f, TABLES, &peek, &meta, &err), ERR_NONE);
    assert_int_equal(look(f, TABLES, &other, &meta, &err), ERR_NONE); /* two may look */
    struct state_meta ignored;
    assert_int_equal(
        state_open(&f->factory, TASK, "", identity, TABLES_ONLY(TABLES), &state, &ignored, &err),
        ERR_RETRY);
    assert_true(err.locked);
    peek_close(&peek);
    peek_close(&other);
}

static void test_tells_an_incomplete_one(void **context) {
    struct state_fixture *f = *context;
    struct state *state = open_state(f);
    struct err err;
    assert_int_equal(state_discard(state, &err), ERR_NONE);
    fill(state, false);
    state_close(&state);
    struct peek *peek = NULL;
    struct peek_meta meta;
    assert_int_equal(look(f, TABLES, &peek, &meta, &err), ERR_NONE);
    assert_true(meta.incomplete);
    peek_close(&peek);
}

static void test_never_committed_is_none(void **context) {
    struct state_fixture *f = *context;
    struct state *state = open_state(f);
    state_close(&state);
    struct peek *peek = NULL;
    struct peek_meta meta;
    struct err err;
    assert_int_equal(look(f, TABLES, &peek, &meta, &err), ERR_NONE);
    assert_null(peek);
}

/* How the file is changed behind the store's back. */
static void cut(const char *path) {
    assert_int_equal(truncate(path, 4 * sysconf(_SC_PAGESIZE)), 0);
}
static void zero_head(const char *path) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    char zeros[2 * 4096] = {0};
    assert_int_equal(write(fd, zeros, sizeof zeros), sizeof zeros);
    (void)close(fd);
}
static void empty(const char *path) {
    assert_int_equal(truncate(path, 0), 0);
}
/* A value's bytes, wherever LMDB has put them. */
static void change_value(const char *path) {
    int fd = open(path, O_RDWR | O_CLOEXEC);
    char page[4096];
    for (off_t at = 0; pread(fd, page, sizeof page, at) == (ssize_t)sizeof page;
         at += (off_t)sizeof page) {
        for (char *found = memmem(page, sizeof page, "long value", 10); found;
             found = memmem(page, sizeof page, "long value", 10)) {
            found[0] = 'w';
            assert_int_equal(pwrite(fd, page, sizeof page, at), sizeof page);
        }
    }
    (void)close(fd);
}
/* The last entry of each leaf: nothing in the others shows that it was there. */
static void lose_entries(const char *path) {
    int fd = open(path, O_RDWR | O_CLOEXEC);
    char page[4096];
    for (off_t at = 0; pread(fd, page, sizeof page, at) == (ssize_t)sizeof page;
         at += (off_t)sizeof page) {
        if (page[10] == 2 && memmem(page, sizeof page, "long value", 10)) {
            page[12] -= 2;
            assert_int_equal(pwrite(fd, page, sizeof page, at), sizeof page);
        }
    }
    (void)close(fd);
}
static void mark(const char *path) {
    char other[512];
    (void)snprintf(other, sizeof other, "%.*s/damaged", (int)(strrchr(path, '/') - path), path);
    (void)close(open(other, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
}

/* Reads all; the first error. */
static enum err_kind read_all(const struct state_fixture *f, struct err *err) {
    struct peek *peek = NULL;
    struct peek_meta meta;
    enum err_kind kind = look(f, TABLES, &peek, &meta, err);
    for (int table = 0; kind == ERR_NONE && table < TABLES; table++) {
        struct str key, value;
        do {
            kind = peek_next(peek, table, &key, &value, err);
        } while (kind == ERR_NONE && key.ptr);
    }
    peek_close(&peek);
    return kind;
}

static void test_says_what_is_damaged(void **context) {
    struct state_fixture *f = *context;
    void (*const damages[])(const char *) = {change_value, cut,  zero_head,
                                             empty,        mark, lose_entries};
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        struct state *state = open_state(f);
        struct err err;
        fill(state, true);
        for (int row = 0; row < 2000; row++) {
            char key[16];
            int len = snprintf(key, sizeof key, "%08d", row);
            assert_int_equal(state_set(state, 1, (struct str){key, (size_t)len},
                                       STR("a long value, or longer"), &err),
                             ERR_NONE);
        }
        assert_int_equal(state_commit(state, (int64_t[]){7, 9}, 1234, true, &err), ERR_NONE);
        state_close(&state);
        assert_int_equal(read_all(f, &err), ERR_NONE);
        damages[i](state_fixture_path(f, "0/data.mdb"));
        assert_int_equal(read_all(f, &err), ERR_CACHE);
        assert_non_null(strstr(err.message, "would rebuild"));
        assert_int_equal(read_all(f, &err), ERR_CACHE); /* it has mended nothing */
        assert_int_equal(remove(state_fixture_path(f, "0/data.mdb")), 0);
    }
}

static int setup(void **context) {
    static struct state_fixture fixture;
    state_fixture_lmdb(&fixture);
    *context = &fixture;
    return 0;
}

static int clear(void **context) {
    state_fixture_clear(*context);
    return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, clear)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_tells_what_the_cache_holds), TEST(test_makes_nothing),
        TEST(test_keeps_what_it_can_not_read), TEST(test_leaves_a_cache_in_use_alone),
        TEST(test_tells_an_incomplete_one),    TEST(test_never_committed_is_none),
        TEST(test_says_what_is_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
