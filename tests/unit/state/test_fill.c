#include "state/fill.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { KEYS = 3000 };

static void add(struct fill *fill, int table, const char *key, const char *value) {
    fill_add(fill, table, str_from(key), str_from(value));
}

static const char *dump(struct fill *fill, int table) {
    static char text[1024];
    size_t used = 0, count = fill_sort(fill, table);
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        struct fill_row row = fill_at(fill, table, i);
        used += (size_t)snprintf(text + used, sizeof text - used, STR_FMT "%s" STR_FMT " ",
                                 STR_ARG(row.key), row.value.ptr ? "=" : "!", STR_ARG(row.value));
    }
    return text;
}

static void test_key_order_and_the_last_version(void **ctx) {
    (void)ctx;
    struct fill fill = {0};
    assert_int_equal(fill_bytes(&fill), 0);
    assert_string_equal(dump(&fill, 0), "");
    add(&fill, 0, "b", "1");
    add(&fill, 1, "b", "other table");
    add(&fill, 0, "abcdefgh2", "2");
    add(&fill, 0, "abcdefgh1", "3");
    add(&fill, 0, "b", NULL);
    add(&fill, 0, "abcdefgh", "");
    add(&fill, 0, "abcdefgh1", "4");
    assert_true(fill_bytes(&fill) > 0);
    assert_string_equal(dump(&fill, 0), "abcdefgh= abcdefgh1=4 abcdefgh2=2 b! ");
    assert_string_equal(dump(&fill, 1), "b=other table ");
    fill_reset(&fill);
    assert_int_equal(fill_bytes(&fill), 0);
    add(&fill, 0, "again", "5");
    assert_string_equal(dump(&fill, 0), "again=5 ");
    fill_clear(&fill);
}

/* Keys whose first bytes are alike, shorter than eight bytes, with zero bytes: memcmp's order. */
static void test_the_order_is_that_of_the_store(void **ctx) {
    (void)ctx;
    struct fill fill = {0};
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
        fill_add(&fill, 3, keys[i], (struct str){(const char *)&i, sizeof i});
    }
    size_t count = fill_sort(&fill, 3);
    assert_in_range(count, 100, KEYS - 1); /* there are equal ones */
    for (size_t i = 1; i < count; i++) {
        assert_true(str_compare(fill_at(&fill, 3, i - 1).key, fill_at(&fill, 3, i).key) < 0);
    }
    for (size_t i = 0; i < count; i++) {
        struct fill_row row = fill_at(&fill, 3, i);
        unsigned newest;
        memcpy(&newest, row.value.ptr, sizeof newest);
        for (unsigned later = newest + 1; later < KEYS; later++) {
            assert_false(str_equal(row.key, keys[later]));
        }
    }
    fill_clear(&fill);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key_order_and_the_last_version),
        cmocka_unit_test(test_the_order_is_that_of_the_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
