/* lmdb_cursor.h: reads that verify the pages they rest on.
 *
 * What:    a row is reported absent when every leaf that could have it is verified, and the rows
 *          before and behind its place are where they should be. With lmdb_tree.h no row is
 *          missed for what was damaged in the file before it was opened; see docs/semantics.md for
 *          what is not noticed. A leaf is verified once: what changes it later is LMDB for us.
 * Owns:    cursors are their transaction's.
 * Threads: a store belongs to one thread.
 * Errors:  LMDB's rc; MDB_CORRUPTED: damaged.
 * Limits:  as lmdb_page.h.
 */
#ifndef STATE_LMDB_CURSOR_H
#define STATE_LMDB_CURSOR_H

#include "state/lmdb/lmdb_env.h"

enum lmdb_verify {
    LMDB_VERIFY_ROW,  /* one that is found will be read, and nothing else */
    LMDB_VERIFY_LEAF, /* it will be changed, or walked on from: its leaf is verified anyway */
};

/* Puts *cursor, which it opens when needed, at the first entry at or behind sought, and that into
 * key and value. MDB_NOTFOUND: there is none; the cursor is anywhere. */
int lmdb_seek(struct kv *kv, int space, MDB_cursor **cursor, struct str sought,
              enum lmdb_verify verify, MDB_val *key, MDB_val *value);
/* From the entry that lmdb_seek (LMDB_VERIFY_LEAF) or lmdb_next gave to the one behind it. */
int lmdb_next(struct kv *kv, int space, MDB_cursor *cursor, MDB_val *key, MDB_val *value);
/* Before the entry of key is removed: LMDB may merge what is left of its leaf with one beside it.
 */
int lmdb_verify_around(struct kv *kv, int space, struct str key);

static inline struct str lmdb_view(MDB_val v) {
    return (struct str){v.mv_data, v.mv_size};
}
/* For LMDB to read. */
static inline MDB_val lmdb_val(struct str s) {
    union {
        const char *given;
        void *taken;
    } ptr = {s.ptr};
    return (MDB_val){s.len, ptr.taken};
}
static inline bool lmdb_is_mapped(const struct kv *kv, const char *entry) {
    return kv->map_start && entry >= kv->map_start && entry < kv->map_end;
}
/* Of what is mapped; where the map is not known, as if all were. */
static inline const char *lmdb_leaf_of(const struct kv *kv, const char *entry) {
    struct lmdb_pages pages = {kv->map_start, 0, kv->page_bytes};
    return lmdb_page_of(&pages, entry);
}

#endif
