/* index_run.h: entries of an index that is built, gathered in memory to be written in order.
 *
 * What:    entries come as the rows do that they are of, in the order of those, and the store wants
 *          them in its own. They are sorted part by part as they come, and merged as they are
 *          taken: so neither takes long, however many there are.
 * Owns:    copies of what is added, until index_run_reset or index_run_clear.
 * Errors:  out of memory ends the process (buf.h).
 * Limits:  INDEX_RUN_PARTS parts; the caller asks index_run_is_full.
 */
#ifndef STATE_INDEX_RUN_H
#define STATE_INDEX_RUN_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

#define INDEX_RUN_PARTS 256

struct index_run_part {
    size_t next, end; /* what is taken of it next, in entries */
};

/* The next entry of a part: what its key begins with, sixteen bytes as numbers. Most comparisons
 * end there, so merging does not look for the keys, which lie far apart. */
struct index_run_head {
    uint64_t start, then;
    size_t part;
};

struct index_run {
    struct buf keys;
    struct index_run_entry *entries;
    size_t count, cap;
    struct index_run_part parts[INDEX_RUN_PARTS];
    size_t part_count;
    struct index_run_head heap[INDEX_RUN_PARTS]; /* of parts that have some left, the least first */
    size_t heap_count;
};

/* An all-zero struct index_run is valid and empty. */
void index_run_clear(struct index_run *run);
void index_run_reset(struct index_run *run);
void index_run_add(struct index_run *run, struct str key);
/* What was added since the last part is one: sorts it. */
void index_run_end_part(struct index_run *run);
/* No further part should be added. */
bool index_run_is_full(const struct index_run *run);
/* All parts are there. */
void index_run_merge(struct index_run *run);
/* After that: the next key in order; false: all were taken. It lives until the reset. */
bool index_run_take(struct index_run *run, struct str *ret_key);

#endif
