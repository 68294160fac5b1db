/* freshness.h: how old what the sink shows is.
 *
 * What:    a task shows the source as of now when it has applied everything that is in its topics,
 *          and as of its last transaction otherwise; and nothing is known of what the connector has
 *          not sent since its last heartbeat.
 * Units:   milliseconds since the epoch, by this host's clock and the source's: it compares them.
 */
#ifndef PIPELINE_FRESHNESS_H
#define PIPELINE_FRESHNESS_H

#include "base/health.h"

#include <stdint.h>

struct member;
struct member_options;
struct task;

/* A task's. */
struct freshness {
    int64_t shown_ms;  /* its rows show the source as of then; 0: not known */
    int64_t newest_us; /* commit time in the source of the newest record applied; 0: none */
};

/* Offsets from the applied ones to the ends of the task's topics, as of the last fetch; -1: an end
 * is not known. */
int64_t freshness_lag(const struct member_options *o, const struct task *task);
/* The task's work is in. */
void freshness_committed(struct task *task);
/* Sets the metrics. */
void freshness_step(struct member *m);
void freshness_add_reason(const struct member *m, struct health_report *report);

#endif
