/* lmdb_tree.h: is the shape of a whole environment sound?
 *
 * What:    that no leaf can be missed: every branch of every space leads to pages of its own, none
 *          of them twice, none of them free; the list of free pages. It reads branches, one page
 *          in some hundred; leaves are looked at when they are first read (lmdb_cursor.h).
 * Owns:    nothing.
 * Threads: the environment's.
 * Units:   pages.
 * Errors:  LMDB's rc; MDB_CORRUPTED: damaged.
 * Limits:  as lmdb_page.h.
 * Source:  MDB_db, and the free list's records, in LMDB's mdb.c.
 */
#ifndef STATE_LMDB_TREE_H
#define STATE_LMDB_TREE_H

#include "state/lmdb_page.h"

/* Takes a read transaction. */
int lmdb_tree_check(MDB_env *env, const struct lmdb_pages *pages);

#endif
