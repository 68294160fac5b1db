/* Whether a cache's indexes agree with its rows, seen from outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "referring.h"
#include "rows.h"

#include "state/checksummed.h"
#include "state/lmdb/peek.h"

static struct state *open_cache(const struct state_fixture *f) {
    struct state *state = NULL;
    struct state_meta meta;
    struct err err;
    assert_int_equal(state_open(&f->factory, TASK, "", identity, &layout, &state, &meta, &err),
                     ERR_NONE);
    return state;
}

static void make_cache(const struct state_fixture *f) {
    struct state *state = open_cache(f);
    struct err err;
    char key[8], value[16];
    for (int i = 0; i < 500; i++) {
        (void)snprintf(key, sizeof key, "%03d", i);
        (void)snprintf(value, sizeof value, "%c,%d,1", i % 5 ? '0' + i % 5 : '-', i % 7);
        set(state, i % 3, key, value);
    }
    assert_int_equal(state_commit(state, (int64_t[]){1, 1, 1}, 1, true, &err), ERR_NONE);
    state_close(&state);
}

static enum err_kind check(const struct state_fixture *f, uint64_t *entries, bool *torn,
                           struct err *err) {
    struct peek *peek = NULL;
    struct peek_meta meta;
    assert_int_equal(peek_open(f->dir, TASK, &layout, &peek, &meta, err), ERR_NONE);
    assert_non_null(peek);
    *torn = meta.torn;
    enum err_kind kind = peek_check_indexes(peek, entries, err);
    peek_close(&peek);
    return kind;
}

static void test_they_agree(void **ctx) {
    make_cache(*ctx);
    uint64_t entries = 0;
    bool torn = true;
    struct err err;
    assert_int_equal(check(*ctx, &entries, &torn, &err), ERR_NONE);
    /* 167 rows of each table; every fifth one lacks the first reference */
    assert_int_equal(entries, 167 - 34 + 167 + 167 - 33);
    assert_false(torn);
}

static void change(const struct state_fixture *f, int space, const char *key, size_t key_len,
                   struct str value) {
    struct kv *kv = NULL;
    struct err err;
    bool damaged = true;
    struct str k = {key, key_len};
    assert_int_equal(
        f->factory.open(f->factory.ctx, TASK, "", SPACES_OF(3, 3), &kv, &damaged, &err), ERR_NONE);
    assert_false(damaged);
    assert_int_equal(value.ptr ? f->factory.ops->put(kv, space, k, value, &err)
                               : f->factory.ops->remove(kv, space, k, &err),
                     ERR_NONE);
    assert_int_equal(f->factory.ops->commit(kv, &err), ERR_NONE);
    f->factory.ops->close(&kv);
}

static void assert_seen(const struct state_fixture *f, const char *said) {
    uint64_t entries = 0;
    bool torn = true;
    struct err err;
    assert_int_equal(check(f, &entries, &torn, &err), ERR_CACHE);
    assert_non_null(strstr(err.message, said));
}

static void put_entry(const struct state_fixture *f, int space, const char *key, size_t len) {
    struct buf stored = {0};
    change(f, space, key, len, checksum_add(&stored, space, (struct str){key, len}, STR("")));
    buf_clear(&stored);
}

static void test_an_entry_is_missing(void **ctx) {
    make_cache(*ctx);
    change(*ctx, INDEX_SPACE(3) + 1,
           "3\0"
           "003",
           5, STR_NONE);
    assert_seen(*ctx, "an entry is missing: index 1 and the rows of table 0");
    put_entry(*ctx, INDEX_SPACE(3) + 1,
              "3\0"
              "004",
              5); /* as many as rows */
    assert_seen(*ctx, "an entry is missing: index 1 and the rows of table 0");
}

static void test_an_entry_too_many(void **ctx) {
    make_cache(*ctx);
    put_entry(*ctx, INDEX_SPACE(3) + 2,
              "9\0"
              "001",
              5);
    assert_seen(*ctx, "entries without a row: index 2 and the rows of table 1");
}

static void test_a_damaged_entry(void **ctx) {
    make_cache(*ctx);
    change(*ctx, INDEX_SPACE(3),
           "1\0"
           "006",
           5, STR("sum?"));
    assert_seen(*ctx, "index 0");
}

static void test_a_torn_cache_is_told(void **ctx) {
    make_cache(*ctx);
    change(*ctx, META_SPACE, "torn", 4, STR(""));
    uint64_t entries = 0;
    bool torn = false;
    struct err err;
    assert_int_equal(check(*ctx, &entries, &torn, &err), ERR_NONE);
    assert_true(torn);
}

#define LMDB(f) cmocka_unit_test_setup_teardown(f, over_lmdb, clear)

int main(void) {
    const struct CMUnitTest tests[] = {
        LMDB(test_they_agree),      LMDB(test_an_entry_is_missing),  LMDB(test_an_entry_too_many),
        LMDB(test_a_damaged_entry), LMDB(test_a_torn_cache_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
