/* listen.h: a listening socket.
 *
 * What:    opened here rather than by libmicrohttpd, which says little about why it failed.
 * Owns:    the socket is the caller's.
 * Threads: any.
 * Errors:  ERR_RETRY: the address can't be bound.
 *
 * Private to serve/.
 */
#ifndef SERVE_LISTEN_H
#define SERVE_LISTEN_H

#include "base/err.h"

/* port 0: any free one; *ret_port is the one that was bound. */
MUST_CHECK enum err_kind listen_on(const char *address, int port, int *ret_fd, int *ret_port,
                                   struct err *reterr);

#endif
