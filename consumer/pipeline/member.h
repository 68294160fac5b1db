/* member.h: one member of the consumer group: its tasks, from records to rows.
 *
 * What:    poll → decode → join → sink → cache, for every task the group gives us, in steps that
 *          never block. All I/O is behind consume_ops, sink_ops and the kv factory, which the
 *          simulator replaces.
 * Owns:    its tasks; borrows everything in struct member_options for its life.
 * Errors:  are handled here: retried, dead-lettered, or the task halts. ERR_BUG and a dead Kafka
 *          client end the member: member_error.
 * Limits:  batch_max_rows rows a transaction over all tasks.
 */
#ifndef PIPELINE_MEMBER_H
#define PIPELINE_MEMBER_H

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
    struct str identity; /* of the log and the view, for the caches */
    size_t batch_max_rows;
    size_t held_max_bytes; /* of records that wait for their transactions, over all tasks; about */
    size_t cache_commit_bytes;
    size_t dead_letter_max;
    size_t refused_row_max;
    int64_t conflict_halt_ms;
    int64_t incomplete_halt_ms;
    int64_t min_compaction_lag_ms; /* the smallest of the topics' */
    struct metrics *metrics;       /* NULL: not counted */
    struct health *health;         /* NULL: not reported */
    struct board *board;           /* of the watch on the source; NULL: nobody watches */
    const char *down_hint;         /* what to do about a server that is away; NULL: unknown */
    bool checks;                   /* every step ends with assertions about its tasks */
};

struct member;

struct member *member_new(const struct member_options *options);
void member_destroy(struct member **member);

/* Does what can be done now. Returns how much was done: 0 means wait (member_wait) before the next.
 */
size_t member_step(struct member *member);
/* How long to wait at most, for either file descriptor to become ready. */
int member_wait_ms(const struct member *member);

/* Finishes or drops what is in flight; member_stopped becomes true within a second or so. */
void member_stop(struct member *member);
bool member_stopped(const struct member *member);
/* Tries halted tasks again, and takes what the watch on the source found as known (SIGHUP). */
void member_resume(struct member *member);
/* Every task we hold is live, none is missing a partition, and the source is as it should be. */
bool member_ready(const struct member *member);
/* Why the member can't go on, or NULL. */
const struct err *member_error(const struct member *member);

#endif
