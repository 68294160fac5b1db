/* referrers.h: a cache whose rows refer to others: what its indexes say.
 *
 * What:    opens it, asks it, and compares all of its entries with its rows; makes cmocka's
 * entries, which close it after a test that failed, too. After cmocka.h. Owns:    opened. Errors:
 * failed assertions.
 */
#ifndef TESTS_UNIT_STATE_REFERRERS_H
#define TESTS_UNIT_STATE_REFERRERS_H

#include "referring.h"
#include "rows.h"

static struct state *opened; /* closed after a test that failed, too */

static inline struct state *open_cache(const struct state_fixture *f, struct state_meta *meta) {
    struct err err;
    assert_int_equal(state_open(&f->factory, TASK, "", identity, &layout, &opened, meta, &err),
                     ERR_NONE);
    return opened;
}

static inline void close_cache(struct state **state) {
    state_close(state);
    opened = NULL;
}

static inline int close_and_clear(void **ctx) {
    state_close(&opened);
    return clear(ctx);
}

static inline struct str referred_key(const char *text) {
    return (struct str){text, strlen(text) + 1};
}

/* The keys of all rows that refer to it, in one text. */
static inline const char *referrers(struct state *state, int table, size_t reference,
                                    const char *to) {
    static char text[4096];
    size_t used = 0;
    text[0] = '\0';
    struct str key = STR_NONE;
    struct err err;
    for (;;) {
        assert_int_equal(
            state_next_referrer(state, table, reference, referred_key(to), key, &key, &err),
            ERR_NONE);
        if (!key.ptr) {
            return text;
        }
        used += (size_t)snprintf(text + used, sizeof text - used, STR_FMT " ", STR_ARG(key));
        assert_true(used < sizeof text);
    }
}

static inline void put(struct state *state, int table, const char *key, const char *value) {
    struct err err;
    assert_int_equal(state_bulk_put(state, table, str_from(key), str_from(value), &err), ERR_NONE);
}

static inline void commit_all(struct state *state, bool complete) {
    struct err err;
    assert_int_equal(state_commit(state, (int64_t[]){1, 1, 1}, 1234, complete, &err), ERR_NONE);
}

static inline void build(struct state *state, size_t rows) {
    struct err err;
    for (int steps = 0; state_lacks_indexes(state); steps++) {
        assert_int_equal(state_build_indexes(state, rows, &err), ERR_NONE);
        assert_true(steps < 100000);
    }
}

/* ---- all of them against the rows ---- */

/* Each row's entries are there, and no others. */
static inline void assert_agrees(struct state *state) {
    size_t entries = 0, found = 0;
    for (int table = 0; table < 2; table++) {
        for (size_t r = 0; r < layout.reference_counts[table]; r++) {
            struct str key = STR_NONE, value = STR_NONE;
            struct err err;
            for (;;) {
                assert_int_equal(state_next(state, table, STR(""), key, &key, &value, &err),
                                 ERR_NONE);
                if (!key.ptr) {
                    break;
                }
                struct buf to = {0};
                bool has = false;
                char copy[64];
                (void)snprintf(copy, sizeof copy, STR_FMT, STR_ARG(key));
                assert_int_equal(refers_to(NULL, table, r, key, value, &to, &has, &err), ERR_NONE);
                entries += has;
                struct str after = STR_NONE, referrer;
                while (has) {
                    assert_int_equal(
                        state_next_referrer(state, table, r, buf_view(&to), after, &referrer, &err),
                        ERR_NONE);
                    if (!referrer.ptr || str_is(referrer, copy)) {
                        found += referrer.ptr != NULL;
                        break;
                    }
                    after = referrer;
                }
                buf_clear(&to);
                assert_int_equal(entries, found);
            }
            /* and nothing else: all values are of one digit */
            for (char to[2] = "0"; to[0] <= '9'; to[0]++) {
                struct str referrer = STR_NONE;
                do {
                    assert_int_equal(state_next_referrer(state, table, r, referred_key(to),
                                                         referrer, &referrer, &err),
                                     ERR_NONE);
                    found -= referrer.ptr != NULL;
                } while (referrer.ptr);
            }
            assert_int_equal(found, 0);
            entries = 0;
        }
    }
}

static unsigned rolled = 1;
static inline unsigned roll(unsigned below) {
    rolled = rolled * 1103515245U + 12345U;
    return (rolled >> 16) % below;
}

static inline void set_any(struct state *state) {
    char key[8], value[16];
    (void)snprintf(key, sizeof key, "%02u", roll(40));
    (void)snprintf(value, sizeof value, "%c,%c,%u", "-0123456789"[roll(11)],
                   "-0123456789"[roll(11)], roll(3));
    set(state, (int)roll(2), key, roll(5) == 0 ? NULL : value);
}

#define IN_MEMORY(f) cmocka_unit_test_setup_teardown(f, in_memory, close_and_clear)
#define OVER_LMDB(f) cmocka_unit_test_setup_teardown(f, over_lmdb, close_and_clear)
#define OVER_BOTH(f) IN_MEMORY(f), OVER_LMDB(f)

#endif
