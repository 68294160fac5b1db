#include "consume/kafka_impl.h"

static struct str view(const void *bytes, size_t len) {
    return (struct str){bytes, bytes ? len : 0};
}

/* True when event says something new. */
static bool record_event(rd_kafka_message_t *message, struct partition *partition,
                         struct consume_event *event) {
    if (message->offset < partition->next) {
        return false; /* read already: never as if new */
    }
    rd_kafka_timestamp_type_t type;
    event->kind = CONSUME_RECORD;
    event->record.offset = message->offset;
    event->record.timestamp_ms = rd_kafka_message_timestamp(message, &type);
    event->record.key = view(message->key, message->key_len);
    event->record.value = view(message->payload, message->len);
    event->record.handle = message;
    partition->next = message->offset + 1;
    partition->broker = rd_kafka_message_broker_id(message);
    return true;
}

static bool end_event(rd_kafka_message_t *message, struct partition *partition,
                      struct consume_event *event) {
    if (message->offset < partition->next) {
        return false;
    }
    event->kind = CONSUME_EOF;
    event->record.offset = message->offset;
    partition->next = message->offset;
    return true;
}

/* What a message says, if anything; then *ret_keep tells whether event holds on to it. */
static bool message_event(struct consume *consume, rd_kafka_message_t *message,
                          struct consume_event *event, bool *ret_keep) {
    *ret_keep = false;
    if (!message->rkt) {
        return kafka_trouble(consume, event, message->err, rd_kafka_message_errstr(message));
    }
    int table = kafka_table_of(consume, rd_kafka_topic_name(message->rkt), event->record.table);
    if (table < 0) {
        kafka_heartbeat_take(consume, message);
        return false;
    }
    struct partition *partition = kafka_partition(consume, table, message->partition);
    if (!partition || partition->halted || partition->paused) {
        return false;
    }
    event->record = (struct record){.table = table, .partition = message->partition, .offset = -1};
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        *ret_keep = record_event(message, partition, event);
        return *ret_keep;
    }
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        return end_event(message, partition, event);
    }
    return kafka_partition_error(consume, message, event);
}

size_t kafka_poll_records(struct consume *consume, struct consume_event *events, size_t max) {
    wake_before_records(&consume->wake);
    if (max > BATCH_MAX) {
        max = BATCH_MAX;
    }
    size_t queued = rd_kafka_queue_length(consume->record_queue);
    fetch_wakeup_before(&consume->fetch_wakeup, queued);
    ssize_t taken = rd_kafka_consume_batch_queue(consume->record_queue, 0, consume->batch, max);
    size_t count = 0, bytes = 0, records = 0;
    int table = 0; /* records of one topic come in runs */
    for (ssize_t i = 0; i < taken; i++) {
        rd_kafka_message_t *message = consume->batch[i];
        bool keep;
        bytes += message->len + message->key_len;
        records += message->err == RD_KAFKA_RESP_ERR_NO_ERROR;
        events[count].record.table = table;
        if (message_event(consume, message, &events[count], &keep)) {
            table = events[count].record.table < 0 ? 0 : events[count].record.table;
            count++;
        }
        if (keep) {
            consume->outstanding++;
        } else {
            rd_kafka_message_destroy(message);
        }
    }
    if (taken > 0 && (size_t)taken == max) {
        wake_again(consume->wake.records);
    }
    fetch_wakeup_after(consume, queued, records, bytes);
    return count;
}

void kafka_release(struct consume *consume, void *handle) {
    if (handle) {
        consume->outstanding--;
        rd_kafka_message_destroy(handle);
    }
}
