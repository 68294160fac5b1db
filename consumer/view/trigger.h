/* trigger.h: what the source tables should have beside what oltp.sql says.
 *
 * What:    the statements that make a trigger against TRUNCATE, which Debezium does not send.
 */
#ifndef VIEW_TRIGGER_H
#define VIEW_TRIGGER_H

#include "base/buf.h"
#include "plan/plan.h"

/* Appends the statements for the OLTP database, of every table of the view. */
void trigger_append(struct buf *out, const struct plan *plan);

#endif
