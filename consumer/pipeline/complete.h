/* complete.h: what follows once a transaction is in.
 */
#ifndef PIPELINE_COMPLETE_H
#define PIPELINE_COMPLETE_H

#include "pipeline/internal.h"

/* The transaction in task->part is in; event NULL: its answer was lost. */
void task_committed(struct member *m, struct task *task, const struct sink_event *event);

#endif
