/* kafka_impl.h: what the kafka_*.c files share; private to consume/.
 *
 * What:    the client's state: one rd_kafka_t, a queue for the group and one for all records, and
 *          for each partition how far it has been read.
 * Owns:    see struct consume.
 *
 * How assign() works with librdkafka 2.0.2 (rdkafka_assignment.c, rdkafka_partition.c). The group's
 * assignment is answered at once with an empty list, so that nobody waits for our caches; later
 * rd_kafka_assign calls change what is fetched without the group noticing. rd_kafka_assign returns
 * when the old partitions have been told to stop, not when they have stopped, and stopping takes a
 * partition's queue out of the shared queue. Hence three calls: an empty list tells them to stop; a
 * second empty list comes behind the stops in librdkafka's main queue, so it returns when they are
 * through; now whatever lies in the shared queue is old and is dropped, the partitions are
 * forwarded to the shared queue, and the third call starts them. What still comes of fetches in
 * flight carries an older version, which librdkafka drops itself.
 */
#ifndef CONSUME_KAFKA_IMPL_H
#define CONSUME_KAFKA_IMPL_H

#include "consume/fetch_wakeup.h"
#include "consume/kafka.h"
#include "consume/kafka_peers.h"
#include "consume/log_throttle.h"
#include "consume/wake.h"

#include <librdkafka/rdkafka.h>

/* librdkafka's timeout of requests about groups, as long as it allows: when one runs out while the
 * request for it is on its way, or waits for a broker, the answer that comes later ends the process
 * (an assertion in rdkafka_queue.h, librdkafka issue 4605). So nothing is asked again before it has
 * answered, and who waits for it has a clock of its own. */
#define ADMIN_REQUEST_MS 3600000

#define LOOK_MIN_MS 1000 /* between two looks at broadcast topics */

#define BATCH_MAX 2000 /* records taken from the queue at once */

struct partition {
    bool assigned;
    bool paused;
    bool halted;    /* can't be read on: whatever still comes is dropped */
    int64_t next;   /* offset of the next record; anything before it is not new */
    int32_t broker; /* who the last record came from; -1: none yet */
};

struct topic {
    char *name;                   /* owned */
    int32_t wanted_count;         /* partitions that it is to have */
    bool broadcast;               /* the group is told nothing of it */
    bool empty;                   /* it only shares out the tasks */
    bool gone;                    /* broadcast, empty: it was not there at the last look */
    struct partition *partitions; /* owned; by number */
    int32_t partition_count;
};

/* The connector's: kafka_heartbeat.c. */
struct heartbeat {
    char *topic;   /* owned; NULL: none is read */
    int64_t at_ms; /* when the newest one was sent; 0: none yet */
    bool failed;   /* it can't be read, and that was said */
};

struct consume {
    const struct log *log; /* borrowed for life */
    struct clock clock;
    rd_kafka_t *rk; /* owned, as are the queues */
    rd_kafka_queue_t *group_queue, *record_queue;
    struct wake wake;
    struct topic *topics; /* owned; by table */
    size_t topic_count;
    struct topic_position *pairs; /* owned; of the last ASSIGN */
    size_t pair_capacity;
    rd_kafka_message_t *batch[BATCH_MAX];
    bool subscribed, closed;
    bool abandoned;    /* the group did not answer our leaving: destroying would wait 5 s for it */
    bool held;         /* the group gave us something (maybe nothing), and has not taken it back */
    bool revoke_asked; /* REVOKE was handed out, revoked() not yet called */
    size_t assigned_count;
    size_t outstanding;        /* records handed out and not released */
    int64_t woken_ms;          /* librdkafka's main thread, by us, last */
    size_t broadcast_table;    /* which topic is looked at next: kafka_broadcast.c */
    int64_t broadcast_look_ms; /* when */
    struct fetch_wakeup fetch_wakeup;
    struct heartbeat heartbeat;
    struct log_throttle throttle;
    struct peers peers;
    char last_trouble[256]; /* for messages about a silent cluster */
};

/* kafka_conf.c: the client's configuration; *ret is the caller's. */
MUST_CHECK enum err_kind kafka_conf_make(const struct kafka_options *options, rd_kafka_conf_t **ret,
                                         bool *ret_needs_fetch_wakeup, struct err *reterr);

/* kafka_group.c */
void kafka_poll_group(struct consume *consume, struct consume_event *ret_event);
void kafka_revoked(struct consume *consume);
void kafka_commit(struct consume *consume, const struct topic_position *positions, size_t count);
void kafka_members(struct consume *consume, char *out, size_t size);
/* Takes in what librdkafka has to say before there is a group (logs, errors). */
void kafka_listen(struct consume *consume);

/* kafka_assign.c */
/* Joins the group now. */
enum err_kind kafka_join(struct consume *consume, struct err *reterr);
enum err_kind kafka_assign(struct consume *consume, const struct topic_position *positions,
                           size_t count, struct err *reterr);
void kafka_pause(struct consume *consume, int table, int32_t partition, bool paused);
/* Stops everything that is read and drops what was queued. True unless librdkafka refuses. */
bool kafka_unassign(struct consume *consume);
/* Tells librdkafka to read nothing, and nothing else. */
bool kafka_assign_nothing(struct consume *consume);
/* NULL unless that partition is being read. */
struct partition *kafka_partition(struct consume *consume, int table, int32_t partition);
/* Index of the topic, -1: not one of ours. */
int kafka_table_of(const struct consume *consume, const char *topic, int guess);

/* kafka_records.c */
size_t kafka_poll_records(struct consume *consume, struct consume_event *events, size_t max);
void kafka_release(struct consume *consume, void *handle);

/* kafka_errors.c */
/* What an error of one partition means; false: nothing anybody need hear of now. */
bool kafka_partition_error(struct consume *consume, const rd_kafka_message_t *message,
                           struct consume_event *event);
/* The same for an error of the client or the group. */
bool kafka_client_error(struct consume *consume, rd_kafka_event_t *from,
                        struct consume_event *event);
/* A broadcast topic is not there: it is looked at again soon. False: that was said. */
bool kafka_topic_gone(struct consume *consume, int table, struct consume_event *event);
/* Makes event a TROUBLE about nothing in particular; false: the same was reported lately. */
bool kafka_trouble(struct consume *consume, struct consume_event *event, rd_kafka_resp_err_t code,
                   const char *text);

/* kafka_broadcast.c: whether the topics that nobody shares out, or nobody reads, are still there,
 * with one partition each. The group would tell that of others. True: event is set. */
bool kafka_broadcast_step(struct consume *consume, struct consume_event *event);

/* kafka_heartbeat.c */
/* Adds its partition to what is read. */
void kafka_heartbeat_assign(struct consume *consume, rd_kafka_topic_partition_list_t *list);
/* Takes in a message of its topic, and leaves others alone. */
void kafka_heartbeat_take(struct consume *consume, const rd_kafka_message_t *message);
int64_t kafka_heartbeat_ms(const struct consume *consume);

/* kafka_alter.c: sets max.message.bytes of a topic, and leaves its other settings as they are. */
enum err_kind kafka_raise_size(struct consume *consume, int64_t end_ms, const char *topic,
                               int64_t bytes, struct err *reterr);

/* kafka_topics.c */
/* How many partitions a topic has, and whether it is there. */
enum err_kind kafka_count_partitions(struct consume *consume, int64_t end_ms, const char *topic,
                                     struct topic_info *info, struct err *reterr);
/* When a call that may take timeout_ms has to be done, and what is left until then: at least a
 * millisecond, since 0 has other meanings to librdkafka. */
int64_t kafka_deadline(const struct consume *consume, int timeout_ms);
int kafka_left(const struct consume *consume, int64_t end_ms);
/* ERR_RETRY with who was asked and what librdkafka said last. */
enum err_kind kafka_silent(struct consume *consume, const char *what, const char *why,
                           struct err *reterr);

#endif
