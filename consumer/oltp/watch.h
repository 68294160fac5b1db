/* watch.h: looks at the source database again and again, in a thread of its own.
 *
 * What:    every interval, and at once after an acknowledgement, takes a look, compares it with the
 *          view and with earlier looks, and posts the findings to a board.
 * Owns:    its thread and copies of its options; borrows view and board until watch_stop.
 * Threads: its thread touches nothing but this and the board, and waits for nobody else.
 * Units:   milliseconds.
 * Errors:  none after the start: a database that does not answer is a finding, red after a minute.
 */
#ifndef OLTP_WATCH_H
#define OLTP_WATCH_H

#include "base/board.h"
#include "oltp/look.h"

struct watch_options {
    struct link_options link; /* keywords and values are borrowed until watch_stop */
    const struct plan *plan;
    const char *slot, *publication; /* copied */
    int64_t interval_ms;
    struct board *board;
};

struct watch;

/* NULL: no thread could be created. */
struct watch *watch_start(const struct watch_options *options);
/* Ends the thread; accepts NULL and a pointer to NULL. False: the thread hangs in a DNS lookup, and
 * what it borrows must not be freed. */
bool watch_stop(struct watch **watch);

#endif
