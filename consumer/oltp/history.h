/* history.h: what looks at the source, one after the other, tell beyond each alone.
 *
 * What:    a table that was swapped, renamed away and back, emptied, taken out of the publication
 *          and put back; and what was wrong for a while, which stays said: changes may be lost
 *          though all is as it should be again.
 * Owns:    its memory of the looks.
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
/* Adds to *findings all that is wrong, or was since the last history_forget. */
void history_look(struct history *history, const struct look *look, int64_t now_ms,
                  struct findings *findings);
/* What was found is known to the operator: only what is wrong from now on is told. */
void history_forget(struct history *history);

#endif
