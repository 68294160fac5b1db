/* rows.h: a cache of two tables, for the tests of state.h over memory and over LMDB.
 *
 * What:    opens, changes and shows it; BOTH and MEMORY make cmocka's entries, whose state is the
 *          fixture. After cmocka.h.
 * Owns:    fixture, a store for each test.
 * Errors:  failed assertions.
 * Limits:  dump's text is static.
 */
#ifndef TESTS_UNIT_STATE_ROWS_H
#define TESTS_UNIT_STATE_ROWS_H

#include "sim/state_fixture.h"
#include "state/state.h"

#include <stdio.h>

enum { TASK = 5 };
static const struct str identity = {"cluster/topics/8", 16};

static inline struct state *open_as(const struct state_fixture *f, struct str id, size_t tables,
                                    struct state_meta *meta) {
    struct state *state = NULL;
    struct err err;
    assert_int_equal(state_open(&f->factory, TASK, "", id, TABLES_ONLY(tables), &state, meta, &err),
                     ERR_NONE);
    return state;
}

static inline struct state *open_state(const struct state_fixture *f, struct state_meta *meta) {
    return open_as(f, identity, 2, meta);
}

static inline void set(struct state *state, int table, const char *key, const char *value) {
    struct err err;
    assert_int_equal(state_set(state, table, str_from(key), str_from(value), &err), ERR_NONE);
}

static inline void assert_value(struct state *state, int table, const char *key,
                                const char *expected) {
    struct err err;
    struct str value;
    assert_int_equal(state_get(state, table, str_from(key), &value, &err), ERR_NONE);
    assert_int_equal(value.ptr == NULL, expected == NULL);
    if (value.ptr && expected) {
        assert_true(str_is(value, expected));
    }
}

static inline void commit(struct state *state, int64_t first, int64_t second, bool complete) {
    struct err err;
    assert_int_equal(state_commit(state, (int64_t[]){first, second}, 1234, complete, &err),
                     ERR_NONE);
}

/* All rows of a table in one text. */
static inline const char *dump(struct state *state, int table) {
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

static inline void touch(struct state *state, int table, const char *key, bool deleted) {
    struct err err;
    assert_int_equal(state_add_changed_row(state, table, str_from(key), deleted, &err), ERR_NONE);
}

static struct state_fixture fixture;

static inline int in_memory(void **ctx) {
    state_fixture_memory(&fixture);
    *ctx = &fixture;
    return 0;
}

static inline int over_lmdb(void **ctx) {
    state_fixture_lmdb(&fixture);
    *ctx = &fixture;
    return 0;
}

static inline int clear(void **ctx) {
    state_fixture_clear(*ctx);
    return 0;
}

#define MEMORY(f) cmocka_unit_test_setup_teardown(f, in_memory, clear)
#define BOTH(f)   MEMORY(f), cmocka_unit_test_setup_teardown(f, over_lmdb, clear)

#endif
