/* Memory that is there, or the process is not. */
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_new(void **state) {
    (void)state;
    int *items = memory_new(3, sizeof *items);
    assert_int_equal(items[0] | items[1] | items[2], 0);
    free(items);
    items = memory_new(0, sizeof *items);
    assert_non_null(items);
    free(items);
}

/* What is there stays; the sanitizers see a write behind the room that was said. */
static void test_grow(void **state) {
    (void)state;
    size_t *items = NULL, cap = 0, resized = 0;
    for (size_t count = 0; count < 1000; count++) {
        size_t before = cap;
        items = memory_grow(items, count, &cap, sizeof *items);
        assert_true(cap > count);
        resized += cap != before;
        items[count] = count;
        items[cap - 1] = cap - 1;
    }
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(items[i], i);
    }
    assert_in_range(resized, 2, 10); /* doubled, not one by one */
    free(items);
}

static void test_resize(void **state) {
    (void)state;
    char *text = memory_resize(NULL, 0, 1);
    text = memory_resize(text, 4, 1);
    memcpy(text, "abc", 4);
    text = memory_resize(text, 4096, 1);
    assert_string_equal(text, "abc");
    free(text);
}

static void test_text(void **state) {
    (void)state;
    char *copy = memory_text("abc");
    assert_string_equal(copy, "abc");
    free(copy);
    assert_null(memory_text(NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new),
        cmocka_unit_test(test_grow),
        cmocka_unit_test(test_resize),
        cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
