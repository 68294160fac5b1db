/* Records: what comes out of a partition, in what order, and what never does. */
#include "cases.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct member *waited[1];

static bool has_been_given(struct member **members) {
    return members[0]->assigns > 0;
}

/* One member with everything, reading from the start. */
static void open_alone(struct member *m, const char *const *topics) {
    member_join(m, "alone", topics, make_group());
    waited[0] = m;
    CHECK(member_until(waited, 1, has_been_given, 15000), "nothing was assigned");
}

static const struct consume_event *next_event(struct member *m, struct consume_event *event) {
    int64_t end_ms = now_ms() + 10000;
    for (;;) {
        struct consume_event group;
        kafka_ops.poll_group(m->consume, &group);
        if (kafka_ops.poll_records(m->consume, event, 1) == 1) {
            return event;
        }
        need(now_ms() < end_ms, "an event within 10 s");
        struct pollfd fd = {.fd = kafka_ops.fd(m->consume), .events = POLLIN};
        (void)poll(&fd, 1, 1000);
    }
}

void test_kinds_of_values(void) {
    const char *const *topics = make_topics("values", 1);
    rd_kafka_t *producer = producer_new();
    produce(producer, topics[1], 0, STR("k1"), STR("v1"));
    produce(producer, topics[1], 0, STR("k2"), STR_NONE);
    produce(producer, topics[1], 0, STR("k3"), STR(""));
    /* A compacted topic takes no record without a key. */
    struct str no_key = cluster_is_mock() ? STR_NONE : STR("k4");
    produce(producer, topics[1], 0, no_key, STR("v4"));
    produce(producer, topics[1], 0, STR(""), STR("v5"));
    producer_close(producer);
    struct member m;
    struct consume_event event;
    member_join(&m, "values", topics, make_group());
    m.answer = false;
    waited[0] = &m;
    CHECK(member_until(waited, 1, has_been_given, 15000), "nothing was assigned");
    struct err err;
    const struct topic_position at[] = {{1, 0, 0}};
    CHECK(kafka_ops.assign(m.consume, at, 1, &err) == ERR_NONE, "%s", err.message);
    const struct {
        struct str key, value;
    } expected[] = {{STR("k1"), STR("v1")},
                    {STR("k2"), STR_NONE},
                    {STR("k3"), STR("")},
                    {no_key, STR("v4")},
                    {STR(""), STR("v5")}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const struct record *r = &next_event(&m, &event)->record;
        CHECK(event.kind == CONSUME_RECORD && r->table == 1 && r->partition == 0,
              "%zu: kind %d: %s", i, event.kind, event.err.message);
        CHECK(r->offset == (int64_t)i && r->timestamp_ms > 1600000000000, "%zu", i);
        CHECK(str_equal(r->key, expected[i].key), "%zu", i);
        CHECK(str_equal(r->value, expected[i].value), "%zu", i);
        CHECK((r->key.ptr == NULL) == (expected[i].key.ptr == NULL), "%zu", i);
        CHECK((r->value.ptr == NULL) == (expected[i].value.ptr == NULL), "%zu", i);
        kafka_ops.release(m.consume, r->handle);
    }
    CHECK(next_event(&m, &event)->kind == CONSUME_EOF && event.record.offset == 5, "kind %d",
          event.kind);
    member_close(&m);
    done("tombstones, empty and missing keys and values, the end");
}

static bool got_four(struct member **members) {
    return member_records(members[0]) >= 4;
}

void test_one_descriptor_for_both(void) {
    const char *const *topics = make_topics("wake", 1);
    struct member m;
    open_alone(&m, topics);
    rd_kafka_t *producer = producer_new();
    for (int i = 0; i < 2; i++) {
        (void)member_until(waited, 1, got_four, 500); /* everything quiet: at its end */
        struct consume_event event;
        struct pollfd fd = {.fd = kafka_ops.fd(m.consume), .events = POLLIN};
        produce(producer, topics[0], 0, STR("k"), STR("v"));
        (void)rd_kafka_flush(producer, 5000);
        CHECK(poll(&fd, 1, 3000) == 1, "not woken");
        /* The group's poll first: it must not swallow what is meant for the records. */
        kafka_ops.poll_group(m.consume, &event);
        CHECK(poll(&fd, 1, 3000) == 1, "lost by poll_group");
        /* Nobody takes the records: no spinning. */
        kafka_ops.poll_group(m.consume, &event);
        kafka_ops.poll_group(m.consume, &event);
        CHECK(poll(&fd, 1, 0) == 0, "still readable");
        int64_t before = member_records(&m);
        (void)member_round(&m, false);
        CHECK(member_records(&m) == before + 1, "not there");
    }
    producer_close(producer);
    member_close(&m);
    done("one descriptor wakes for both queues, loses nothing, does not spin");
}

/* Offsets are contiguous here, so any record but the expected one is stale or a gap. */
static void check_contiguous(struct member *m, const struct consume_event *event,
                             bool assigned[SUPPORT_TOPICS][SUPPORT_PARTITIONS]) {
    const struct record *r = &event->record;
    if (event->kind == CONSUME_RECORD) {
        CHECK(assigned[r->table][r->partition], "%d [%d] is not assigned", r->table, r->partition);
        CHECK(r->offset == m->next[r->table][r->partition], "%d [%d]: %lld instead of %lld",
              r->table, r->partition, (long long)r->offset,
              (long long)m->next[r->table][r->partition]);
        m->next[r->table][r->partition] = r->offset + 1;
        m->records[r->table][r->partition]++;
        kafka_ops.release(m->consume, r->handle);
    } else {
        CHECK(event->kind == CONSUME_EOF, "kind %d: %s", event->kind, event->err.message);
    }
}

static void poll_contiguous(struct member *m, int rounds,
                            bool assigned[SUPPORT_TOPICS][SUPPORT_PARTITIONS]) {
    static struct consume_event events[64];
    for (int i = 0; i < rounds; i++) {
        struct consume_event group;
        kafka_ops.poll_group(m->consume, &group);
        CHECK(group.kind == CONSUME_NOTHING, "kind %d", group.kind);
        size_t count = kafka_ops.poll_records(m->consume, events, (size_t)(1 + rand() % 64));
        for (size_t e = 0; e < count; e++) {
            check_contiguous(m, &events[e], assigned);
        }
        if (count == 0) {
            struct pollfd fd = {.fd = kafka_ops.fd(m->consume), .events = POLLIN};
            (void)poll(&fd, 1, 5);
        }
    }
}

static size_t random_positions(struct member *m, int per_partition,
                               struct topic_position *positions,
                               bool assigned[SUPPORT_TOPICS][SUPPORT_PARTITIONS]) {
    size_t count = 0;
    for (int t = 0; t < SUPPORT_TOPICS; t++) {
        for (int32_t p = 0; p < 4; p++) {
            assigned[t][p] = rand() % 4 != 0;
            if (assigned[t][p]) {
                int64_t offset = rand() % per_partition;
                positions[count++] = (struct topic_position){t, p, offset};
                m->next[t][p] = offset;
            }
        }
    }
    return count;
}

/* Everything that is assigned arrives in the end. */
static void read_to_ends(struct member *m, int per_partition,
                         bool assigned[SUPPORT_TOPICS][SUPPORT_PARTITIONS]) {
    int64_t end_ms = now_ms() + 10000;
    bool all = false;
    while (!all && now_ms() < end_ms) {
        poll_contiguous(m, 20, assigned);
        all = true;
        for (int t = 0; t < SUPPORT_TOPICS; t++) {
            for (int p = 0; p < 4; p++) {
                all = all && (!assigned[t][p] || m->next[t][p] == per_partition);
            }
        }
    }
    CHECK(all, "a partition stopped short");
}

void test_nothing_stale(void) {
    enum { PER_PARTITION = 2000, ROUNDS = 400 };
    const char *const *topics = make_topics("stale", 4);
    rd_kafka_t *producer = producer_new();
    for (int t = 0; t < SUPPORT_TOPICS; t++) {
        for (int32_t p = 0; p < 4; p++) {
            produce_many(producer, topics[t], p, PER_PARTITION, 100);
        }
    }
    producer_close(producer);
    struct member m;
    open_alone(&m, topics);
    srand(1);
    for (int round = 0; round < ROUNDS; round++) {
        struct topic_position positions[8];
        bool assigned[SUPPORT_TOPICS][SUPPORT_PARTITIONS] = {{0}};
        struct err err;
        size_t count = random_positions(&m, PER_PARTITION, positions, assigned);
        CHECK(kafka_ops.assign(m.consume, positions, count, &err) == ERR_NONE, "%s", err.message);
        poll_contiguous(&m, rand() % 12, assigned);
        for (int i = 0; i < 3 && count > 0; i++) {
            const struct topic_position *at = &positions[(size_t)rand() % count];
            kafka_ops.pause(m.consume, at->table, at->partition, true);
            poll_contiguous(&m, rand() % 4, assigned);
            if (rand() % 3 != 0) { /* sometimes it stays paused until the next assign */
                kafka_ops.pause(m.consume, at->table, at->partition, false);
            }
            poll_contiguous(&m, rand() % 4, assigned);
        }
        if (round % 40 == 39) {
            CHECK(kafka_ops.assign(m.consume, positions, count, &err) == ERR_NONE, "%s",
                  err.message);
            for (size_t i = 0; i < count; i++) {
                m.next[positions[i].table][positions[i].partition] = positions[i].offset;
            }
            read_to_ends(&m, PER_PARTITION, assigned);
        }
    }
    (void)printf("    %lld records in %d assignments\n", (long long)member_records(&m), ROUNDS);
    member_close(&m);
    done("assign and pause: nothing stale, no gap, nothing stuck");
}

void test_out_of_range(void) {
    const char *const *topics = make_topics("range", 2);
    rd_kafka_t *producer = producer_new();
    for (int t = 0; t < SUPPORT_TOPICS; t++) {
        produce_many(producer, topics[t], 0, 10, 50);
        produce_many(producer, topics[t], 1, 10, 50);
    }
    producer_close(producer);
    struct member m;
    member_join(&m, "range", topics, make_group());
    m.start[1][0] = 5000; /* the log ends at 10 */
    waited[0] = &m;
    CHECK(member_until(waited, 1, has_been_given, 15000), "nothing was assigned");
    int64_t end_ms = now_ms() + 8000;
    while ((m.halts < 1 || m.eofs < 3) && now_ms() < end_ms) {
        (void)member_round(&m, false);
    }
    CHECK(m.halts == 1, "%lld halts", (long long)m.halts);
    CHECK(member_records(&m) == 30 && m.records[1][0] == 0, "%lld", (long long)member_records(&m));
    const struct consume_event *halt = &m.last_halt;
    CHECK(halt->record.table == 1 && halt->record.partition == 0, "%d", halt->record.table);
    CHECK(halt->err.kind == ERR_HALT && halt->err.offset == 5000, "%lld",
          (long long)halt->err.offset);
    CHECK(strstr(halt->err.message, "0 to 10"), "%s", halt->err.message);
    (void)printf("    %s\n", halt->err.message);
    producer = producer_new();
    produce_many(producer, topics[0], 0, 10, 50);
    produce_many(producer, topics[1], 1, 10, 50);
    producer_close(producer);
    end_ms = now_ms() + 8000;
    while (member_records(&m) < 50 && now_ms() < end_ms) {
        (void)member_round(&m, false);
    }
    CHECK(member_records(&m) == 50 && m.halts == 1, "%lld", (long long)member_records(&m));
    member_close(&m);
    done("an offset outside the log halts its partition, the others go on");
}
