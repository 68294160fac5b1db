#include "state/lmdb/lmdb_kv.h"

#include "base/memory.h"
#include "state/lmdb/lmdb_cursor.h"

#include <stdlib.h>
#include <time.h>

#define NODE_BYTES 10 /* LMDB's own share of an entry */

/* At close the file is synced if little of it can still be unwritten (the kernel writes out what is
 * older than 30 s): a warm start after a reboot is worth some 0.1 s, not seconds in which the
 * group's other members wait. Else the cache is warm only until the machine is restarted. */
#define CLOSE_SYNC_BYTES ((size_t)32 << 20)
#define WRITE_OUT_MS     40000

static enum err_kind check_key(struct str key, struct err *reterr) {
    return key.ptr && key.len > 0 && key.len <= KV_KEY_MAX
               ? ERR_NONE
               : err_set(reterr, ERR_BUG, "state cache: a key of %zu bytes", key.len);
}

static enum err_kind prepare(struct kv *kv, struct str key, struct err *reterr) {
    enum err_kind kind = check_key(key, reterr);
    return kind != ERR_NONE ? kind : lmdb_begin(kv, reterr);
}

static enum err_kind get(struct kv *kv, int space, struct str key, struct str *ret_value,
                         struct err *reterr) {
    enum err_kind kind = prepare(kv, key, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    MDB_val k, v;
    int rc = lmdb_seek(kv, space, &kv->spaces[space].seek, key, LMDB_VERIFY_ROW, &k, &v);
    if (rc != 0 && rc != MDB_NOTFOUND) {
        return lmdb_fail(kv, rc, "can't be read", reterr);
    }
    *ret_value = rc == 0 && str_equal(lmdb_view(k), key) ? lmdb_view(v) : STR_NONE;
    return ERR_NONE;
}

/* Puts the space's walking cursor at the first entry after `after` within prefix's reach. */
static int seek_next(struct kv *kv, int space, struct str from[2], MDB_val *k, MDB_val *v) {
    struct space *s = &kv->spaces[space];
    struct str prefix = from[0], after = from[1];
    if (!after.ptr || str_compare(after, prefix) < 0) {
        return lmdb_seek(kv, space, &s->walk, prefix, LMDB_VERIFY_LEAF, k, v);
    }
    if (s->walking) {
        lmdb_enter(kv);
        int rc = lmdb_leave(mdb_cursor_get(s->walk, k, v, MDB_GET_CURRENT));
        if (rc != 0 || str_equal(lmdb_view(*k), after)) {
            return rc ? rc : lmdb_next(kv, space, s->walk, k, v);
        }
    }
    int rc = lmdb_seek(kv, space, &s->walk, after, LMDB_VERIFY_LEAF, k, v);
    return rc == 0 && str_equal(lmdb_view(*k), after) ? lmdb_next(kv, space, s->walk, k, v) : rc;
}

/* kv.h's parameters. NOLINTNEXTLINE(readability-function-size) */
static enum err_kind next(struct kv *kv, int space, struct str prefix, struct str after,
                          struct str *ret_key, struct str *ret_value, struct err *reterr) {
    enum err_kind kind = lmdb_begin(kv, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    MDB_val k, v;
    int rc = seek_next(kv, space, (struct str[2]){prefix, after}, &k, &v);
    if (rc != 0 && rc != MDB_NOTFOUND) {
        return lmdb_fail(kv, rc, "can't be read", reterr);
    }
    kv->spaces[space].walking = rc == 0;
    if (rc == 0 && str_starts(lmdb_view(k), prefix)) {
        *ret_key = lmdb_view(k);
        *ret_value = lmdb_view(v);
    } else {
        *ret_key = *ret_value = STR_NONE;
    }
    return ERR_NONE;
}

/* How much memory the open transaction holds. LMDB copies a page to the heap before its first
 * change, so what counts is pages, not bytes: with keys at random almost every put makes a page
 * dirty, with keys in order some 60 share one. LMDB does not tell; but an entry's address does:
 * inside the map its leaf is clean, outside it is a copy already. So before a change the entry at
 * or after the key is sought, and a clean leaf is counted. To that come the branch pages above
 * (at most all there are, at most one a leaf), the pages that new entries fill (half as much again
 * for those that splits leave part empty), and large values' own. Measured against malloc's
 * figures by tests/bench/bench_state.c. */
static size_t dirty_bytes(const struct kv *kv) {
    size_t pages = kv->large_pages;
    for (int i = 0; i < kv->space_count; i++) {
        const struct space *s = &kv->spaces[i];
        size_t branches = s->branch_pages < s->clean_leaves ? s->branch_pages : s->clean_leaves;
        pages += s->clean_leaves + branches;
    }
    return pages * kv->page_bytes + kv->inserted_bytes + kv->inserted_bytes / 2;
}

/* Counts the leaf at entry (NULL: the end of the space) if it is clean. *ret_new: it is clean, and
 * not the one counted last. */
static void count_leaf(const struct kv *kv, struct space *s, const char *entry, bool *ret_new) {
    *ret_new = false;
    if (!entry) {
        s->clean_leaves += s->counted_end ? 0 : 1;
        s->counted_end = true;
        return;
    }
    if (kv->map_start && !lmdb_is_mapped(kv, entry)) {
        return;
    }
    const char *page = lmdb_leaf_of(kv, entry);
    if (page != s->counted) {
        s->clean_leaves++;
        s->counted = page;
        *ret_new = true;
    }
}

/* Once more what LMDB takes at its word when it changes it: it may have been damaged since it was
 * verified. What is not mapped is LMDB's own copy. */
static bool entry_valid(const struct kv *kv, const char *key, const MDB_val *value, bool new_leaf) {
    bool check_leaf = new_leaf && lmdb_is_mapped(kv, key);
    bool is_large =
        value->mv_size > 0 && lmdb_is_mapped(kv, value->mv_data) &&
        !(lmdb_is_mapped(kv, key) && lmdb_leaf_of(kv, key) == lmdb_leaf_of(kv, value->mv_data));
    if (!check_leaf && !is_large) {
        return true;
    }
    struct lmdb_pages pages = lmdb_env_pages(kv);
    return (!check_leaf || lmdb_leaf_valid(&pages, lmdb_leaf_of(kv, key))) &&
           (!is_large || lmdb_large_valid(&pages, lmdb_view(*value)));
}

/* Before a change at key: counts what it makes dirty. *ret_there: is key there? */
static int before_change(struct kv *kv, int space, struct str key, bool *ret_there) {
    struct space *s = &kv->spaces[space];
    if (!s->counting) {
        MDB_stat stat;
        lmdb_enter(kv);
        int rc = lmdb_leave(mdb_stat(kv->txn, s->dbi, &stat));
        if (rc != 0) {
            return rc;
        }
        s->branch_pages = stat.ms_branch_pages;
        s->counting = true;
    }
    s->walking = false;
    kv->changed = true;
    MDB_val k, v;
    int rc = lmdb_seek(kv, space, &s->seek, key, LMDB_VERIFY_LEAF, &k, &v);
    if (rc != 0 && rc != MDB_NOTFOUND) {
        return rc;
    }
    bool new_leaf = false;
    count_leaf(kv, s, rc == 0 ? k.mv_data : NULL, &new_leaf);
    *ret_there = rc == 0 && k.mv_data && str_equal(lmdb_view(k), key);
    if (rc == 0) {
        lmdb_enter(kv);
        return lmdb_leave(entry_valid(kv, k.mv_data, &v, new_leaf) ? 0 : MDB_CORRUPTED);
    }
    return 0;
}

/* Before a space is emptied: LMDB gives back what its entries say they have. */
static int check_space(struct kv *kv, int space) {
    struct space *s = &kv->spaces[space];
    MDB_val k, v;
    const char *leaf = NULL;
    int rc = lmdb_seek(kv, space, &s->walk, STR(""), LMDB_VERIFY_LEAF, &k, &v);
    for (; rc == 0; rc = lmdb_next(kv, space, s->walk, &k, &v)) {
        const char *page = lmdb_leaf_of(kv, k.mv_data);
        lmdb_enter(kv);
        rc = lmdb_leave(entry_valid(kv, k.mv_data, &v, page != leaf) ? 0 : MDB_CORRUPTED);
        if (rc != 0) {
            return rc;
        }
        leaf = page;
    }
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static enum err_kind put(struct kv *kv, int space, struct str key, struct str value,
                         struct err *reterr) {
    enum err_kind kind = prepare(kv, key, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    bool there = false;
    int rc = before_change(kv, space, key, &there);
    if (rc == 0) {
        MDB_val k = lmdb_val(key), v = lmdb_val(value);
        lmdb_enter(kv);
        rc = lmdb_leave(mdb_cursor_put(kv->spaces[space].seek, &k, &v, 0));
    }
    if (rc != 0) {
        return lmdb_fail(kv, rc, "can't be changed", reterr);
    }
    if (key.len + value.len > kv->page_bytes / 2) {
        kv->large_pages += 1 + value.len / kv->page_bytes;
    } else if (!there) {
        kv->inserted_bytes += NODE_BYTES + key.len + value.len;
    }
    return ERR_NONE;
}

static enum err_kind del(struct kv *kv, int space, struct str key, struct err *reterr) {
    enum err_kind kind = prepare(kv, key, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    bool there = false;
    int rc = before_change(kv, space, key, &there);
    if (rc == 0 && there) {
        rc = lmdb_verify_around(kv, space, key);
        lmdb_enter(kv);
        rc = lmdb_leave(rc ? rc : mdb_cursor_del(kv->spaces[space].seek, 0));
    }
    return rc == 0 ? ERR_NONE : lmdb_fail(kv, rc, "can't be changed", reterr);
}

static enum err_kind read_stat(struct kv *kv, int space, MDB_stat *stat, struct err *reterr) {
    enum err_kind kind = lmdb_begin(kv, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    lmdb_enter(kv);
    int rc = lmdb_leave(mdb_stat(kv->txn, kv->spaces[space].dbi, stat));
    return rc == 0 ? ERR_NONE : lmdb_fail(kv, rc, "can't be read", reterr);
}

static enum err_kind count(struct kv *kv, int space, uint64_t *ret_count, struct err *reterr) {
    MDB_stat stat = {0};
    enum err_kind kind = read_stat(kv, space, &stat, reterr);
    *ret_count = stat.ms_entries;
    return kind;
}

static enum err_kind bytes(struct kv *kv, int space, uint64_t *ret_bytes, struct err *reterr) {
    MDB_stat stat = {0};
    enum err_kind kind = read_stat(kv, space, &stat, reterr);
    *ret_bytes =
        (stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages) * stat.ms_psize;
    return kind;
}

static enum err_kind clear(struct kv *kv, int space, struct err *reterr) {
    enum err_kind kind = lmdb_begin(kv, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    struct space *s = &kv->spaces[space];
    s->walking = false;
    kv->changed = true;
    int rc = check_space(kv, space);
    if (rc == 0) {
        lmdb_enter(kv);
        rc = lmdb_leave(mdb_drop(kv->txn, s->dbi, 0));
    }
    return rc == 0 ? ERR_NONE : lmdb_fail(kv, rc, "can't be emptied", reterr);
}

static void forget_looks(struct kv *kv) {
    free(kv->verified);
    kv->verified = NULL;
    kv->verified_bytes = 0;
}

/* A new file, rather than mdb_drop: that would walk through a damaged one, and the file would never
 * get shorter. */
static enum err_kind reset(struct kv *kv, struct err *reterr) {
    lmdb_env_close(kv);
    forget_looks(kv);
    kv->broken.kind = ERR_NONE;
    if (folder_wipe(kv->folder, &kv->broken) != ERR_NONE) {
        return lmdb_still_broken(kv, reterr);
    }
    int rc = lmdb_env_open(kv);
    return rc == 0 ? ERR_NONE : lmdb_fail(kv, rc, "can't be made", reterr);
}

/* ---- the end of a transaction ---- */

static int64_t now_ms(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void roll_window(struct kv *kv) {
    int64_t since_ms = now_ms() - kv->window_start_ms;
    if (since_ms >= WRITE_OUT_MS) {
        kv->written[1] = since_ms < 2 * (int64_t)WRITE_OUT_MS ? kv->written[0] : 0;
        kv->written[0] = 0;
        kv->window_start_ms += since_ms;
    }
}

static enum err_kind commit(struct kv *kv, struct err *reterr) {
    if (!kv->txn && kv->broken.kind == ERR_NONE) {
        return ERR_NONE;
    }
    enum err_kind kind = lmdb_begin(kv, reterr); /* asks whether it is broken */
    if (kind != ERR_NONE) {
        return kind;
    }
    roll_window(kv);
    size_t held_bytes = dirty_bytes(kv);
    kv->written[0] += held_bytes;
    return lmdb_commit(kv, held_bytes, reterr);
}

static void undo_all(struct kv *kv) {
    lmdb_abort(kv);
    kv->broken.kind = ERR_NONE;
}

static void close_store(struct kv **kv) {
    struct kv *k = *kv;
    if (!k) {
        return;
    }
    bool valid = k->broken.kind == ERR_NONE;
    lmdb_abort(k);
    roll_window(k);
    lmdb_env_close(k);
    if (valid && k->written[0] + k->written[1] <= CLOSE_SYNC_BYTES) {
        folder_sync(k->folder);
    }
    folder_close(&k->folder);
    forget_looks(k);
    free(k);
    *kv = NULL;
}

const struct kv_ops *lmdb_kv_ops(void) {
    static const struct kv_ops ops = {
        .get = get,
        .next = next,
        .put = put,
        .remove = del,
        .count = count,
        .bytes = bytes,
        .clear = clear,
        .reset = reset,
        .dirty_bytes = dirty_bytes,
        .commit = commit,
        .abort = undo_all,
        .close = close_store,
    };
    return &ops;
}

enum err_kind lmdb_kv_open(struct folder *folder, int spaces, struct lmdb_pool *pool,
                           struct kv **ret_kv, bool *ret_was_damaged, struct err *reterr) {
    struct kv *kv = memory_new(1, sizeof *kv);
    kv->folder = folder;
    kv->space_count = spaces;
    kv->pool = pool;
    kv->map_bytes = pool->map_bytes;
    kv->window_start_ms = now_ms();
    enum err_kind kind = ERR_NONE;
    int rc = lmdb_env_open(kv);
    bool damaged = lmdb_is_damage(rc);
    if (damaged) {
        lmdb_env_close(kv);
        kind = folder_wipe(folder, reterr);
        rc = kind == ERR_NONE ? lmdb_env_open(kv) : 0;
    }
    if (rc != 0) {
        kind = lmdb_fail(kv, rc, "can't be opened", reterr);
    }
    if (kind != ERR_NONE) {
        close_store(&kv);
        return kind;
    }
    *ret_kv = kv;
    *ret_was_damaged = damaged;
    return ERR_NONE;
}
