/* join.h: how many rows are looked at, in all and before it pauses, where many rows under one
 * placement have no lookup. The view: a JOIN b ON k JOIN l ON b.r = l.id LEFT JOIN m ON a.r = m.id;
 * all rows of a and b have the same k, no l is there. */
#include "base/buf.h"
#include "join/join.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define A_ROWS 100
#define B_ROWS 20000
#define LOOKS  50 /* until it must pause */

enum table { A, B, L, M, TABLES };

static struct relation_column core_columns[] = {{.name = STR("k"), .key = KEY_BIGINT},
                                                {.name = STR("id"), .key = KEY_BIGINT},
                                                {.name = STR("r"), .key = KEY_BIGINT}};
static size_t referring[] = {2};
static struct reference reference = {referring, 1};

static struct relation relations[TABLES] = {
    {.name = STR("a"),
     .columns = core_columns,
     .column_count = 3,
     .key_count = 2,
     .placement_count = 1,
     .references = &reference,
     .reference_count = 1},
    {.name = STR("b"),
     .columns = core_columns,
     .column_count = 3,
     .key_count = 2,
     .placement_count = 1,
     .references = &reference,
     .reference_count = 1},
    {.name = STR("l"),
     .role = ROLE_LOOKUP,
     .columns = core_columns + 1,
     .column_count = 1,
     .key_count = 1},
    {.name = STR("m"),
     .role = ROLE_LOOKUP,
     .columns = core_columns + 1,
     .column_count = 1,
     .key_count = 1},
};
static struct occurrence occurrences[] = {
    {.relation = A, .parent = -1, .reference = -1, .root = 0},
    {.relation = B, .parent = -1, .reference = -1, .root = 1},
    {.relation = L, .parent = 1, .reference = 0, .root = 1},
    {.relation = M, .parent = 0, .reference = 0, .root = 0, .optional = true},
};
static struct target targets[] = {
    {.occurrences = occurrences, .occurrence_count = 4, .core_count = 2}};
static const struct plan view = {
    .relations = relations, .relation_count = TABLES, .targets = targets, .target_count = 1};

/* ---- rows ---- */

struct rows {
    size_t count;
    struct buf *keys; /* ascending */
    struct buf value; /* of each */
};

struct store {
    struct rows tables[TABLES];
    size_t reads; /* of next */
};

static void rows_make(struct store *store, enum table table, size_t count) {
    struct rows *rows = &store->tables[table];
    rows->count = count;
    rows->keys = calloc(count, sizeof *rows->keys);
    assert_true(rows->keys || count == 0);
    for (size_t i = 0; i < count; i++) {
        char id[24];
        (void)snprintf(id, sizeof id, "%zu", i);
        struct str core[] = {STR("7"), str_from(id), STR("9")}, lookup[] = {STR("9")};
        const struct str *values = relations[table].role == ROLE_CORE ? core : lookup;
        struct err err;
        assert_int_equal(row_key_encode(&relations[table], values, &rows->keys[i], &err), ERR_NONE);
        buf_reset(&rows->value);
        row_value_encode(&relations[table], values, &rows->value);
    }
}

static void store_make(struct store *store, size_t a_rows, size_t b_rows) {
    rows_make(store, A, a_rows);
    rows_make(store, B, b_rows);
    rows_make(store, L, 0);
    rows_make(store, M, 1);
}

static void store_clear(struct store *store) {
    for (int t = 0; t < TABLES; t++) {
        for (size_t i = 0; i < store->tables[t].count; i++) {
            buf_clear(&store->tables[t].keys[i]);
        }
        free(store->tables[t].keys);
        buf_clear(&store->tables[t].value);
    }
}

/* The first one that is not before the key. */
static size_t lower_bound(const struct rows *rows, struct str key) {
    size_t low = 0, high = rows->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (str_compare(buf_view(&rows->keys[middle]), key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static enum err_kind get(void *ctx, int table, struct str key, struct str *ret_value,
                         struct err *reterr) {
    (void)reterr;
    const struct rows *rows = &((struct store *)ctx)->tables[table];
    size_t i = lower_bound(rows, key);
    bool there = i < rows->count && str_equal(buf_view(&rows->keys[i]), key);
    *ret_value = there ? buf_view(&rows->value) : STR_NONE;
    if (there && !ret_value->ptr) {
        *ret_value = STR("");
    }
    return ERR_NONE;
}

static enum err_kind next(void *ctx, int table, struct str prefix, struct str after,
                          struct str *ret_key, struct str *ret_value, struct err *reterr) {
    (void)reterr;
    struct store *store = ctx;
    const struct rows *rows = &store->tables[table];
    store->reads++;
    size_t i = lower_bound(rows, after.ptr ? after : prefix);
    i += after.ptr && i < rows->count && str_equal(buf_view(&rows->keys[i]), after);
    bool there = i < rows->count && str_starts(buf_view(&rows->keys[i]), prefix);
    *ret_key = there ? buf_view(&rows->keys[i]) : STR_NONE;
    *ret_value = there ? buf_view(&rows->value) : STR_NONE;
    return ERR_NONE;
}

/* All of them refer to the one row of m. */
static enum err_kind next_referrer(void *ctx, int table, int by, struct str referred,
                                   struct str after, struct str *ret_key, struct err *reterr) {
    struct str ignored;
    (void)by;
    (void)referred;
    return next(ctx, table, STR_NONE, after, ret_key, &ignored, reterr);
}

static struct row_reader reader_of(struct store *store) {
    return (struct row_reader){store, get, next, next_referrer};
}

/* ---- looks ---- */

struct seen {
    size_t ops, pauses, reads;
};

/* Between two pauses only so many rows may be looked at; beside, each op may need some. */
static struct seen run_to_end(struct store *store, struct join *join) {
    struct seen seen = {0};
    size_t looks = LOOKS, reads = 0;
    for (;;) {
        struct row_op op;
        struct err err;
        store->reads = 0;
        assert_int_equal(join_next(join, &looks, &op, &err), ERR_NONE);
        seen.reads += store->reads;
        reads += store->reads;
        if (op.kind == ROW_OP_END) {
            return seen;
        }
        seen.ops += op.kind != ROW_OP_PAUSE;
        seen.pauses += op.kind == ROW_OP_PAUSE;
        assert_in_range(seen.pauses, 0, B_ROWS);
        assert_in_range(reads, 0, 8 * LOOKS);
        reads = 0;
        looks = op.kind == ROW_OP_PAUSE ? LOOKS : looks;
    }
}

static void expect_linear(const struct seen *seen, size_t rows) {
    assert_in_range(seen->pauses, rows / LOOKS / 2, rows);
    assert_in_range(seen->reads, rows, 4 * rows);
}

static void test_changed_rows(void **state) {
    (void)state;
    struct store store = {0};
    struct changed_row changed[A_ROWS];
    store_make(&store, A_ROWS, B_ROWS);
    struct join *join = join_new(&view);
    for (size_t i = 0; i < A_ROWS; i++) {
        changed[i] = (struct changed_row){.table = A, .key = buf_view(&store.tables[A].keys[i])};
    }
    join_begin(join, reader_of(&store), changed, A_ROWS);
    struct seen seen = run_to_end(&store, join);
    assert_int_equal(seen.ops, 2 * A_ROWS); /* a delete and a check */
    expect_linear(&seen, B_ROWS);
    join_destroy(&join);
    store_clear(&store);
}

static void test_lookup_above(void **state) {
    (void)state;
    struct store store = {0};
    store_make(&store, A_ROWS, B_ROWS);
    struct join *join = join_new(&view);
    struct changed_row changed = {.table = M, .key = buf_view(&store.tables[M].keys[0])};
    join_begin(join, reader_of(&store), &changed, 1);
    struct seen seen = run_to_end(&store, join);
    assert_int_equal(seen.ops, A_ROWS + 1); /* the deletes, and its check */
    expect_linear(&seen, B_ROWS);
    join_destroy(&join);
    store_clear(&store);
}

static void test_initial_load(void **state) {
    (void)state;
    struct store store = {0};
    store_make(&store, A_ROWS, B_ROWS);
    struct join *join = join_new(&view);
    join_begin_all(join, reader_of(&store), 0);
    struct seen seen = run_to_end(&store, join);
    assert_int_equal(seen.ops, 0);
    expect_linear(&seen, B_ROWS);
    join_destroy(&join);
    store_clear(&store);
}

/* Rows of the first table, none of which has a partner. */
static void test_initial_load_without_partners(void **state) {
    (void)state;
    struct store store = {0};
    store_make(&store, B_ROWS, 0);
    struct join *join = join_new(&view);
    join_begin_all(join, reader_of(&store), 0);
    struct seen seen = run_to_end(&store, join);
    assert_int_equal(seen.ops, 0);
    expect_linear(&seen, B_ROWS);
    join_destroy(&join);
    store_clear(&store);
}

/* Questions about all rows of a table. */
static void test_questions(void **state) {
    (void)state;
    struct store store = {0};
    store_make(&store, A_ROWS, B_ROWS);
    struct join *join = join_new(&view);
    join_begin_questions(join, reader_of(&store));
    for (size_t i = 0; i < A_ROWS; i++) {
        struct row_ref row = {buf_view(&store.tables[A].keys[i]), buf_view(&store.tables[A].value)};
        bool written = true;
        struct err err;
        assert_int_equal(join_is_written(join, A, row, &written, &err), ERR_NONE);
        assert_false(written);
    }
    assert_in_range(store.reads, B_ROWS, 2 * B_ROWS);
    join_destroy(&join);
    store_clear(&store);
}

/* What was remembered of one state is not taken for another's. */
static void test_state_changes(void **state) {
    (void)state;
    struct store store = {0};
    store_make(&store, 1, 10);
    struct join *join = join_new(&view);
    struct changed_row changed = {.table = A, .key = buf_view(&store.tables[A].keys[0])};
    for (int there = 0; there < 2; there++) {
        join_begin(join, reader_of(&store), &changed, 1);
        assert_int_equal(run_to_end(&store, join).ops, there ? 10 : 2);
        bool written = false;
        struct row_ref row = {changed.key, buf_view(&store.tables[A].value)};
        struct err err;
        join_begin_questions(join, reader_of(&store));
        assert_int_equal(join_is_written(join, A, row, &written, &err), ERR_NONE);
        assert_int_equal(written, there);
        if (!there) {
            free(store.tables[L].keys);
            rows_make(&store, L, 1);
        }
    }
    join_destroy(&join);
    store_clear(&store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changed_rows), cmocka_unit_test(test_lookup_above),
        cmocka_unit_test(test_initial_load), cmocka_unit_test(test_initial_load_without_partners),
        cmocka_unit_test(test_questions),    cmocka_unit_test(test_state_changes),
    };
    return cmocka_run_group_tests_name("looks", tests, NULL, NULL);
}
