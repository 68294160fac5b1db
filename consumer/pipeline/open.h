/* open.h: a task that the sink gave us, and its cache.
 */
#ifndef PIPELINE_OPEN_H
#define PIPELINE_OPEN_H

#include "pipeline/internal.h"

void task_acquired(struct member *m, struct task *task, const struct sink_result *result);
/* Opens the cache of a task in OPENING; returns whether anything was done. */
bool task_open(struct member *m, struct task *task);

#endif
