#include "consume/kafka_impl.h"

#include <stdlib.h>

#define TIMEOUT_MS  200 /* nothing else is done meanwhile */
#define LOOK_MIN_MS 1000
#define LOOK_MAX_MS INT64_C(300000)

/* As often as librdkafka looks at the topics that it has subscribed to. */
static int64_t look_ms(const struct consume *consume) {
    char text[32] = "";
    size_t size = sizeof text;
    (void)rd_kafka_conf_get(rd_kafka_conf(consume->rk), "topic.metadata.refresh.interval.ms", text,
                            &size);
    int64_t ms = strtoll(text, NULL, 10);
    if (ms < 0 || ms > LOOK_MAX_MS) { /* -1: never */
        return LOOK_MAX_MS;
    }
    return ms < LOOK_MIN_MS ? LOOK_MIN_MS : ms;
}

static bool has_broadcast(const struct consume *consume) {
    bool has = false;
    for (size_t t = 0; t < consume->topic_count; t++) {
        has |= consume->topics[t].broadcast;
    }
    return has;
}

/* No answer is no trouble: it is asked again, and whoever reads hears of brokers that are away. */
static bool look(struct consume *consume, size_t table, struct consume_event *event) {
    const struct topic *topic = &consume->topics[table];
    struct topic_info info = {0};
    int64_t end_ms = kafka_deadline(consume, TIMEOUT_MS);
    if (kafka_count_partitions(consume, end_ms, topic->name, &info, NULL) != ERR_NONE ||
        info.partition_count <= topic->wanted_count) {
        return false;
    }
    event->kind = CONSUME_HALT;
    event->record =
        (struct record){.table = (int)table, .partition = topic->wanted_count, .offset = -1};
    (void)err_set(&event->err, ERR_HALT, "the topic has %d partitions", (int)info.partition_count);
    (void)err_about(&event->err, topic->name, topic->wanted_count, -1);
    return true;
}

bool kafka_broadcast_step(struct consume *consume, struct consume_event *event) {
    int64_t now_ms = clock_mono_ms(&consume->clock);
    if (consume->assigned_count == 0 || consume->closed || now_ms < consume->broadcast_look_ms) {
        return false;
    }
    while (consume->broadcast_table < consume->topic_count) { /* one in each call */
        size_t table = consume->broadcast_table++;
        if (consume->topics[table].broadcast) {
            return look(consume, table, event);
        }
    }
    consume->broadcast_table = 0;
    consume->broadcast_look_ms = has_broadcast(consume) ? now_ms + look_ms(consume) : INT64_MAX;
    return false;
}
