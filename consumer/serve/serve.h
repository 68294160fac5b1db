/* serve.h: the member's health over HTTP.
 *
 * What:    GET and HEAD of /healthz (the member's loop is running), /readyz (all its tasks are
 *          live, or why not), /metrics (Prometheus' text format), /status.json (status.h) and / (a
 *          page that shows it).
 * Owns:    its thread and sockets; borrows its options until serve_stop.
 * Threads: one of its own, which only reads what others publish, and updates the process_ metrics.
 *          Start and stop belong to one thread.
 * Errors:  ERR_RETRY: the address is in use or not this machine's: the member runs without it.
 * Limits:  SERVE_CONNECTIONS_MAX connections, each closed after 10 s without traffic; request heads
 *          of some kilobytes.
 */
#ifndef SERVE_SERVE_H
#define SERVE_SERVE_H

#include "base/clock.h"
#include "base/err.h"
#include "base/health.h"
#include "base/metrics.h"
#include "base/recent.h"
#include "base/trend.h"

#define SERVE_CONNECTIONS_MAX 64
#define SERVE_BEAT_MAX_MS     10000 /* a loop that has not run for longer hangs */

struct serve_options {
    const char *address; /* a host name or IP address of this machine */
    int port;            /* 0: a free one */
    struct metrics *metrics;
    struct health *health;
    struct trend *trend;
    struct recent *recent;
    const char *view, *member;
    struct clock clock;
};

struct serve;

MUST_CHECK enum err_kind serve_start(const struct serve_options *options, struct serve **ret_serve,
                                     struct err *reterr);
/* Breaks off the requests in progress. Accepts NULL and a pointer to NULL. */
void serve_stop(struct serve **serve);
int serve_port(const struct serve *serve);

#endif
