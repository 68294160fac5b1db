/* consume.h: the edge to Kafka: records, assignment, topics.
 *
 * What:    a vtable that librdkafka implements (kafka.h) and the simulator replaces.
 * Owns:    an event's record bytes live until release(handle); everything else in an event until
 *          the next poll.
 * Units:   offsets are next-to-read.
 * Errors:  come as events.
 *
 * Where two tables have one topic (plan.h, filtered) its records come as the lookup's, and so are
 * positions given. If no table's topic has a partition for each task, the group shares out one
 * without records, whose partitions ASSIGN gives as table 0's.
 *
 * Eager range assignment over the topics that the members share out; others they read in whole
 * (kafka_topic.broadcast), and the group knows nothing of those. The group's events and the records
 * come from two queues, so that polling for events never has to take records that can't be kept.
 */
#ifndef CONSUME_CONSUME_H
#define CONSUME_CONSUME_H

#include "base/err.h"
#include "consume/record.h"

#include <stdbool.h>
#include <stddef.h>

enum consume_event_kind {
    CONSUME_NOTHING,
    CONSUME_RECORD,
    CONSUME_EOF,    /* record.table, partition, offset (the next one): read to the end, for now */
    CONSUME_ASSIGN, /* pairs[]: what the group gave; answer with assign, now or later. What is to be
                       read besides is for the caller to add */
    CONSUME_REVOKE, /* everything is taken away; answer with revoked, within a second or so. lost:
                       somebody  else may already have it */
    /* record.table, partition: this partition can't be read on; or, of poll_group: a topic that is
     * read as one partition has this one, too. err says why */
    CONSUME_HALT,
    /* record.table: the topic, which the group knows nothing of, was not there at a look, so that
     * its records may be others from now on; and: it is there again. The same of one without
     * records, without which nobody is given anything */
    CONSUME_GONE,
    CONSUME_BACK,
    CONSUME_TROUBLE, /* broker away, not authorised...: err says what; librdkafka goes on trying */
    CONSUME_FATAL,   /* the client is dead: exit */
};

struct topic_position {
    int table;
    int32_t partition;
    int64_t offset; /* next to read; negative: wherever the log begins; for ASSIGN unset */
};

struct consume_event {
    enum consume_event_kind kind;
    bool lost; /* of REVOKE */
    struct record record;
    const struct topic_position *pairs;
    size_t pair_count;
    struct err err;
};

/* A topic as the cluster has it. */
struct topic_info {
    bool exists;
    int32_t partition_count;
    bool compacted;       /* cleanup.policy is compact alone */
    int64_t retention_ms; /* of cleanup.policy=delete; -1: for ever */
    int64_t min_compaction_lag_ms;
    int64_t max_message_bytes;
};

struct consume; /* defined by the implementation */

struct consume_ops {
    /* The group's next event: never RECORD or EOF. */
    void (*poll_group)(struct consume *consume, struct consume_event *ret_event);
    /* Up to max records, EOFs and partition errors without waiting; returns how many. */
    size_t (*poll_records)(struct consume *consume, struct consume_event *events, size_t max);
    void (*release)(struct consume *consume, void *handle);
    /* Replaces everything that is read by these positions; records of before are dropped. */
    enum err_kind (*assign)(struct consume *consume, const struct topic_position *positions,
                            size_t count, struct err *reterr);
    /* Answers REVOKE: nothing is read any more. */
    void (*revoked)(struct consume *consume);
    /* Stops and resumes reading one partition; its queued records come again after resume. */
    void (*pause)(struct consume *consume, int table, int32_t partition, bool paused);
    /* Tells the group how far we are: a courtesy for lag tools, asynchronous, errors ignored. */
    void (*commit)(struct consume *consume, const struct topic_position *positions, size_t count);
    /* The group's other members, "client-id (host)" separated by ", ", into out; for messages. */
    void (*members)(struct consume *consume, char *out, size_t size);
    /* Which OLAP database this member writes to: sink is compared with the other members', place is
     * for messages. Goes with the next commit. */
    void (*announce)(struct consume *consume, const char *sink, const char *sink_name);
    /* Offset behind the last record of a partition that is being read, as of the last fetch; -1:
     * not known. Asks nobody. */
    int64_t (*log_end)(const struct consume *consume, int table, int32_t partition);
    /* When the connector sent the newest heartbeat that was read, since the epoch; 0: none was. */
    int64_t (*heartbeat_ms)(const struct consume *consume);
    /* A file descriptor that becomes readable when either queue gets something; -1: none. */
    int (*fd)(const struct consume *consume);
};

#endif
