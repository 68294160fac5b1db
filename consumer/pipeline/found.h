/* found.h: what BOOTSTRAP_SCAN comes upon that can't be applied.
 */
#ifndef PIPELINE_FOUND_H
#define PIPELINE_FOUND_H

#include "pipeline/options.h"
#include "pipeline/task.h"

/* BOOTSTRAP_SCAN came upon a record that can't be decoded: it goes with the last transaction of
 * BACKFILL. *ret_absent: its row was not there before it. ERR_HALT where there are too many. */
enum err_kind task_found_dead_letter(const struct member_options *o, struct task *task,
                                     const struct record *record, struct str row_key,
                                     const struct err *why, bool *ret_absent, struct err *reterr);
/* A change BOOTSTRAP_SCAN came upon is a refused version: the row is taken away, the record kept
 * for its dead letter. */
bool task_meets_refused(struct task *task, const struct change *change,
                        const struct record *record);
/* The task has put aside more than it may: then it halts. */
bool too_many_dead_letters(const struct member_options *o, struct task *task,
                           const struct err *newest);

#endif
