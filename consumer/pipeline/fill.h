/* fill.h: a target that lacks a task's rows gets them from its state, beside other tasks.
 *
 * What:    the view was added to the plan after the task had progress, or one table of several was
 *          created again or emptied. All rows of the target are written as upserts, in as many
 *          transactions as they need; the last one has the target's mark. Meanwhile the task
 *          applies no records, since its state must not move under the join. After a crash all of
 *          it is written again.
 */
#ifndef PIPELINE_FILL_H
#define PIPELINE_FILL_H

#include "pipeline/options.h"
#include "pipeline/task.h"

/* A live task is to fill a target before anything else. A cache that is ahead of the sink has rows
 * of later versions: what was half filled before could stand beside them. */
bool fill_is_due(const struct task *task);
/* Begins with the first of task->to_fill. */
void fill_begin(const struct member_options *o, struct task *task);
/* Which marks go with the last transaction of the work. */
target_set fill_marks(const struct plan *plan, const struct work *work);
/* The work's transaction is in; nothing if it does not fill. */
void fill_committed(const struct member_options *o, struct task *task);
/* How many targets are to be filled. */
int64_t fill_count(const struct task *task);

#endif
