/* refuse.h: what the OLAP database refuses: whose fault it is, and what follows.
 */
#ifndef PIPELINE_REFUSE_H
#define PIPELINE_REFUSE_H

#include "pipeline/options.h"
#include "pipeline/task.h"

/* The transaction that task->part was alone in is refused. */
void task_refused(const struct member_options *o, struct task *task,
                  const struct sink_event *event);

#endif
