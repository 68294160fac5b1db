#include "state/lmdb_cursor.h"

#include <stdlib.h>

/* LMDB merges a leaf that is filled to less than a quarter. */
#define MERGE_SHARE 4

/* A bit a page. */
static bool was_looked_at(const struct kv *kv, uint64_t number) {
    return number / 8 < kv->looked_at_bytes && kv->looked_at[number / 8] >> number % 8 & 1;
}

static void note_look(struct kv *kv, uint64_t number) {
    size_t at = number / 8;
    if (at >= kv->looked_at_bytes) {
        size_t bytes = at + at / 2 + 64;
        unsigned char *grown = realloc(kv->looked_at, bytes);
        if (!grown) {
            return; /* it will be looked at again */
        }
        memset(grown + kv->looked_at_bytes, 0, bytes - kv->looked_at_bytes);
        kv->looked_at = grown;
        kv->looked_at_bytes = bytes;
    }
    kv->looked_at[at] |= (unsigned char)(1U << number % 8);
}

/* At the leaf of an entry. What is not mapped is LMDB's own copy of a page that was looked at. */
static int look(struct kv *kv, int space, const char *entry) {
    if (!lmdb_is_mapped(kv, entry)) {
        return 0;
    }
    struct lmdb_pages pages = {kv->map_start, 0, kv->page_bytes};
    const char *page = lmdb_page_of(&pages, entry);
    uint64_t number = lmdb_page_number(&pages, page);
    if (was_looked_at(kv, number)) {
        return 0;
    }
    pages = lmdb_env_pages(kv);
    if (!lmdb_leaf_true(&pages, page, space)) {
        return MDB_CORRUPTED;
    }
    note_look(kv, number);
    return 0;
}

/* Within the guard. A large value is touched page by page, so that a page that can't be read kills
 * us here, where the crash is LMDB's. */
static int move(struct kv *kv, int space, MDB_cursor *cursor, MDB_val *key, MDB_val *value,
                MDB_cursor_op op) {
    int rc = mdb_cursor_get(cursor, key, value, op);
    rc = rc ? rc : look(kv, space, key->mv_data);
    if (rc == 0) {
        for (size_t i = 0; i < value->mv_size; i += kv->page_bytes) {
            (void)((const volatile char *)value->mv_data)[i];
        }
    }
    return rc;
}

static int open_cursor(const struct kv *kv, int space, MDB_cursor **cursor) {
    return *cursor ? 0 : mdb_cursor_open(kv->txn, kv->spaces[space].dbi, cursor);
}

int lmdb_move(struct kv *kv, int space, MDB_cursor **cursor, MDB_val *key, MDB_val *value,
              MDB_cursor_op op) {
    lmdb_enter(kv);
    int rc = open_cursor(kv, space, cursor);
    return lmdb_leave(rc ? rc : move(kv, space, *cursor, key, value, op));
}

/* A wrong key in a branch leads to a leaf beside the right one: then what stands before the place
 * is not less than sought. */
static int look_before(struct kv *kv, int space, MDB_cursor *cursor, struct str sought) {
    MDB_val key, value;
    int rc = move(kv, space, cursor, &key, &value, MDB_PREV);
    return rc == 0 && str_compare(lmdb_view(key), sought) >= 0 ? MDB_CORRUPTED : rc;
}

/* What is not mapped does not say where its page begins. */
static bool may_start_leaf(const struct kv *kv, const char *entry) {
    struct lmdb_pages pages = {kv->map_start, 0, kv->page_bytes};
    return !lmdb_is_mapped(kv, entry) || lmdb_first_key(lmdb_page_of(&pages, entry)) == entry;
}

static int seek(struct kv *kv, int space, MDB_cursor *cursor, struct str sought, MDB_val *key,
                MDB_val *value) {
    union {
        const char *given;
        void *taken;
    } ptr = {sought.ptr}; /* LMDB only reads it */
    *key = (MDB_val){sought.len, ptr.taken};
    int rc = move(kv, space, cursor, key, value, MDB_SET_RANGE);
    if (rc == MDB_NOTFOUND) {
        rc = look_before(kv, space, cursor, sought);
        return rc ? rc : MDB_NOTFOUND;
    }
    int order = rc == 0 ? str_compare(lmdb_view(*key), sought) : 0;
    if (rc != 0 || order < 0) {
        return rc ? rc : MDB_CORRUPTED;
    }
    if (order == 0 || !may_start_leaf(kv, key->mv_data)) {
        return 0;
    }
    rc = look_before(kv, space, cursor, sought);
    if (rc != 0 && rc != MDB_NOTFOUND) {
        return rc;
    }
    return move(kv, space, cursor, key, value, rc == 0 ? MDB_NEXT : MDB_FIRST);
}

int lmdb_seek(struct kv *kv, int space, MDB_cursor **cursor, struct str sought, MDB_val *key,
              MDB_val *value) {
    lmdb_enter(kv);
    int rc = open_cursor(kv, space, cursor);
    return lmdb_leave(rc ? rc : seek(kv, space, *cursor, sought, key, value));
}

/* There and back, over as many bytes as a leaf that will be merged has. */
static int look_aside(struct kv *kv, int space, MDB_cursor *cursor, bool ahead) {
    MDB_val key, value;
    size_t passed = 0;
    int steps = 0, rc = 0;
    while (passed < kv->page_bytes / MERGE_SHARE) {
        rc = move(kv, space, cursor, &key, &value, ahead ? MDB_NEXT : MDB_PREV);
        if (rc != 0) {
            break;
        }
        passed += key.mv_size + (value.mv_size < kv->page_bytes / 2 ? value.mv_size : 0);
        steps++;
    }
    rc = rc == MDB_NOTFOUND ? 0 : rc;
    for (; rc == 0 && steps > 0; steps--) {
        rc = move(kv, space, cursor, &key, &value, ahead ? MDB_PREV : MDB_NEXT);
    }
    return rc;
}

int lmdb_look_around(struct kv *kv, int space, MDB_cursor *cursor) {
    lmdb_enter(kv);
    int rc = look_aside(kv, space, cursor, false);
    return lmdb_leave(rc ? rc : look_aside(kv, space, cursor, true));
}
