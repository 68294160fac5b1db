/* lmdb_cursor.h: reads that do not believe a damaged page.
 *
 * What:    an entry is given back when its page was looked at (once: later changes are our own),
 *          and it is said not to be there when what stands before and behind its place was, too.
 *          With lmdb_tree.h no row is missed, whatever has happened to the file before it was
 *          opened. What happens to it later, only values' checksums and LMDB notice.
 * Owns:    cursors are their transaction's.
 * Threads: a store belongs to one thread.
 * Units:   none.
 * Errors:  LMDB's rc; MDB_CORRUPTED: damaged.
 * Limits:  as lmdb_page.h.
 */
#ifndef STATE_LMDB_CURSOR_H
#define STATE_LMDB_CURSOR_H

#include "state/lmdb_env.h"

/* Moves *cursor, which it opens when needed, with any op but those that look for a key. */
int lmdb_move(struct kv *kv, int space, MDB_cursor **cursor, MDB_val *key, MDB_val *value,
              MDB_cursor_op op);
/* Puts *cursor at the first entry at or behind sought, and that into key and value.
 * MDB_NOTFOUND: there is none; the cursor is anywhere. */
int lmdb_seek(struct kv *kv, int space, MDB_cursor **cursor, struct str sought, MDB_val *key,
              MDB_val *value);
/* Before the entry at cursor is removed: LMDB may merge what is left of its leaf with one beside
 * it. Leaves cursor where it was. */
int lmdb_look_around(struct kv *kv, int space, MDB_cursor *cursor);

static inline struct str lmdb_view(MDB_val v) {
    return (struct str){v.mv_data, v.mv_size};
}
static inline bool lmdb_is_mapped(const struct kv *kv, const char *entry) {
    return kv->map_start && entry >= kv->map_start && entry < kv->map_end;
}

#endif
