/* bisect_batch.h: which record of a refused batch is to blame.
 */
#ifndef PIPELINE_BISECT_BATCH_H
#define PIPELINE_BISECT_BATCH_H

#include "pipeline/task.h"

/* The batch that a record of is to blame for is undone and tried in smaller pieces, alone: the
 * record that is refused alone becomes a dead letter. */
void bisect_batch(struct task *task, const struct err *refusal);
/* A batch is in: the next ones are larger again, up to full ones of record_max. */
void bisect_batch_passed(struct task *task, size_t record_max);

#endif
