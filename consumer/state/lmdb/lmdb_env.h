/* lmdb_env.h: one LMDB environment and its one transaction: opening, growing, failing.
 *
 * What:    private to lmdb_env.c, lmdb_cursor.c and lmdb_kv.c.
 * Owns:    struct kv owns its folder, environment, transaction and cursors.
 * Threads: a store belongs to one thread.
 * Errors:  as kv.h.
 * Limits:  as lmdb_kv.h.
 */
#ifndef STATE_LMDB_ENV_H
#define STATE_LMDB_ENV_H

#include "state/lmdb/guard.h"
#include "state/lmdb/lmdb_kv.h"
#include "state/lmdb/lmdb_tree.h"

#include <lmdb.h>

struct space {
    MDB_dbi dbi;
    MDB_cursor *seek; /* of get, put, remove */
    MDB_cursor *walk; /* of next */
    bool walking;     /* walk stands at the entry returned last, and nothing has changed since */

    /* lmdb_cursor.c's: the space as the open transaction found it. */
    bool rooted;
    struct lmdb_root root;
    struct lmdb_path path; /* the one asked for last; leaf 0: none */
    uint64_t around;       /* the leaf whose neighbours were verified last */

    /* What the open transaction has changed here, see dirty_bytes. */
    bool counting;
    size_t branch_pages; /* when it began to */
    size_t clean_leaves; /* leaves that were clean before a change */
    const char *counted; /* the page of the one counted last */
    bool counted_end;    /* the last leaf is among them */
};

struct kv {
    struct folder *folder;
    struct lmdb_pool *pool;
    MDB_env *env; /* NULL: closed, until it is needed */
    MDB_txn *txn; /* NULL: none is open */
    int space_count;
    struct space spaces[KV_SPACES_MAX];
    size_t map_bytes;
    bool map_full;
    bool map_capped;   /* there is no address space for a larger one */
    bool changed;      /* in txn */
    bool checked;      /* the file's shape, when it was opened first */
    struct err broken; /* kind not ERR_NONE: every call fails so until abort */

    size_t page_bytes;
    const char *map_start, *map_end; /* NULL: not known */
    size_t inserted_bytes;           /* of new entries in txn */
    size_t large_pages;              /* of values with pages of their own, in txn */
    size_t kept_bytes;               /* the most that a transaction of env has held */

    unsigned char *verified; /* pages: lmdb_cursor.c. Of the file, whatever is opened on it */
    size_t verified_bytes;

    int64_t window_start_ms;
    size_t written[2]; /* bytes in this window of time and in the one before */
};

/* Calls into LMDB stand between these two. */
static inline void lmdb_enter(const struct kv *kv) {
    guard_enter(folder_mark_path(kv->folder));
}
static inline int lmdb_leave(int rc) {
    guard_leave();
    return rc;
}

/* LMDB says that the file is damaged. */
bool lmdb_is_damage(int rc);
/* Fills kv->broken and *reterr from LMDB's rc. */
enum err_kind lmdb_fail(struct kv *kv, int rc, const char *doing, struct err *reterr);
/* *reterr from kv->broken; its kind. */
enum err_kind lmdb_still_broken(const struct kv *kv, struct err *reterr);
/* Opens the environment at kv->folder; LMDB's rc. */
int lmdb_env_open(struct kv *kv);
/* As last committed. */
struct lmdb_pages lmdb_env_pages(const struct kv *kv);
void lmdb_env_close(struct kv *kv);
/* Opens the environment, grows its map where needed, begins a transaction, as far as that is not
 * done. Fails when the transaction is broken. */
MUST_CHECK enum err_kind lmdb_begin(struct kv *kv, struct err *reterr);
/* Commits; kv->txn is gone, on failure too. held_bytes: what it held in memory. */
MUST_CHECK enum err_kind lmdb_commit(struct kv *kv, size_t held_bytes, struct err *reterr);
void lmdb_abort(struct kv *kv);

#endif
