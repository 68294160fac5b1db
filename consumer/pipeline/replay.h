/* replay.h: records into the state without writing to the sink.
 */
#ifndef PIPELINE_REPLAY_H
#define PIPELINE_REPLAY_H

#include "pipeline/arrival.h"

/* What a record says about its row, into the state of a task that fills its cache. */
void replay_record(struct member *m, struct task *task, struct arrival *arrival);

#endif
