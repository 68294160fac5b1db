/* serve.h: how the member is, over HTTP.
 *
 * What:    GET and HEAD of /healthz (the member's loop turns), /readyz (all its tasks are live, or
 *          why not) and /metrics (Prometheus' text format). No other room knows libmicrohttpd.
 * Owns:    its thread and sockets; borrows its options until serve_stop.
 * Threads: one of its own, which only reads what others publish, and looks after the process_
 *          metrics. Start and stop belong to one thread.
 * Errors:  ERR_RETRY: the address can't be had (taken, not ours): the member does without.
 * Limits:  SERVE_CONNECTIONS_MAX at a time, each for 10 s of silence at most; request heads of some
 *          kilobytes.
 */
#ifndef SERVE_SERVE_H
#define SERVE_SERVE_H

#include "base/clock.h"
#include "base/err.h"
#include "base/health.h"
#include "base/metrics.h"

#define SERVE_CONNECTIONS_MAX 64
#define SERVE_BEAT_MAX_MS     10000 /* a loop that has not turned for longer stands still */

struct serve_options {
    const char *address; /* a name or number of this machine's */
    int port;            /* 0: a free one */
    struct metrics *metrics;
    struct health *health;
    struct clock clock;
};

struct serve;

MUST_CHECK enum err_kind serve_start(const struct serve_options *options, struct serve **ret_serve,
                                     struct err *reterr);
/* Ends what is being answered. Accepts NULL and a pointer to NULL. */
void serve_stop(struct serve **serve);
int serve_port(const struct serve *serve);

#endif
