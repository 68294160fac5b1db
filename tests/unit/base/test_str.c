#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void equal_compares_bytes(void **state) {
    (void)state;
    assert_true(str_equal(STR("a\0b"), STR("a\0b")));
    assert_false(str_equal(STR("a\0b"), STR("a\0c")));
    assert_false(str_equal(STR("ab"), STR("a")));
    assert_true(str_equal(STR_NONE, STR("")));
    assert_true(str_is(STR("op"), "op"));
    assert_false(str_is(STR("op\0"), "op"));
}

static void from_keeps_absence(void **state) {
    (void)state;
    assert_null(str_from(NULL).ptr);
    assert_int_equal(str_from(NULL).len, 0);
    assert_int_equal(str_from("abc").len, 3);
}

static void starts_with_prefix(void **state) {
    (void)state;
    assert_true(str_starts(STR("kafka.group"), STR("kafka.")));
    assert_true(str_starts(STR("kafka"), STR("")));
    assert_true(str_starts(STR_NONE, STR_NONE));
    assert_false(str_starts(STR("kaf"), STR("kafka")));
    assert_false(str_starts(STR("Kafka"), STR("kafka")));
}

static void compare_orders_by_unsigned_bytes(void **state) {
    (void)state;
    assert_int_equal(str_compare(STR("a"), STR("a")), 0);
    assert_true(str_compare(STR("a"), STR("b")) < 0);
    assert_true(str_compare(STR("\x80"), STR("a")) > 0);
    assert_true(str_compare(STR("a"), STR("ab")) < 0);
    assert_true(str_compare(STR("ab"), STR("a")) > 0);
    assert_true(str_compare(STR(""), STR("\0")) < 0);
    assert_int_equal(str_compare(STR_NONE, STR("")), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_compares_bytes),
        cmocka_unit_test(from_keeps_absence),
        cmocka_unit_test(starts_with_prefix),
        cmocka_unit_test(compare_orders_by_unsigned_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
