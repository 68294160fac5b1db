/* check.h: what holds for a task whenever a step has ended.
 */
#ifndef PIPELINE_CHECK_H
#define PIPELINE_CHECK_H

#include "pipeline/internal.h"

/* Each ends the process where something does not hold. */
void task_check(const struct member *m, const struct task *task);
void session_check(const struct session *s);
void orphan_check(const struct member *m, const struct task *task);

#endif
