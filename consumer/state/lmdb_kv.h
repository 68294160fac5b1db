/* lmdb_kv.h: kv.h over one LMDB environment in a folder.
 *
 * What:    private to state/; lmdb_store.h is the way in.
 * Owns:    see each call.
 * Threads: a store belongs to one thread.
 * Units:   bytes.
 * Errors:  as kv.h.
 * Limits:  LMDB_SPACES_MAX spaces.
 */
#ifndef STATE_LMDB_KV_H
#define STATE_LMDB_KV_H

#include "state/folder.h"
#include "state/kv.h"
#include "state/lmdb_store.h"

#include <stddef.h>

#define LMDB_SPACES_MAX 40

/* The map is address space, not memory and not disk: a shared read-only mapping counts neither for
 * overcommit nor for a container's memory, and the file is as long as its data. 64 GiB lets a
 * process hold 1,000 tasks in 47 bits, sanitizers included. Where less address space is allowed
 * (ulimit -v) a 16th of it is tried, and so on. The map doubles between two transactions when the
 * file has come to half of it, or when one has met its end. */
#define LMDB_MAP_BYTES ((size_t)64 << 30)

/* Takes folder, on failure too. *ret_was_damaged: what was there could not be opened, the store is
 * empty. */
MUST_CHECK enum err_kind lmdb_kv_open(struct folder *folder, int spaces, size_t map_bytes,
                                      struct kv **ret_kv, bool *ret_was_damaged,
                                      struct err *reterr);
const struct kv_ops *lmdb_kv_ops(void);

/* For tests: the map that stores of this factory begin with. */
void lmdb_store_map_bytes(struct lmdb_store *store, size_t map_bytes);

#endif
