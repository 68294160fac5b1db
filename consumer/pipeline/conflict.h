/* conflict.h: what depends on other rows is refused, and tried again.
 */
#ifndef PIPELINE_CONFLICT_H
#define PIPELINE_CONFLICT_H

#include "pipeline/options.h"
#include "pipeline/task.h"

void conflict(const struct member_options *o, struct task *task, const struct sink_event *event);
/* The transaction in task->part is in: what was tried again has passed. */
void task_conflict_over(struct task *task);

#endif
