/* copy_line.h: a line of COPY's text format → values.
 *
 * What:    COPY writes equal values as equal bytes, so lines are compared whole and taken apart
 *          only where they differ.
 * Owns:    nothing: values point into the line or the caller's scratch.
 * Errors:  false: another number of values than expected.
 *
 * Private to verify/.
 */
#ifndef VERIFY_COPY_LINE_H
#define VERIFY_COPY_LINE_H

#include "base/buf.h"

/* line without its newline. ptr NULL: NULL. scratch is emptied first. */
bool copy_line_split(struct str line, struct str *values, size_t count, struct buf *scratch);

#endif
