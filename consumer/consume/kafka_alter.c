/* A topic's settings, changed. */
#include "consume/kafka_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SIZE "max.message.bytes"

static enum err_kind refused(const char *topic, int64_t bytes, const char *why,
                             struct err *reterr) {
    return err_set(reterr, ERR_CONFIG,
                   "max.message.bytes of topic %s can't be raised to %" PRId64
                   ": %.120s. Grant AlterConfigs on it, or do it yourself: kafka-configs --alter "
                   "--entity-type topics --entity-name %s --add-config max.message.bytes=%" PRId64,
                   topic, bytes, why, topic, bytes);
}

typedef void request_fn(rd_kafka_t *rk, rd_kafka_ConfigResource_t **resources, size_t count,
                        const rd_kafka_AdminOptions_t *options, rd_kafka_queue_t *answers);

struct question {
    rd_kafka_admin_op_t op;
    request_fn *request;
};
static const struct question describe = {RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS,
                                         rd_kafka_DescribeConfigs};
static const struct question change = {RD_KAFKA_ADMIN_OP_ALTERCONFIGS, rd_kafka_AlterConfigs};

/* About one topic, whose resource it takes over; *ret_event is the caller's. */
static enum err_kind ask(struct consume *consume, int64_t end_ms, const struct question *question,
                         rd_kafka_ConfigResource_t *resource, rd_kafka_event_t **ret_event,
                         struct err *reterr) {
    char why[128];
    int left_ms = kafka_left(consume, end_ms);
    rd_kafka_queue_t *answers = rd_kafka_queue_new(consume->rk);
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(consume->rk, question->op);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, left_ms, why, sizeof why);
    question->request(consume->rk, &resource, 1, options, answers);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy(resource);
    rd_kafka_event_t *event = rd_kafka_queue_poll(answers, left_ms + 100);
    rd_kafka_queue_destroy(answers);
    if (event && rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        *ret_event = event;
        return ERR_NONE;
    }
    enum err_kind kind =
        kafka_silent(consume, "a topic's settings",
                     event ? rd_kafka_event_error_string(event) : "timed out", reterr);
    if (event) {
        rd_kafka_event_destroy(event);
    }
    return kind;
}

/* What was set on the topic itself, but its size: an alteration replaces all of it, and takes no
 * name twice. */
static void copy_settings(rd_kafka_event_t *event, rd_kafka_ConfigResource_t *to) {
    size_t count = 0, entry_count = 0;
    const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event), &count);
    const rd_kafka_ConfigEntry_t **entries =
        count == 1 ? rd_kafka_ConfigResource_configs(resources[0], &entry_count) : NULL;
    for (size_t i = 0; i < entry_count; i++) {
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);
        bool own =
            rd_kafka_ConfigEntry_source(entries[i]) == RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG;
        const char *name = rd_kafka_ConfigEntry_name(entries[i]);
        if (own && value && strcmp(name, SIZE) != 0) {
            (void)rd_kafka_ConfigResource_set_config(to, name, value);
        }
    }
}

static enum err_kind alter(struct consume *consume, int64_t end_ms,
                           rd_kafka_ConfigResource_t *wanted, const char *topic, int64_t bytes,
                           struct err *reterr) {
    rd_kafka_event_t *event = NULL;
    enum err_kind kind = ask(consume, end_ms, &change, wanted, &event, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    size_t count = 0;
    const rd_kafka_ConfigResource_t **results =
        rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(event), &count);
    if (count == 1 && rd_kafka_ConfigResource_error(results[0]) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        const char *why = rd_kafka_ConfigResource_error_string(results[0]);
        kind = refused(topic, bytes, why ? why : "refused", reterr);
    }
    rd_kafka_event_destroy(event);
    return kind;
}

enum err_kind kafka_raise_size(struct consume *consume, int64_t end_ms, const char *topic,
                               int64_t bytes, struct err *reterr) {
    char text[32];
    rd_kafka_event_t *event = NULL;
    enum err_kind kind =
        ask(consume, end_ms, &describe, rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic),
            &event, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    rd_kafka_ConfigResource_t *wanted = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    copy_settings(event, wanted);
    rd_kafka_event_destroy(event);
    (void)snprintf(text, sizeof text, "%" PRId64, bytes);
    (void)rd_kafka_ConfigResource_set_config(wanted, SIZE, text);
    return alter(consume, end_ms, wanted, topic, bytes, reterr);
}
