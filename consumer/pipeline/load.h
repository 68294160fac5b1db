/* load.h: an initial load.
 */
#ifndef PIPELINE_LOAD_H
#define PIPELINE_LOAD_H

#include "pipeline/session.h"
#include "pipeline/task.h"

/* s->txn is an initial load of task: its rows are read from the join as COPY asks for them. */
void load_begin(struct session *s, struct task *task);

#endif
