/* backfill.h: what was read to its end is written.
 */
#ifndef PIPELINE_BACKFILL_H
#define PIPELINE_BACKFILL_H

#include "pipeline/options.h"
#include "pipeline/task.h"

/* BOOTSTRAP_SCAN has reached the end of every topic: begin to write what it found. */
void backfill_begin(const struct member_options *o, struct task *task);
/* The next changed rows of a rebuild become a batch of their own: its deletes first. */
MUST_CHECK enum err_kind backfill_next_rows(const struct member_options *o, struct task *task,
                                            struct err *reterr);
/* A rebuild goes on to the pass in which everything is written, once the deletes ahead are. */
void backfill_deletes_went(struct work *work);
/* Begins a rebuild anew, its deletes ahead. */
void backfill_deletes_ahead(struct task *task);

#endif
