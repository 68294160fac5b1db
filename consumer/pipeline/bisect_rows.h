/* bisect_rows.h: which rows PostgreSQL refuses by their own values.
 *
 * What:    while what was read is written, chunks of rows are checked, and a refused chunk is
 *          split in two until single rows are left.
 */
#ifndef PIPELINE_BISECT_ROWS_H
#define PIPELINE_BISECT_ROWS_H

#include "pipeline/internal.h"

/* Finds the rows of task that PostgreSQL refuses, by check jobs. Its session has no other
 * bisection.
 */
void bisect_rows_begin(const struct member_options *o, struct task *task,
                       const struct err *refusal);
/* Checks the rows that an initial load may not try (those without a partner, of lookups, and where
 * WHERE leaves rows out) before it: a row is refused by its own values, not when its partner comes.
 */
void bisect_rows_begin_unpaired(struct task *task);
void bisect_rows_submit(struct session *s);
void bisect_rows_answer(struct session *s, bool refused, const struct err *err);
void bisect_rows_drop(struct session *s);

#endif
