/* The connector's heartbeats: one partition that is read beside the others from its last record on,
 * and whose records stay here. */
#include "consume/kafka_impl.h"

#include <string.h>

#define PARTITION 0

static bool is_heartbeat(const struct consume *consume, const rd_kafka_message_t *message) {
    return consume->heartbeat.topic &&
           strcmp(rd_kafka_topic_name(message->rkt), consume->heartbeat.topic) == 0;
}

void kafka_heartbeat_assign(struct consume *consume, rd_kafka_topic_partition_list_t *list) {
    if (!consume->heartbeat.topic) {
        return;
    }
    rd_kafka_topic_partition_list_add(list, consume->heartbeat.topic, PARTITION)->offset =
        RD_KAFKA_OFFSET_TAIL(1);
    rd_kafka_queue_t *own =
        rd_kafka_queue_get_partition(consume->rk, consume->heartbeat.topic, PARTITION);
    if (own) {
        rd_kafka_queue_forward(own, consume->record_queue);
        rd_kafka_queue_destroy(own);
    }
}

/* The time is the one at which Connect sent it; Debezium's own, in the value, is the same to
 * milliseconds. */
static void heartbeat_read(struct consume *consume, const rd_kafka_message_t *message) {
    rd_kafka_timestamp_type_t type;
    int64_t at_ms = rd_kafka_message_timestamp(message, &type);
    if (at_ms > consume->heartbeat.at_ms) {
        consume->heartbeat.at_ms = at_ms;
    }
    consume->heartbeat.failed = false;
}

/* Connect makes the topic with the first heartbeat: in the first seconds it is not there. */
static void say_why(struct consume *consume, rd_kafka_resp_err_t code) {
    bool missing = code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
                   code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
                   code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
    log_line(consume->log, missing ? LOG_INFO : LOG_WARN, "consume", "no_heartbeats",
             "topic=%s why=\"%s\" hint=\"%s\"", consume->heartbeat.topic, rd_kafka_err2str(code),
             missing ? "the connector's first one creates the topic"
                     : "grant READ on the topic, or set "
                       "heartbeat.max.age.ms=0: a connector that has stopped then looks like a "
                       "quiet source");
}

void kafka_heartbeat_take(struct consume *consume, const rd_kafka_message_t *message) {
    if (!is_heartbeat(consume, message)) {
        return;
    }
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        heartbeat_read(consume, message);
    } else if (message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF && !consume->heartbeat.failed) {
        consume->heartbeat.failed = true;
        say_why(consume, message->err);
    }
}

int64_t kafka_heartbeat_ms(const struct consume *consume) {
    return consume->heartbeat.at_ms;
}
