/* work_build.h: the work's next transaction.
 */
#ifndef PIPELINE_WORK_BUILD_H
#define PIPELINE_WORK_BUILD_H

#include "pipeline/options.h"
#include "pipeline/task.h"

/* Builds the work's next transaction of at most `budget` rows into task->part; or a part of it, and
 * goes on with the next call (work->begun). */
MUST_CHECK enum err_kind work_build(const struct member_options *o, struct task *task,
                                    size_t budget, struct err *reterr);

#endif
