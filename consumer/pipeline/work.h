/* work.h: what is being written for a task.
 */
#ifndef PIPELINE_WORK_H
#define PIPELINE_WORK_H

#include "pipeline/options.h"
#include "pipeline/task.h"

/* To WORK_NONE; keeps its arena. */
void work_reset(struct work *work);
/* Undoes a batch in the state and gives its records back to the task. */
void work_undo(struct task *task);
/* The work's transaction, built or committed just now, is the one that moves the offsets. */
bool work_is_last(const struct work *work);
/* The record, where the work is about one. */
void err_about_work(const struct plan *plan, const struct task *task, struct err *err);
/* Halts the task; for what its work is about a single record, that is named. */
void task_halt_at_work(const struct plan *plan, struct task *task, const struct err *why);

#endif
