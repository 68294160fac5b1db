/* Which differences stay: several looks at the same keys. */
#include "verify/again.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define COLUMNS 3

static const struct order order = {
    .keys = {{0, ORDER_INTEGER}}, .key_count = 1, .column_count = COLUMNS};

struct context {
    struct differences pending;
    int64_t now_ms;
};

static struct str text(const char *value) {
    return str_from(value);
}

static void add(struct differences *list, const char *key, const char *const *source,
                const char *const *sink) {
    struct str a[COLUMNS] = {text(key)}, b[COLUMNS] = {text(key)};
    for (size_t i = 1; i < COLUMNS; i++) {
        a[i] = text(source ? source[i - 1] : NULL);
        b[i] = text(sink ? sink[i - 1] : NULL);
    }
    enum difference_kind kind = !source ? DIFFERENCE_EXTRA
                                : !sink ? DIFFERENCE_MISSING
                                        : DIFFERENCE_VALUES;
    differences_add(list, kind, source ? a : NULL, sink ? b : NULL, COLUMNS);
}

#define PAIR(a, b) ((const char *const[]){(a), (b)})

/* Begins with one difference of row 7. */
static void first(struct context *c, const char *const *source, const char *const *sink) {
    *c = (struct context){.now_ms = 1000};
    add(&c->pending, "7", source, sink);
    c->pending.items[0].since_ms = c->now_ms;
    c->pending.items[0].looks = 1;
}

/* A second later. */
static size_t look(struct context *c, const char *const *source, const char *const *sink) {
    struct differences seen = {0};
    c->now_ms += 1000;
    if (source || sink) {
        add(&seen, "7", source, sink);
    }
    size_t gone = again_compare(&order, &c->pending, 0, c->pending.count, &seen, c->now_ms);
    differences_clear(&seen);
    differences_compact(&c->pending);
    return gone;
}

static bool settled(struct context *c, int64_t settle_ms) {
    struct again_path path = {.sent_until_ms = c->now_ms, .settle_ms = settle_ms};
    return again_is_settled(&c->pending.items[0], &path, c->now_ms);
}

static void arrived(void **state) {
    (void)state;
    struct context c;
    first(&c, PAIR("a", "b"), NULL);
    assert_int_equal(look(&c, NULL, NULL), 1);
    assert_int_equal(c.pending.count, 0);
    assert_int_equal(c.pending.bytes, 0);
    differences_clear(&c.pending);
}

static void stays(void **state) {
    (void)state;
    struct context c;
    first(&c, PAIR("a", "b"), NULL);
    c.pending.items[0].sent_ms = 1000;
    assert_false(settled(&c, 0)); /* one look is none */
    assert_int_equal(look(&c, PAIR("a", "b"), NULL), 0);
    assert_false(settled(&c, 0));
    assert_int_equal(look(&c, PAIR("a", "b"), NULL), 0);
    assert_true(settled(&c, 2000));
    assert_false(settled(&c, 2001));
    differences_clear(&c.pending);
}

/* Only the time after the connector has sent all counts. */
static void not_sent(void **state) {
    (void)state;
    struct context c;
    first(&c, NULL, PAIR("a", "b"));
    for (int i = 0; i < 100; i++) {
        assert_int_equal(look(&c, NULL, PAIR("a", "b")), 0);
        assert_false(settled(&c, 0));
    }
    c.pending.items[0].sent_ms = c.now_ms;
    assert_int_equal(look(&c, NULL, PAIR("a", "b")), 0);
    assert_true(settled(&c, 1000));
    differences_clear(&c.pending);
}

static void moving(void **state) {
    (void)state;
    struct context c;
    static const char *const values[] = {"a", "b", "c", "d", "e", "f"};
    first(&c, PAIR("x", "a"), PAIR("x", "z"));
    for (size_t i = 1; i < 6; i++) {
        c.pending.items[0].sent_ms = c.now_ms;
        assert_int_equal(look(&c, PAIR("x", values[i]), PAIR("x", values[i - 1])), 0);
        assert_true(c.pending.items[0].looks == 1 && c.pending.items[0].sent_ms == 0 &&
                    c.pending.items[0].since_ms == c.now_ms);
    }
    differences_clear(&c.pending);
}

/* One column is wrong for good, while another moves. */
static void one_column_stays(void **state) {
    (void)state;
    struct context c;
    first(&c, PAIR("right", "1"), PAIR("wrong", "0"));
    c.pending.items[0].sent_ms = 1000;
    assert_int_equal(look(&c, PAIR("right", "2"), PAIR("wrong", "1")), 0);
    assert_int_equal(look(&c, PAIR("right", "3"), PAIR("wrong", "2")), 0);
    assert_true(settled(&c, 2000));
    assert_true(c.pending.items[0].columns[1] && !c.pending.items[0].columns[2]);
    /* and then it is put right */
    assert_int_equal(look(&c, PAIR("right", "4"), PAIR("right", "3")), 0);
    assert_false(settled(&c, 0));
    assert_true(!c.pending.items[0].columns[1] && c.pending.items[0].columns[2]);
    differences_clear(&c.pending);
}

static void another_kind(void **state) {
    (void)state;
    struct context c;
    first(&c, PAIR("a", "b"), NULL);
    c.pending.items[0].sent_ms = 1000;
    assert_int_equal(look(&c, PAIR("a", "b"), PAIR("a", "c")), 0);
    assert_true(c.pending.items[0].looks == 1 && c.pending.items[0].kind == DIFFERENCE_VALUES);
    differences_clear(&c.pending);
}

/* NULL is not the empty text. */
static void null_and_empty(void **state) {
    (void)state;
    struct context c;
    first(&c, PAIR("a", NULL), PAIR("a", ""));
    assert_true(c.pending.items[0].columns[2] && !c.pending.items[0].columns[1]);
    assert_int_equal(look(&c, PAIR("a", NULL), PAIR("a", "")), 0);
    assert_int_equal(c.pending.items[0].looks, 2);
    assert_int_equal(look(&c, PAIR("a", ""), PAIR("a", NULL)), 0);
    assert_int_equal(c.pending.items[0].looks, 1);
    differences_clear(&c.pending);
}

/* Keys between, before and behind those that are looked for. */
static void other_keys(void **state) {
    (void)state;
    struct differences pending = {0}, seen = {0};
    const char *const keys[] = {"2", "10", "30"};
    for (size_t i = 0; i < 3; i++) {
        add(&pending, keys[i], PAIR("a", "b"), NULL);
    }
    add(&seen, "1", PAIR("a", "b"), NULL);
    add(&seen, "10", PAIR("a", "b"), NULL);
    add(&seen, "20", PAIR("a", "b"), NULL);
    add(&seen, "40", PAIR("a", "b"), NULL);
    assert_int_equal(again_compare(&order, &pending, 0, 3, &seen, 5), 2);
    differences_compact(&pending);
    assert_int_equal(pending.count, 1);
    assert_true(str_is(pending.items[0].source[0], "10"));
    differences_clear(&pending);
    differences_clear(&seen);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrived),          cmocka_unit_test(stays),
        cmocka_unit_test(not_sent),         cmocka_unit_test(moving),
        cmocka_unit_test(one_column_stays), cmocka_unit_test(another_kind),
        cmocka_unit_test(null_and_empty),   cmocka_unit_test(other_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
