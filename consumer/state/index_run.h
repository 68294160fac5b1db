/* index_run.h: entries of indexes that are built, gathered in memory to be written in order.
 *
 * What:    entries come as the rows do that they are of, in the order of those, and the store wants
 *          them in its own. They are sorted part by part as they come, and merged as they are
 *          taken: so neither is ever long, however many there are.
 * Owns:    copies of what is added, until index_run_reset or index_run_clear.
 * Errors:  out of memory ends the process (arena.h).
 * Limits:  INDEX_RUN_PARTS parts; the caller asks index_run_is_full.
 */
#ifndef STATE_INDEX_RUN_H
#define STATE_INDEX_RUN_H

#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>

#define INDEX_RUN_PARTS 64

struct index_run_entry;

struct index_run {
    struct arena arena;
    struct index_run_entry *entries;
    size_t count, cap;
    size_t part_count;
    size_t ends[INDEX_RUN_PARTS]; /* where each part ends in entries */
    size_t next[INDEX_RUN_PARTS]; /* what is taken of it next */
};

/* An all-zero struct index_run is valid and empty. */
void index_run_clear(struct index_run *run);
void index_run_reset(struct index_run *run);
void index_run_add(struct index_run *run, int space, struct str key);
/* What was added since the last part is one: sorts it. */
void index_run_end_part(struct index_run *run);
/* No further part should be added. */
bool index_run_is_full(const struct index_run *run);
/* The next in the order of (space, key); false: all were taken. The key lives until the reset. */
bool index_run_take(struct index_run *run, int *ret_space, struct str *ret_key);

#endif
