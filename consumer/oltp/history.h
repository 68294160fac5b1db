/* history.h: compares each look at the source with the looks before it.
 *
 * What:    finds a table that was swapped, renamed away and back, emptied, or taken out of the
 *          publication and put back. What was wrong for a while stays a finding: changes may be
 *          lost although everything is right again.
 * Owns:    what it remembers of the looks.
 * Units:   milliseconds of the monotonic clock.
 * Limits:  those of findings.h.
 */
#ifndef OLTP_HISTORY_H
#define OLTP_HISTORY_H

#include "oltp/compare.h"

struct history;

struct history *history_new(const struct plan *plan, const struct look_names *names);
/* Accepts NULL and a pointer to NULL. */
void history_destroy(struct history **history);
/* Adds to *findings everything that is wrong now, or was since the last history_forget. */
void history_look(struct history *history, const struct look *look, int64_t now_ms,
                  struct findings *findings);
/* The operator knows the findings so far: only those from now on are reported. */
void history_forget(struct history *history);

#endif
