/* state.h: the rows of a task's partitions, as its log says them: the state cache.
 *
 * What:    for each table, rows by key (plan/row.h), and by what they refer to; how far each topic
 *          is in it; which rows a rebuild has changed. It is a cache: Kafka's compacted topics can
 *          always rebuild it.
 * Owns:    its store. Values are stored with a CRC-32C.
 * Units:   offsets are next-to-read; wall_ms since the epoch.
 * Errors:  ERR_CACHE: discard and rebuild; ERR_RETRY: disk full, locked.
 * Limits:  STATE_TABLES_MAX tables, STATE_REFERENCES_MAX references.
 *
 * Changes are visible at once to reads and durable with state_commit, which is called after the
 * sink's transaction, with the same offsets. Between savepoint and rollback or release, changes can
 * be undone (bisecting a refused batch).
 */
#ifndef STATE_STATE_H
#define STATE_STATE_H

#include "base/buf.h"
#include "state/kv.h"

#include <stddef.h>

#define STATE_TABLES_MAX     16
#define STATE_REFERENCES_MAX 30 /* of all tables */

struct state;

/* What the cache stands at, as last committed. */
struct state_meta {
    int64_t offsets[STATE_TABLES_MAX]; /* by table */
    int64_t wall_ms;                   /* when it was committed */
    bool incomplete;                   /* a rebuild or initial load was under way */
    bool empty;   /* nothing was ever committed, or it was discarded just now */
    bool damaged; /* it was discarded just now because it was damaged */
};

/* What it holds. */
struct state_layout {
    size_t table_count;
    size_t reference_counts[STATE_TABLES_MAX]; /* by table: how its rows may refer to others */
    /* Appends the key of the row that (key, value) refers to by one of its table's references.
     * *ret_has false: it refers to none. Called with what was set alone. */
    enum err_kind (*refers_to)(const void *ctx, int table, size_t reference, struct str key,
                               struct str value, struct buf *out, bool *ret_has,
                               struct err *reterr);
    const void *ctx;
};

/* Opens task's cache. identity: whatever must be equal for the cache to belong to this log and
 * plan; a cache with another identity comes back empty. layout's ctx is borrowed. ERR_RETRY with
 * err.locked: another process holds it. */
MUST_CHECK enum err_kind state_open(const struct kv_factory *factory, int32_t task,
                                    const char *suffix, struct str identity,
                                    const struct state_layout *layout, struct state **ret_state,
                                    struct state_meta *ret_meta, struct err *reterr);
/* What a table's rows and the indexes of what they refer to take in the store, about; what is not
 * committed yet may be missing. */
MUST_CHECK enum err_kind state_table_bytes(struct state *state, int table, uint64_t *ret_bytes,
                                           struct err *reterr);
/* Not committed changes are gone. */
void state_close(struct state **state);
/* Empties it and marks it incomplete: the start of a rebuild. Commits that. */
MUST_CHECK enum err_kind state_discard(struct state *state, struct err *reterr);

/* *ret_value.ptr NULL: no such row. Valid until the next change or commit. */
MUST_CHECK enum err_kind state_get(struct state *state, int table, struct str key,
                                   struct str *ret_value, struct err *reterr);
/* The first row of table after `after` (ptr NULL: from the start) whose key starts with prefix. */
MUST_CHECK enum err_kind state_next(struct state *state, int table, struct str prefix,
                                    struct str after, struct str *ret_key, struct str *ret_value,
                                    struct err *reterr);
/* value.ptr NULL: the row is gone. */
MUST_CHECK enum err_kind state_set(struct state *state, int table, struct str key, struct str value,
                                   struct err *reterr);

/* The same for a cache that is incomplete: rows come in any order and are put into the store in key
 * order, with the next commit or before the next read. What they refer to is not indexed. */
MUST_CHECK enum err_kind state_bulk_put(struct state *state, int table, struct str key,
                                        struct str value, struct err *reterr);

/* The first row of table after `after` (ptr NULL: from the start) that refers by the reference to
 * the row with the key `referred`: its key. *ret_key.ptr NULL: none. Not while indexes are missing.
 * Going on with the key just returned is O(1). */
MUST_CHECK enum err_kind state_next_referrer(struct state *state, int table, size_t reference,
                                             struct str referred, struct str after,
                                             struct str *ret_key, struct err *reterr);
/* The indexes are missing: after a bulk load, and when a crash met a commit between its parts. */
bool state_lacks_indexes(const struct state *state);
/* Reads so many rows more for them, or writes so many entries. Until none are missing, rows must
 * not be changed. */
MUST_CHECK enum err_kind state_build_indexes(struct state *state, size_t rows, struct err *reterr);

/* From now on state_set remembers what was there before, until rollback or release. Not nested. */
void state_savepoint(struct state *state);
void state_rollback(struct state *state);
void state_release(struct state *state);

/* Rows that a rebuild read at or after the sink's offsets: deleted is or-ed. */
MUST_CHECK enum err_kind state_add_changed_row(struct state *state, int table, struct str key,
                                               bool deleted, struct err *reterr);
/* The first changed row after (table, after): tables in order; *ret_key.ptr NULL: no more. Start
 * with table 0 and after.ptr NULL; go on with what was returned. */
MUST_CHECK enum err_kind state_next_changed_row(struct state *state, int table, struct str after,
                                                int *ret_table, struct str *ret_key,
                                                bool *ret_deleted, struct err *reterr);

/* Numbers that are kept beside the rows, for ever. */
MUST_CHECK enum err_kind state_number_add(struct state *state, uint64_t number, struct err *reterr);
MUST_CHECK enum err_kind state_number_known(struct state *state, uint64_t number, bool *ret_known,
                                            struct err *reterr);

/* Memory that the changes since the last commit hold, for deciding when to commit. */
size_t state_dirty_bytes(const struct state *state);
/* Rows in all tables, as known: counted from open on by state_set, and of a bulk load at its
 * commit; for logs. */
uint64_t state_row_count(const struct state *state);
/* offsets by table. complete: clears the incomplete flag and empties the changed rows; not while
 * indexes are missing. */
MUST_CHECK enum err_kind state_commit(struct state *state, const int64_t *offsets, int64_t wall_ms,
                                      bool complete, struct err *reterr);

#endif
