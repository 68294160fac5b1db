/* latency: changes the OLTP database at a given rate and prints, for each contact, when its insert
 * was due, committed, read from Kafka by a consumer of the bench's own, and visible in the sink.
 *
 *   latency OLTP OLAP BOOTSTRAP TOPIC BASE COUNT RATE CONNECTIONS [FIRST SECOND KEY]
 *     OLTP, OLAP    connection strings
 *     BOOTSTRAP     Kafka; - where the road has none
 *     TOPIC         of the contacts
 *     BASE, COUNT   ids of the contacts (and of their students)
 *     RATE          statements a second, two for each contact
 *     CONNECTIONS   over which they are spread
 *     FIRST, SECOND statements with the id as $1, in place of the inserts of a student and a
 *                   contact; and in which member of the keys in TOPIC that id is (contact_id)
 *
 * The sink tells: a trigger notifies the channel latency of each contact_id; PostgreSQL delivers a
 * notification after the row is visible. All three are on one machine and share its monotonic
 * clock. Prints a line a contact, in nanoseconds since some moment, 0 for what did not happen
 * within 30 s of the last commit: contact_id due committed read visible
 */
#include "latency.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <librdkafka/rdkafka.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LATEST_SECONDS = 30, PARTITIONS_MAX = 1024 };

static const char STUDENT[] = "INSERT INTO student (student_id, name) "
                              "VALUES ($1::bigint, 'latency')";
static const char CONTACT[] = "INSERT INTO contact (contact_id, student_id, contact_number) "
                              "VALUES ($1::bigint, $1::bigint, 'latency')";

struct probe {
    rd_kafka_t *consumer;
    char key[80]; /* what stands before the id in a record's key */
    struct samples *samples;
};
struct listener {
    PGconn *connection;
    struct samples *samples;
};

int64_t now_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

_Noreturn void give_up(const char *what, const char *why) {
    (void)fprintf(stderr, "latency: %s: %s\n", what, why);
    exit(1);
}

/* ---- visible in the sink ---- */

static PGconn *listen_to_sink(const char *conninfo) {
    PGconn *connection = PQconnectdb(conninfo);
    if (PQstatus(connection) != CONNECTION_OK) {
        give_up("the OLAP database", PQerrorMessage(connection));
    }
    PGresult *result = PQexec(connection, "LISTEN latency");
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        give_up("LISTEN", PQerrorMessage(connection));
    }
    PQclear(result);
    return connection;
}

static void *watch_sink(void *argument) {
    struct listener *listener = argument;
    struct samples *samples = listener->samples;
    while (!atomic_load(&samples->stopping)) {
        struct pollfd fd = {.fd = PQsocket(listener->connection), .events = POLLIN};
        if (poll(&fd, 1, 100) <= 0) {
            continue;
        }
        int64_t now = now_ns();
        if (!PQconsumeInput(listener->connection)) {
            give_up("LISTEN", PQerrorMessage(listener->connection));
        }
        PGnotify *notify;
        while ((notify = PQnotifies(listener->connection))) {
            int64_t i = strtoll(notify->extra, NULL, 10) - samples->base;
            if (i >= 0 && i < samples->count && atomic_load(&samples->visible[i]) == 0) {
                atomic_store(&samples->visible[i], now);
                atomic_fetch_add(&samples->seen, 1);
            }
            PQfreemem(notify);
        }
    }
    return NULL;
}

/* ---- read from Kafka ---- */

static void set_all(rd_kafka_conf_t *conf, const char *bootstrap) {
    const char *settings[][2] = {{"bootstrap.servers", bootstrap},
                                 {"group.id", "bench-latency"},
                                 {"enable.auto.commit", "false"},
                                 {"fetch.wait.max.ms", "100"}};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        char error[512];
        if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], error, sizeof error) !=
            RD_KAFKA_CONF_OK) {
            give_up(settings[i][0], error);
        }
    }
}

static int32_t partitions_of(rd_kafka_t *consumer, const char *topic) {
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(consumer, topic, NULL);
    rd_kafka_resp_err_t err = rd_kafka_metadata(consumer, 0, handle, &metadata, 10000);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR || metadata->topics[0].partition_cnt == 0) {
        give_up(topic, rd_kafka_err2str(err));
    }
    int32_t count = metadata->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(handle);
    return count;
}

/* Reads from the present end on. */
static rd_kafka_t *read_topic(const char *bootstrap, const char *topic) {
    char error[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set_all(conf, bootstrap);
    rd_kafka_t *consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof error);
    if (!consumer) {
        give_up("Kafka", error);
    }
    (void)rd_kafka_poll_set_consumer(consumer);
    int32_t count = partitions_of(consumer, topic);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
    for (int32_t p = 0; p < count; p++) {
        int64_t low, high;
        rd_kafka_resp_err_t err =
            rd_kafka_query_watermark_offsets(consumer, topic, p, &low, &high, 10000);
        if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            give_up(topic, rd_kafka_err2str(err));
        }
        rd_kafka_topic_partition_list_add(list, topic, p)->offset = high;
    }
    (void)rd_kafka_assign(consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    return consumer;
}

/* From the record's key, in any layout. */
static int64_t id_of(const rd_kafka_message_t *message, const char *name) {
    size_t length = strlen(name);
    const char *found =
        message->key_len > 0 ? memmem(message->key, message->key_len, name, length) : NULL;
    return found ? strtoll(found + length, NULL, 10) : -1;
}

static void *watch_topic(void *argument) {
    struct probe *probe = argument;
    struct samples *samples = probe->samples;
    while (!atomic_load(&samples->stopping)) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(probe->consumer, 100);
        if (!message) {
            continue;
        }
        int64_t i = message->err ? -1 : id_of(message, probe->key) - samples->base;
        if (i >= 0 && i < samples->count && samples->read[i] == 0) {
            samples->read[i] = now_ns();
        }
        rd_kafka_message_destroy(message);
    }
    (void)rd_kafka_consumer_close(probe->consumer);
    rd_kafka_destroy(probe->consumer);
    return NULL;
}

/* ---- all of it ---- */

static int64_t *array_of(int64_t count) {
    int64_t *array = calloc((size_t)count, sizeof *array);
    if (!array) {
        give_up("memory", "none left");
    }
    return array;
}

static void wait_for_all(struct samples *samples) {
    int64_t end = now_ns() + LATEST_SECONDS * INT64_C(1000000000);
    while (atomic_load(&samples->seen) < samples->count && now_ns() < end) {
        (void)poll(NULL, 0, 10);
    }
}

static void print_samples(const struct samples *samples) {
    for (int64_t i = 0; i < samples->count; i++) {
        (void)printf("%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n",
                     samples->base + i, samples->due[i], samples->committed[i], samples->read[i],
                     atomic_load(&samples->visible[i]));
    }
}

int main(int argc, char **argv) {
    if (argc != 9 && argc != 12) {
        (void)fprintf(stderr, "usage: latency OLTP OLAP BOOTSTRAP TOPIC BASE COUNT RATE "
                              "CONNECTIONS [FIRST SECOND KEY]\n");
        return 2;
    }
    int64_t count = strtoll(argv[6], NULL, 10);
    struct load load = {.conninfo = argv[1],
                        .rate = strtod(argv[7], NULL),
                        .connections = (int)strtol(argv[8], NULL, 10),
                        .first = argc > 9 ? argv[9] : STUDENT,
                        .second = argc > 9 ? argv[10] : CONTACT};
    if (count < 1 || load.rate <= 0) {
        give_up("COUNT and RATE", "must be positive");
    }
    struct samples samples = {.base = strtoll(argv[5], NULL, 10),
                              .count = count,
                              .due = array_of(count),
                              .committed = array_of(count),
                              .read = array_of(count),
                              .visible = (_Atomic int64_t *)array_of(count)};
    struct listener listener = {listen_to_sink(argv[2]), &samples};
    struct probe probe = {.samples = &samples};
    (void)snprintf(probe.key, sizeof probe.key, "\"%s\":", argc > 9 ? argv[11] : "contact_id");
    pthread_t sink_thread, topic_thread;
    if (strcmp(argv[3], "-") != 0) {
        probe.consumer = read_topic(argv[3], argv[4]);
        (void)pthread_create(&topic_thread, NULL, watch_topic, &probe);
    }
    (void)pthread_create(&sink_thread, NULL, watch_sink, &listener);
    run_load(&load, &samples);
    wait_for_all(&samples);
    atomic_store(&samples.stopping, true);
    (void)pthread_join(sink_thread, NULL);
    if (probe.consumer) {
        (void)pthread_join(topic_thread, NULL);
    }
    PQfinish(listener.connection);
    print_samples(&samples);
    return 0;
}
