/* orphan.h: tasks that were taken away while their transaction was in flight.
 */
#ifndef PIPELINE_ORPHAN_H
#define PIPELINE_ORPHAN_H

#include "pipeline/internal.h"

/* task's transaction is with the sink, which reads task->part. */
bool task_in_flight(const struct task *task);
/* Sets a task in flight aside until its transaction is over. */
void task_become_orphan(struct member *m, struct task *task);
/* The session's job is over: its orphans go. */
void orphans_free(struct session *s);

#endif
