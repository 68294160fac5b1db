/* phase.h: a task begins to read, or is live. The other phases begin in open.c (OPENING),
 * backfill.c (BACKFILL) and apply_verdicts.c (HALTED).
 */
#ifndef PIPELINE_PHASE_H
#define PIPELINE_PHASE_H

#include "pipeline/internal.h"

void task_set_live(struct member *m, struct task *task);
/* BOOTSTRAP_SCAN: empties the cache and reads the log from its start. */
void task_read_again(struct member *m, struct task *task, enum cache_discard why);
/* CATCH_UP, or LIVE: per topic, where the cache is behind, from its offset; where it is ahead, from
 * the sink's. */
void task_read_on(struct member *m, struct task *task, const struct state_meta *meta);

#endif
