#include "consume/fetch_wakeup.h"
#include "consume/kafka_impl.h"

#include <stdio.h>
#include <stdlib.h>

#define TIMEOUT_MS 5000

static int64_t setting(rd_kafka_t *rk, const char *name, int64_t otherwise) {
    char value[32];
    size_t size = sizeof value;
    if (rd_kafka_conf_get(rd_kafka_conf(rk), name, value, &size) != RD_KAFKA_CONF_OK) {
        return otherwise;
    }
    return strtoll(value, NULL, 10);
}

void fetch_wakeup_init(struct fetch_wakeup *wakeup, rd_kafka_t *rk) {
    *wakeup = (struct fetch_wakeup){
        .answers = rd_kafka_queue_new(rk),
        .full_bytes = setting(rk, "queued.max.messages.kbytes", 65536) * 1024,
        .full_count = (size_t)setting(rk, "queued.min.messages", 100000),
        .average_bytes = 500,
    };
}

void fetch_wakeup_clear(struct fetch_wakeup *wakeup) {
    if (wakeup->answers) {
        rd_kafka_queue_destroy(wakeup->answers);
        wakeup->answers = NULL;
    }
}

/* At least 1/part of what makes the queue full. */
static bool holds(const struct fetch_wakeup *wakeup, size_t queued, size_t part) {
    return (int64_t)(queued * wakeup->average_bytes) >= wakeup->full_bytes / (int64_t)part ||
           queued >= wakeup->full_count / part;
}

void fetch_wakeup_before(struct fetch_wakeup *wakeup, size_t queued) {
    wakeup->was_full = wakeup->was_full || (wakeup->answers && holds(wakeup, queued, 2));
}

static void ask(struct fetch_wakeup *wakeup, rd_kafka_t *rk, int32_t broker) {
    char name[16], why[128];
    (void)snprintf(name, sizeof name, "%d", (int)broker);
    rd_kafka_ConfigResource_t *about = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_BROKER, name);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, TIMEOUT_MS, why, sizeof why);
    /* The smallest answer there is: one setting of one broker. */
    (void)rd_kafka_ConfigResource_set_config(about, "broker.id", "");
    rd_kafka_DescribeConfigs(rk, &about, 1, options, wakeup->answers);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy(about);
    wakeup->in_flight++;
}

/* The brokers of our partitions, each once. Of those at their end, too: their next record would not
 * be fetched for a second. And of those that are paused: a partition that has given nothing yet,
 * whose broker we don't know, is likely to be at one of them. */
static size_t brokers_of(const struct consume *consume, int32_t brokers[FETCH_WAKEUP_BROKERS]) {
    size_t count = 0;
    for (size_t t = 0; t < consume->topic_count; t++) {
        for (int32_t p = 0; p < consume->topics[t].partition_count; p++) {
            const struct partition *partition = &consume->topics[t].partitions[p];
            if (!partition->assigned || partition->halted || partition->broker < 0) {
                continue;
            }
            size_t i = 0;
            while (i < count && brokers[i] != partition->broker) {
                i++;
            }
            if (i == count && count < FETCH_WAKEUP_BROKERS) {
                brokers[count++] = partition->broker;
            }
        }
    }
    return count;
}

static void take_answers(struct fetch_wakeup *wakeup) {
    rd_kafka_event_t *event;
    while (wakeup->in_flight > 0 && (event = rd_kafka_queue_poll(wakeup->answers, 0))) {
        wakeup->in_flight--;
        rd_kafka_event_destroy(event);
    }
}

void fetch_wakeup_after(struct consume *consume, size_t queued, size_t taken, size_t bytes) {
    struct fetch_wakeup *wakeup = &consume->fetch_wakeup;
    if (!wakeup->answers) {
        return;
    }
    if (taken > 0) {
        wakeup->average_bytes = (wakeup->average_bytes * 7 + bytes / taken) / 8 + 1;
    }
    if (!wakeup->was_full || holds(wakeup, queued > taken ? queued - taken : 0, 4)) {
        return;
    }
    take_answers(wakeup);
    if (wakeup->in_flight > 0) {
        return;
    }
    int32_t brokers[FETCH_WAKEUP_BROKERS];
    size_t count = brokers_of(consume, brokers);
    for (size_t i = 0; i < count; i++) {
        ask(wakeup, consume->rk, brokers[i]);
    }
    wakeup->was_full = false;
    wakeup->rounds++;
}
