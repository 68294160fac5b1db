/* What only a real broker can do: topics and their settings, committed offsets, DeleteRecords; and
 * reading a lot. */
#include "cases.h"
#include "consume/kafka_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void test_topics(void) {
    struct member m;
    struct err err;
    struct topic_info infos[SUPPORT_TOPICS];
    char id[64], names[SUPPORT_TOPICS][64];
    const char *topics[SUPPORT_TOPICS] = {names[0], names[1]};
    for (int t = 0; t < SUPPORT_TOPICS; t++) {
        (void)snprintf(names[t], sizeof names[t], "it.create.%lld.%d", (long long)now_ms(), t);
    }
    topics_have(8);
    member_open(&m, "topics", topics, NULL);
    CHECK(kafka_cluster_id(m.consume, 5000, id, sizeof id, &err) == ERR_NONE, "no cluster id");
    CHECK(strlen(id) >= 8, "%s", id);
    enum err_kind kind = kafka_describe(m.consume, 5000, infos, &err);
    CHECK(kind == ERR_NONE && !infos[0].exists && !infos[1].exists, "kind %d", kind);
    struct kafka_topic_options options = {99, INT64_C(604800000)};
    kind = kafka_create_topics(m.consume, 5000, &options, &err);
    CHECK(kind == ERR_CONFIG && strstr(err.message, "99 replicas"), "%s", err.message);
    options.replication_factor = 1;
    int64_t start_ms = now_ms();
    kind = kafka_create_topics(m.consume, 10000, &options, &err);
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
    options.max_message_bytes = 5000000;
    kind = kafka_create_topics(m.consume, 10000, &options, &err);
    CHECK(kind == ERR_NONE, "%s", err.message);
    options.max_message_bytes = 4000000; /* never lowered */
    kind = kafka_create_topics(m.consume, 10000, &options, &err);
    CHECK(kind == ERR_NONE, "%s", err.message);
    kind = kafka_describe(m.consume, 5000, infos, &err);
    CHECK(kind == ERR_NONE, "%s", err.message);
    for (int t = 0; t < SUPPORT_TOPICS && kind == ERR_NONE; t++) {
        CHECK(infos[t].max_message_bytes == 5000000, "topic %d", t);
        CHECK(infos[t].compacted && infos[t].min_compaction_lag_ms == 604800000, "topic %d", t);
    }
    member_close(&m);
    topics_have(3);
    member_open(&m, "topics", topics, NULL);
    kind = kafka_create_topics(m.consume, 5000, &options, &err);
    CHECK(kind == ERR_CONFIG && strstr(err.message, "8 partitions"), "%s", err.message);
    member_close(&m);
    done("topics are created once, described, and refused when they differ");
}

static bool both_have(struct member **m) {
    return m[0]->has && m[1]->has && m[0]->pair_count == 4 && m[1]->pair_count == 4;
}

/* The group's offset of one partition, as another client sees it. */
static int64_t committed(const char *group, const char *topic, int32_t partition) {
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    (void)rd_kafka_conf_set(conf, "bootstrap.servers", cluster_bootstrap(), why, sizeof why);
    (void)rd_kafka_conf_set(conf, "group.id", group, why, sizeof why);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    need(rk != NULL, why);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition);
    rd_kafka_resp_err_t code = rd_kafka_committed(rk, list, 5000);
    int64_t offset = code == RD_KAFKA_RESP_ERR_NO_ERROR ? list->elems[0].offset : -1;
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(rk);
    return offset;
}

void test_committed_and_listed(void) {
    const char *const *topics = make_topics("listed", 4);
    const char *group = make_group();
    struct member a, b, *members[] = {&a, &b};
    member_join(&a, "anna", topics, group);
    member_join(&b, "bert", topics, group);
    CHECK(member_until(members, 2, both_have, 20000), "%zu and %zu", a.pair_count, b.pair_count);
    char text[256];
    kafka_ops.members(a.consume, text, sizeof text);
    CHECK(strncmp(text, "bert (", 6) == 0 && !strstr(text, "anna"), "%s", text);
    (void)printf("    %s\n", text);
    kafka_ops.members(a.consume, text, 4);
    CHECK(strlen(text) < 4, "%s", text);
    const struct topic_position at = {a.pairs[0].table, a.pairs[0].partition, 77};
    kafka_ops.commit(a.consume, &at, 1);
    int64_t offset = -1, end_ms = now_ms() + 5000;
    while (offset != 77 && now_ms() < end_ms) {
        (void)member_round(&a, false);
        (void)member_round(&b, false);
        offset = committed(group, topics[at.table], at.partition);
    }
    CHECK(offset == 77, "%lld", (long long)offset);
    member_close(&b);
    member_close(&a);
    done("offsets are committed, the other members are listed");
}

static void delete_records(const char *topic, int32_t partition, int64_t before) {
    rd_kafka_t *rk = producer_new();
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = before;
    rd_kafka_DeleteRecords_t *what = rd_kafka_DeleteRecords_new(list);
    rd_kafka_queue_t *answers = rd_kafka_queue_new(rk);
    rd_kafka_DeleteRecords(rk, &what, 1, NULL, answers);
    rd_kafka_event_t *event = rd_kafka_queue_poll(answers, 10000);
    need(event && !rd_kafka_event_error(event), "DeleteRecords");
    const rd_kafka_DeleteRecords_result_t *result = rd_kafka_event_DeleteRecords_result(event);
    const rd_kafka_topic_partition_list_t *done_list =
        rd_kafka_DeleteRecords_result_offsets(result);
    need(done_list->elems[0].err == RD_KAFKA_RESP_ERR_NO_ERROR,
         rd_kafka_err2str(done_list->elems[0].err));
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(answers);
    rd_kafka_DeleteRecords_destroy(what);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(rk);
}

/* Kafka deletes records only where cleanup.policy allows it. */
static void set_policy(const char *topic, const char *policy) {
    rd_kafka_t *rk = producer_new();
    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    (void)rd_kafka_ConfigResource_set_config(resource, "cleanup.policy", policy);
    rd_kafka_queue_t *answers = rd_kafka_queue_new(rk);
    rd_kafka_AlterConfigs(rk, &resource, 1, NULL, answers);
    rd_kafka_event_t *event = rd_kafka_queue_poll(answers, 10000);
    need(event && !rd_kafka_event_error(event), "AlterConfigs");
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(answers);
    rd_kafka_ConfigResource_destroy(resource);
    rd_kafka_destroy(rk);
}

void test_topic_cut_off(void) {
    const char *const *topics = make_topics("cut", 1);
    rd_kafka_t *producer = producer_new();
    produce_many(producer, topics[0], 0, 20, 50);
    producer_close(producer);
    set_policy(topics[0], "delete");
    delete_records(topics[0], 0, 5);
    struct member m;
    struct err err;
    struct kafka_topic_options options = {1, 1000};
    member_join(&m, "cut", topics, make_group());
    int64_t end_ms = now_ms() + 15000;
    while (m.halts == 0 && now_ms() < end_ms) {
        (void)member_round(&m, false);
    }
    CHECK(m.halts == 1 && strstr(m.last_halt.err.message, "5 to 20"), "%s",
          m.last_halt.err.message);
    m.start[0][0] = -1; /* from wherever it begins */
    member_assign(&m);
    while (member_records(&m) < 15 && now_ms() < end_ms) {
        (void)member_round(&m, false);
    }
    CHECK(member_records(&m) == 15 && m.next[0][0] == 20, "%lld", (long long)member_records(&m));
    enum err_kind kind = kafka_create_topics(m.consume, 5000, &options, &err);
    CHECK(kind == ERR_CONFIG && strstr(err.message, "cleanup.policy"), "%s", err.message);
    (void)printf("    %s\n", err.message);
    member_close(&m);
    done("a log cut off before our offset halts; topics that lose records are refused");
}

/* ---- reading a lot ---- */

static const char *const big[SUPPORT_TOPICS] = {"it.large.student", "it.large.contact"};

static void fill_now(int records, size_t bytes) {
    rd_kafka_t *producer = producer_new();
    for (int t = 0; t < SUPPORT_TOPICS; t++) {
        for (int32_t p = 0; p < 8; p++) {
            produce_many(producer, big[t], p, records / 16, bytes);
        }
    }
    producer_close(producer);
}

void fill(int records, size_t bytes) {
    struct member m;
    struct err err;
    struct kafka_topic_options options = {1, INT64_C(604800000)};
    int64_t low = 0, high = 0;
    topics_have(8);
    member_open(&m, "fill", big, NULL);
    enum err_kind kind = kafka_create_topics(m.consume, 10000, &options, &err);
    CHECK(kind == ERR_NONE, "%s", err.message);
    (void)rd_kafka_query_watermark_offsets(m.consume->rk, big[1], 7, &low, &high, 5000);
    if (high < records / 16) {
        fill_now(records, bytes);
    }
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

static bool at_all_ends(struct member **members) {
    return members[0]->eofs >= 4;
}

/* librdkafka sleeps when its queue is full; what is at its end then must not wait for its waking,
 * nor what has given no record yet, in the first round. */
void test_quiet_beside_full(void) {
    const char *const *topics = make_topics("quiet", 2);
    const char *const settings[] = {"group.id", make_group(),      "queued.max.messages.kbytes",
                                    "1024",     "fetch.max.bytes", "1048576",
                                    NULL};
    struct member m;
    struct err err;
    struct member *members[] = {&m};
    member_open(&m, "quiet", topics, settings);
    need(kafka_subscribe(m.consume, &err) == ERR_NONE, "subscribe");
    CHECK(member_until(members, 1, at_all_ends, 10000), "%lld ends", (long long)m.eofs);
    rd_kafka_t *producer = producer_new();
    for (int i = 0; i < 5; i++) {
        produce_many(producer, topics[0], 0, 20000, 500);
        int64_t before = m.records[0][0], end_ms = now_ms() + 10000;
        while (m.records[0][0] == before) {
            need(now_ms() < end_ms, "a record within 10 s");
            (void)member_round(&m, false);
        }
        /* Nothing is taken until the queue is full. */
        while (rd_kafka_queue_length(m.consume->record_queue) * 500 < 1000000) {
            need(now_ms() < end_ms, "a full queue within 10 s");
        }
        kafka_ops.pause(m.consume, 0, 0, true);
        before = m.records[0][1];
        produce(producer, topics[0], 1, STR("k"), STR("v"));
        (void)rd_kafka_flush(producer, 5000);
        int64_t sent_ms = now_ms();
        while (m.records[0][1] == before && now_ms() < sent_ms + 5000) {
            (void)member_round(&m, false);
        }
        CHECK(now_ms() - sent_ms < 400, "%lld ms", (long long)(now_ms() - sent_ms));
        kafka_ops.pause(m.consume, 0, 0, false);
    }
    producer_close(producer);
    member_close(&m);
    done("what is at its end is read while the queue was full of what is paused");
}

static long peak_kb;

static bool all_ended(struct member **members) {
    long kb = resident_kb();
    peak_kb = kb > peak_kb ? kb : peak_kb;
    return members[0]->eofs >= 16;
}

void test_read(int records, const char *kbytes, int work_ns, bool wakeup) {
    const char *group = make_group();
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
    member_open(&m, "read", big, settings);
    need(kafka_subscribe(m.consume, &err) == ERR_NONE, "subscribe");
    if (!wakeup) {
        fetch_wakeup_clear(&m.consume->fetch_wakeup);
    }
    m.work_ns = work_ns;
    while (m.assigns == 0) {
        (void)member_round(&m, true);
    }
    int64_t start_ms = now_ms();
    CHECK(member_until(members, 1, all_ended, 120000), "%lld read", (long long)member_records(&m));
    int64_t took_ms = now_ms() - start_ms;
    CHECK(member_records(&m) == (int64_t)records / 16 * 16, "%lld read",
          (long long)member_records(&m));
    CHECK(m.out_of_order == 0, "%lld", (long long)m.out_of_order);
    (void)printf("    %s KB queue, %d ns of work a record, %s (%llu rounds): %lld records in %lld "
                 "ms, %lld k/s, at most %ld MB resident\n",
                 kbytes, work_ns, m.consume->fetch_wakeup.answers ? "wakeup" : "no wakeup",
                 (unsigned long long)m.consume->fetch_wakeup.rounds, (long long)member_records(&m),
                 (long long)took_ms, (long long)(member_records(&m) / (took_ms ? took_ms : 1)),
                 peak_kb / 1024);
    member_close(&m);
    done("every record is read, in order");
}
