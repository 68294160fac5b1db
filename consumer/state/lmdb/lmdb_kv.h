/* lmdb_kv.h: kv.h over one LMDB environment in a folder.
 *
 * What:    private to state/; lmdb_store.h is the way in.
 * Owns:    see each call.
 * Threads: a store belongs to one thread.
 * Errors:  as kv.h.
 * Limits:  KV_SPACES_MAX spaces.
 */
#ifndef STATE_LMDB_KV_H
#define STATE_LMDB_KV_H

#include "state/kv.h"
#include "state/lmdb/folder.h"
#include "state/lmdb/lmdb_store.h"

#include <stddef.h>

/* The map is address space, not memory and not disk: a shared read-only mapping counts neither for
 * overcommit nor for a container's memory, and the file is as long as its data. 64 GiB lets a
 * process hold 1,000 tasks in 47 bits, sanitizers included. Where less address space is allowed
 * (ulimit -v) a 16th of it is tried, and so on. The map doubles between two transactions when the
 * file has come to half of it, or when one has met its end. */
#define LMDB_MAP_BYTES ((size_t)64 << 30)

/* LMDB keeps the pages of past transactions for the next one, until the environment is closed: with
 * 16 tasks that would be 16 times the largest transaction. So the stores of a process count what
 * they keep, as dirty_bytes says it, and when it passes this, the one that has just committed gives
 * its share back: its environment is closed, and opened when it is next needed. */
#define LMDB_KEPT_BYTES ((size_t)8 << 20)
#define LMDB_KEPT_SMALL ((size_t)512 << 10) /* not worth the trouble */

/* What the dirty pages of one transaction may come to. */
#define LMDB_PART_BYTES ((size_t)1 << 20)

/* What the stores of a factory share. */
struct lmdb_pool {
    size_t map_bytes;  /* the map that they begin with */
    size_t kept_bytes; /* sum of theirs */
};

/* Borrows pool until close. Takes folder, on failure too. *ret_was_damaged: what was there could
 * not be opened, the store is empty. */
MUST_CHECK enum err_kind lmdb_kv_open(struct folder *folder, int spaces, struct lmdb_pool *pool,
                                      struct kv **ret_kv, bool *ret_was_damaged,
                                      struct err *reterr);
const struct kv_ops *lmdb_kv_ops(void);

/* For tests: the map that stores of this factory begin with. */
void lmdb_store_map_bytes(struct lmdb_store *store, size_t map_bytes);

#endif
