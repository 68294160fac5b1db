/* options.h: what a member stands on: its edges, its limits, its log.
 *
 * What:    struct member_options. A function of this room that gets no more than this touches no
 *          task but the one it is given, and that one's session.
 * Owns:    nothing.
 */
#ifndef PIPELINE_OPTIONS_H
#define PIPELINE_OPTIONS_H

#include "base/board.h"
#include "base/clock.h"
#include "base/health.h"
#include "base/log.h"
#include "base/metrics.h"
#include "consume/consume.h"
#include "sink/sink.h"
#include "state/kv.h"

struct member_options {
    const struct plan *plan;
    const struct consume_ops *consume_ops;
    struct consume *consume;
    const struct sink_ops *sink_ops;
    struct sink **sinks; /* each a connection of its own; the tasks are dealt out to them */
    size_t sink_count;
    struct kv_factory stores;
    struct clock clock;
    const struct log *log;
    /* Fills size random bytes: owner tokens. */
    void (*random)(void *ctx, void *bytes, size_t size);
    void *random_ctx;
    struct str identity; /* of the log and the relations, for the caches */
    size_t batch_max_rows;
    size_t rebuild_max_rows; /* changed rows that a rebuild joins at a time; 0: some hundreds */
    size_t held_max_bytes; /* of records that wait for their transactions, over all tasks; about */
    size_t cache_commit_bytes;
    size_t dead_letter_max;
    size_t refused_row_max;
    uint64_t lookup_max_bytes; /* of a lookup's rows in a task's cache; 0: any number */
    int64_t conflict_halt_ms;
    int64_t incomplete_halt_ms;
    int64_t min_compaction_lag_ms; /* the smallest of the topics' */
    int64_t heartbeat_interval_ms; /* the connector's */
    int64_t heartbeat_max_age_ms;  /* not ready after so long without one; 0: they are not read */
    struct metrics *metrics;       /* NULL: not counted */
    struct health *health;         /* NULL: not reported */
    struct board *board;           /* of the watch on the source; NULL: nobody watches */
    const char *down_hint;         /* what to do about a server that is away; NULL: unknown */
    bool checks;                   /* every step ends with assertions about its tasks */
};

#endif
