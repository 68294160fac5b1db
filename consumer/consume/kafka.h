/* kafka.h: consume.h over librdkafka, and the topics' administration.
 *
 * What:    the only room with rdkafka.h.
 * Owns:    its client; copies its options.
 * Threads: one thread; librdkafka's threads never run our code (log.queue, events by queue).
 * Errors:  ERR_CONFIG for settings librdkafka refuses (names them), topics that don't fit;
 *          ERR_RETRY for a broker that does not answer.
 * Limits:  librdkafka >= 2.0.2.
 */
#ifndef CONSUME_KAFKA_H
#define CONSUME_KAFKA_H

#include "base/clock.h"
#include "base/log.h"
#include "consume/consume.h"

struct kafka_setting {
    const char *name, *value;
};

struct kafka_topic {
    const char *name;        /* NULL: none of its own; its table's records come as another's */
    int32_t partition_count; /* as it is to be created, and must be */
    bool broadcast;          /* every member reads all of it: the group does not share it out */
    bool empty;              /* it has no records: the group shares it out, and nobody reads it */
};

/* What this member keeps, for the group's other members: kafka_peers.h. */
struct kafka_peer {
    const char *plan;          /* is compared as a whole; NULL: nothing is told or compared */
    const char *view, *member; /* for people */
    const char *former_group;  /* must have no members that read our topics; NULL: none */
};

struct kafka_options {
    const struct kafka_setting *settings; /* passed to librdkafka; the fixed ones come on top */
    size_t setting_count;
    const struct kafka_topic *topics; /* by table */
    size_t topic_count;
    int64_t record_max_bytes; /* 0: as librdkafka has it */
    struct kafka_peer peer;
    const char *heartbeat_topic; /* of the connector; NULL: its heartbeats are not read */
    const struct log *log;
    struct clock clock;
};

extern const struct consume_ops kafka_ops;

MUST_CHECK enum err_kind kafka_new(const struct kafka_options *options,
                                   struct consume **ret_consume, struct err *reterr);
/* Joins the group, as soon as poll_group finds nobody in it who keeps something else: from now on
 * poll_group gives events. */
MUST_CHECK enum err_kind kafka_subscribe(struct consume *consume, struct err *reterr);
/* Leaves the group (waits at most timeout_ms). When the group has not answered by then,
 * kafka_destroy leaves librdkafka's threads to the end of the process: they would hold it up for
 * seconds. Records must be released before kafka_destroy. */
void kafka_close(struct consume *consume, int timeout_ms);
void kafka_destroy(struct consume **consume);

/* The cluster's id, into out. ERR_RETRY: no broker answered within timeout_ms. */
MUST_CHECK enum err_kind kafka_cluster_id(struct consume *consume, int timeout_ms, char *out,
                                          size_t size, struct err *reterr);
/* What the cluster says of every topic that has a name: infos[topic_count]. A topic that is not
 * there is no error. */
MUST_CHECK enum err_kind kafka_describe(struct consume *consume, int timeout_ms,
                                        struct topic_info *infos, struct err *reterr);
/* Beside a record that can't be compressed: what LZ4 and the batch around it add. */
#define KAFKA_RECORD_OVERHEAD (INT64_C(1) << 20)

/* Creates the topics that are not there, compacted, and raises max.message.bytes of those that are;
 * ERR_CONFIG where one that is there does not fit (says what to do). */
struct kafka_topic_options {
    int32_t replication_factor;
    int64_t min_compaction_lag_ms;
    int64_t max_message_bytes; /* raised where a topic that is there has less; 0: the broker's */
};
MUST_CHECK enum err_kind kafka_create_topics(struct consume *consume, int timeout_ms,
                                             const struct kafka_topic_options *options,
                                             struct err *reterr);

#endif
