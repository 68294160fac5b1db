/* peek.h: a task's cache, looked at without changing it.
 *
 * What:    what it stands at, its rows in the order of their keys, and whether its indexes agree
 * with them. Nothing is made, repaired or emptied; only a crash inside LMDB leaves the mark of a
 * damaged cache (guard.h). Owns:    the folder's lock, shared, and the environment, until
 * peek_close: a member that starts meanwhile finds the cache in use. Units:   as state.h. Errors:
 * ERR_RETRY: it can't be read; err.locked: a member has it open; ERR_CACHE: it is damaged, or of
 * another format or number of tables: a member would rebuild it. Limits:  local file systems;
 * private caches (`<task>.<owner>`) are not looked at.
 */
#ifndef STATE_PEEK_H
#define STATE_PEEK_H

#include "state/state.h"

struct peek;

struct peek_meta {
    int64_t offsets[STATE_TABLES_MAX]; /* by table */
    int64_t wall_ms;
    uint64_t row_count;
    bool incomplete;     /* a rebuild or initial load was under way */
    bool torn;           /* a crash met its last commit: a member will build its indexes again */
    struct str identity; /* as given to state_open; valid until peek_close */
};

/* *ret_peek NULL: there is no cache. layout's ctx is borrowed. */
MUST_CHECK enum err_kind peek_open(const char *dir, int32_t task, const struct state_layout *layout,
                                   struct peek **ret_peek, struct peek_meta *ret_meta,
                                   struct err *reterr);
/* The next row of table; the first one after another table was asked for. *ret_key.ptr NULL: no
 * more. Valid until peek_close. */
MUST_CHECK enum err_kind peek_next(struct peek *peek, int table, struct str *ret_key,
                                   struct str *ret_value, struct err *reterr);
/* ERR_CACHE: an index and the rows don't agree. *ret_entries: of all indexes. Not of a cache that
 * is incomplete or torn. */
MUST_CHECK enum err_kind peek_check_indexes(struct peek *peek, uint64_t *ret_entries,
                                            struct err *reterr);
/* Accepts NULL and a pointer to NULL. */
void peek_close(struct peek **peek);

#endif
