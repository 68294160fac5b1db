#include "base/memory.h"
#include "consume/kafka_impl.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define LOOK_AGAIN_MS 50

static rd_kafka_NewTopic_t *new_topic(const struct topic *wanted,
                                      const struct kafka_topic_options *options,
                                      struct err *reterr) {
    char why[256], lag[32];
    int replicas = options->replication_factor > 0 ? options->replication_factor : -1;
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(wanted->name, wanted->wanted_count, replicas, why, sizeof why);
    if (!topic) {
        (void)err_set(reterr, ERR_CONFIG, "topic %s can't be created: %s", wanted->name, why);
        return NULL;
    }
    (void)snprintf(lag, sizeof lag, "%" PRId64, options->min_compaction_lag_ms);
    (void)rd_kafka_NewTopic_set_config(topic, "cleanup.policy", "compact");
    (void)rd_kafka_NewTopic_set_config(topic, "min.compaction.lag.ms", lag);
    if (options->max_message_bytes > 0) {
        char bytes[32];
        (void)snprintf(bytes, sizeof bytes, "%" PRId64, options->max_message_bytes);
        (void)rd_kafka_NewTopic_set_config(topic, "max.message.bytes", bytes);
    }
    return topic;
}

/* What one topic's answer means. */
static enum err_kind judge(const rd_kafka_topic_result_t *result,
                           const struct kafka_topic_options *options, struct err *reterr) {
    const char *name = rd_kafka_topic_result_name(result);
    const char *why = rd_kafka_topic_result_error_string(result);
    rd_kafka_resp_err_t code = rd_kafka_topic_result_error(result);
    why = why ? why : rd_kafka_err2str(code);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
        return ERR_NONE; /* whether what exists fits is looked at afterwards */
    }
    if (code == RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR) {
        return err_set(reterr, ERR_CONFIG,
                       "topic %s can't be created with %" PRId32 " replicas: %s. Set "
                       "topic.replication.factor to at most the number of brokers",
                       name, options->replication_factor, why);
    }
    if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
        code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED ||
        code == RD_KAFKA_RESP_ERR_POLICY_VIOLATION || code == RD_KAFKA_RESP_ERR_INVALID_CONFIG ||
        code == RD_KAFKA_RESP_ERR_INVALID_PARTITIONS || code == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION) {
        return err_set(reterr, ERR_CONFIG, "topic %s can't be created: %s", name, why);
    }
    return err_set(reterr, ERR_RETRY, "topic %s can't be created now: %s", name, why);
}

static enum err_kind judge_all(struct consume *consume, rd_kafka_event_t *event,
                               const struct kafka_topic_options *options, struct err *reterr) {
    if (!event || rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return kafka_silent(consume, "creating the topics",
                            event ? rd_kafka_event_error_string(event) : "timed out", reterr);
    }
    size_t count;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    for (size_t i = 0; i < count; i++) {
        enum err_kind kind = judge(results[i], options, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
    }
    return ERR_NONE;
}

static enum err_kind request(struct consume *consume, int64_t end_ms, rd_kafka_NewTopic_t **topics,
                             size_t count, const struct kafka_topic_options *options,
                             struct err *reterr) {
    char why[128];
    int left_ms = kafka_left(consume, end_ms);
    rd_kafka_queue_t *answers = rd_kafka_queue_new(consume->rk);
    rd_kafka_AdminOptions_t *admin =
        rd_kafka_AdminOptions_new(consume->rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    (void)rd_kafka_AdminOptions_set_request_timeout(admin, left_ms, why, sizeof why);
    (void)rd_kafka_AdminOptions_set_operation_timeout(admin, left_ms, why, sizeof why);
    rd_kafka_CreateTopics(consume->rk, topics, count, admin, answers);
    rd_kafka_AdminOptions_destroy(admin);
    rd_kafka_event_t *event = rd_kafka_queue_poll(answers, left_ms + 100);
    enum err_kind kind = judge_all(consume, event, options, reterr);
    if (event) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(answers);
    return kind;
}

/* Creates those that infos says are not there. */
static enum err_kind create_missing(struct consume *consume, int64_t end_ms,
                                    const struct topic_info *infos,
                                    const struct kafka_topic_options *options, struct err *reterr) {
    rd_kafka_NewTopic_t **topics = memory_new(consume->topic_count + 1, sizeof(void *));
    size_t count = 0;
    enum err_kind kind = ERR_NONE;
    for (size_t t = 0; t < consume->topic_count && kind == ERR_NONE; t++) {
        if (consume->topics[t].name && !infos[t].exists) {
            topics[count] = new_topic(&consume->topics[t], options, reterr);
            kind = topics[count] ? ERR_NONE : ERR_CONFIG;
            count += topics[count] != NULL;
        }
    }
    if (kind == ERR_NONE && count > 0) {
        kind = request(consume, end_ms, topics, count, options, reterr);
    }
    rd_kafka_NewTopic_destroy_array(topics, count);
    free(topics);
    return kind;
}

static enum err_kind check_fit(const struct topic *topic, const struct topic_info *info,
                               struct err *reterr) {
    const char *name = topic->name;
    if (topic->broadcast && info->partition_count != topic->wanted_count) {
        return err_set(reterr, ERR_CONFIG,
                       "topic %s has %" PRId32 " partitions and must have %" PRId32
                       ", since every task reads all of it and no partition can be taken away: "
                       "delete it if the connector has written nothing to it yet, else start with "
                       "new topics (another topic.prefix), the connector included",
                       name, info->partition_count, topic->wanted_count);
    }
    if (info->partition_count != topic->wanted_count) {
        return err_set(reterr, ERR_CONFIG,
                       "topic %s has %" PRId32 " partitions, topic.partitions is %" PRId32
                       ": set topic.partitions to what the topics have, or start with new topics "
                       "(another topic.prefix), the connector included. Adding partitions is no "
                       "solution: keys would move to other partitions",
                       name, info->partition_count, topic->wanted_count);
    }
    if (!info->compacted && info->retention_ms >= 0) {
        return err_set(
            reterr, ERR_CONFIG,
            "topic %s does not keep its records (cleanup.policy holds delete): a task that reads "
            "from the start would miss rows. Set cleanup.policy=compact on it "
            "(kafka-configs --alter --topic %s --add-config cleanup.policy=compact), and "
            "let Debezium take a new snapshot if records are gone already",
            name, name);
    }
    return ERR_NONE;
}

/* Brokers hear of a change a moment later: looks until every topic is there and takes records of so
 * many bytes. Whoever looked too early would lower a size that was just raised. */
static enum err_kind wait_shown(struct consume *consume, int64_t end_ms, int64_t bytes,
                                struct topic_info *infos, struct err *reterr) {
    for (;;) {
        size_t t = 0;
        enum err_kind kind = kafka_describe(consume, kafka_left(consume, end_ms), infos, reterr);
        while (kind == ERR_NONE && t < consume->topic_count &&
               (!consume->topics[t].name ||
                (infos[t].exists && infos[t].max_message_bytes >= bytes))) {
            kind = consume->topics[t].name ? check_fit(&consume->topics[t], &infos[t], reterr)
                                           : ERR_NONE;
            t++;
        }
        if (kind != ERR_NONE || t == consume->topic_count) {
            return kind;
        }
        if (clock_mono_ms(&consume->clock) >= end_ms) {
            return infos[t].exists
                       ? err_set(reterr, ERR_RETRY,
                                 "topic %s was given max.message.bytes=%" PRId64
                                 ", and the broker still has %" PRId64,
                                 consume->topics[t].name, bytes, infos[t].max_message_bytes)
                       : err_set(reterr, ERR_RETRY, "the brokers don't show the new topics yet");
        }
        (void)poll(NULL, 0, LOOK_AGAIN_MS);
    }
}

enum err_kind kafka_create_topics(struct consume *consume, int timeout_ms,
                                  const struct kafka_topic_options *options, struct err *reterr) {
    int64_t end_ms = kafka_deadline(consume, timeout_ms);
    struct topic_info *infos = memory_new(consume->topic_count + 1, sizeof *infos);
    enum err_kind kind = kafka_describe(consume, timeout_ms, infos, reterr);
    if (kind == ERR_NONE) {
        kind = create_missing(consume, end_ms, infos, options, reterr);
    }
    if (kind == ERR_NONE) {
        kind = wait_shown(consume, end_ms, INT64_MIN, infos, reterr);
    }
    bool raised = false;
    for (size_t t = 0; t < consume->topic_count && kind == ERR_NONE; t++) {
        if (consume->topics[t].name && infos[t].max_message_bytes < options->max_message_bytes) {
            raised = true;
            kind = kafka_raise_size(consume, end_ms, consume->topics[t].name,
                                    options->max_message_bytes, reterr);
        }
    }
    if (kind == ERR_NONE && raised) {
        kind = wait_shown(consume, end_ms, options->max_message_bytes, infos, reterr);
    }
    free(infos);
    return kind;
}
