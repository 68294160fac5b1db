#include "consume/kafka_impl.h"

#include <stdlib.h>

#define TIMEOUT_MS  200 /* nothing else is done meanwhile */
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

/* Of others, those who read them are told. */
static bool is_watched(const struct topic *topic) {
    return topic->broadcast || topic->empty;
}

static bool watches(const struct consume *consume) {
    bool has = false;
    for (size_t t = 0; t < consume->topic_count; t++) {
        has |= is_watched(&consume->topics[t]);
    }
    return has;
}

/* Without it nobody is given anything, and a member with nothing to do would be well. */
static bool shares_out(const struct consume *consume) {
    bool shares = false;
    for (size_t t = 0; t < consume->topic_count; t++) {
        shares |= consume->topics[t].empty && consume->subscribed;
    }
    return shares;
}

static bool any_gone(const struct consume *consume) {
    bool gone = false;
    for (size_t t = 0; t < consume->topic_count; t++) {
        gone |= consume->topics[t].gone;
    }
    return gone;
}

static void about_topic(struct consume_event *event, enum consume_event_kind kind, int table) {
    event->kind = kind;
    event->record = (struct record){.table = table, .partition = 0, .offset = -1};
}

/* No answer is no trouble: it is asked again, and whoever reads hears of brokers that are away. */
static bool look(struct consume *consume, size_t table, struct consume_event *event) {
    struct topic *topic = &consume->topics[table];
    struct topic_info info = {0};
    int64_t end_ms = kafka_deadline(consume, TIMEOUT_MS);
    if (kafka_count_partitions(consume, end_ms, topic->name, &info, NULL) != ERR_NONE) {
        return false;
    }
    if (!info.exists) {
        return kafka_topic_gone(consume, (int)table, event);
    }
    if (info.partition_count <= topic->wanted_count) {
        bool back = topic->gone;
        topic->gone = false;
        about_topic(event, CONSUME_BACK, (int)table);
        return back;
    }
    about_topic(event, CONSUME_HALT, (int)table);
    event->record.partition = topic->wanted_count;
    (void)err_set(&event->err, ERR_HALT, "the topic has %d partitions", (int)info.partition_count);
    (void)err_about(&event->err, topic->name, topic->wanted_count, -1);
    return true;
}

bool kafka_broadcast_step(struct consume *consume, struct consume_event *event) {
    int64_t now_ms = clock_mono_ms(&consume->clock);
    if (consume->closed || now_ms < consume->broadcast_look_ms ||
        (consume->assigned_count == 0 && !any_gone(consume) && !shares_out(consume))) {
        return false;
    }
    while (consume->broadcast_table < consume->topic_count) { /* one in each call */
        size_t table = consume->broadcast_table++;
        if (is_watched(&consume->topics[table])) {
            return look(consume, table, event);
        }
    }
    consume->broadcast_table = 0;
    int64_t wait_ms = any_gone(consume) ? LOOK_MIN_MS : look_ms(consume);
    consume->broadcast_look_ms = watches(consume) ? now_ms + wait_ms : INT64_MAX;
    return false;
}
