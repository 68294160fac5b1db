/* link.h: a connection to the source database. Private to oltp/.
 *
 * What:    runs a query and waits for its result, for a bounded time, or until told to stop.
 * Owns:    its connection.
 * Units:   milliseconds.
 * Errors:  ERR_RETRY.
 */
#ifndef OLTP_LINK_H
#define OLTP_LINK_H

#include "oltp/look.h"

#include <libpq-fe.h>

struct link {
    PGconn *conn;
    int stop_fd;
};

/* The caller clears *ret_result, which may be NULL: not wanted. */
MUST_CHECK enum err_kind link_ask(struct link *link, const char *sql, int count,
                                  const char *const *params, PGresult **ret_result,
                                  struct err *reterr);

#endif
