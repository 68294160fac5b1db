/* generate: writes Debezium-shaped records of student and contact straight to Kafka, so that the
 * consumer and not Debezium is measured. Seeded: equal arguments give equal records.
 *
 *   generate BOOTSTRAP PREFIX PARTITIONS [name=value ...]
 *     students=250000 contacts=500000   inserts, in this order
 *     renames=125000 updates=125000     updates of every second student, every fourth contact
 *     moves=0 deletes=0                 contacts that move to another student; contacts deleted
 *     random=0                          1: each stage in random order of keys
 *     seed=1 version=1                  version makes the values differ from another run's
 */
#include <librdkafka/rdkafka.h>

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct plan {
    int64_t students, contacts, renames, updates, moves, deletes, random, seed, version;
};

static rd_kafka_t *producer;
static const char *prefix;
static int32_t partitions;
static struct plan plan = {250000, 500000, 125000, 125000, 0, 0, 0, 1, 1};
static int64_t lsn = 331470928, written;

static uint64_t mix(uint64_t z) { /* splitmix64's output function */
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

/* A permutation of 0 .. n-1: cycles of a Feistel network over the next power of four. */
static int64_t permuted(int64_t i, int64_t n) {
    if (!plan.random) {
        return i;
    }
    int half = 1;
    while ((INT64_C(1) << (2 * half)) < n) {
        half++;
    }
    uint64_t mask = (UINT64_C(1) << half) - 1, x = (uint64_t)i;
    do {
        uint64_t left = x >> half, right = x & mask;
        for (uint64_t round = 0; round < 4; round++) {
            uint64_t next = left ^ (mix(right * 4 + round + (uint64_t)plan.seed * 977) & mask);
            left = right;
            right = next;
        }
        x = (left << half) | right;
    } while (x >= (uint64_t)n);
    return (int64_t)x;
}

static void send_record(const char *table, int64_t student, const char *key, const char *before,
                        const char *after, char op) {
    char topic[256], value[2048];
    int64_t us = INT64_C(1795349626525906) + written;
    lsn += 152;
    (void)snprintf(topic, sizeof topic, "%s.public.%s", prefix, table);
    int len = snprintf(
        value, sizeof value,
        "{\"before\":%s,\"after\":%s,\"source\":{\"version\":\"3.6.1.Final\",\"connector\":"
        "\"postgresql\",\"name\":\"%s\",\"ts_ms\":%" PRId64
        ",\"snapshot\":null,\"db\":\"pg\",\"sequence\":\"[\\\"%" PRId64 "\\\",\\\"%" PRId64
        "\\\"]\",\"ts_us\":%" PRId64 ",\"ts_ns\":%" PRId64
        "000,\"schema\":\"public\",\"table\":\"%s\",\"txId\":%" PRId64 ",\"lsn\":%" PRId64
        ",\"xmin\":null,\"origin\":null,\"origin_lsn\":null},\"transaction\":null,\"op\":\"%c\","
        "\"ts_ms\":%" PRId64 ",\"ts_us\":%" PRId64 ",\"ts_ns\":%" PRId64 "387}",
        before, after, prefix, us / 1000, lsn, lsn, us, us, table, 1001821 + written, lsn, op,
        us / 1000, us, us);
    int32_t partition = (int32_t)(student % partitions);
    for (;;) {
        rd_kafka_resp_err_t err = rd_kafka_producev(
            producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
            RD_KAFKA_V_KEY(key, strlen(key)), RD_KAFKA_V_VALUE(value, (size_t)len),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            break;
        }
        if (err != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            (void)fprintf(stderr, "%s: %s\n", topic, rd_kafka_err2str(err));
            exit(1);
        }
        rd_kafka_poll(producer, 100);
    }
    if (++written % 1000 == 0) {
        rd_kafka_poll(producer, 0);
    }
}

static void student_row(char *out, size_t size, int64_t id, const char *stage) {
    (void)snprintf(out, size,
                   "{\"student_id\":%" PRId64 ",\"name\":\"%s %" PRId64 " v%" PRId64 "\"}", id,
                   stage, id, plan.version);
}

static void contact_row(char *out, size_t size, int64_t id, int64_t student, const char *stage) {
    (void)snprintf(out, size,
                   "{\"contact_id\":%" PRId64 ",\"student_id\":%" PRId64
                   ",\"contact_number\":\"%s%" PRId64 "-%" PRId64 "\"}",
                   id, student, stage, id, plan.version);
}

static int64_t student_of(int64_t contact) {
    return 1 + (contact * 7919) % plan.students;
}

static void write_student(int64_t id, const char *before_stage, const char *stage) {
    char key[64], before[128] = "null", after[128];
    (void)snprintf(key, sizeof key, "{\"student_id\":%" PRId64 "}", id);
    if (before_stage) {
        student_row(before, sizeof before, id, before_stage);
    }
    student_row(after, sizeof after, id, stage);
    send_record("student", id, key, before, after, before_stage ? 'u' : 'c');
}

/* stage NULL: deletes. */
static void write_contact(int64_t id, int64_t student, const char *before_stage,
                          const char *stage) {
    char key[96], before[128] = "null", after[128] = "null";
    (void)snprintf(key, sizeof key, "{\"student_id\":%" PRId64 ",\"contact_id\":%" PRId64 "}",
                   student, id);
    if (before_stage) {
        contact_row(before, sizeof before, id, student, before_stage);
    }
    if (stage) {
        contact_row(after, sizeof after, id, student, stage);
    }
    send_record("contact", student, key, before, after, !stage ? 'd' : before_stage ? 'u' : 'c');
}

static void write_all(void) {
    for (int64_t i = 0; i < plan.students; i++) {
        write_student(1 + permuted(i, plan.students), NULL, "student");
    }
    for (int64_t i = 0; i < plan.contacts; i++) {
        int64_t id = 1 + permuted(i, plan.contacts);
        write_contact(id, student_of(id), NULL, "+49-");
    }
    for (int64_t i = 0; i < plan.renames; i++) {
        write_student(2 * (1 + permuted(i, plan.renames)), "student", "renamed");
    }
    for (int64_t i = 0; i < plan.updates; i++) {
        int64_t id = 4 * (1 + permuted(i, plan.updates));
        write_contact(id, student_of(id), "+49-", "+50-");
    }
    for (int64_t i = 0; i < plan.moves; i++) { /* contacts 4k+1: not updated before */
        int64_t id = 4 * permuted(i, plan.moves) + 1;
        write_contact(id, student_of(id), "+49-", NULL);
        write_contact(id, student_of(id + 1), NULL, "+51-");
    }
    for (int64_t i = 0; i < plan.deletes; i++) { /* contacts 4k+3 */
        int64_t id = 4 * permuted(i, plan.deletes) + 3;
        write_contact(id, student_of(id), "+49-", NULL);
    }
}

static int take_option(const char *option) {
    const struct {
        const char *name;
        int64_t *value;
    } options[] = {
        {"students", &plan.students}, {"contacts", &plan.contacts}, {"renames", &plan.renames},
        {"updates", &plan.updates},   {"moves", &plan.moves},       {"deletes", &plan.deletes},
        {"random", &plan.random},     {"seed", &plan.seed},         {"version", &plan.version},
    };
    const char *equals = strchr(option, '=');
    for (size_t i = 0; equals && i < sizeof options / sizeof *options; i++) {
        if (strlen(options[i].name) == (size_t)(equals - option) &&
            strncmp(options[i].name, option, (size_t)(equals - option)) == 0) {
            *options[i].value = strtoll(equals + 1, NULL, 10);
            return 0;
        }
    }
    (void)fprintf(stderr, "unknown option %s\n", option);
    return 2;
}

int main(int argc, char **argv) {
    if (argc < 4) {
        (void)fprintf(stderr, "usage: generate BOOTSTRAP PREFIX PARTITIONS [name=value ...]\n");
        return 2;
    }
    prefix = argv[2];
    partitions = (int32_t)strtol(argv[3], NULL, 10);
    for (int i = 4; i < argc; i++) {
        if (take_option(argv[i]) != 0) {
            return 2;
        }
    }
    char error[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const char *settings[][2] = {{"bootstrap.servers", argv[1]},
                                 {"compression.codec", "lz4"},
                                 {"linger.ms", "20"},
                                 {"batch.size", "262144"},
                                 {"queue.buffering.max.kbytes", "131072"}};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        (void)rd_kafka_conf_set(conf, settings[i][0], settings[i][1], error, sizeof error);
    }
    producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof error);
    if (!producer) {
        (void)fprintf(stderr, "%s\n", error);
        return 1;
    }
    write_all();
    rd_kafka_resp_err_t err = rd_kafka_flush(producer, 120000);
    rd_kafka_destroy(producer);
    (void)printf("%" PRId64 " records\n", written);
    return err != RD_KAFKA_RESP_ERR_NO_ERROR;
}
