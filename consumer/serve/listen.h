/* listen.h: a listening socket.
 *
 * What:    made here rather than by libmicrohttpd, which says little about why it failed.
 * Owns:    the socket is the caller's.
 * Threads: any.
 * Errors:  ERR_RETRY: the address can't be had.
 *
 * Private to serve/.
 */
#ifndef SERVE_LISTEN_H
#define SERVE_LISTEN_H

#include "base/err.h"

/* port 0: a free one; *ret_port is the one that was had. */
MUST_CHECK enum err_kind listen_on(const char *address, int port, int *ret_fd, int *ret_port,
                                   struct err *reterr);

#endif
