/* wake.h: one file descriptor for two queues.
 *
 * What:    each queue writes into an eventfd of its own when it stops being empty; an epoll
 *          descriptor over both is what the pipeline sleeps on.
 * Owns:    its three descriptors, from wake_init to wake_clear.
 * Threads: librdkafka's threads write into the eventfds (write(2) only); all else one thread.
 * Errors:  ERR_RETRY when the system gives no descriptors.
 *
 * No wake-up is lost, whatever the order of the calls: a queue writes when it stops being empty
 * after it was last read, each poll empties the eventfd before it reads its queue, and a poll that
 * leaves something behind writes again. poll_group also has to silence a record wake-up that nobody
 * wants to take (the sink is away: the pipeline would spin), but keeps it as long as records are
 * polled at all.
 */
#ifndef CONSUME_WAKE_H
#define CONSUME_WAKE_H

#include "base/err.h"

#include <stdbool.h>

struct wake {
    int group, records;  /* eventfds */
    int both;            /* epoll */
    bool records_wanted; /* poll_records was called since the last poll_group */
};

/* wake_clear may be called after a failure too. */
MUST_CHECK enum err_kind wake_init(struct wake *wake, struct err *reterr);
/* Accepts what is { -1, -1, -1 }. */
void wake_clear(struct wake *wake);
/* Before the group's queue is read. */
void wake_before_group(struct wake *wake);
/* Before the records' queue is read. */
void wake_before_records(struct wake *wake);
/* Something was left in the queue of that eventfd. */
void wake_again(int fd);

#endif
