/* Lookup topics: one partition that every member reads, beside what the group gives it. Topic 1. */
#include "cases.h"
#include "consume/kafka_impl.h"

#include <stdio.h>
#include <string.h>

enum { LOOKUP = 1, PARTITIONS = 4, RECORDS = 300 };

static struct member *members[2];

static bool first_has_all(struct member **m) {
    return m[0]->has && m[0]->pair_count == PARTITIONS;
}

static bool halves(struct member **m) {
    return m[0]->has && m[1]->has && m[0]->pair_count == 2 && m[1]->pair_count == 2;
}

/* What the group gave, each from where it was, and the lookup topic from that offset. */
static void assign_with_lookup(struct member *m, int64_t offset) {
    struct topic_position positions[PARTITIONS + 1];
    struct err err;
    for (size_t i = 0; i < m->pair_count; i++) {
        CHECK(m->pairs[i].table != LOOKUP, "the group gave a partition of the lookup topic");
        positions[i] = m->pairs[i];
        positions[i].offset = m->next[m->pairs[i].table][m->pairs[i].partition];
    }
    positions[m->pair_count] = (struct topic_position){LOOKUP, 0, offset};
    m->next[LOOKUP][0] = offset;
    m->records[LOOKUP][0] = 0;
    m->eofs = 0;
    enum err_kind kind = kafka_ops.assign(m->consume, positions, m->pair_count + 1, &err);
    CHECK(kind == ERR_NONE, "%s", err.message);
}

static bool all_at_end(struct member **m) {
    bool end = m[0]->next[LOOKUP][0] == RECORDS && m[0]->eofs > (int64_t)m[0]->pair_count;
    for (size_t i = 0; i < m[0]->pair_count; i++) {
        end = end && m[0]->next[0][m[0]->pairs[i].partition] == RECORDS;
    }
    return end;
}

static void read_all(struct member *m, int64_t lookup_records) {
    struct member *one[] = {m};
    CHECK(member_until(one, 1, all_at_end, 10000), "%s: %lld", m->name,
          (long long)m->next[LOOKUP][0]);
    CHECK(m->records[LOOKUP][0] == lookup_records, "%s: %lld", m->name,
          (long long)m->records[LOOKUP][0]);
    CHECK(m->out_of_order == 0 && m->halts == 0, "%s: %lld, %lld", m->name,
          (long long)m->out_of_order, (long long)m->halts);
}

static void fill_topics(const char *const *topics) {
    rd_kafka_t *producer = producer_new();
    for (int32_t p = 0; p < PARTITIONS; p++) {
        produce_many(producer, topics[0], p, RECORDS, 100);
    }
    produce_many(producer, topics[LOOKUP], 0, RECORDS, 100);
    producer_close(producer);
}

/* Whether the topics were looked at, as they are at once after a rebalance. */
static bool looked(struct member *m) {
    int64_t end_ms = now_ms() + 1000;
    while (m->consume->broadcast_look_ms <= now_ms() && now_ms() < end_ms) {
        (void)member_round(m, false);
    }
    return m->consume->broadcast_look_ms > now_ms();
}

void test_lookup_topic(void) {
    const char *const *topics = make_lookup_topics("lookup", PARTITIONS);
    fill_topics(topics);
    struct member a, b;
    const char *group = make_group();
    member_join(&a, "a", topics, group);
    a.answer = false;
    members[0] = &a;
    members[1] = &b;
    CHECK(member_until(members, 1, first_has_all, 15000), "%zu pairs", a.pair_count);
    assign_with_lookup(&a, 0);
    read_all(&a, RECORDS);
    CHECK(looked(&a), "no look within a second");
    int64_t look_ms = a.consume->broadcast_look_ms;
    assign_with_lookup(&a, 17); /* back for one task: the others' partitions go on */
    CHECK(a.consume->broadcast_look_ms == look_ms, "each assignment waits for a look");
    read_all(&a, RECORDS - 17);
    CHECK(member_records(&a) == RECORDS * PARTITIONS + RECORDS - 17, "%lld",
          (long long)member_records(&a));
    a.answer = true; /* what the group takes */
    a.start[0][0] = a.start[0][1] = a.start[0][2] = a.start[0][3] = RECORDS;
    member_join(&b, "b", topics, group);
    CHECK(member_until(members, 2, halves, 20000), "%zu and %zu", a.pair_count, b.pair_count);
    for (int i = 0; i < 2; i++) {
        memset(members[i]->next, 0, sizeof members[i]->next);
        members[i]->out_of_order = 0;
        assign_with_lookup(members[i], 0);
        read_all(members[i], RECORDS);
    }
    member_close(&b);
    member_close(&a);
    done("each member reads all of a lookup topic, from where it says, beside its share");
}

static void add_partition(const char *topic) {
    char why[128];
    rd_kafka_t *rk = producer_new();
    rd_kafka_NewPartitions_t *two = rd_kafka_NewPartitions_new(topic, 2, why, sizeof why);
    rd_kafka_queue_t *answers = rd_kafka_queue_new(rk);
    rd_kafka_CreatePartitions(rk, &two, 1, NULL, answers);
    rd_kafka_event_t *event = rd_kafka_queue_poll(answers, 10000);
    need(event && !rd_kafka_event_error(event), "CreatePartitions");
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(answers);
    rd_kafka_NewPartitions_destroy(two);
    rd_kafka_destroy(rk);
}

/* What lies in a second partition would be read by nobody. */
void test_lookup_topic_altered(void) {
    const char *const *topics = make_lookup_topics("altered", PARTITIONS);
    struct member m;
    struct err err;
    struct kafka_topic_options options = {1, INT64_C(604800000)};
    member_join(&m, "altered", topics, make_group());
    m.answer = false;
    members[0] = &m;
    CHECK(member_until(members, 1, first_has_all, 15000), "%zu pairs", m.pair_count);
    assign_with_lookup(&m, 0);
    int64_t end_ms = now_ms() + 1000;
    while (now_ms() < end_ms) {
        (void)member_round(&m, false);
    }
    CHECK(m.halts == 0, "%s", m.last_halt.err.message);
    add_partition(topics[LOOKUP]);
    end_ms = now_ms() + 10000; /* support.c: two seconds are between two looks */
    while (m.halts == 0 && now_ms() < end_ms) {
        (void)member_round(&m, false);
    }
    CHECK(m.halts == 1 && m.last_halt.record.table == LOOKUP && m.last_halt.record.partition == 1,
          "%lld, partition %d", (long long)m.halts, m.last_halt.record.partition);
    enum err_kind kind = kafka_create_topics(m.consume, 5000, &options, &err);
    CHECK(kind == ERR_CONFIG && strstr(err.message, "2 partitions and must have 1"), "%s",
          err.message);
    (void)printf("    %s\n", err.message);
    member_close(&m);
    done("a second partition of a lookup topic is noticed");
}

static void delete_topic(const char *topic) {
    rd_kafka_t *rk = producer_new();
    rd_kafka_DeleteTopic_t *one = rd_kafka_DeleteTopic_new(topic);
    rd_kafka_queue_t *answers = rd_kafka_queue_new(rk);
    rd_kafka_DeleteTopics(rk, &one, 1, NULL, answers);
    rd_kafka_event_t *event = rd_kafka_queue_poll(answers, 10000);
    need(event && !rd_kafka_event_error(event), "DeleteTopics");
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(answers);
    rd_kafka_DeleteTopic_destroy(one);
    rd_kafka_destroy(rk);
}

static bool is_gone(struct member **m) {
    return m[0]->gone > 0;
}

static bool is_back(struct member **m) {
    return m[0]->back > 0;
}

/* The group, which would tell of a topic that comes again, knows nothing of it. */
void test_lookup_topic_gone(void) {
    const char *const *topics = make_lookup_topics("gone", PARTITIONS);
    fill_topics(topics);
    struct member m;
    struct err err;
    struct kafka_topic_options options = {1, INT64_C(604800000)};
    member_join(&m, "gone", topics, make_group());
    m.answer = false;
    members[0] = &m;
    CHECK(member_until(members, 1, first_has_all, 15000), "%zu pairs", m.pair_count);
    assign_with_lookup(&m, 0);
    read_all(&m, RECORDS);
    CHECK(m.gone == 0 && m.back == 0, "%lld, %lld", (long long)m.gone, (long long)m.back);
    delete_topic(topics[LOOKUP]);
    CHECK(member_until(members, 1, is_gone, 10000), "%lld troubles", (long long)m.troubles);
    CHECK(!member_until(members, 1, is_back, 3000) && m.gone == 1, "%lld", (long long)m.gone);
    enum err_kind kind = kafka_create_topics(m.consume, 5000, &options, &err);
    CHECK(kind == ERR_NONE, "%s", err.message);
    CHECK(member_until(members, 1, is_back, 10000), "%lld times gone", (long long)m.gone);
    rd_kafka_t *producer = producer_new();
    produce_many(producer, topics[LOOKUP], 0, RECORDS, 100);
    producer_close(producer);
    m.halts = 0; /* the new log, still empty, did not reach where reading was */
    assign_with_lookup(&m, 0);
    read_all(&m, RECORDS);
    member_close(&m);
    done("a lookup topic that goes and comes again is noticed");
}

/* What the group takes is let go. */
static bool is_gone_meanwhile(struct member **m) {
    if (m[0]->revokes > 0 && !m[0]->has) {
        kafka_ops.revoked(m[0]->consume);
    }
    return is_gone(m);
}

/* A topic that nobody reads shares out the tasks. When it goes, the group gives nothing, and nobody
 * would say so. */
void test_tasks_topic(void) {
    const char *const *topics = make_tasks_topics("tasks", PARTITIONS);
    struct member m;
    struct err err;
    struct kafka_topic_options options = {1, INT64_C(604800000)};
    struct topic_position lookup = {LOOKUP, 0, 0};
    rd_kafka_t *producer = producer_new();
    produce_many(producer, topics[LOOKUP], 0, RECORDS, 100);
    producer_close(producer);
    member_join(&m, "tasks", topics, make_group());
    m.answer = false;
    members[0] = &m;
    CHECK(member_until(members, 1, first_has_all, 15000), "%zu pairs", m.pair_count);
    CHECK(kafka_ops.assign(m.consume, &lookup, 1, &err) == ERR_NONE, "%s", err.message);
    m.pair_count = 0; /* of them nothing is read */
    read_all(&m, RECORDS);
    CHECK(m.gone == 0, "%lld", (long long)m.gone);
    CHECK(kafka_ops.assign(m.consume, NULL, 0, &err) == ERR_NONE, "%s", err.message);
    delete_topic(topics[0]); /* while nothing is read */
    CHECK(member_until(members, 1, is_gone_meanwhile, 15000), "%lld troubles",
          (long long)m.troubles);
    enum err_kind kind = kafka_create_topics(m.consume, 5000, &options, &err);
    CHECK(kind == ERR_NONE, "%s", err.message);
    CHECK(member_until(members, 1, is_back, 10000), "%lld times gone", (long long)m.gone);
    CHECK(member_until(members, 1, first_has_all, 15000), "%zu pairs", m.pair_count);
    member_close(&m);
    done("a topic that shares out the tasks and goes is noticed");
}
