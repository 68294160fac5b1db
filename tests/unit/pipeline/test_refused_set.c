/* The keys of refused rows: sorted, each once. */
#include "pipeline/refused_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void test_set(void **state) {
    (void)state;
    struct refused_set set = {0};
    char text[16];
    for (int i = 0; i < 200; i++) { /* 0, 7, 14, ... in another order */
        (void)snprintf(text, sizeof text, "%04d", i * 77 % 200 * 7);
        assert_true(refused_set_add(&set, str_from(text)));
    }
    assert_int_equal(set.count, 200);
    for (size_t i = 1; i < set.count; i++) {
        assert_true(str_compare(refused_set_key(&set, i - 1), refused_set_key(&set, i)) < 0);
    }
    assert_false(refused_set_add(&set, STR("0014")));
    assert_int_equal(refused_set_seek(&set, STR("0014")), 2);
    assert_int_equal(refused_set_seek(&set, STR("0015")), 3);
    assert_int_equal(refused_set_seek(&set, STR("9999")), 200);
    assert_true(refused_set_remove(&set, STR("0014")));
    assert_false(refused_set_remove(&set, STR("0014")));
    assert_false(refused_set_remove(&set, STR("0015")));
    assert_int_equal(set.count, 199);
    refused_set_clear(&set);
    assert_int_equal(set.count, 0);
    assert_true(refused_set_add(&set, STR("")));
    assert_true(refused_set_remove(&set, STR("")));
    refused_set_clear(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_set)};
    return cmocka_run_group_tests_name("refused_set", tests, NULL, NULL);
}
