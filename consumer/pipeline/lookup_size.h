/* lookup_size.h: whether a task's copies of the lookup tables are small enough.
 *
 * What:    every task keeps all rows of every lookup, so a large one takes its size times the
 * number of tasks. Before that fills the disk, the tasks halt. Units:   bytes as the store says
 * them, which is pages. Limits:  member_options.lookup_max_bytes.
 */
#ifndef PIPELINE_LOOKUP_SIZE_H
#define PIPELINE_LOOKUP_SIZE_H

#include "pipeline/internal.h"

/* The task's verdict: to halt, where a lookup is too large. Called when a cache is opened, and
 * whenever it was committed: so before anything is written that a larger one would lead to. */
void lookup_size_check(const struct member_options *o, struct task *task);

#endif
