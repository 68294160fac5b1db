/* Against a real broker: topics, and reading a million records.
 *   real BOOTSTRAP topics
 *   real BOOTSTRAP fill RECORDS BYTES    once per topic prefix
 *   real BOOTSTRAP read RECORDS KBYTES
 *   real BOOTSTRAP group */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *bootstrap;

static const char *const created[SUPPORT_TOPICS] = {"it.consume.student", "it.consume.contact"};

static void test_topics(void) {
    struct member m;
    struct err err;
    struct topic_info infos[SUPPORT_TOPICS];
    char id[64];
    member_open(&m, "topics", bootstrap, created, NULL);
    CHECK(kafka_cluster_id(m.consume, 5000, id, sizeof id, &err) == ERR_NONE, "no cluster id");
    CHECK(strlen(id) >= 8, "%s", id);
    struct kafka_topic_options options = {8, 1, INT64_C(604800000)};
    int64_t start_ms = now_ms();
    enum err_kind kind = kafka_create_topics(m.consume, 10000, &options, &err);
    CHECK(kind == ERR_NONE, "%s", err.message);
    kind = kafka_create_topics(m.consume, 10000, &options, &err);
    CHECK(kind == ERR_NONE, "%s", err.message);
    (void)printf("    created and created again in %lld ms\n", (long long)(now_ms() - start_ms));
    kind = kafka_describe(m.consume, 5000, infos, &err);
    CHECK(kind == ERR_NONE, "%s", err.message);
    for (int t = 0; t < SUPPORT_TOPICS && kind == ERR_NONE; t++) {
        CHECK(infos[t].exists && infos[t].partition_count == 8, "%d", infos[t].partition_count);
        CHECK(infos[t].compacted && infos[t].retention_ms == -1, "topic %d", t);
        CHECK(infos[t].min_compaction_lag_ms == 604800000, "topic %d", t);
    }
    options.partition_count = 3;
    kind = kafka_create_topics(m.consume, 5000, &options, &err);
    CHECK(kind == ERR_CONFIG && strstr(err.message, "8 partitions"), "%s", err.message);
    options = (struct kafka_topic_options){8, 99, 1000};
    member_close(&m);
    done("topics are created once, described, and refused when they differ");
}

/* ---- reading a lot ---- */

static const char *const big[SUPPORT_TOPICS] = {"it.consume.big.student", "it.consume.big.contact"};

static void fill(int records, size_t bytes) {
    struct member m;
    struct err err;
    struct kafka_topic_options options = {8, 1, INT64_C(604800000)};
    member_open(&m, "fill", bootstrap, big, NULL);
    enum err_kind kind = kafka_create_topics(m.consume, 10000, &options, &err);
    CHECK(kind == ERR_NONE, "%s", err.message);
    rd_kafka_t *producer = producer_new(bootstrap);
    for (int t = 0; t < SUPPORT_TOPICS; t++) {
        for (int32_t p = 0; p < 8; p++) {
            produce_many(producer, big[t], p, records / 16, bytes);
        }
    }
    producer_close(producer);
    member_close(&m);
    done("topics are filled");
}

static long resident_kb(void) {
    long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file) {
        if (fscanf(file, "%ld %ld", &pages, &resident) != 2) {
            resident = 0;
        }
        (void)fclose(file);
    }
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static bool all_ended(struct member **members) {
    static long long peak;
    long kb = resident_kb();
    peak = kb > peak ? kb : peak;
    if (members[0]->eofs >= 16) {
        (void)printf("    peak resident %lld MB\n", peak / 1024);
        return true;
    }
    return false;
}

static void test_read(int records, const char *kbytes) {
    char group[64];
    (void)snprintf(group, sizeof group, "it.read.%lld", (long long)now_ms());
    const char *const settings[] = {"group.id",
                                    group,
                                    "queued.max.messages.kbytes",
                                    kbytes,
                                    "fetch.max.bytes",
                                    "1048576",
                                    "max.partition.fetch.bytes",
                                    "131072",
                                    "check.crcs",
                                    "true",
                                    "socket.nagle.disable",
                                    "true",
                                    NULL};
    struct member m, *members[] = {&m};
    struct err err;
    member_open(&m, "read", bootstrap, big, settings);
    need(kafka_subscribe(m.consume, &err) == ERR_NONE, "subscribe");
    while (m.assigns == 0) {
        (void)member_round(&m, false);
    }
    int64_t start_ms = now_ms();
    CHECK(member_until(members, 1, all_ended, 120000), "%lld read", (long long)member_records(&m));
    int64_t took_ms = now_ms() - start_ms;
    CHECK(member_records(&m) == records / 16 * 16, "%lld read", (long long)member_records(&m));
    CHECK(m.out_of_order == 0, "%lld", (long long)m.out_of_order);
    (void)printf("    %lld records in %lld ms: %lld k/s\n", (long long)member_records(&m),
                 (long long)took_ms, (long long)(member_records(&m) / (took_ms ? took_ms : 1)));
    member_close(&m);
    done("every record is read, in order");
}

int main(int argc, char **argv) {
    need(argc >= 3, "usage: real BOOTSTRAP test...");
    bootstrap = argv[1];
    if (strcmp(argv[2], "topics") == 0) {
        test_topics();
    } else if (strcmp(argv[2], "fill") == 0 && argc == 5) {
        fill(atoi(argv[3]), (size_t)atoi(argv[4]));
    } else if (strcmp(argv[2], "read") == 0 && argc == 5) {
        test_read(atoi(argv[3]), argv[4]);
    } else {
        need(false, "unknown test");
    }
    return failures() != 0;
}
