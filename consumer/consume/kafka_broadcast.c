#include "consume/kafka_impl.h"

/* As often as librdkafka looks at the topics that it has subscribed to, by default; of each. */
#define LOOK_MS    INT64_C(300000)
#define TIMEOUT_MS 200 /* nothing else is done meanwhile */

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
    consume->broadcast_look_ms = has_broadcast(consume) ? now_ms + LOOK_MS : INT64_MAX;
    return false;
}
