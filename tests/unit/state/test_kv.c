/* Both stores do the same: random changes, commits, aborts and reopenings side by side. */
#include "sim/state_fixture.h"
#include "state/checksummed.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SPACES = 3, KEYS = 400, STEPS = 30000, VALUE_MAX = 9000 };

struct pair {
    struct state_fixture fixtures[2];
    struct kv *kvs[2];
    uint64_t seed;
    char value[VALUE_MAX];
    struct buf stored;
};

static uint64_t draw(struct pair *pair, uint64_t below) {
    pair->seed = pair->seed * 6364136223846793005U + 1442695040888963407U;
    return (pair->seed >> 33) % below;
}

static void open_both(struct pair *pair) {
    for (int i = 0; i < 2; i++) {
        struct err err;
        bool damaged = true;
        const struct kv_factory *factory = &pair->fixtures[i].factory;
        assert_int_equal(factory->open(factory->ctx, 3, "", SPACES, &pair->kvs[i], &damaged, &err),
                         ERR_NONE);
        assert_false(damaged);
    }
}

static const struct kv_ops *ops(const struct pair *pair, int i) {
    return pair->fixtures[i].factory.ops;
}

static void assert_same(struct str a, struct str b) {
    assert_int_equal(a.ptr == NULL, b.ptr == NULL);
    if (a.ptr && b.ptr) {
        assert_true(str_equal(a, b));
    }
}

static void walk_both(struct pair *pair, int space, struct str prefix) {
    struct str keys[2] = {STR_NONE, STR_NONE}, values[2];
    do {
        for (int i = 0; i < 2; i++) {
            struct err err;
            assert_int_equal(ops(pair, i)->next(pair->kvs[i], space, prefix, keys[i], &keys[i],
                                                &values[i], &err),
                             ERR_NONE);
        }
        assert_same(keys[0], keys[1]);
        assert_same(values[0], values[1]);
        if (keys[0].ptr) {
            assert_true(str_starts(keys[0], prefix));
        }
    } while (keys[0].ptr);
}

static size_t random_key(struct pair *pair, char *key) {
    return (size_t)snprintf(key, 600, "%03" PRIu64 "%.*s", draw(pair, KEYS),
                            (int)draw(pair, 20) * (draw(pair, 10) == 0), "xxxxxxxxxxxxxxxxxxxx");
}

static size_t random_len(struct pair *pair) {
    switch (draw(pair, 12)) {
    case 0:
        return 0;
    case 1:
        return draw(pair, VALUE_MAX);
    default:
        return draw(pair, 100);
    }
}

static void change_both(struct pair *pair, int space) {
    char key[600];
    struct str k = {key, random_key(pair, key)};
    size_t len = random_len(pair);
    memset(pair->value, (int)('a' + draw(pair, 26)), len);
    struct str value = checksum_add(&pair->stored, space, k, (struct str){pair->value, len});
    bool removes = draw(pair, 3) == 0;
    for (int i = 0; i < 2; i++) {
        struct err err;
        enum err_kind kind = removes ? ops(pair, i)->remove(pair->kvs[i], space, k, &err)
                                     : ops(pair, i)->put(pair->kvs[i], space, k, value, &err);
        assert_int_equal(kind, ERR_NONE);
    }
}

static void read_both(struct pair *pair, int space) {
    char key[600];
    struct str k = {key, random_key(pair, key)}, values[2], keys[2];
    for (int i = 0; i < 2; i++) {
        struct err err;
        assert_int_equal(ops(pair, i)->get(pair->kvs[i], space, k, &values[i], &err), ERR_NONE);
    }
    assert_same(values[0], values[1]);
    for (int i = 0; i < 2; i++) {
        struct err err;
        assert_int_equal(ops(pair, i)->next(pair->kvs[i], space, (struct str){key, 1}, k, &keys[i],
                                            &values[i], &err),
                         ERR_NONE);
    }
    assert_same(keys[0], keys[1]);
    assert_same(values[0], values[1]);
}

static void end_both(struct pair *pair, uint64_t how) {
    for (int i = 0; i < 2; i++) {
        struct err err;
        if (how < 4) {
            assert_int_equal(ops(pair, i)->commit(pair->kvs[i], &err), ERR_NONE);
        } else if (how < 6) {
            ops(pair, i)->abort(pair->kvs[i]);
        } else if (how < 7) {
            ops(pair, i)->close(&pair->kvs[i]);
        } else if (how == 7) {
            assert_int_equal(ops(pair, i)->clear(pair->kvs[i], 1, &err), ERR_NONE);
        } else {
            assert_int_equal(ops(pair, i)->reset(pair->kvs[i], &err), ERR_NONE);
        }
    }
    if (!pair->kvs[0]) {
        open_both(pair);
    }
    for (int space = 0; space < SPACES; space++) {
        walk_both(pair, space, STR(""));
        walk_both(pair, space, STR("1"));
    }
}

static void test_both_stores_do_the_same(void **ctx) {
    (void)ctx;
    static struct pair pair = {.seed = 20240917};
    state_fixture_memory(&pair.fixtures[0]);
    state_fixture_lmdb(&pair.fixtures[1]);
    open_both(&pair);
    for (int step = 0; step < STEPS; step++) {
        int space = (int)draw(&pair, SPACES);
        if (draw(&pair, 4) > 0) {
            change_both(&pair, space);
        } else {
            read_both(&pair, space);
        }
        if (draw(&pair, 100) == 0) {
            uint64_t how = draw(&pair, 80);
            end_both(&pair, how < 8 ? how : how == 8 ? 8 : how % 7);
        }
    }
    for (int i = 0; i < 2; i++) {
        ops(&pair, i)->close(&pair.kvs[i]);
        state_fixture_clear(&pair.fixtures[i]);
    }
    buf_clear(&pair.stored);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_stores_do_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
