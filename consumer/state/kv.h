/* kv.h: the edge under the state: an ordered byte store with transactions, one a task.
 *
 * What:    a vtable that LMDB implements (lmdb/lmdb_store.h) and the simulator replaces. Several
 *          named maps ("spaces", numbered) in one store; one open write transaction at a time,
 *          begun by itself. Values in all spaces but the first carry a checksum (checksummed.h), by
 *          which the store may see that they are damaged; it need not look.
 * Owns:    see each call.
 * Threads: a store belongs to one thread.
 * Errors:  ERR_RETRY: disk full, I/O, a lock that somebody else holds; ERR_CACHE: damaged.
 * Limits:  keys 1 .. KV_KEY_MAX bytes; KV_SPACES_MAX spaces.
 */
#ifndef STATE_KV_H
#define STATE_KV_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define KV_KEY_MAX    511
#define KV_SPACES_MAX 64

struct kv; /* an open store: defined by the implementation */

struct kv_ops {
    /* *ret_value.ptr NULL: not there. Valid until the next put, delete, commit, abort of this
     * store. */
    enum err_kind (*get)(struct kv *kv, int space, struct str key, struct str *ret_value,
                         struct err *reterr);
    /* The first entry with key > `after` (`after`.ptr NULL: from the start) that starts with
     * prefix; *ret_key.ptr NULL: none. Valid as above. Asking on with the key just returned is
     * O(1). */
    enum err_kind (*next)(struct kv *kv, int space, struct str prefix, struct str after,
                          struct str *ret_key, struct str *ret_value, struct err *reterr);
    enum err_kind (*put)(struct kv *kv, int space, struct str key, struct str value,
                         struct err *reterr);
    /* Deleting what is not there is no error. */
    enum err_kind (*remove)(struct kv *kv, int space, struct str key, struct err *reterr);
    /* How many entries a space has. */
    enum err_kind (*count)(struct kv *kv, int space, uint64_t *ret_count, struct err *reterr);
    /* What a space takes in the store, about. */
    enum err_kind (*bytes)(struct kv *kv, int space, uint64_t *ret_bytes, struct err *reterr);
    /* Empties a space. */
    enum err_kind (*clear)(struct kv *kv, int space, struct err *reterr);
    /* Empties the whole store at once and durably, whatever state it is in, a damaged one too. */
    enum err_kind (*reset)(struct kv *kv, struct err *reterr);
    /* How much memory the changes since the last commit hold, about. */
    size_t (*dirty_bytes)(const struct kv *kv);
    /* Makes all changes since the last commit durable as one (against a crash of the process).
     * After any failed call all further calls fail alike, until abort. */
    enum err_kind (*commit)(struct kv *kv, struct err *reterr);
    /* Undoes all changes since the last commit. */
    void (*abort)(struct kv *kv);
    /* Undoes what is not committed, releases the task's lock. *kv is NULL afterwards. */
    void (*close)(struct kv **kv);
};

/* Where stores come from. */
struct kv_factory {
    const struct kv_ops *ops;
    void *ctx;
    /* The memory (dirty_bytes) that a store's changes should hold at most: write_buffer.h. */
    size_t part_bytes;
    /* Opens task's store, taking its lock. ERR_RETRY with err.locked: another process holds it. A
     * store that was damaged (mark, failed open) comes back empty, with *ret_was_damaged. suffix ""
     * or ".<owner>": a private store beside a locked one, removed on close. */
    enum err_kind (*open)(void *ctx, int32_t task, const char *suffix, int spaces,
                          struct kv **ret_kv, bool *ret_was_damaged, struct err *reterr);
};

#endif
