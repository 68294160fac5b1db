/* lmdb_tree.h: the shape of an environment, as last committed.
 *
 * What:    is it valid (every branch of every space leads to pages of its own, none of them twice,
 *          none of them free; the list of free pages), and which leaf has a key. Branches are read
 *          here, one page in some hundred; leaves are verified by lmdb_cursor.h.
 * Threads: the environment's.
 * Units:   pages.
 * Errors:  LMDB's rc; MDB_CORRUPTED, false: damaged.
 * Limits:  as lmdb_page.h.
 * Source:  MDB_db, and the free list's records, in LMDB's mdb.c.
 */
#ifndef STATE_LMDB_TREE_H
#define STATE_LMDB_TREE_H

#include "state/lmdb/lmdb_page.h"

/* Takes a read transaction. */
int lmdb_tree_check(MDB_env *env, const struct lmdb_pages *pages);

struct lmdb_root {
    uint64_t page;
    int depth; /* levels, with the leaves; 0: the space is empty */
};

/* Where a key's place is. */
struct lmdb_path {
    uint64_t leaf;
    struct str low, high; /* its keys are at or above low, below high; .ptr NULL: no bound */
};

/* The space's as txn began. */
int lmdb_tree_root(MDB_txn *txn, int space, struct lmdb_root *ret_root);
/* root is not empty. below: of the keys before key. low and high point into the map. */
bool lmdb_tree_path(const struct lmdb_pages *pages, struct lmdb_root root, struct str key,
                    bool below, struct lmdb_path *ret_path);

#endif
