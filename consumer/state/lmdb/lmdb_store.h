/* lmdb_store.h: kv.h over LMDB, one environment a task under a folder.
 *
 * What:    where LMDB is reached. `<dir>/<task><suffix>/` holds data.mdb, the lock file, the boot
 *          in which it was last written without sync, and, when a call into LMDB has died of
 *          SIGSEGV, SIGBUS, SIGFPE, SIGABRT or an LMDB assertion, or did not end, `damaged`.
 * Owns:    the folder's contents.
 * Threads: one thread a store; lmdb_store_guard is per process, called by the thread that uses the
 *          stores.
 * Errors:  as kv.h. Names the folder and what to do (permissions, disk full, an NFS mount...).
 * Limits:  the map grows by itself; 0.9.24's page size and key limits.
 */
#ifndef STATE_LMDB_STORE_H
#define STATE_LMDB_STORE_H

#include "state/kv.h"

struct lmdb_store; /* the factory's context */

/* Makes dir where needed. ERR_CONFIG: it can't be used. Fixes malloc's mmap threshold for the whole
 * process. */
MUST_CHECK enum err_kind lmdb_store_new(const char *dir, struct lmdb_store **ret_store,
                                        struct err *reterr);
void lmdb_store_destroy(struct lmdb_store **store);
/* The factory borrows store. */
struct kv_factory lmdb_store_factory(struct lmdb_store *store);
/* Installs the signal handlers that leave the mark `damaged` in the folder of the store whose call
 * crashed, then let the signal have its way; a call of this thread that does not end is ended by
 * SIGABRT (guard.h). Once a process, from main. */
MUST_CHECK enum err_kind lmdb_store_guard(struct err *reterr);

#endif
