#include "pipeline/batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static int released;

static void release(struct consume *consume, void *handle) {
    (void)consume;
    (void)handle;
    released++;
}

static const struct consume_ops ops = {.release = release};

static void test_full_by_records(void **state) {
    (void)state;
    struct batch batch = {0};
    struct pending item = {.kind = PENDING_CHANGE};
    for (int i = 0; i < 100; i++) {
        assert_false(batch_full(&batch, 100));
        batch_add(&batch, &item);
    }
    assert_true(batch_full(&batch, 100));
    batch_clear(&batch, &ops, NULL);
}

/* Few records of many bytes fill it too, whether they are held or decoded. */
static void test_full_by_bytes(void **state) {
    (void)state;
    struct batch batch = {0};
    static const char bytes[512 * 1024];
    static char handle;
    struct pending item = {.kind = PENDING_CHANGE,
                           .record = {.value = {bytes, sizeof bytes}, .handle = &handle}};
    int count = 0;
    for (; count < 100 && !batch_full(&batch, 2000); count++) {
        batch_add(&batch, &item);
    }
    assert_int_equal(count, 8); /* 4 MB */
    released = 0;
    batch_reset(&batch, &ops, NULL);
    assert_int_equal(released, count);
    assert_false(batch_full(&batch, 2000));
    for (count = 0; count < 100 && !batch_full(&batch, 2000); count++) {
        (void)arena_alloc(&batch.arena, sizeof bytes);
    }
    assert_in_range(count, 7, 9);
    batch_clear(&batch, &ops, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_by_records),
        cmocka_unit_test(test_full_by_bytes),
    };
    return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
