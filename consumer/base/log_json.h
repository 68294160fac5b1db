/* log_json.h: a logfmt line as a JSON object, for collectors that read nothing else.
 *
 * What:    {"ts":"...","level":"info",...}: the same fields in the same order. Every value is a
 * string, so that a field never changes its type from line to line, which indexes of log stores
 * refuse. Owns:    nothing. Limits:  what does not fit is cut between two characters; the result is
 * a whole object all the same.
 */
#ifndef BASE_LOG_JSON_H
#define BASE_LOG_JSON_H

#include "base/str.h"

/* line: as log.h writes it, without the newline. Writes at most size bytes (at least 2), without a
 * NUL; returns how many. */
size_t log_json(char *out, size_t size, struct str line);

#endif
