/* compare.h: compares a look at the source database with the view's SQL files.
 *
 * What:    finds what differs, how serious it is, and what to do.
 * Limits:  those of findings.h.
 */
#ifndef OLTP_COMPARE_H
#define OLTP_COMPARE_H

#include "base/findings.h"
#include "oltp/look.h"

/* The tables and the server: what `plan --check-source` compares. */
void compare_tables(const struct plan *plan, const struct look *look, struct findings *findings);
/* Publication and slot, which the connector creates. */
void compare_replication(const struct plan *plan, const struct look_names *names,
                         const struct look *look, struct findings *findings);

#endif
