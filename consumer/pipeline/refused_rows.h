/* refused_rows.h: sink rows that the table refuses by their own values.
 */
#ifndef PIPELINE_REFUSED_ROWS_H
#define PIPELINE_REFUSED_ROWS_H

#include "pipeline/options.h"
#include "pipeline/task.h"

/* task->part is to look for refused rows, at most refused_row_max together with those that stand.
 */
void task_use_savepoints(struct task *task, size_t refused_row_max);
/* An op of task->part: entries of the rows it deletes or writes go. values: its table's columns, of
 * an UPSERT the inputs. */
void task_clear_refused(const struct plan *plan, struct task *task, const struct row_op *op,
                        const struct str *values);
/* All entries go: an initial load. */
void task_clear_all_refused(struct task *task);
/* The transaction in task->part is in: what stands in sync_refused now. */
void task_note_refused(const struct member_options *o, struct task *task,
                       const struct sink_event *event);

#endif
