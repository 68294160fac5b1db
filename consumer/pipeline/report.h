/* report.h: what is counted, and what /readyz says.
 *
 * What:    nothing here decides anything.
 */
#ifndef PIPELINE_REPORT_H
#define PIPELINE_REPORT_H

#include "pipeline/session.h"
#include "pipeline/task.h"

struct member;

/* report.c's memory. */
struct report {
    struct trouble kafka;
    int64_t kafka_until_ms; /* then it counts as over: librdkafka does not say when it is */
    int64_t health_at_ms, gauges_at_ms;
    bool ready; /* as reported last */
};

/* A record was decoded. */
void report_change(struct member *m, struct task *task, const struct record *record,
                   const struct change *change);
/* Before the event is acted on. */
void report_sink_event(struct session *s, const struct sink_event *event);
/* What is noted in the tables now: the operator may have removed some of it. */
void report_noted(struct task *task, const struct sink_result *result);
/* The transaction in task->part is in; before task forgets it. */
void report_committed(const struct member_options *o, struct task *task);
/* What a task's part of a transaction without an answer turned out to be. */
void report_settled(const struct session *s, enum unknown_settled settled);
void report_kafka_trouble(struct member *m, const struct err *err);
/* What the log says to do about a server that is away: once, until it was there again; else NULL.
 */
const char *report_hint(const struct member_options *o, struct trouble *trouble);
/* At the end of each step. */
void report_step(struct member *m);

#endif
