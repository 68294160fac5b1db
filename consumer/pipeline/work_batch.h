/* work_batch.h: a batch begins.
 */
#ifndef PIPELINE_WORK_BATCH_H
#define PIPELINE_WORK_BATCH_H

#include "pipeline/options.h"
#include "pipeline/task.h"

/* Begins the next batch of a live task, of at most `limit` records; nothing when there are none. */
MUST_CHECK enum err_kind work_begin_batch(const struct member_options *o, struct task *task,
                                          size_t limit, struct err *reterr);

#endif
