/* Two ordered streams of rows: every way in which they can differ. */
#include "verify/merge.h"

#include "base/memory.h"
#include "verify/copy_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct lines {
    const char *const *at;
};

static enum err_kind next(void *ctx, struct str *ret_line, struct err *reterr) {
    struct lines *lines = ctx;
    *ret_line = STR_NONE;
    if (!*lines->at) {
        return ERR_NONE;
    }
    *ret_line = str_from(*lines->at++);
    return str_is(*ret_line, "broken") ? err_set(reterr, ERR_RETRY, "the connection broke")
                                       : ERR_NONE;
}

/* Key: an integer and a text that may be NULL. */
static const struct order order = {
    .keys = {{0, ORDER_INTEGER}, {1, ORDER_TEXT}}, .key_count = 2, .column_count = 3};

static struct merge begin(struct lines *source, struct lines *sink, struct differences *found) {
    struct merge merge = {.order = &order, .found = found};
    merge.source.next = merge.sink.next = next;
    merge.source.ctx = source;
    merge.sink.ctx = sink;
    return merge;
}

static void append_row(struct buf *out, const struct str *row) {
    for (size_t i = 0; row && i < 3; i++) {
        buf_printf(out, "%s" STR_FMT, i > 0 ? "," : "", STR_ARG(row[i].ptr ? row[i] : STR("NULL")));
    }
}

/* "-2,a,x" is missing, "+..." too many, "2,a,x>y" another one. */
static void show(const struct differences *found, char *out, size_t size) {
    struct buf text = {0};
    for (size_t i = 0; i < found->count; i++) {
        const struct difference *item = &found->items[i];
        buf_str(&text, i > 0 ? STR(" ") : STR(""));
        buf_str(&text, item->kind == DIFFERENCE_MISSING ? STR("-")
                       : item->kind == DIFFERENCE_EXTRA ? STR("+")
                                                        : STR("~"));
        append_row(&text, difference_row(item));
        if (item->kind == DIFFERENCE_VALUES) {
            assert_true(item->columns[2] && !item->columns[0] && !item->columns[1]);
            buf_str(&text, STR(">"));
            buf_str(&text, item->sink[2].ptr ? item->sink[2] : STR("NULL"));
        }
    }
    (void)snprintf(out, size, STR_FMT, STR_ARG(buf_view(&text)));
    buf_clear(&text);
}

static void check_by(size_t step, const char *const *source, const char *const *sink,
                     const char *want) {
    struct lines sides[] = {{source}, {sink}};
    struct differences found = {0};
    struct merge merge = begin(&sides[0], &sides[1], &found);
    enum merge_state state = MERGE_MORE;
    struct err err;
    char got[1000];
    assert_int_equal(merge_begin(&merge, &err), ERR_NONE);
    while (state == MERGE_MORE) {
        assert_int_equal(merge_step(&merge, step, &state, &err), ERR_NONE);
    }
    show(&found, got, sizeof got);
    assert_string_equal(got, want);
    assert_true(!*sides[0].at && !*sides[1].at);
    assert_int_equal(merge.source.count, sides[0].at - source);
    assert_int_equal(merge.sink.count, sides[1].at - sink);
    merge_clear(&merge);
    differences_clear(&found);
}

#define CHECK(want, source, sink)                                                                  \
    do {                                                                                           \
        check_by(1, source, sink, want);                                                           \
        check_by(1000, source, sink, want);                                                        \
    } while (0)
#define ROWS(...) ((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static void equal(void **state) {
    (void)state;
    CHECK("", ROWS(), ROWS());
    CHECK("", ROWS("1\ta\tx", "2\t\\N\t\\N"), ROWS("1\ta\tx", "2\t\\N\t\\N"));
}

static void one_sided(void **state) {
    (void)state;
    CHECK("-1,a,x -2,b,y", ROWS("1\ta\tx", "2\tb\ty"), ROWS());
    CHECK("+1,a,x +2,b,y", ROWS(), ROWS("1\ta\tx", "2\tb\ty"));
    CHECK("-1,a,x", ROWS("1\ta\tx", "2\tb\ty"), ROWS("2\tb\ty"));
    CHECK("-2,b,y", ROWS("1\ta\tx", "2\tb\ty"), ROWS("1\ta\tx"));
    CHECK("+1,a,x", ROWS("2\tb\ty"), ROWS("1\ta\tx", "2\tb\ty"));
    CHECK("+2,b,y", ROWS("1\ta\tx"), ROWS("1\ta\tx", "2\tb\ty"));
    CHECK("-1,a,x +2,b,y -3,c,z", ROWS("1\ta\tx", "3\tc\tz"), ROWS("2\tb\ty"));
}

static void values(void **state) {
    (void)state;
    CHECK("~1,a,x>y ~2,b,NULL>z ~3,c,q>NULL ~4,d,>NULL",
          ROWS("1\ta\tx", "2\tb\t\\N", "3\tc\tq", "4\td\t"),
          ROWS("1\ta\ty", "2\tb\tz", "3\tc\t\\N", "4\td\t\\N"));
}

static void the_order_of_the_key(void **state) {
    (void)state;
    /* by value, not by text; NULLs last; a text before those that begin with it */
    CHECK("--10,a,x +-9,a,x -9,a,x +10,a,x", ROWS("-10\ta\tx", "9\ta\tx"),
          ROWS("-9\ta\tx", "10\ta\tx"));
    CHECK("-1,a,x +1,aa,x -1,b,x +1,NULL,x", ROWS("1\ta\tx", "1\tb\tx"),
          ROWS("1\taa\tx", "1\t\\N\tx"));
    CHECK("-1,B,x +1,a,x", ROWS("1\tB\tx"), ROWS("1\ta\tx"));
    const struct order padded = {.keys = {{0, ORDER_PADDED}}, .key_count = 1, .column_count = 1};
    assert_int_equal(order_compare(&padded, &STR("ab  "), &STR("ab")), 0);
    assert_true(order_compare(&padded, &STR("ab  "), &STR("ab\t ")) < 0);
}

static void escapes(void **state) {
    (void)state;
    struct str fields[4];
    struct buf scratch = {0};
    assert_true(copy_line_split(STR("a\\tb\\\\\\n\t\\N\t\t\\\\N"), fields, 4, &scratch));
    assert_true(str_is(fields[0], "a\tb\\\n") && !fields[1].ptr);
    assert_true(fields[2].ptr && fields[2].len == 0 && str_is(fields[3], "\\N"));
    assert_true(copy_line_split(STR("\\b\\f\\r\\v"), fields, 1, &scratch));
    assert_true(str_is(fields[0], "\b\f\r\v"));
    assert_false(copy_line_split(STR("a\tb"), fields, 1, &scratch));
    assert_false(copy_line_split(STR("a\tb"), fields, 3, &scratch));
    buf_clear(&scratch);
}

static void a_stream_fails(void **state) {
    (void)state;
    struct lines sides[] = {{ROWS("1\ta\tx", "broken")}, {ROWS("1\ta\tx")}};
    struct differences found = {0};
    struct merge merge = begin(&sides[0], &sides[1], &found);
    enum merge_state merge_state = MERGE_MORE;
    struct err err;
    assert_int_equal(merge_begin(&merge, &err), ERR_NONE);
    assert_int_equal(merge_step(&merge, 10, &merge_state, &err), ERR_RETRY);
    assert_string_equal(err.message, "the connection broke");
    assert_int_equal(found.count, 0);
    merge_clear(&merge);
    struct lines short_sides[] = {{ROWS("1\ta")}, {ROWS("1\ta\tx")}};
    merge = begin(&short_sides[0], &short_sides[1], &found);
    assert_int_equal(merge_begin(&merge, &err), ERR_NONE);
    assert_int_equal(merge_step(&merge, 10, &merge_state, &err), ERR_RETRY);
    merge_clear(&merge);
    differences_clear(&found);
}

static bool is_even(void *ctx, const struct str *row) {
    ++*(int *)ctx;
    return (row[0].ptr[row[0].len - 1] - '0') % 2 == 0;
}

static void wanted_rows_only(void **state) {
    (void)state;
    struct lines sides[] = {{ROWS("1\ta\tx", "2\ta\tx", "4\ta\tx", "5\ta\tx")},
                            {ROWS("2\ta\ty", "3\ta\tx", "6\ta\tx")}};
    struct differences found = {0};
    struct merge merge = begin(&sides[0], &sides[1], &found);
    enum merge_state merge_state = MERGE_MORE;
    struct err err;
    int asked = 0;
    char got[100];
    merge.wanted = is_even;
    merge.wanted_ctx = &asked;
    assert_int_equal(merge_begin(&merge, &err), ERR_NONE);
    while (merge_state == MERGE_MORE) {
        assert_int_equal(merge_step(&merge, 2, &merge_state, &err), ERR_NONE);
    }
    show(&found, got, sizeof got);
    assert_string_equal(got, "~2,a,x>y -4,a,x +6,a,x");
    assert_int_equal(asked, 7);
    assert_true(merge.source.count == 2 && merge.sink.count == 2);
    merge_clear(&merge);
    differences_clear(&found);
}

/* Where another snapshot has to go on: at the first row of either side that was not compared. */
static void position(void **state) {
    (void)state;
    struct lines sides[] = {{ROWS("1\ta\tx", "3\ta\tx")}, {ROWS("1\ta\tx", "2\t\\N\tx")}};
    struct differences found = {0};
    struct merge merge = begin(&sides[0], &sides[1], &found);
    enum merge_state merge_state = MERGE_MORE;
    struct err err;
    assert_int_equal(merge_begin(&merge, &err), ERR_NONE);
    assert_int_equal(merge_step(&merge, 1, &merge_state, &err), ERR_NONE);
    const struct str *row = merge_position(&merge, &err);
    assert_true(row && str_is(row[0], "2") && !row[1].ptr);
    assert_int_equal(merge_step(&merge, 1, &merge_state, &err), ERR_NONE);
    row = merge_position(&merge, &err);
    assert_true(row && str_is(row[0], "3"));
    assert_int_equal(merge_step(&merge, 2, &merge_state, &err), ERR_NONE);
    assert_null(merge_position(&merge, &err));
    merge_clear(&merge);
    differences_clear(&found);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal),
        cmocka_unit_test(one_sided),
        cmocka_unit_test(values),
        cmocka_unit_test(the_order_of_the_key),
        cmocka_unit_test(escapes),
        cmocka_unit_test(a_stream_fails),
        cmocka_unit_test(wanted_rows_only),
        cmocka_unit_test(position),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
