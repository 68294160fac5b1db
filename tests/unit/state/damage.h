/* damage.h: a cache's file damaged at random, and a child that may die of it.
 *
 * What:    for the tests of it; after cmocka.h.
 * Owns:    fixture, a store of LMDB for each test; seed, the state of the random numbers.
 * Errors:  false, or a failed assertion.
 * Limits:  pages of 4096 bytes.
 */
#ifndef TESTS_UNIT_STATE_DAMAGE_H
#define TESTS_UNIT_STATE_DAMAGE_H

#include "sim/state_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, HANG_MS = 20000 };

/* LMDB's memory errors end as everywhere else, not in an exit code. */
/* The sanitizer's name for it. NOLINTBEGIN(readability-identifier-naming) */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    /* NOLINTEND(readability-identifier-naming) */
    return "abort_on_error=1:allocator_may_return_null=1";
}

static struct state_fixture fixture;
static char data[128], mark[128]; /* of task 0: its file, and the mark of a damaged one */

static int setup(void **ctx) {
    state_fixture_lmdb(&fixture);
    (void)snprintf(data, sizeof data, "%s/0/data.mdb", fixture.dir);
    (void)snprintf(mark, sizeof mark, "%s/0/damaged", fixture.dir);
    *ctx = &fixture;
    return 0;
}

static int clear(void **ctx) {
    state_fixture_clear(*ctx);
    return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, clear)

static inline bool is_marked(void) {
    return access(mark, F_OK) == 0;
}

static uint64_t seed;
static size_t below(size_t limit) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return limit > 0 ? (size_t)(seed >> 16) % limit : 0;
}

static inline void copy_file(const char *from, const char *to) {
    char bytes[PAGE];
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(in >= 0 && out >= 0);
    for (ssize_t len = read(in, bytes, PAGE); len > 0; len = read(in, bytes, PAGE)) {
        assert_int_equal(write(out, bytes, (size_t)len), len);
    }
    (void)close(in);
    (void)close(out);
}

static inline bool flip(int fd, off_t at, int bits) {
    unsigned char byte = 0;
    bool good = pread(fd, &byte, 1, at) == 1;
    byte ^= (unsigned char)bits;
    return good && pwrite(fd, &byte, 1, at) == 1;
}

static inline bool is_branch(int fd, off_t page) {
    unsigned char flags[2] = {0};
    return pread(fd, flags, 2, page + 10) == 2 && flags[0] == 1 && flags[1] == 0;
}

/* Of branches there are few: looks for one, from a page at random on. */
static inline size_t branch_page(int fd, size_t pages) {
    size_t at = below(pages);
    for (size_t i = 0; i < pages && !is_branch(fd, (off_t)(at * PAGE)); i++) {
        at = (at + 1) % pages;
    }
    return at;
}

static inline bool flip_some(int fd, size_t pages, size_t way) {
    bool good = true;
    size_t branch = way == 3 ? branch_page(fd, pages) : 0;
    for (size_t i = 0; good && i < (way == 0 ? pages : 1 + below(12)); i++) {
        size_t page = way == 3 ? branch : below(pages);
        good = flip(fd, (off_t)(page * PAGE + below(way == 2 ? 64 : PAGE)), 1 << below(8));
    }
    for (size_t i = 0; good && way == 4 && i < 8 * pages; i++) {
        good = i / 8 < 2 || flip(fd, (off_t)(i / 8 * PAGE + below(PAGE)), 0xff);
    }
    return good;
}

/* Flips bits anywhere, in the pages' heads, in one branch, bytes of all pages; clears, swaps or
 * copies pages; cuts the end off. */
static inline bool damage(void) {
    int fd = open(data, O_RDWR);
    struct stat file = {0};
    bool good = fd >= 0 && fstat(fd, &file) == 0 && file.st_size >= PAGE;
    size_t pages = good ? (size_t)file.st_size / PAGE : 1, way = below(8);
    char one[PAGE] = {0}, other[PAGE];
    off_t from = (off_t)(below(pages) * PAGE), to = (off_t)(below(pages) * PAGE);
    if (good && way < 5) {
        good = flip_some(fd, pages, way);
    } else if (good && way == 5) {
        good = pwrite(fd, one, PAGE, to) == PAGE;
    } else if (good && way == 6) {
        good = pread(fd, one, PAGE, from) == PAGE && pread(fd, other, PAGE, to) == PAGE &&
               pwrite(fd, one, PAGE, to) == PAGE && pwrite(fd, other, PAGE, from) == PAGE;
    } else if (good && way == 7) {
        good = below(2) == 0
                   ? ftruncate(fd, to) == 0
                   : pread(fd, one, PAGE, from) == PAGE && pwrite(fd, one, PAGE, to) == PAGE;
    }
    (void)close(fd);
    return good;
}

/* In a child: cmocka catches the signals, to fail the test; here they are to kill. */
static inline void be_mortal(void) {
    const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGABRT};
    for (size_t i = 0; i < 4; i++) {
        (void)signal(signals[i], SIG_DFL);
    }
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    int null = open("/dev/null", O_WRONLY);
    (void)dup2(null, 1);
    (void)dup2(null, 2);
}

/* Waits for child. false: it hangs. */
static inline bool wait_for(pid_t child, int *status) {
    for (int i = 0; i < HANG_MS; i++) {
        if (waitpid(child, status, WNOHANG) == child) {
            return true;
        }
        (void)nanosleep(&(struct timespec){0, 1000000}, NULL);
    }
    (void)kill(child, SIGKILL);
    (void)waitpid(child, status, 0);
    return false;
}

enum damage_fate { FINE, REFUSED, DIED, FATES };

/* What becomes of a child that uses the n-th damaged copy of a file: it ends with ERR_NONE or
 * ERR_CACHE, or it dies and leaves the mark. Anything else fails the test. */
static inline enum damage_fate use_in_child(const char *file, int n, void (*use)(void)) {
    copy_file(file, data);
    (void)unlink(mark);
    seed = 0x9e3779b97f4a7c15U * (uint64_t)(n + 1);
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        use();
    }
    int status = 0;
    bool ended = wait_for(child, &status), died = ended && WIFSIGNALED(status);
    int kind = died ? ERR_NONE : WEXITSTATUS(status);
    if (!ended || is_marked() != died || (kind != ERR_NONE && kind != ERR_CACHE)) {
        print_error("damage %d: ended %d died %d kind %d\n", n, ended, died, kind);
        fail();
    }
    return died ? DIED : kind == ERR_CACHE ? REFUSED : FINE;
}

#endif
