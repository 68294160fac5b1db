/* split.h: cuts a text of several SQL statements into these.
 *
 * What:    knows where a `;` is not the end of a statement: in strings, quoted names and comments.
 *
 * Private to sink/; uses no libpq.
 */
#ifndef SINK_SPLIT_H
#define SINK_SPLIT_H

#include "base/str.h"

/* Takes the first statement, without its `;`, off *sql. ptr NULL: there are no more. */
struct str statement_next(struct str *sql);

#endif
