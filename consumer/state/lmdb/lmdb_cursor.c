/* What the open transaction has not changed is as it was committed: so which leaf has a key's place
 * is asked of the committed branches, whatever LMDB says. */
#include "state/lmdb/lmdb_cursor.h"

#include <stdlib.h>

/* A bit a page. */
static bool is_verified(const struct kv *kv, uint64_t number) {
    return number / 8 < kv->verified_bytes && kv->verified[number / 8] >> number % 8 & 1;
}

static void note_verified(struct kv *kv, uint64_t number) {
    size_t at = number / 8;
    if (at >= kv->verified_bytes) {
        size_t bytes = at + at / 2 + 64;
        unsigned char *grown = realloc(kv->verified, bytes);
        if (!grown) {
            return; /* it will be verified again */
        }
        memset(grown + kv->verified_bytes, 0, bytes - kv->verified_bytes);
        kv->verified = grown;
        kv->verified_bytes = bytes;
    }
    kv->verified[at] |= (unsigned char)(1U << number % 8);
}

static int verify(struct kv *kv, int space, uint64_t leaf) {
    if (is_verified(kv, leaf)) {
        return 0;
    }
    struct lmdb_pages pages = lmdb_env_pages(kv);
    if (!lmdb_leaf_verified(&pages, pages.map + leaf * pages.page_bytes, space)) {
        return MDB_CORRUPTED;
    }
    note_verified(kv, leaf);
    return 0;
}

static bool can_verify(const struct kv *kv) {
    return LMDB_FORMAT_KNOWN && kv->map_start;
}

static bool is_in(const struct lmdb_path *path, struct str key) {
    return (!path->low.ptr || str_compare(path->low, key) <= 0) &&
           (!path->high.ptr || str_compare(key, path->high) < 0);
}

/* Looks at the leaf that has the key's place, or with below the place before it, and leaves where
 * that is in the space's path. */
static int verify_place(struct kv *kv, int space, struct str key, bool below) {
    struct space *s = &kv->spaces[space];
    if (!s->rooted) {
        int rc = lmdb_tree_root(kv->txn, space, &s->root);
        if (rc != 0) {
            return rc;
        }
        s->rooted = true;
    }
    if (s->root.depth == 0) {
        return 0;
    }
    if (s->path.leaf == 0 || below || !is_in(&s->path, key)) {
        struct lmdb_pages pages = lmdb_env_pages(kv);
        if (!lmdb_tree_path(&pages, s->root, key, below, &s->path)) {
            return MDB_CORRUPTED;
        }
    }
    return verify(kv, space, s->path.leaf);
}

/* Looks at all leaves that may have keys from `from` to `to` (.ptr NULL: to the end). */
static int verify_between(struct kv *kv, int space, struct str from, struct str to) {
    if (!can_verify(kv)) {
        return 0;
    }
    const struct lmdb_path *path = &kv->spaces[space].path;
    int rc = verify_place(kv, space, from, false);
    while (rc == 0 && path->high.ptr && (!to.ptr || str_compare(path->high, to) <= 0)) {
        rc = verify_place(kv, space, path->high, false);
    }
    return rc;
}

/* What is not mapped does not say where its page begins. */
static bool may_start_leaf(const struct kv *kv, const char *entry) {
    return !lmdb_is_mapped(kv, entry) || lmdb_first_key(lmdb_leaf_of(kv, entry)) == entry;
}

static bool share_leaf(const struct kv *kv, const char *entry, const char *other) {
    return lmdb_is_mapped(kv, entry) && lmdb_is_mapped(kv, other) &&
           lmdb_leaf_of(kv, entry) == lmdb_leaf_of(kv, other);
}

/* A wrong key in a branch leads to a leaf beside the right one: then what stands before the place
 * is not less than sought. op leads there. MDB_NOTFOUND: nothing does. */
static int verify_predecessor(struct kv *kv, int space, MDB_cursor *cursor, struct str sought,
                              MDB_cursor_op op) {
    MDB_val key, value;
    int rc = mdb_cursor_get(cursor, &key, &value, op);
    if (rc == MDB_NOTFOUND) {
        rc = verify_between(kv, space, STR(""), sought);
        return rc ? rc : MDB_NOTFOUND;
    }
    if (rc != 0 || str_compare(lmdb_view(key), sought) >= 0) {
        return rc ? rc : MDB_CORRUPTED;
    }
    return verify_between(kv, space, lmdb_view(key), sought);
}

/* Comes back to where the cursor was, which is an entry. */
static int verify_before(struct kv *kv, int space, MDB_cursor *cursor, struct str sought) {
    MDB_val key, value;
    int rc = verify_predecessor(kv, space, cursor, sought, MDB_PREV);
    if (rc != 0 && rc != MDB_NOTFOUND) {
        return rc;
    }
    return mdb_cursor_get(cursor, &key, &value, rc == 0 ? MDB_NEXT : MDB_FIRST);
}

/* Nothing is at or behind sought. MDB_NOTFOUND: so it is. */
static int verify_end(struct kv *kv, int space, MDB_cursor *cursor, struct str sought) {
    int rc = verify_between(kv, space, sought, STR_NONE);
    rc = rc ? rc : verify_predecessor(kv, space, cursor, sought, MDB_LAST);
    return rc ? rc : MDB_NOTFOUND;
}

/* A large value is touched page by page, so that a page that can't be read kills us here, where the
 * crash is LMDB's. */
static void touch(const struct kv *kv, const MDB_val *value) {
    for (size_t i = 0; i < value->mv_size; i += kv->page_bytes) {
        (void)((const volatile char *)value->mv_data)[i];
    }
}

/* kv.h's parameters. NOLINTNEXTLINE(readability-function-size) */
static int seek(struct kv *kv, int space, MDB_cursor *cursor, struct str sought,
                enum lmdb_verify verify, MDB_val *key, MDB_val *value) {
    *key = lmdb_val(sought);
    int rc = mdb_cursor_get(cursor, key, value, sought.len > 0 ? MDB_SET_RANGE : MDB_FIRST);
    if (rc == MDB_NOTFOUND) {
        return verify_end(kv, space, cursor, sought);
    }
    int order = rc == 0 ? str_compare(lmdb_view(*key), sought) : 0;
    if (rc != 0 || order < 0) {
        return rc ? rc : MDB_CORRUPTED;
    }
    if (order > 0 || verify == LMDB_VERIFY_LEAF) {
        rc = verify_between(kv, space, sought, lmdb_view(*key));
    }
    if (rc == 0 && order > 0 && sought.len > 0 && may_start_leaf(kv, key->mv_data)) {
        rc = verify_before(kv, space, cursor, sought);
    }
    if (rc == 0) {
        touch(kv, value);
    }
    return rc;
}

/* NOLINTNEXTLINE(readability-function-size): kv.h's parameters */
int lmdb_seek(struct kv *kv, int space, MDB_cursor **cursor, struct str sought,
              enum lmdb_verify verify, MDB_val *key, MDB_val *value) {
    lmdb_enter(kv);
    int rc = *cursor ? 0 : mdb_cursor_open(kv->txn, kv->spaces[space].dbi, cursor);
    return lmdb_leave(rc ? rc : seek(kv, space, *cursor, sought, verify, key, value));
}

static int next(struct kv *kv, int space, MDB_cursor *cursor, MDB_val *key, MDB_val *value) {
    MDB_val before, ignored;
    int rc = mdb_cursor_get(cursor, &before, &ignored, MDB_GET_CURRENT);
    rc = rc ? rc : mdb_cursor_get(cursor, key, value, MDB_NEXT);
    if (rc == MDB_NOTFOUND) {
        rc = verify_between(kv, space, lmdb_view(before), STR_NONE);
        return rc ? rc : MDB_NOTFOUND;
    }
    if (rc != 0 || str_compare(lmdb_view(*key), lmdb_view(before)) <= 0) {
        return rc ? rc : MDB_CORRUPTED;
    }
    if (!share_leaf(kv, before.mv_data, key->mv_data)) {
        rc = verify_between(kv, space, lmdb_view(before), lmdb_view(*key));
    }
    if (rc == 0) {
        touch(kv, value);
    }
    return rc;
}

int lmdb_next(struct kv *kv, int space, MDB_cursor *cursor, MDB_val *key, MDB_val *value) {
    lmdb_enter(kv);
    return lmdb_leave(next(kv, space, cursor, key, value));
}

static int look_around(struct kv *kv, int space, struct str key) {
    struct space *s = &kv->spaces[space];
    int rc = verify_place(kv, space, key, false);
    if (rc != 0 || s->root.depth == 0 || s->around == s->path.leaf) {
        return rc;
    }
    struct lmdb_path path = s->path;
    if (path.low.ptr) {
        rc = verify_place(kv, space, path.low, true);
    }
    if (rc == 0 && path.high.ptr) {
        rc = verify_place(kv, space, path.high, false);
    }
    s->path = path;
    s->around = path.leaf;
    return rc;
}

int lmdb_verify_around(struct kv *kv, int space, struct str key) {
    if (!can_verify(kv)) {
        return 0;
    }
    lmdb_enter(kv);
    return lmdb_leave(look_around(kv, space, key));
}
