#include "consume/kafka_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define WATERMARK_TIMEOUT_MS 1000

static void nothing_in_particular(struct consume_event *event, enum consume_event_kind kind) {
    event->kind = kind;
    event->record = (struct record){.table = -1, .partition = -1, .offset = -1};
}

/* SCRAM of librdkafka before 2.6.1 is refused by Kafka 4 with "invalid credentials". */
static const char *hint_for(struct consume *consume, rd_kafka_resp_err_t code) {
    char mechanism[64] = "";
    size_t size = sizeof mechanism;
    bool refused = code == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
                   code == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED;
    if (!refused || rd_kafka_version() >= 0x020601ff) {
        return "";
    }
    (void)rd_kafka_conf_get(rd_kafka_conf(consume->rk), "sasl.mechanisms", mechanism, &size);
    return strncmp(mechanism, "SCRAM", 5) == 0
               ? " (SCRAM needs librdkafka 2.6.1 or later with Kafka 4, this one is older: use "
                 "PLAIN over TLS, or a newer librdkafka)"
               : "";
}

bool kafka_trouble(struct consume *consume, struct consume_event *event, rd_kafka_resp_err_t code,
                   const char *text) {
    if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || !consume->last_trouble[0]) {
        (void)snprintf(consume->last_trouble, sizeof consume->last_trouble, "%s", text);
    }
    if (log_throttle_drops(&consume->throttle, text, clock_mono_ms(&consume->clock))) {
        return false;
    }
    nothing_in_particular(event, CONSUME_TROUBLE);
    (void)err_set(&event->err, ERR_RETRY, "Kafka: %s%s", text, hint_for(consume, code));
    return true;
}

static void fatal(struct consume *consume, struct consume_event *event) {
    char why[256] = "";
    rd_kafka_resp_err_t code = rd_kafka_fatal_error(consume->rk, why, sizeof why);
    bool instance = code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
    nothing_in_particular(event, CONSUME_FATAL);
    (void)err_set(&event->err, instance ? ERR_CONFIG : ERR_BUG, "the Kafka client gave up: %s%s",
                  why, instance ? " (two members have the same kafka.group.instance.id)" : "");
}

bool kafka_client_error(struct consume *consume, rd_kafka_event_t *from,
                        struct consume_event *event) {
    rd_kafka_resp_err_t code = rd_kafka_event_error(from);
    if (code == RD_KAFKA_RESP_ERR__FATAL || rd_kafka_event_error_is_fatal(from)) {
        fatal(consume, event);
        return true;
    }
    return kafka_trouble(consume, event, code, rd_kafka_event_error_string(from));
}

/* The part of a halt message that says what lies in the log. */
static void watermarks(struct consume *consume, const rd_kafka_message_t *message, int64_t *ret_low,
                       int64_t *ret_high) {
    *ret_low = *ret_high = -1;
    int64_t low, high;
    if (rd_kafka_query_watermark_offsets(consume->rk, rd_kafka_topic_name(message->rkt),
                                         message->partition, &low, &high,
                                         WATERMARK_TIMEOUT_MS) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        *ret_low = low;
        *ret_high = high;
    }
}

static void out_of_range(struct consume *consume, const rd_kafka_message_t *message, int64_t at,
                         struct err *reterr) {
    int64_t low, high;
    watermarks(consume, message, &low, &high);
    const char *reason =
        low < 0     ? "its offsets can't be read now"
        : at > high ? "the topic was deleted and created again, or has lost its newest records"
                    : "records not yet read were removed (retention, DeleteRecords, or the topic "
                      "was created again)";
    (void)err_set(reterr, ERR_HALT,
                  "offset %" PRId64 " of %s [%" PRId32 "] is outside the log, which holds %" PRId64
                  " to %" PRId64 ": %s. Nothing was written. Changes may be missing: let Debezium "
                  "take a new snapshot into new topics and rebuild; see docs/operations.md",
                  at, rd_kafka_topic_name(message->rkt), message->partition, low, high, reason);
}

static bool is_damage(rd_kafka_resp_err_t code) {
#if RD_KAFKA_VERSION >= 0x020100ff
    if (code == RD_KAFKA_RESP_ERR__LOG_TRUNCATION) {
        return true;
    }
#endif
    return code == RD_KAFKA_RESP_ERR__BAD_MSG || code == RD_KAFKA_RESP_ERR__BAD_COMPRESSION ||
           code == RD_KAFKA_RESP_ERR_INVALID_MSG || code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
           code == RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED;
}

static void halt(struct consume *consume, const rd_kafka_message_t *message, int table,
                 struct consume_event *event) {
    kafka_pause(consume, table, message->partition, true);
    struct partition *partition = kafka_partition(consume, table, message->partition);
    partition->halted = true;
    (void)err_about(&event->err, rd_kafka_topic_name(message->rkt), message->partition,
                    partition->next);
    event->kind = CONSUME_HALT;
    event->record.offset = partition->next;
}

bool kafka_topic_gone(struct consume *consume, int table, struct consume_event *event) {
    struct topic *topic = &consume->topics[table];
    if (topic->gone) {
        return false;
    }
    topic->gone = true;
    consume->broadcast_look_ms = clock_mono_ms(&consume->clock) + LOOK_MIN_MS;
    event->kind = CONSUME_GONE;
    event->record = (struct record){.table = table, .partition = 0, .offset = -1};
    return true;
}

static bool is_unknown(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
           code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
           code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}

bool kafka_partition_error(struct consume *consume, const rd_kafka_message_t *message,
                           struct consume_event *event) {
    int table = event->record.table;
    const struct partition *partition = kafka_partition(consume, table, message->partition);
    const char *topic = rd_kafka_topic_name(message->rkt);
    if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
        message->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
        out_of_range(consume, message, partition->next, &event->err);
    } else if (is_damage(message->err)) {
        (void)err_set(&event->err, ERR_HALT,
                      "%s [%" PRId32 "] can't be read at or after offset %" PRId64
                      ": %s. See docs/operations.md",
                      topic, message->partition, partition->next, rd_kafka_message_errstr(message));
    } else if (is_unknown(message->err) && consume->topics[table].broadcast) {
        return kafka_topic_gone(consume, table, event);
    } else {
        char text[320];
        (void)snprintf(text, sizeof text, "%s [%" PRId32 "]: %s", topic, message->partition,
                       rd_kafka_message_errstr(message));
        return kafka_trouble(consume, event, message->err, text);
    }
    halt(consume, message, table, event);
    return true;
}
