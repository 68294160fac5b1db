#include "base/memory.h"
#include "consume/kafka_impl.h"

#include <stdlib.h>
#include <string.h>

enum err_kind kafka_join(struct consume *consume, struct err *reterr) {
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)consume->topic_count);
    for (size_t t = 0; t < consume->topic_count; t++) {
        if (consume->topics[t].name &&
            !consume->topics[t].broadcast) { /* else one member alone would be given it */
            rd_kafka_topic_partition_list_add(list, consume->topics[t].name, RD_KAFKA_PARTITION_UA);
        }
    }
    rd_kafka_resp_err_t code = rd_kafka_subscribe(consume->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return err_set(reterr, ERR_CONFIG,
                       "the consumer group can't be joined: %s (is kafka.group.id set?)",
                       rd_kafka_err2str(code));
    }
    consume->subscribed = true;
    return ERR_NONE;
}

static bool is_named(const struct topic *topic, const char *name) {
    return topic->name && strcmp(topic->name, name) == 0;
}

int kafka_table_of(const struct consume *consume, const char *topic, int guess) {
    if (guess >= 0 && is_named(&consume->topics[guess], topic)) {
        return guess;
    }
    for (size_t t = 0; t < consume->topic_count; t++) {
        if (is_named(&consume->topics[t], topic)) {
            return (int)t;
        }
    }
    return -1;
}

struct partition *kafka_partition(struct consume *consume, int table, int32_t partition) {
    if (table < 0 || (size_t)table >= consume->topic_count || partition < 0 ||
        partition >= consume->topics[table].partition_count) {
        return NULL;
    }
    struct partition *found = &consume->topics[table].partitions[partition];
    return found->assigned ? found : NULL;
}

static struct partition *make_partition(struct topic *topic, int32_t number) {
    if (number >= topic->partition_count) {
        size_t count = (size_t)number + 1;
        topic->partitions = memory_resize(topic->partitions, count, sizeof *topic->partitions);
        size_t old = (size_t)topic->partition_count;
        memset(topic->partitions + old, 0, (count - old) * sizeof *topic->partitions);
        topic->partition_count = number + 1;
    }
    return &topic->partitions[number];
}

static rd_kafka_topic_partition_list_t *one_partition(struct consume *consume, int table,
                                                      int32_t partition) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, consume->topics[table].name, partition);
    return list;
}

static bool assign_list(struct consume *consume, const rd_kafka_topic_partition_list_t *list) {
    rd_kafka_resp_err_t code = rd_kafka_assign(consume->rk, list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        log_line(consume->log, LOG_DEBUG, "consume", "assign_refused", "err=%s",
                 rd_kafka_err2name(code));
    }
    return code == RD_KAFKA_RESP_ERR_NO_ERROR;
}

bool kafka_assign_nothing(struct consume *consume) {
    rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(1);
    bool good = assign_list(consume, none);
    rd_kafka_topic_partition_list_destroy(none);
    return good;
}

/* librdkafka keeps the pause across assignments. */
static void set_paused(struct consume *consume, int table, int32_t partition, bool paused) {
    rd_kafka_topic_partition_list_t *list = one_partition(consume, table, partition);
    rd_kafka_resp_err_t code = paused ? rd_kafka_pause_partitions(consume->rk, list)
                                      : rd_kafka_resume_partitions(consume->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        log_line(consume->log, LOG_DEBUG, "consume", "pause_refused", "err=%s",
                 rd_kafka_err2name(code));
    }
}

static void forget_partitions(struct consume *consume) {
    for (size_t t = 0; t < consume->topic_count; t++) {
        for (int32_t p = 0; p < consume->topics[t].partition_count; p++) {
            struct partition *partition = &consume->topics[t].partitions[p];
            if (partition->assigned && partition->paused) {
                set_paused(consume, (int)t, p, false);
            }
            *partition = (struct partition){.broker = -1};
        }
    }
    consume->assigned_count = 0;
}

static void drop_queued(struct consume *consume) {
    ssize_t count;
    do {
        count = rd_kafka_consume_batch_queue(consume->record_queue, 0, consume->batch, BATCH_MAX);
        for (ssize_t i = 0; i < count; i++) {
            rd_kafka_message_destroy(consume->batch[i]);
        }
    } while (count > 0);
}

bool kafka_unassign(struct consume *consume) {
    if (consume->assigned_count == 0) {
        return true;
    }
    bool good = kafka_assign_nothing(consume);    /* tells them to stop */
    good = kafka_assign_nothing(consume) && good; /* comes back when they have: kafka_impl.h */
    forget_partitions(consume);
    drop_queued(consume);
    return good;
}

/* Lets a partition's records come into the shared queue. */
static void forward(struct consume *consume, int table, int32_t partition) {
    rd_kafka_queue_t *own =
        rd_kafka_queue_get_partition(consume->rk, consume->topics[table].name, partition);
    if (own) {
        rd_kafka_queue_forward(own, consume->record_queue);
        rd_kafka_queue_destroy(own);
    }
}

enum err_kind kafka_assign(struct consume *consume, const struct topic_position *positions,
                           size_t count, struct err *reterr) {
    if (count > 0 && consume->subscribed && !consume->held) {
        return err_set(reterr, ERR_BUG, "partitions assigned while the group has given none");
    }
    bool good = kafka_unassign(consume);
    if (count == 0 || !good) {
        return good ? ERR_NONE
                    : err_set(reterr, ERR_RETRY, "librdkafka did not let go of its partitions");
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++) {
        const struct topic_position *at = &positions[i];
        struct topic *topic = &consume->topics[at->table];
        *make_partition(topic, at->partition) =
            (struct partition){.assigned = true, .next = at->offset, .broker = -1};
        forward(consume, at->table, at->partition);
        rd_kafka_topic_partition_list_add(list, topic->name, at->partition)->offset =
            at->offset < 0 ? RD_KAFKA_OFFSET_BEGINNING : at->offset;
    }
    consume->assigned_count = count;
    kafka_heartbeat_assign(consume, list);
    good = assign_list(consume, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (!good) {
        forget_partitions(consume);
        return err_set(reterr, ERR_RETRY,
                       "librdkafka did not take the assignment of %zu partitions", count);
    }
    log_line(consume->log, LOG_DEBUG, "consume", "assigned", "partitions=%zu", count);
    return ERR_NONE;
}

void kafka_pause(struct consume *consume, int table, int32_t partition, bool paused) {
    struct partition *found = kafka_partition(consume, table, partition);
    /* A halted one stays paused. Resuming what isn't paused would go back (before 2.4). */
    if (!found || found->paused == paused || found->halted) {
        return;
    }
    found->paused = paused;
    set_paused(consume, table, partition, paused);
    if (!paused) {
        /* What was fetched of it is gone, and its broker's thread may be asleep. */
        consume->fetch_wakeup.was_full = true;
    }
}
