#include "sim/state_fixture.h"
#include "state/checksummed.h"
#include "state/write_buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SPACES = 3, KEYS = 60, STEPS = 20000 };

struct pair {
    struct state_fixture fixtures[2];
    struct write_buffer buffer;
    struct kv *plain; /* what the buffer must look like */
    const struct kv_ops *ops;
    unsigned seed;
    struct buf stored;
};

static unsigned below(struct pair *b, unsigned limit) {
    b->seed = b->seed * 1103515245 + 12345;
    return (b->seed >> 16) % limit;
}

static struct str some_key(struct pair *b, char bytes[16]) {
    static const char *const prefixes[] = {"a", "ab", "abcdefgh", "abcdefghi", "b"};
    int len = snprintf(bytes, 16, "%s%02u", prefixes[below(b, 5)], below(b, KEYS / 5));
    return (struct str){bytes, (size_t)len};
}

static void assert_same(struct str a, struct str b) {
    assert_int_equal(a.ptr != NULL, b.ptr != NULL);
    assert_true(!a.ptr || str_equal(a, b));
}

/* Walks both from a random place to the end of a random prefix; it may jump on the way. */
static void compare_walks(struct pair *b, int space) {
    char bytes[2][16];
    struct err err;
    struct str after[2] = {STR_NONE, STR_NONE}, key[2], value[2];
    static const struct str prefixes[] = {{NULL, 0}, {"", 0}};
    struct str prefix = below(b, 2) ? prefixes[below(b, 2)] : (struct str){"abcdefgh", below(b, 9)};
    if (below(b, 2)) {
        after[0] = after[1] = some_key(b, bytes[0]);
    }
    do {
        struct str range[2] = {prefix, after[0]};
        assert_int_equal(write_buffer_next(&b->buffer, space, range, &key[0], &value[0], &err),
                         ERR_NONE);
        assert_int_equal(b->ops->next(b->plain, space, prefix, after[1], &key[1], &value[1], &err),
                         ERR_NONE);
        assert_same(key[0], key[1]);
        assert_same(value[0], value[1]);
        after[0] = key[0];
        after[1] = key[1];
        if (key[0].ptr && below(b, 10) == 0) {
            after[0] = after[1] = some_key(b, bytes[1]);
        }
    } while (key[0].ptr);
}

static void change(struct pair *b, int space) {
    char bytes[16], text[32];
    struct err err;
    struct str key = some_key(b, bytes);
    if (below(b, 3) == 0) {
        write_buffer_set(&b->buffer, space, key, STR_NONE);
        assert_int_equal(b->ops->remove(b->plain, space, key, &err), ERR_NONE);
        return;
    }
    int len = snprintf(text, sizeof text, "%.*u", (int)below(b, 20), below(b, 1000));
    struct str value = checksum_add(&b->stored, space, key, (struct str){text, (size_t)len});
    if (below(b, 4) == 0) {
        assert_int_equal(write_buffer_set_in_order(&b->buffer, space, key, value, &err), ERR_NONE);
    } else {
        write_buffer_set(&b->buffer, space, key, value);
    }
    assert_int_equal(b->ops->put(b->plain, space, key, value, &err), ERR_NONE);
}

static void step(struct pair *b) {
    char bytes[16];
    struct err err;
    int space = (int)below(b, SPACES);
    unsigned what = below(b, 200);
    if (what == 0) {
        assert_int_equal(write_buffer_clear(&b->buffer, space, &err), ERR_NONE);
        assert_int_equal(b->ops->clear(b->plain, space, &err), ERR_NONE);
    } else if (what < 4) {
        assert_int_equal(write_buffer_commit(&b->buffer, &err), ERR_NONE);
        assert_int_equal(write_buffer_dirty_bytes(&b->buffer), 0);
    } else if (what < 20) {
        compare_walks(b, space);
    } else if (what < 60) {
        struct str key = some_key(b, bytes), value[2];
        assert_int_equal(write_buffer_get(&b->buffer, space, key, &value[0], &err), ERR_NONE);
        assert_int_equal(b->ops->get(b->plain, space, key, &value[1], &err), ERR_NONE);
        assert_same(value[0], value[1]);
    } else {
        change(b, space);
    }
}

static void run(struct pair *b) {
    struct err err;
    bool damaged;
    const struct kv_factory *below_it = &b->fixtures[0].factory, *other = &b->fixtures[1].factory;
    struct kv *kv = NULL;
    b->seed = 1;
    b->ops = other->ops;
    assert_int_equal(below_it->open(below_it->ctx, 1, "", SPACES, &kv, &damaged, &err), ERR_NONE);
    assert_int_equal(other->open(other->ctx, 2, "", SPACES, &b->plain, &damaged, &err), ERR_NONE);
    write_buffer_init(&b->buffer, below_it, kv, SPACES);
    for (int i = 0; i < STEPS; i++) {
        step(b);
    }
    assert_int_equal(write_buffer_commit(&b->buffer, &err), ERR_NONE);
    write_buffer_set(&b->buffer, 0, STR("lost"), STR("at the close"));
    write_buffer_close(&b->buffer);
    assert_int_equal(below_it->open(below_it->ctx, 1, "", SPACES, &kv, &damaged, &err), ERR_NONE);
    write_buffer_init(&b->buffer, below_it, kv, SPACES);
    for (int space = 0; space < SPACES; space++) {
        compare_walks(b, space);
    }
    assert_int_equal(write_buffer_reset(&b->buffer, &err), ERR_NONE);
    struct str key, value, all[2] = {STR(""), STR_NONE};
    assert_int_equal(write_buffer_next(&b->buffer, 0, all, &key, &value, &err), ERR_NONE);
    assert_null(key.ptr);
    write_buffer_close(&b->buffer);
    b->ops->close(&b->plain);
    buf_clear(&b->stored);
}

static void test_looks_like_the_store_with_its_changes(void **ctx) {
    (void)ctx;
    struct pair b = {0};
    state_fixture_memory(&b.fixtures[0]);
    state_fixture_memory(&b.fixtures[1]);
    run(&b);
    state_fixture_clear(&b.fixtures[0]);
    state_fixture_clear(&b.fixtures[1]);
}

static void test_over_lmdb_in_parts(void **ctx) {
    (void)ctx;
    struct pair b = {0};
    state_fixture_lmdb(&b.fixtures[0]);
    state_fixture_memory(&b.fixtures[1]);
    b.fixtures[0].factory.part_bytes = 1;
    run(&b);
    state_fixture_clear(&b.fixtures[0]);
    state_fixture_clear(&b.fixtures[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_looks_like_the_store_with_its_changes),
        cmocka_unit_test(test_over_lmdb_in_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
