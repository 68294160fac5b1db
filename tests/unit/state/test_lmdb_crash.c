/* What is left by a member that dies: by LMDB on a damaged page, or by kill -9. */
#include "state/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "damage.h"

enum { ROWS = 20000 };
static const struct str identity = {"id", 2};

static struct state *open_state(const struct state_fixture *f, struct state_meta *meta) {
    struct state *state = NULL;
    struct err err = {0};
    assert_int_equal(state_open(&f->factory, 0, "", identity, TABLES_ONLY(1), &state, meta, &err),
                     ERR_NONE);
    return state;
}

static struct str make_key(char key[16], uint64_t i) {
    return (struct str){key, (size_t)snprintf(key, 16, "%08d", (int)i)};
}

static enum err_kind put_row(struct state *state, uint64_t i, int64_t value, struct err *err) {
    char key[16], text[32];
    int len = snprintf(text, sizeof text, "value %d", (int)value);
    return state_set(state, 0, make_key(key, i), (struct str){text, (size_t)len}, err);
}

enum fate { FATE_READ_ALL, FATE_REFUSED, FATE_OTHER, FATE_DIED };

/* Reads all rows, and changes some, in a child. */
static enum fate walk_in_child(const struct state_fixture *f) {
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        be_mortal();
        struct state *state = NULL;
        struct state_meta meta;
        struct err err = {0};
        enum err_kind kind = lmdb_store_guard(&err);
        kind = kind ? kind : lmdb_store_guard(&err); /* twice is once */
        kind = kind ? kind
                    : state_open(&f->factory, 0, "", identity, TABLES_ONLY(1), &state, &meta, &err);
        struct str key = STR_NONE, value = STR_NONE;
        while (kind == ERR_NONE) {
            kind = state_next(state, 0, STR(""), key, &key, &value, &err);
            if (!key.ptr) {
                break;
            }
        }
        for (uint64_t i = 0; kind == ERR_NONE && i < ROWS; i += 50) {
            kind = put_row(state, i, -1, &err);
        }
        kind = kind ? kind : state_commit(state, (int64_t[]){2}, 1, false, &err);
        state_close(&state);
        _exit(kind == ERR_NONE ? FATE_READ_ALL : kind == ERR_CACHE ? FATE_REFUSED : FATE_OTHER);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? (enum fate)WEXITSTATUS(status) : FATE_DIED;
}

static void damage_page(const char *file, off_t page, bool whole) {
    char bytes[PAGE] = {0};
    int fd = open(file, O_RDWR);
    assert_true(fd >= 0);
    if (whole) {
        assert_int_equal(pwrite(fd, bytes, PAGE, page * PAGE), PAGE);
    } else {
        memset(bytes, 0xa5, 32);
        assert_int_equal(pwrite(fd, bytes, 32, page * PAGE + 8), 32);
    }
    (void)close(fd);
}

static void make_rows(const struct state_fixture *f) {
    struct state_meta meta;
    struct err err = {0};
    struct state *state = open_state(f, &meta);
    for (uint64_t i = 0; i < ROWS; i++) {
        assert_int_equal(put_row(state, (i * 7919) % ROWS, 1, &err), ERR_NONE);
    }
    assert_int_equal(state_commit(state, (int64_t[]){1}, 1, false, &err), ERR_NONE);
    state_close(&state);
}

/* Whatever a damaged page does, the next opening but one is never worse than empty. */
static void test_damaged_pages(void **ctx) {
    const struct state_fixture *f = *ctx;
    make_rows(f);
    char good[128];
    (void)snprintf(good, sizeof good, "%s/good", f->dir);
    copy_file(data, good);
    struct stat size;
    assert_int_equal(stat(good, &size), 0);
    off_t pages = size.st_size / PAGE;
    int died = 0, refused = 0;
    for (off_t page = 0; page < pages; page += page < 8 ? 1 : pages / 40) {
        copy_file(good, data);
        damage_page(data, page, page % 2 == 0);
        enum fate fate = walk_in_child(f);
        assert_int_not_equal(fate, FATE_OTHER);
        assert_int_equal(is_marked(), fate == FATE_DIED);
        struct state_meta meta;
        struct state *state = open_state(f, &meta);
        assert_false(is_marked());
        if (fate == FATE_DIED) {
            assert_true(meta.empty && meta.damaged);
            died++;
        } else if (fate == FATE_REFUSED) {
            assert_true(meta.empty);
            refused++;
        }
        state_close(&state);
        assert_int_equal(walk_in_child(f), FATE_READ_ALL);
    }
    print_message("%d died, %d refused\n", died, refused);
    assert_true(died > 10);
    assert_true(unlink(good) == 0);
}

static void test_cut_short_while_open(void **ctx) {
    const struct state_fixture *f = *ctx;
    make_rows(f);
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        be_mortal();
        struct state_meta meta;
        struct err err = {0};
        struct state *state = NULL;
        bool good = lmdb_store_guard(&err) == ERR_NONE &&
                    state_open(&f->factory, 0, "", identity, TABLES_ONLY(1), &state, &meta, &err) ==
                        ERR_NONE &&
                    truncate(data, 3 * (off_t)PAGE) == 0;
        struct str value = STR_NONE;
        char key[16];
        for (uint64_t i = 0; good && i < ROWS; i++) {
            good = state_get(state, 0, make_key(key, i), &value, &err) == ERR_NONE;
        }
        _exit(good ? 0 : 3);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
    assert_true(is_marked());
    struct state_meta meta;
    struct state *state = open_state(f, &meta);
    assert_true(meta.empty && meta.damaged);
    state_close(&state);
}

/* Signals that are not LMDB's doing leave no mark. */
static void test_other_deaths(void **ctx) {
    const struct state_fixture *f = *ctx;
    make_rows(f);
    for (int way = 0; way < 3; way++) {
        (void)fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            be_mortal();
            struct state_meta meta;
            struct err err = {0};
            struct state *state = NULL;
            if (lmdb_store_guard(&err) != ERR_NONE ||
                state_open(&f->factory, 0, "", identity, TABLES_ONLY(1), &state, &meta, &err) !=
                    ERR_NONE) {
                _exit(0);
            }
            if (way == 0) {
                abort();
            }
            (void)kill(getpid(), way == 1 ? SIGSEGV : SIGABRT);
            _exit(0);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), way == 1 ? SIGSEGV : SIGABRT);
        assert_false(is_marked());
        struct state_meta meta;
        struct state *state = open_state(f, &meta);
        assert_false(meta.empty);
        state_close(&state);
    }
}

/* Batch n sets row n, sets row "last" to n, and every third time takes row n / 2 away: the rows
 * follow from the offset. */
static enum err_kind apply(struct state *state, int64_t batch, struct err *err) {
    char key[16];
    enum err_kind kind = ERR_NONE;
    for (uint64_t i = 0; kind == ERR_NONE && i < 20; i++) {
        kind = put_row(state, (uint64_t)batch * 20 + i, batch, err);
    }
    kind = kind ? kind : put_row(state, 0, batch, err);
    if (kind == ERR_NONE && batch % 3 == 0) {
        kind = state_set(state, 0, make_key(key, (uint64_t)batch * 10), STR_NONE, err);
    }
    return kind ? kind : state_commit(state, &batch, batch, false, err);
}

static void assert_follows(const struct state_fixture *f, int64_t offset) {
    struct state_fixture expected;
    state_fixture_memory(&expected);
    struct state_meta meta;
    struct err err = {0};
    struct state *fresh = open_state(&expected, &meta), *state = open_state(f, &meta);
    for (int64_t batch = 1; batch <= offset; batch++) {
        assert_int_equal(apply(fresh, batch, &err), ERR_NONE);
    }
    assert_int_equal(state_row_count(state), state_row_count(fresh));
    struct str keys[2] = {STR_NONE, STR_NONE}, values[2];
    do {
        assert_int_equal(state_next(fresh, 0, STR(""), keys[0], &keys[0], &values[0], &err),
                         ERR_NONE);
        assert_int_equal(state_next(state, 0, STR(""), keys[1], &keys[1], &values[1], &err),
                         ERR_NONE);
        assert_true(str_equal(keys[0], keys[1]) && str_equal(values[0], values[1]));
    } while (keys[0].ptr);
    state_close(&fresh);
    state_close(&state);
    state_fixture_clear(&expected);
}

static void test_killed_in_the_middle(void **ctx) {
    const struct state_fixture *f = *ctx;
    void *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    volatile int64_t *progress = shared;
    seed = 4711;
    for (int round = 0; round < 25; round++) {
        (void)fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            struct state_meta meta = {0};
            struct err err = {0};
            struct state *state = NULL;
            enum err_kind kind = lmdb_store_guard(&err);
            kind = kind ? kind
                        : state_open(&f->factory, 0, "", identity, TABLES_ONLY(1), &state, &meta,
                                     &err);
            for (int64_t batch = meta.offsets[0] + 1; kind == ERR_NONE; batch++) {
                progress[0] = batch; /* begun */
                kind = apply(state, batch, &err);
                progress[1] = batch; /* answered */
            }
            _exit(1);
        }
        (void)usleep(500 + (unsigned)below(15000));
        assert_int_equal(kill(child, SIGKILL), 0);
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        assert_false(is_marked());
        struct state_meta meta;
        struct state *state = open_state(f, &meta);
        state_close(&state);
        assert_false(meta.damaged || (meta.empty && progress[1] > 0));
        assert_true(meta.offsets[0] >= progress[1] && meta.offsets[0] <= progress[0]);
        assert_follows(f, meta.offsets[0]);
    }
    print_message("%d batches\n", (int)progress[1]);
    assert_true(progress[1] > 25);
    (void)munmap(shared, PAGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_damaged_pages),
        TEST(test_cut_short_while_open),
        TEST(test_other_deaths),
        TEST(test_killed_in_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
