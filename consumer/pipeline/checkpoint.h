/* checkpoint.h: when a task's cache is committed.
 */
#ifndef PIPELINE_CHECKPOINT_H
#define PIPELINE_CHECKPOINT_H

#include "pipeline/internal.h"

/* When the caches together hold cache_commit_bytes of changes in memory: commits the one that holds
 * most. One at a time, since the others' records wait meanwhile; beside live tasks already when it
 * holds a share of that. */
void checkpoint_dirty(struct member *m);
/* Commits caches that have rested dirty, and those that were not committed for an hour. */
void checkpoint_rested(struct member *m);
/* Before a task is left: what its cache can keep, the state as of its last committed work. */
void checkpoint_leave(const struct member_options *o, struct task *task);

#endif
