#include "state/bulk_load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { KEYS = 3000 };

static void add(struct bulk_load *load, int table, const char *key, const char *value) {
    bulk_load_add(load, table, str_from(key), str_from(value));
}

static const char *dump(struct bulk_load *load, int table) {
    static char text[1024];
    size_t used = 0, count = bulk_load_sort(load, table);
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        struct bulk_load_row row = bulk_load_at(load, table, i);
        used += (size_t)snprintf(text + used, sizeof text - used, STR_FMT "%s" STR_FMT " ",
                                 STR_ARG(row.key), row.value.ptr ? "=" : "!", STR_ARG(row.value));
    }
    return text;
}

static void test_key_order_and_the_last_version(void **ctx) {
    (void)ctx;
    struct bulk_load load = {0};
    assert_int_equal(bulk_load_bytes(&load), 0);
    assert_string_equal(dump(&load, 0), "");
    add(&load, 0, "b", "1");
    add(&load, 1, "b", "other table");
    add(&load, 0, "abcdefgh2", "2");
    add(&load, 0, "abcdefgh1", "3");
    add(&load, 0, "b", NULL);
    add(&load, 0, "abcdefgh", "");
    add(&load, 0, "abcdefgh1", "4");
    assert_true(bulk_load_bytes(&load) > 0);
    assert_string_equal(dump(&load, 0), "abcdefgh= abcdefgh1=4 abcdefgh2=2 b! ");
    assert_string_equal(dump(&load, 1), "b=other table ");
    bulk_load_reset(&load);
    assert_int_equal(bulk_load_bytes(&load), 0);
    add(&load, 0, "again", "5");
    assert_string_equal(dump(&load, 0), "again=5 ");
    bulk_load_clear(&load);
}

/* Keys whose first bytes are alike, shorter than eight bytes, with zero bytes: memcmp's order. */
static void test_the_order_is_that_of_the_store(void **ctx) {
    (void)ctx;
    struct bulk_load load = {0};
    char bytes[KEYS][12];
    struct str keys[KEYS];
    unsigned seed = 7;
    for (unsigned i = 0; i < KEYS; i++) {
        seed = seed * 1103515245 + 12345;
        size_t len = 1 + (seed >> 16) % sizeof bytes[i];
        for (size_t at = 0; at < len; at++) {
            seed = seed * 1103515245 + 12345;
            bytes[i][at] = (char)((seed >> 16) % 3 ? 0 : seed >> 24);
        }
        keys[i] = (struct str){bytes[i], len};
        bulk_load_add(&load, 3, keys[i], (struct str){(const char *)&i, sizeof i});
    }
    size_t count = bulk_load_sort(&load, 3);
    assert_in_range(count, 100, KEYS - 1); /* there are equal ones */
    for (size_t i = 1; i < count; i++) {
        assert_true(str_compare(bulk_load_at(&load, 3, i - 1).key, bulk_load_at(&load, 3, i).key) <
                    0);
    }
    for (size_t i = 0; i < count; i++) {
        struct bulk_load_row row = bulk_load_at(&load, 3, i);
        unsigned newest;
        memcpy(&newest, row.value.ptr, sizeof newest);
        for (unsigned later = newest + 1; later < KEYS; later++) {
            assert_false(str_equal(row.key, keys[later]));
        }
    }
    bulk_load_clear(&load);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key_order_and_the_last_version),
        cmocka_unit_test(test_the_order_is_that_of_the_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
