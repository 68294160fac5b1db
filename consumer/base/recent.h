/* recent.h: the last warnings and errors of the log, for the status page.
 *
 * What:    a ring of lines, as log.h wrote them.
 * Owns:    copies.
 * Threads: any may add (log_line does) and read; a lock is held for as long as a line is copied.
 * Limits:  RECENT_LINES lines; of a line RECENT_BYTES.
 */
#ifndef BASE_RECENT_H
#define BASE_RECENT_H

#include "base/buf.h"

#include <stdint.h>

#define RECENT_LINES 50
#define RECENT_BYTES 1024

struct recent;

struct recent *recent_new(void);
/* Accepts NULL and a pointer to NULL. */
void recent_destroy(struct recent **recent);
/* line: logfmt without a newline. NULL recent: ignored. */
void recent_add(struct recent *recent, struct str line);
/* Appends the i-th line, 0 being the newest; false: there are not so many. */
bool recent_get(struct recent *recent, size_t i, struct buf *out);

#endif
