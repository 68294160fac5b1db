/* PostgreSQL's binary arrays, and rows cut into statements. */
#include "sink/array.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_array_bytes(void **state) {
    (void)state;
    static const char wanted[] = "\0\0\0\1"  /* dimensions */
                                 "\0\0\0\1"  /* may hold NULLs */
                                 "\0\0\0\31" /* text */
                                 "\0\0\0\2"  /* elements */
                                 "\0\0\0\1"  /* lower bound */
                                 "\0\0\0\2hi"
                                 "\377\377\377\377";
    struct buf out = {0};
    buf_str(&out, STR("left over"));
    array_begin(&out, OID_TEXT);
    array_add(&out, STR("hi"));
    array_add(&out, STR_NONE);
    array_end(&out, 2);
    assert_int_equal(out.len, sizeof wanted - 1);
    assert_memory_equal(out.ptr, wanted, out.len);
    buf_clear(&out);
}

static void test_read_int64_array(void **state) {
    (void)state;
    struct buf out = {0};
    int64_t values[4] = {7, 7, 7, 7};
    size_t count = 9;
    array_begin(&out, OID_INT8);
    array_add_int64(&out, INT64_MIN);
    array_add_int64(&out, 42);
    array_end(&out, 2);
    assert_true(array_read_int64(buf_view(&out), values, 4, &count));
    assert_int_equal(count, 2);
    assert_true(values[0] == INT64_MIN && values[1] == 42);
    assert_false(array_read_int64(buf_view(&out), values, 1, &count)); /* too many */
    for (size_t len = 0; len < out.len; len++) {                       /* cut anywhere */
        struct str cut = {out.ptr, len};
        assert_false(array_read_int64(cut, values, 4, &count));
    }
    out.ptr[23] = 4; /* an element's length; and then a NULL */
    assert_false(array_read_int64(buf_view(&out), values, 4, &count));
    memset(out.ptr + 20, 0xff, 4);
    assert_false(array_read_int64(buf_view(&out), values, 4, &count));
    array_begin(&out, OID_INT4);
    array_end(&out, 0);
    assert_false(array_read_int64(buf_view(&out), values, 4, &count)); /* another type */
    assert_false(array_read_int64(STR_NONE, values, 4, &count));
    static const char empty[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, (char)OID_INT8};
    assert_true(array_read_int64((struct str){empty, 12}, values, 4, &count));
    assert_int_equal(count, 0);
    buf_clear(&out);
}

static void test_offsets_text(void **state) {
    (void)state;
    struct buf out = {0};
    struct progress progress = {.has_offsets = true, .offsets = {0, 12}};
    offsets_text(&out, &progress, 2);
    assert_true(str_is(buf_view(&out), "{0,12}"));
    buf_reset(&out);
    progress.has_offsets = false;
    offsets_text(&out, &progress, 2);
    assert_true(str_is(buf_view(&out), "{}"));
    buf_clear(&out);
}

static void test_text_clean(void **state) {
    (void)state;
    static const struct {
        struct str in;
        const char *out;
    } cases[] = {
        {STR("plain \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"),
         "plain \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
        {STR("a\0b"), "a?b"},
        {STR("\xff\x80"), "??"},
        {STR("\xc0\xaf"), "??"},           /* overlong */
        {STR("\xed\xa0\x80"), "???"},      /* a surrogate */
        {STR("\xf4\x90\x80\x80"), "????"}, /* beyond Unicode */
        {STR("\xe2\x82"), "??"},           /* cut */
        {STR("\xf0\x9f\x98x"), "???x"},
        {STR("\xe0\x9f\xbf"), "???"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf out = {0};
        text_clean(&out, cases[i].in);
        assert_true(str_is(buf_view(&out), cases[i].out));
        buf_clear(&out);
    }
}

/* Rows 0.. of two columns, the second NULL now and then; returns the next number. */
static int fill(struct row_array *rows, int from, int count) {
    row_array_init(rows, 2);
    for (int i = from; i < from + count; i++) {
        char text[16];
        struct str values[] = {{text, (size_t)snprintf(text, sizeof text, "%d", i)},
                               i % 3 ? (struct str){text, 1} : STR_NONE};
        row_array_add(rows, values);
    }
    return from + count;
}

static void test_slicer_keeps_order_and_limit(void **state) {
    (void)state;
    static const int sizes[] = {0, 1, 1999, 2000, 2001, 0, 4500, 3};
    enum { ARRAYS = sizeof sizes / sizeof sizes[0] };
    struct row_array rows[ARRAYS];
    struct slicer slicer = {0};
    int total = 0;
    for (size_t i = 0; i < ARRAYS; i++) {
        total = fill(&rows[i], total, sizes[i]);
        slicer_add(&slicer, &rows[i]);
    }
    struct buf columns[2] = {{0}};
    int seen = 0;
    for (size_t n = 0; (n = slicer_next(&slicer, columns, 2)) > 0;) {
        assert_true(n == SLICE_ROWS || seen + (int)n == total);
        struct buf bodies[2] = {{columns[0].ptr + 20, columns[0].len - 20, 0},
                                {columns[1].ptr + 20, columns[1].len - 20, 0}};
        struct row_array slice = {bodies, 2, n};
        size_t positions[2] = {0, 0};
        assert_int_equal(read_be32(columns[0].ptr + 12), n);
        for (size_t i = 0; i < n; i++, seen++) {
            char text[16];
            struct str a, b;
            (void)snprintf(text, sizeof text, "%d", seen);
            assert_true(row_array_next(&slice, 0, &positions[0], &a));
            assert_true(row_array_next(&slice, 1, &positions[1], &b));
            assert_true(str_is(a, text));
            assert_true(seen % 3 ? b.len == 1 && b.ptr[0] == text[0] : !b.ptr);
        }
        assert_true(positions[0] == bodies[0].len && positions[1] == bodies[1].len);
    }
    assert_int_equal(seen, total);
    assert_int_equal(slicer_next(&slicer, columns, 2), 0);
    for (size_t i = 0; i < ARRAYS; i++) {
        row_array_clear(&rows[i]);
    }
    buf_clear(&columns[0]);
    buf_clear(&columns[1]);
    slicer_clear(&slicer);
}

static void test_slicer_bounds_bytes(void **state) {
    (void)state;
    const size_t len = SLICE_BYTES / 3;
    char *big = calloc(1, len);
    struct row_array rows;
    row_array_init(&rows, 1);
    for (int i = 0; i < 7; i++) {
        struct str value = {big, len};
        row_array_add(&rows, &value);
    }
    struct slicer slicer = {0};
    struct buf column = {0};
    slicer_add(&slicer, &rows);
    assert_int_equal(slicer_next(&slicer, &column, 1), 3);
    assert_int_equal(slicer_next(&slicer, &column, 1), 3);
    assert_int_equal(slicer_next(&slicer, &column, 1), 1);
    assert_int_equal(slicer_next(&slicer, &column, 1), 0);
    row_array_clear(&rows);
    buf_clear(&column);
    slicer_clear(&slicer);
    free(big);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_array_bytes),
        cmocka_unit_test(test_read_int64_array),
        cmocka_unit_test(test_offsets_text),
        cmocka_unit_test(test_text_clean),
        cmocka_unit_test(test_slicer_keeps_order_and_limit),
        cmocka_unit_test(test_slicer_bounds_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
