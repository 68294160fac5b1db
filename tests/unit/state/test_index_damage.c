/* Whatever is damaged in a cache's file: all rows that refer to one, ERR_CACHE, or a death that
 * leaves the mark; never fewer rows, never others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "state/lmdb/guard.h"

#include "damage.h"
#include "referring.h"

enum { ROWS = 4000, REFERRED = 60, DAMAGES = 250, WRONG = 99, READS = 40 };
static const struct str identity = {"id", 2};

/* What each row of table 0 refers to; -1: it is not there. */
static int refers[ROWS][2];

static enum err_kind open_cache(struct state **state, struct state_meta *meta, struct err *err) {
    return state_open(&fixture.factory, 0, "", identity, &layout, state, meta, err);
}

static struct str make_key(char key[16], size_t row) {
    return (struct str){key, (size_t)snprintf(key, 16, "%06zu", row)};
}

static enum err_kind change(struct state *state, struct err *err) {
    char key[16], value[64];
    size_t row = below(ROWS);
    int to[2] = {(int)below(REFERRED), (int)below(REFERRED)};
    bool gone = below(6) == 0;
    (void)snprintf(value, sizeof value, "%d,%d,%.*s", to[0], to[1], (int)below(30),
                   "something that is not referred to");
    refers[row][0] = gone ? -1 : to[0];
    refers[row][1] = gone ? -1 : to[1];
    return state_set(state, 0, make_key(key, row), gone ? STR_NONE : str_from(value), err);
}

static enum err_kind commit(struct state *state, struct err *err) {
    return state_commit(state, (int64_t[]){1, 1, 1}, 1, false, err);
}

/* Several commits, so that pages have been given back. */
static void make_cache(void) {
    struct state *state = NULL;
    struct state_meta meta;
    struct err err;
    seed = 4711;
    memset(refers, -1, sizeof refers);
    assert_int_equal(open_cache(&state, &meta, &err), ERR_NONE);
    for (int i = 0; i < 10; i++) {
        for (int j = 0; j < ROWS / 4; j++) {
            assert_int_equal(change(state, &err), ERR_NONE);
        }
        assert_int_equal(commit(state, &err), ERR_NONE);
    }
    state_close(&state);
}

/* All rows that refer to one, in order, as they were set: else WRONG. */
static int read_referrers(struct state *state, struct err *err) {
    char to[16], key[16];
    size_t reference = below(2);
    int referred = (int)below(REFERRED);
    size_t to_len = (size_t)snprintf(to, sizeof to, "%d", referred) + 1;
    struct str found = STR_NONE;
    for (size_t row = 0; row <= ROWS; row++) {
        if (row < ROWS && refers[row][reference] != referred) {
            continue;
        }
        int kind = (int)state_next_referrer(state, 0, reference, (struct str){to, to_len}, found,
                                            &found, err);
        if (kind != ERR_NONE) {
            return kind;
        }
        if (row == ROWS ? found.ptr != NULL : !found.ptr || !str_equal(found, make_key(key, row))) {
            return WRONG;
        }
    }
    return ERR_NONE;
}

static int use(struct state *state, struct err *err) {
    for (int i = 0; i < READS; i++) {
        int kind = read_referrers(state, err);
        if (kind == ERR_NONE && below(4) == 0) {
            kind = (int)change(state, err);
        }
        if (kind == ERR_NONE && below(8) == 0) {
            kind = (int)commit(state, err);
        }
        if (kind != ERR_NONE) {
            return kind;
        }
    }
    return (int)commit(state, err);
}

/* Its exit code is what came of it. */
static _Noreturn void use_damaged(void) {
    be_mortal();
    struct state *state = NULL;
    struct state_meta meta;
    struct err err = {0};
    bool good =
        lmdb_store_guard(&err) == ERR_NONE && guard_watch(1000, &err) == ERR_NONE && damage();
    int kind = good ? (int)open_cache(&state, &meta, &err) : ERR_BUG;
    if (kind == ERR_NONE && meta.empty) {
        kind = ERR_CACHE; /* found at once */
    } else if (kind == ERR_NONE) {
        kind = use(state, &err);
    }
    if (state) {
        state_close(&state);
    }
    _exit(kind);
}

static void test_no_referrer_is_lost(void **ctx) {
    (void)ctx;
#ifdef __SANITIZE_THREAD__
    skip(); /* it follows LMDB through gigabytes that are not there, for minutes */
#endif
    make_cache();
    char good[160];
    (void)snprintf(good, sizeof good, "%s/good", fixture.dir);
    copy_file(data, good);
    int fates[FATES] = {0};
    for (int n = 0; n < DAMAGES; n++) {
        fates[use_in_child(good, n, use_damaged)]++;
    }
    print_message("%d fine, %d refused, %d died\n", fates[FINE], fates[REFUSED], fates[DIED]);
    assert_true(fates[FINE] > 0 && fates[REFUSED] > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST(test_no_referrer_is_lost)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
