#include "consume/poke.h"
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

void poke_init(struct poke *poke, rd_kafka_t *rk) {
    *poke = (struct poke){
        .answers = rd_kafka_queue_new(rk),
        .full_bytes = setting(rk, "queued.max.messages.kbytes", 65536) * 1024,
        .full_count = (size_t)setting(rk, "queued.min.messages", 100000),
        .average_bytes = 500,
    };
}

void poke_clear(struct poke *poke) {
    if (poke->answers) {
        rd_kafka_queue_destroy(poke->answers);
        poke->answers = NULL;
    }
}

/* At least 1/part of what makes the queue full. */
static bool holds(const struct poke *poke, size_t queued, size_t part) {
    return (int64_t)(queued * poke->average_bytes) >= poke->full_bytes / (int64_t)part ||
           queued >= poke->full_count / part;
}

void poke_before(struct poke *poke, size_t queued) {
    poke->was_full = poke->was_full || (poke->answers && holds(poke, queued, 2));
}

static void ask(struct poke *poke, rd_kafka_t *rk, int32_t broker) {
    char name[16], why[128];
    (void)snprintf(name, sizeof name, "%d", (int)broker);
    rd_kafka_ConfigResource_t *about = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_BROKER, name);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, TIMEOUT_MS, why, sizeof why);
    /* The smallest answer there is: one setting of one broker. */
    (void)rd_kafka_ConfigResource_set_config(about, "broker.id", "");
    rd_kafka_DescribeConfigs(rk, &about, 1, options, poke->answers);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy(about);
    poke->in_flight++;
}

/* The brokers of our partitions, each once. Of those at their end, too: their next record would not
 * be fetched for a second. And of those that are paused: a partition that has given nothing yet,
 * whose broker we don't know, is likely to be at one of them. */
static size_t brokers_of(const struct consume *consume, int32_t brokers[POKE_BROKERS]) {
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
            if (i == count && count < POKE_BROKERS) {
                brokers[count++] = partition->broker;
            }
        }
    }
    return count;
}

static void take_answers(struct poke *poke) {
    rd_kafka_event_t *event;
    while (poke->in_flight > 0 && (event = rd_kafka_queue_poll(poke->answers, 0))) {
        poke->in_flight--;
        rd_kafka_event_destroy(event);
    }
}

void poke_after(struct consume *consume, size_t queued, size_t taken, size_t bytes) {
    struct poke *poke = &consume->poke;
    if (!poke->answers) {
        return;
    }
    if (taken > 0) {
        poke->average_bytes = (poke->average_bytes * 7 + bytes / taken) / 8 + 1;
    }
    if (!poke->was_full || holds(poke, queued > taken ? queued - taken : 0, 4)) {
        return;
    }
    take_answers(poke);
    if (poke->in_flight > 0) {
        return;
    }
    int32_t brokers[POKE_BROKERS];
    size_t count = brokers_of(consume, brokers);
    for (size_t i = 0; i < count; i++) {
        ask(poke, consume->rk, brokers[i]);
    }
    poke->was_full = false;
    poke->rounds++;
}
