/* status.h: what a member does, as JSON, and the page that shows it.
 *
 * What:    docs/operations.md describes the fields.
 * Threads: the server's.
 * Units:   seconds, milliseconds and counts, as the fields' names say.
 */
#ifndef SERVE_STATUS_H
#define SERVE_STATUS_H

#include "serve/serve.h"

void status_json(const struct serve_options *of, struct buf *out);

/* page.html. */
extern const char status_page[];
extern const size_t status_page_len;

#endif
