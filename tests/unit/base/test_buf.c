#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void empty_buf_is_an_empty_view(void **state) {
    (void)state;
    struct buf buf = {0};
    assert_non_null(buf_view(&buf).ptr);
    assert_int_equal(buf_view(&buf).len, 0);
    buf_append(&buf, NULL, 0);
    buf_str(&buf, STR_NONE);
    assert_int_equal(buf.len, 0);
    buf_clear(&buf);
    buf_clear(&buf);
}

static void appends_grow(void **state) {
    (void)state;
    struct buf buf = {0};
    for (int i = 0; i < 10000; i++) {
        buf_printf(&buf, "%05d", i);
    }
    buf_str(&buf, STR("\0end"));
    assert_int_equal(buf.len, 50004);
    assert_memory_equal(buf.ptr + 45, "00009", 5);
    assert_memory_equal(buf.ptr + 49995, "09999\0end", 9);
    buf_clear(&buf);
    assert_null(buf.ptr);
}

static void reset_keeps_memory(void **state) {
    (void)state;
    struct buf buf = {0};
    buf_str(&buf, STR("first"));
    const char *memory = buf.ptr;
    buf_reset(&buf);
    buf_str(&buf, STR("second"));
    assert_ptr_equal(buf.ptr, memory);
    assert_true(str_is(buf_view(&buf), "second"));
    buf_clear(&buf);
}

static void reserve_does_not_change_len(void **state) {
    (void)state;
    struct buf buf = {0};
    buf_str(&buf, STR("ab"));
    char *more = buf_reserve(&buf, 100000);
    assert_ptr_equal(more, buf.ptr + 2);
    memset(more, 'x', 100000);
    assert_int_equal(buf.len, 2);
    buf_clear(&buf);
}

static void integers_are_big_endian(void **state) {
    (void)state;
    struct buf buf = {0};
    buf_be32(&buf, 0x01020304);
    buf_be64(&buf, UINT64_C(0x05060708090a0b0c));
    buf_be32(&buf, (uint32_t)-1);
    assert_true(str_equal(buf_view(&buf), STR("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c"
                                              "\xff\xff\xff\xff")));
    buf_clear(&buf);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_buf_is_an_empty_view), cmocka_unit_test(appends_grow),
        cmocka_unit_test(reset_keeps_memory),         cmocka_unit_test(reserve_does_not_change_len),
        cmocka_unit_test(integers_are_big_endian),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
