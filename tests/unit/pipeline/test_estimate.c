/* The estimate of a cache's bytes beside a real cache of the same rows. */
#include "plan/estimate.h"

#include "pipeline/layout.h"
#include "plan/row.h"
#include "sim/state_fixture.h"
#include "view/view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { TABLES = 5 };

/* The example's tables as it fills them: texts are as long as names, titles and words are. */
static const struct {
    const char *table;
    size_t rows;
} filled[TABLES] = {{"order_items", 40000},
                    {"orders", 10000},
                    {"customers", 4000},
                    {"products", 1000},
                    {"countries", 100}};

static size_t table_rows(const struct relation *relation) {
    for (size_t i = 0; i < TABLES; i++) {
        if (str_is(relation->name, filled[i].table)) {
            return filled[i].rows;
        }
    }
    fail_msg("another table: %s", relation->name.ptr);
    return 0;
}

static struct plan *load(void) {
    struct plan *plan = NULL;
    struct err err;
    struct view_options files = {SOURCE_DIR "/schemas/examples/orders/oltp.sql",
                                 SOURCE_DIR "/schemas/examples/orders/order_line.sql", "test", 8,
                                 NULL};
    if (view_load(&files, &plan, NULL, &err) != ERR_NONE) {
        fail_msg("%s", err.message);
    }
    return plan;
}

static void write_value(const struct relation *relation, size_t column, size_t row, char *out,
                        size_t size) {
    const struct relation_column *c = &relation->columns[column];
    static const char *const words[] = {"placed", "paid", "shipped", "cancelled"};
    if (str_is(c->name, "line_no")) {
        (void)snprintf(out, size, "%zu", row % 4 + 1);
    } else if (str_is(c->name, "order_id")) {
        (void)snprintf(out, size, "%zu", str_is(relation->name, "orders") ? row : row / 4);
    } else if (str_is(c->name, "code") || str_is(c->name, "country_code")) {
        (void)snprintf(out, size, "%c%c", (char)('A' + row % 10), (char)('A' + row / 10 % 10));
    } else if (str_is(c->name, "status")) {
        (void)snprintf(out, size, "%s", words[row % 4]);
    } else if (str_is(c->name, "placed_at")) {
        (void)snprintf(out, size, "2026-11-%02zuT10:11:12.%06zuZ", row % 28 + 1, row);
    } else if (str_is(c->name, "price")) {
        (void)snprintf(out, size, "%zu.%02zu", row % 900, row % 100);
    } else if (c->scalar == SCALAR_INTEGER) {
        (void)snprintf(out, size, "%zu", row * 7919 % 100000);
    } else {
        (void)snprintf(out, size, "%.*s %zu", (int)(row % 20), "Maximiliane Musterfrau-von Berg",
                       row);
    }
    if (column == 0 && !str_is(relation->name, "countries") &&
        !str_is(relation->name, "order_items")) {
        (void)snprintf(out, size, "%zu", row); /* its key */
    }
}

struct filling {
    struct plan *plan;
    struct state *state;
    double widths[TABLES][COLUMNS_MAX]; /* the real ones */
    struct buf key, value;
};

static void put_row(struct filling *f, size_t t, size_t row, bool in_bulk) {
    const struct relation *relation = &f->plan->relations[t];
    char texts[16][80];
    struct str values[16];
    struct err err;
    for (size_t c = 0; c < relation->column_count; c++) {
        write_value(relation, c, row, texts[c], sizeof texts[c]);
        values[c] = str_from(texts[c]);
        f->widths[t][c] += in_bulk ? (double)values[c].len / (double)table_rows(relation) : 0;
    }
    buf_reset(&f->key);
    buf_reset(&f->value);
    assert_int_equal(row_key_encode(relation, values, &f->key, &err), ERR_NONE);
    row_value_encode(relation, values, &f->value);
    enum err_kind kind =
        in_bulk ? state_bulk_put(f->state, (int)t, buf_view(&f->key), buf_view(&f->value), &err)
                : state_set(f->state, (int)t, buf_view(&f->key), buf_view(&f->value), &err);
    assert_int_equal(kind, ERR_NONE);
}

static void commit(struct filling *f, bool complete) {
    struct err err;
    static const int64_t offsets[RELATIONS_MAX] = {1};
    assert_int_equal(state_commit(f->state, offsets, 1, complete, &err), ERR_NONE);
}

static void load_rows(struct filling *f) {
    struct err err;
    assert_int_equal(state_discard(f->state, &err), ERR_NONE);
    for (size_t t = 0; t < TABLES; t++) {
        for (size_t row = 0; row < table_rows(&f->plan->relations[t]); row++) {
            put_row(f, t, row, true);
        }
    }
    commit(f, false);
    while (state_lacks_indexes(f->state)) {
        assert_int_equal(state_build_indexes(f->state, 10000, &err), ERR_NONE);
    }
    commit(f, true);
}

/* The same rows as they come one after the other, at any place, some hundreds between two commits.
 */
static void add_rows(struct filling *f) {
    for (size_t t = 0; t < TABLES; t++) {
        size_t rows = table_rows(&f->plan->relations[t]);
        for (size_t i = 0; i < rows; i++) {
            put_row(f, t, i * 7919 % rows, false);
            if (i % 500 == 0) {
                commit(f, false);
            }
        }
    }
    commit(f, false);
}

static double real_bytes(struct filling *f, size_t t) {
    uint64_t bytes = 0;
    struct err err;
    assert_int_equal(state_table_bytes(f->state, (int)t, &bytes, &err), ERR_NONE);
    return (double)bytes;
}

/* Within a tenth where the widths are known, a third where texts are guessed; a table of a few
 * pages is more off. */
static void compare(struct filling *f) {
    double real = 0, told = 0, guessed = 0;
    for (size_t t = 0; t < TABLES; t++) {
        const struct relation *relation = &f->plan->relations[t];
        double rows = (double)table_rows(relation), bytes = real_bytes(f, t);
        double by_widths = estimate_bytes(relation, rows, f->widths[t]);
        double by_types = estimate_bytes(relation, rows, NULL);
        print_message(
            "%s: %.0f rows take %.0f bytes; by their widths %+.1f %%, by types %+.1f %%\n",
            relation->name.ptr, rows, bytes, 100 * (by_widths / bytes - 1),
            100 * (by_types / bytes - 1));
        real += bytes;
        told += by_widths;
        guessed += by_types;
        if (rows >= 1000 && (by_widths < 0.9 * bytes || by_widths > 1.1 * bytes)) {
            fail_msg("%s is off by more than a tenth", relation->name.ptr);
        }
    }
    print_message("all: by their widths %+.1f %%, by types %+.1f %%\n", 100 * (told / real - 1),
                  100 * (guessed / real - 1));
    assert_true(guessed > 0.67 * real && guessed < 1.5 * real);
}

static void open_cache(struct filling *f, const struct state_fixture *fixture, int32_t task) {
    const struct state_layout layout = layout_of(f->plan);
    struct state_meta meta;
    struct err err;
    assert_int_equal(
        state_open(&fixture->factory, task, "", STR("estimate"), &layout, &f->state, &meta, &err),
        ERR_NONE);
}

static double all_bytes(struct filling *f) {
    double all = 0;
    for (size_t t = 0; t < TABLES; t++) {
        all += real_bytes(f, t);
    }
    return all;
}

static void test_real_cache(void **state) {
    (void)state;
    struct filling f = {.plan = load()};
    struct state_fixture fixture;
    assert_int_equal(f.plan->relation_count, TABLES);
    state_fixture_lmdb(&fixture);
    open_cache(&f, &fixture, 0);
    load_rows(&f);
    compare(&f);
    double loaded = all_bytes(&f);
    state_close(&f.state);
    open_cache(&f, &fixture, 1);
    add_rows(&f);
    double grown = all_bytes(&f);
    print_message("had they come one by one, at any place: %+.1f %%\n", 100 * (grown / loaded - 1));
    assert_true(grown > loaded && grown < 1.67 * loaded);
    state_close(&f.state);
    state_fixture_clear(&fixture);
    plan_destroy(&f.plan);
    buf_clear(&f.key);
    buf_clear(&f.value);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_real_cache),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
