#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void empty_arena_can_be_cleared(void **state) {
    (void)state;
    struct arena arena = {0};
    arena_reset(&arena);
    arena_clear(&arena);
    arena_clear(&arena);
    assert_null(arena.first);
}

static void allocations_are_aligned_and_apart(void **state) {
    (void)state;
    struct arena arena = {0};
    char *last = NULL;
    for (size_t size = 0; size < 300; size++) {
        char *p = arena_alloc(&arena, size);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        assert_ptr_not_equal(p, last); /* also size 0 */
        memset(p, (int)size, size);
        last = p;
    }
    assert_true(arena.used >= 300 * 299 / 2);
    arena_clear(&arena);
}

static void large_allocations_get_their_own_chunk(void **state) {
    (void)state;
    struct arena arena = {0};
    char *small = arena_alloc(&arena, 10);
    memcpy(small, "before", 7);
    size_t size = (size_t)3 << 20;
    char *large = arena_alloc(&arena, size);
    memset(large, 'x', size);
    char *after = arena_alloc(&arena, 10);
    memcpy(after, "after", 6);
    assert_string_equal(small, "before");
    assert_int_equal(large[size - 1], 'x');
    arena_clear(&arena);
}

static void reset_gives_the_memory_back(void **state) {
    (void)state;
    struct arena arena = {0};
    void *first = arena_alloc(&arena, 100);
    for (int i = 0; i < 10; i++) {
        (void)arena_alloc(&arena, 50000);
    }
    arena_reset(&arena);
    assert_int_equal(arena.used, 0);
    assert_ptr_equal(arena_alloc(&arena, 100), first);
    for (int round = 0; round < 100; round++) {
        arena_reset(&arena);
        for (int i = 0; i < 100; i++) {
            memset(arena_alloc(&arena, 1000), round, 1000);
        }
    }
    arena_clear(&arena);
}

static void copies_keep_bytes_and_absence(void **state) {
    (void)state;
    struct arena arena = {0};
    char text[] = "a\0b";
    struct str copy = arena_copy(&arena, (struct str){text, 3});
    text[0] = 'x';
    assert_true(str_equal(copy, STR("a\0b")));
    assert_int_equal(copy.ptr[3], '\0');
    assert_null(arena_copy(&arena, STR_NONE).ptr);
    assert_string_equal(arena_copy(&arena, STR("")).ptr, "");
    arena_clear(&arena);
}

static void printf_measures_itself(void **state) {
    (void)state;
    struct arena arena = {0};
    assert_true(str_is(arena_printf(&arena, "%s-%d", "p", 12), "p-12"));
    struct str wide = arena_printf(&arena, "%100000d", 7);
    assert_int_equal(wide.len, 100000);
    assert_int_equal(strlen(wide.ptr), 100000);
    arena_clear(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_arena_can_be_cleared),
        cmocka_unit_test(allocations_are_aligned_and_apart),
        cmocka_unit_test(large_allocations_get_their_own_chunk),
        cmocka_unit_test(reset_gives_the_memory_back),
        cmocka_unit_test(copies_keep_bytes_and_absence),
        cmocka_unit_test(printf_measures_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
