/* The published values: fingerprints and numbers of caches from earlier versions rest on them. */
#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_published(void **state) {
    (void)state;
    assert_true(fnv1a(FNV1A_START, STR("")) == UINT64_C(0xcbf29ce484222325));
    assert_true(fnv1a(FNV1A_START, STR("a")) == UINT64_C(0xaf63dc4c8601ec8c));
    assert_true(fnv1a(FNV1A_START, STR("foobar")) == UINT64_C(0x85944171f73967e8));
    assert_true(fnv1a(FNV1A_START, STR("\xff")) == fnv1a_one(FNV1A_START, 0xff));
}

static void test_carried_on(void **state) {
    (void)state;
    uint64_t whole = fnv1a(FNV1A_START, STR("foobar"));
    assert_true(fnv1a(fnv1a(FNV1A_START, STR("foo")), STR("bar")) == whole);
    assert_true(fnv1a(whole, STR_NONE) == whole);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published),
        cmocka_unit_test(test_carried_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
