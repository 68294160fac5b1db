/* The group: who gets what, when, and what a slow or vanished peer does. */
#include "cases.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

/* The members' session.timeout.ms and max.poll.interval.ms are 6 s. */
#define LONGER_THAN_TIMEOUTS_MS 8500

static struct member *members[2];

static bool first_given(struct member **m) {
    return m[0]->assigns > 0;
}

static bool halves(struct member **m) {
    return m[0]->has && m[1]->has && m[0]->pair_count == 4 && m[1]->pair_count == 4;
}

static bool first_has_all(struct member **m) {
    return m[0]->has && m[0]->pair_count == 8;
}

static bool both_read_40(struct member **m) {
    return member_records(m[0]) + member_records(m[1]) >= 40;
}

static void rounds(size_t count, int duration_ms, bool group_only) {
    int64_t end_ms = now_ms() + duration_ms;
    while (now_ms() < end_ms) {
        for (size_t i = 0; i < count; i++) {
            (void)member_round(members[i], group_only);
        }
        (void)poll(NULL, 0, 20);
    }
}

/* Ten records in each of four partitions of table 0. */
static void produce_40(const char *const *topics) {
    rd_kafka_t *producer = producer_new();
    for (int32_t p = 0; p < 4; p++) {
        produce_many(producer, topics[0], p, 10, 50);
    }
    producer_close(producer);
}

static void check_same_numbers(const struct member *m) {
    bool in[SUPPORT_TOPICS][SUPPORT_PARTITIONS] = {{0}};
    for (size_t i = 0; i < m->pair_count; i++) {
        in[m->pairs[i].table][m->pairs[i].partition] = true;
    }
    CHECK(memcmp(in[0], in[1], sizeof in[0]) == 0, "%s has split tasks", m->name);
}

void test_members_share(void) {
    const char *const *topics = make_topics("share", 4);
    struct member a, b;
    const char *group = make_group();
    member_join(&a, "a", topics, group);
    members[0] = &a;
    members[1] = &b;
    CHECK(member_until(members, 1, first_has_all, 15000), "%zu pairs", a.pair_count);
    member_join(&b, "b", topics, group);
    CHECK(member_until(members, 2, halves, 20000), "%zu and %zu", a.pair_count, b.pair_count);
    check_same_numbers(&a);
    check_same_numbers(&b);
    CHECK(a.revokes == 1 && !a.lost, "%lld revokes", (long long)a.revokes);
    member_close(&b);
    CHECK(member_until(members, 1, first_has_all, 20000), "%zu pairs", a.pair_count);
    CHECK(a.revokes == 2 && !a.lost, "%lld revokes", (long long)a.revokes);
    member_close(&a);
    done("members share the same numbers of both topics, and take over");
}

static int heartbeats(FILE *log) {
    char line[1500];
    int count = 0;
    rewind(log);
    while (fgets(line, sizeof line, log)) {
        count += strstr(line, "Heartbeat for group") != NULL;
    }
    return count;
}

void test_heartbeats_in_time(void) {
    const char *const *topics = make_topics("heartbeats", 4);
    const char *const settings[] = {
        "group.id", make_group(), "heartbeat.interval.ms", "200", "debug", "cgrp", NULL};
    struct member a;
    struct err err;
    FILE *log = tmpfile();
    need(log != NULL, "tmpfile");
    member_open(&a, "a", topics, settings);
    a.log.fd = fileno(log);
    a.log.level = LOG_DEBUG;
    need(kafka_subscribe(a.consume, &err) == ERR_NONE, "subscribe");
    members[0] = &a;
    CHECK(member_until(members, 1, first_has_all, 15000), "%zu pairs", a.pair_count);
    int before = heartbeats(log);
    rounds(1, 5000, false);
    int count = heartbeats(log) - before;
    CHECK(count >= 15, "%d in 5 s of quiet, one each 200 ms to 400 ms is wanted", count);
    (void)printf("    %d heartbeats in 5 s\n", count);
    member_close(&a);
    (void)fclose(log);
    done("heartbeats are sent when they are due, in quiet too");
}

static void all_come_again(struct member *m) {
    memset(m->records, 0, sizeof m->records);
    member_assign(m);
    int64_t end_ms = now_ms() + 8000;
    while (member_records(m) < 40 && now_ms() < end_ms) {
        (void)member_round(m, false);
    }
    CHECK(member_records(m) == 40, "%lld", (long long)member_records(m));
}

void test_assigned_late(void) {
    const char *const *topics = make_topics("late", 4);
    produce_40(topics);
    struct member a;
    member_join(&a, "a", topics, make_group());
    a.answer = false;
    members[0] = &a;
    CHECK(member_until(members, 1, first_given, 15000), "nothing was assigned");
    rounds(1, LONGER_THAN_TIMEOUTS_MS, false);
    CHECK(a.revokes == 0 && member_records(&a) == 0, "%lld revokes", (long long)a.revokes);
    all_come_again(&a);
    all_come_again(&a); /* replaces, from the start again */
    CHECK(a.revokes == 0 && a.out_of_order == 0, "%lld", (long long)a.revokes);
    member_close(&a);
    done("assign comes long after the group's event, and twice");
}

void test_split_while_unassigned(void) {
    const char *const *topics = make_topics("between", 4);
    produce_40(topics);
    struct member a, b;
    const char *group = make_group();
    member_join(&a, "a", topics, group);
    a.answer = false;
    members[0] = &a;
    members[1] = &b;
    CHECK(member_until(members, 1, first_given, 15000), "nothing was assigned");
    member_join(&b, "b", topics, group);
    int64_t end_ms = now_ms() + 10000;
    while (a.revokes == 0 && now_ms() < end_ms) {
        rounds(2, 50, false);
    }
    CHECK(a.revokes == 1, "no revoke");
    kafka_ops.revoked(a.consume);
    a.answer = true;
    CHECK(member_until(members, 2, halves, 20000), "%zu and %zu", a.pair_count, b.pair_count);
    CHECK(member_until(members, 2, both_read_40, 8000), "%lld + %lld",
          (long long)member_records(&a), (long long)member_records(&b));
    /* Now b leaves and a does not look: it assigns while the revoke lies in its queue. */
    member_close(&b);
    (void)poll(NULL, 0, 2000);
    member_assign(&a);
    CHECK(member_until(members, 1, first_has_all, 20000), "%zu pairs", a.pair_count);
    all_come_again(&a);
    member_close(&a);
    done("a rebalance between the event and the assignment");
}

void test_records_left_lying(void) {
    const char *const *topics = make_topics("lying", 4);
    produce_40(topics);
    struct member a;
    member_join(&a, "a", topics, make_group());
    members[0] = &a;
    members[1] = &a;
    while (a.assigns == 0) {
        (void)member_round(&a, true);
    }
    rounds(1, LONGER_THAN_TIMEOUTS_MS, true);
    CHECK(a.revokes == 0, "%lld revokes", (long long)a.revokes);
    int64_t end_ms = now_ms() + 8000;
    while (member_records(&a) < 40 && now_ms() < end_ms) {
        (void)member_round(&a, false);
    }
    CHECK(member_records(&a) == 40 && a.out_of_order == 0, "%lld", (long long)member_records(&a));
    member_close(&a);
    done("records may lie for longer than max.poll.interval while the group is polled");
}

static bool given_again(struct member **m) {
    return m[0]->assigns >= 2;
}

void test_stalled(void) {
    const char *const *topics = make_topics("stalled", 4);
    struct member a;
    member_join(&a, "a", topics, make_group());
    members[0] = &a;
    CHECK(member_until(members, 1, first_given, 15000), "nothing was assigned");
    (void)poll(NULL, 0, LONGER_THAN_TIMEOUTS_MS);
    CHECK(member_until(members, 1, given_again, 20000), "%lld assigns", (long long)a.assigns);
    CHECK(a.revokes >= 1 && a.lost, "%lld revokes, lost %d", (long long)a.revokes, a.lost);
    CHECK(!a.fatal, "%s", a.last_fatal.err.message);
    produce_40(topics);
    int64_t end_ms = now_ms() + 8000;
    while (member_records(&a) < 40 && now_ms() < end_ms) {
        (void)member_round(&a, false);
    }
    CHECK(member_records(&a) == 40, "%lld", (long long)member_records(&a));
    member_close(&a);
    done("a stalled member loses its partitions and joins again");
}

static void close_timed(struct member *m, int timeout_ms, int limit_ms, const char *what) {
    int64_t start_ms = now_ms();
    kafka_close(m->consume, timeout_ms);
    int64_t closed_ms = now_ms();
    kafka_destroy(&m->consume);
    int64_t destroyed_ms = now_ms();
    (void)printf("    %s: close %lld ms, destroy %lld ms\n", what,
                 (long long)(closed_ms - start_ms), (long long)(destroyed_ms - closed_ms));
    CHECK(destroyed_ms - start_ms < limit_ms, "%s", what);
}

void test_close_is_quick(void) {
    const char *const *topics = make_topics("close", 4);
    struct member a, b;
    member_open(&a, "a", topics, NULL);
    close_timed(&a, 2000, 500, "never joined");
    member_join(&a, "a", topics, make_group());
    close_timed(&a, 2000, 2500, "while joining");
    const char *group = make_group();
    member_join(&a, "a", topics, group);
    members[0] = &a;
    members[1] = &b;
    CHECK(member_until(members, 1, first_given, 15000), "nothing was assigned");
    a.answer = false;
    member_join(&b, "b", topics, group);
    int64_t end_ms = now_ms() + 10000;
    while (a.revokes == 0 && now_ms() < end_ms) {
        rounds(2, 50, false);
    }
    close_timed(&a, 2000, 2500, "with a revoke not answered");
    members[0] = &b;
    CHECK(member_until(members, 1, first_has_all, 20000), "%zu pairs", b.pair_count);
    produce_40(topics);
    rounds(1, 300, true);
    close_timed(&b, 2000, 1000, "in the middle of records");
    done("leaving the group is quick");
}

void test_broker_away(void) {
    const char *const *topics = make_topics("away", 4);
    struct member a;
    member_join(&a, "a", topics, make_group());
    members[0] = &a;
    CHECK(member_until(members, 1, first_given, 15000), "nothing was assigned");
    cluster_down(true);
    rounds(1, 1500, false);
    CHECK(a.troubles > 0 && a.troubles < 10, "%lld troubles", (long long)a.troubles);
    (void)printf("    %s\n", a.last_trouble.err.message);
    CHECK(!a.fatal, "%s", a.last_fatal.err.message);
    cluster_down(false);
    produce_40(topics);
    int64_t end_ms = now_ms() + 15000;
    while (member_records(&a) < 40 && now_ms() < end_ms) {
        (void)member_round(&a, false);
    }
    CHECK(member_records(&a) == 40 && a.out_of_order == 0, "%lld", (long long)member_records(&a));
    cluster_down(true);
    rounds(1, 500, false);
    close_timed(&a, 1500, 2500, "broker away");
    cluster_down(false);
    done("a broker that goes away is waited for, and does not hold up the end");
}

void test_nobody_there(void) {
    const char *const topics[] = {"a", "b"};
    const char *const settings[] = {"bootstrap.servers", "127.0.0.1:1", NULL};
    struct member m;
    struct err err;
    struct topic_info infos[SUPPORT_TOPICS];
    struct kafka_topic_options options = {1, 1000};
    char id[64];
    topics_have(8);
    member_open(&m, "lonely", topics, settings);
    int64_t start_ms = now_ms();
    CHECK(kafka_cluster_id(m.consume, 1000, id, sizeof id, &err) == ERR_RETRY, "%s", id);
    CHECK(now_ms() - start_ms < 1500, "%lld ms", (long long)(now_ms() - start_ms));
    CHECK(strstr(err.message, "127.0.0.1:1"), "%s", err.message);
    (void)printf("    %s\n", err.message);
    start_ms = now_ms();
    CHECK(kafka_describe(m.consume, 1000, infos, &err) == ERR_RETRY, "described");
    CHECK(kafka_create_topics(m.consume, 1000, &options, &err) == ERR_RETRY, "created");
    CHECK(now_ms() - start_ms < 3000, "%lld ms", (long long)(now_ms() - start_ms));
    close_timed(&m, 1000, 1500, "nobody there");
    member_open(&m, "lonely", topics, settings);
    CHECK(kafka_subscribe(m.consume, &err) == ERR_CONFIG, "subscribed without a group");
    close_timed(&m, 1000, 1500, "nobody there, no group");
    const char *const with_group[] = {"bootstrap.servers", "127.0.0.1:1", "group.id", "g", NULL};
    member_open(&m, "lonely", topics, with_group);
    CHECK(kafka_subscribe(m.consume, &err) == ERR_NONE, "%s", err.message);
    members[0] = &m;
    rounds(1, 500, false);
    close_timed(&m, 1000, 2000, "nobody there, joining");
    done("no broker: ERR_RETRY in time");
}

/* Most new clients of a group slept for a second before they connected (librdkafka 2.0.2). */
void test_cluster_id_at_once(void) {
    const char *topics[SUPPORT_TOPICS] = {"it.id.a", "it.id.b"};
    const char *settings[] = {"group.id", "it.id", NULL};
    int64_t slowest_ms = 0;
    for (int i = 0; i < 20; i++) {
        struct member m;
        struct err err;
        char id[64];
        member_open(&m, "id", topics, settings);
        int64_t start_ms = now_ms();
        CHECK(kafka_cluster_id(m.consume, 5000, id, sizeof id, &err) == ERR_NONE, "no cluster id");
        int64_t took_ms = now_ms() - start_ms;
        slowest_ms = took_ms > slowest_ms ? took_ms : slowest_ms;
        member_close(&m);
    }
    CHECK(slowest_ms < 500, "%lld ms", (long long)slowest_ms);
    done("a new client learns the cluster's id at once");
}
