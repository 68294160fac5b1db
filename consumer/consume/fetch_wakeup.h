/* fetch_wakeup.h: ends the second that librdkafka before 2.2 sleeps when its queue was full.
 *
 * What:    a broker thread that found the queue full looks again after one second, or when anything
 *          happens on its connection: a small request makes it look now. Sent only when the queue
 *          has been full and is running low; one round at a time. From 2.2 on
 *          fetch.queue.backoff.ms does this, and this is off.
 * Owns:    its queue.
 * Threads: belongs to one thread; the answer is read, never waited for.
 * Errors:  none: a wake-up that fails costs a second.
 * Limits:  FETCH_WAKEUP_BROKERS brokers a round.
 */
#ifndef CONSUME_FETCH_WAKEUP_H
#define CONSUME_FETCH_WAKEUP_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FETCH_WAKEUP_BROKERS 16

struct fetch_wakeup {
    rd_kafka_queue_t *answers; /* NULL: off */
    size_t in_flight;
    int64_t full_bytes;   /* queued.max.messages.kbytes */
    size_t full_count;    /* queued.min.messages */
    size_t average_bytes; /* of a record, roughly */
    bool was_full;        /* since the last round */
    uint64_t rounds;      /* for tests and the curious */
};

struct consume;

/* Reads the limits from rk's configuration. */
void fetch_wakeup_init(struct fetch_wakeup *wakeup, rd_kafka_t *rk);
void fetch_wakeup_clear(struct fetch_wakeup *wakeup);
/* Before a poll: how many records are queued. */
void fetch_wakeup_before(struct fetch_wakeup *wakeup, size_t queued);
/* After it: `taken` records of `bytes` came out. */
void fetch_wakeup_after(struct consume *consume, size_t queued, size_t taken, size_t bytes);

#endif
