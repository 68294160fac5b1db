#include "produce.h"

#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static rd_kafka_t *producer; /* NULL: print */
static int64_t written, failed, reordered, first_ns;
/* The latest record of each partition, by the order in which they were made and in the log. */
static struct { int64_t number, offset; } latest[TOPICS_MAX][PARTITIONS_MAX];

int64_t now_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void delivered(rd_kafka_t *kafka, const rd_kafka_message_t *message, void *opaque) {
    (void)kafka;
    (void)opaque;
    int64_t number = (int64_t)(intptr_t)message->_private;
    int64_t *last_number = &latest[number % TOPICS_MAX][message->partition].number;
    int64_t *last_offset = &latest[number % TOPICS_MAX][message->partition].offset;
    bool in_order = (number > *last_number) == (message->offset >= *last_offset);
    failed += message->err != RD_KAFKA_RESP_ERR_NO_ERROR;
    reordered += !in_order;
    *last_number = number;
    *last_offset = message->offset;
}

void produce_begin(const char *bootstrap) {
    if (strcmp(bootstrap, "-") == 0) {
        return;
    }
    char error[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    /* As the connector's producer, but for a wait that makes a backlog's batches as large. Without
     * idempotence a batch that is sent again, as on topics that were just made, comes after later
     * ones. */
    const char *settings[][2] = {
        {"bootstrap.servers", bootstrap}, {"enable.idempotence", "true"},
        {"compression.codec", "lz4"},     {"linger.ms", "20"},
        {"batch.size", "262144"},         {"queue.buffering.max.kbytes", "131072"}};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        (void)rd_kafka_conf_set(conf, settings[i][0], settings[i][1], error, sizeof error);
    }
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof error);
    if (!producer) {
        (void)fprintf(stderr, "%s\n", error);
        exit(1);
    }
}

void produce(int topic, struct texts texts, int32_t partition) {
    if (written == 0) {
        first_ns = now_ns();
    }
    written++;
    if (!producer) {
        (void)printf("%s\t%s\t%s\n", texts.topic, texts.key, texts.value);
        return;
    }
    for (;;) {
        rd_kafka_resp_err_t err = rd_kafka_producev(
            producer, RD_KAFKA_V_TOPIC(texts.topic), RD_KAFKA_V_PARTITION(partition),
            RD_KAFKA_V_KEY(texts.key, strlen(texts.key)),
            RD_KAFKA_V_VALUE((void *)(uintptr_t)texts.value, strlen(texts.value)),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_OPAQUE((void *)(intptr_t)(written * TOPICS_MAX + topic)), RD_KAFKA_V_END);
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            break;
        }
        if (err != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            (void)fprintf(stderr, "%s: %s\n", texts.topic, rd_kafka_err2str(err));
            exit(1);
        }
        rd_kafka_poll(producer, 100);
    }
    if (written % 1000 == 0) {
        rd_kafka_poll(producer, 0);
    }
}

int produce_end(void) {
    if (!producer) {
        return 0;
    }
    bool flushed = rd_kafka_flush(producer, 120000) == RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_destroy(producer);
    (void)printf("{\"records\": %" PRId64 ", \"first_ns\": %" PRId64 ", \"last_ns\": %" PRId64
                 "}\n",
                 written, first_ns, now_ns());
    if (!flushed || failed > 0 || reordered > 0) {
        (void)fprintf(stderr, "%" PRId64 " records not written, %" PRId64 " out of order\n", failed,
                      reordered);
        return 1;
    }
    return 0;
}
