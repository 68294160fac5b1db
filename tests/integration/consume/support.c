#include "support.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EVENTS 500

static int failed_checks, failed_tests;

void check(bool good, int line, const char *condition, const char *format, ...) {
    if (good) {
        return;
    }
    char text[600];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)printf("    line %d: %s: %s\n", line, condition, text);
    failed_checks++;
}

void need(bool good, const char *what) {
    if (!good) {
        (void)printf("FAIL %s\n", what);
        exit(1);
    }
}

void done(const char *name) {
    (void)printf("%s %s\n", failed_checks ? "FAIL" : "PASS", name);
    (void)fflush(stdout);
    failed_tests += failed_checks != 0;
    failed_checks = 0;
}

int failures(void) {
    return failed_tests;
}

int64_t now_ms(void) {
    struct clock clock = clock_real();
    return clock_mono_ms(&clock);
}

#define SETTINGS_MAX 32

static size_t add_settings(struct kafka_setting *into, size_t count, const char *const *settings) {
    for (; settings && settings[0]; settings += 2) {
        need(count < SETTINGS_MAX, "too many settings");
        into[count++] = (struct kafka_setting){settings[0], settings[1]};
    }
    return count;
}

void member_open(struct member *member, const char *name, const char *const *topics,
                 const char *const *settings) {
    const char *const usual[] = {"client.id",
                                 name,
                                 "heartbeat.interval.ms",
                                 "300",
                                 "fetch.wait.max.ms",
                                 "20",
                                 "fetch.error.backoff.ms",
                                 "20",
                                 "topic.metadata.refresh.interval.ms",
                                 "2000",
                                 NULL};
    struct kafka_setting all[SETTINGS_MAX];
    size_t count = 0;
    all[count++] = (struct kafka_setting){"bootstrap.servers", cluster_bootstrap()};
    count = add_settings(all, count, usual);
    count = add_settings(all, count, settings);
    *member = (struct member){.name = name, .answer = true};
    member->log = (struct log){.fd = 2, .level = getenv("DEBUG") ? LOG_DEBUG : LOG_ERROR};
    (void)snprintf(member->log.member, sizeof member->log.member, "%s", name);
    struct kafka_topic taken[SUPPORT_TOPICS];
    for (int t = 0; t < SUPPORT_TOPICS; t++) {
        taken[t] = topic_as_taken(topics[t], t);
    }
    struct kafka_options options = {.settings = all,
                                    .setting_count = count,
                                    .topics = taken,
                                    .topic_count = SUPPORT_TOPICS,
                                    .log = &member->log,
                                    .clock = clock_real()};
    struct err err;
    if (kafka_new(&options, &member->consume, &err) != ERR_NONE) {
        need(false, err.message);
    }
}

void member_join(struct member *member, const char *name, const char *const *topics,
                 const char *group) {
    const char *const settings[] = {
        "group.id", group, "session.timeout.ms", "6000", "max.poll.interval.ms", "6000", NULL};
    struct err err;
    member_open(member, name, topics, settings);
    need(kafka_subscribe(member->consume, &err) == ERR_NONE, "subscribe");
}

static void on_assign(struct member *member, const struct consume_event *event) {
    need(event->pair_count <= SUPPORT_PAIRS, "too many partitions");
    member->assigns++;
    member->has = true;
    member->pair_count = event->pair_count;
    memcpy(member->pairs, event->pairs, event->pair_count * sizeof *member->pairs);
    if (member->answer) {
        member_assign(member);
    }
}

void member_assign(struct member *member) {
    struct err err;
    for (size_t i = 0; i < member->pair_count; i++) {
        struct topic_position *pair = &member->pairs[i];
        pair->offset = member->start[pair->table][pair->partition];
        member->next[pair->table][pair->partition] = pair->offset;
    }
    if (kafka_ops.assign(member->consume, member->pairs, member->pair_count, &err) != ERR_NONE) {
        CHECK(false, "%s", err.message);
    }
}

static void on_group_event(struct member *member, const struct consume_event *event) {
    switch (event->kind) {
    case CONSUME_ASSIGN:
        on_assign(member, event);
        break;
    case CONSUME_REVOKE:
        member->revokes++;
        member->has = false;
        member->lost = event->lost;
        member->pair_count = 0;
        if (member->answer) {
            kafka_ops.revoked(member->consume);
        }
        break;
    case CONSUME_TROUBLE:
        member->troubles++;
        member->last_trouble = *event;
        break;
    case CONSUME_FATAL:
        member->fatal = true;
        member->last_fatal = *event;
        break;
    case CONSUME_HALT:
        member->halts++;
        member->last_halt = *event;
        break;
    case CONSUME_GONE:
        member->gone++;
        break;
    case CONSUME_BACK:
        member->back++;
        break;
    case CONSUME_NOTHING:
    case CONSUME_RECORD:
    case CONSUME_EOF:
        break;
    }
}

static void on_record_event(struct member *member, const struct consume_event *event) {
    const struct record *record = &event->record;
    switch (event->kind) {
    case CONSUME_RECORD:
    case CONSUME_EOF:
        if (record->offset < member->next[record->table][record->partition]) {
            member->out_of_order++;
        }
        if (event->kind == CONSUME_EOF) {
            member->eofs++;
            member->next[record->table][record->partition] = record->offset;
            break;
        }
        member->next[record->table][record->partition] = record->offset + 1;
        member->records[record->table][record->partition]++;
        kafka_ops.release(member->consume, record->handle);
        break;
    case CONSUME_HALT:
        member->halts++;
        member->last_halt = *event;
        break;
    case CONSUME_GONE:
    case CONSUME_BACK:
    case CONSUME_TROUBLE:
    case CONSUME_ASSIGN:
    case CONSUME_REVOKE:
    case CONSUME_FATAL:
    case CONSUME_NOTHING:
        on_group_event(member, event);
        break;
    }
}

size_t member_round(struct member *member, bool group_only) {
    static struct consume_event events[EVENTS];
    do {
        kafka_ops.poll_group(member->consume, &events[0]);
        on_group_event(member, &events[0]);
    } while (events[0].kind != CONSUME_NOTHING);
    if (group_only) {
        return 0;
    }
    size_t count = kafka_ops.poll_records(member->consume, events, EVENTS);
    for (size_t i = 0; i < count; i++) {
        on_record_event(member, &events[i]);
    }
    struct clock clock = clock_real();
    int64_t end_us = clock.mono_us(clock.ctx) + (int64_t)count * member->work_ns / 1000;
    while (member->work_ns > 0 && clock.mono_us(clock.ctx) < end_us) {
    }
    return count;
}

void member_close(struct member *member) {
    kafka_close(member->consume, 3000);
    kafka_destroy(&member->consume);
}

int64_t member_records(const struct member *member) {
    int64_t sum = 0;
    for (int t = 0; t < SUPPORT_TOPICS; t++) {
        for (int p = 0; p < SUPPORT_PARTITIONS; p++) {
            sum += member->records[t][p];
        }
    }
    return sum;
}

bool member_until(struct member **members, size_t count, bool (*condition)(struct member **),
                  int timeout_ms) {
    int64_t end_ms = now_ms() + timeout_ms;
    struct pollfd fds[4];
    need(count <= 4, "too many members");
    while (!condition(members)) {
        size_t got = 0;
        if (now_ms() > end_ms) {
            return false;
        }
        for (size_t i = 0; i < count; i++) {
            got += member_round(members[i], false);
            fds[i] = (struct pollfd){.fd = kafka_ops.fd(members[i]->consume), .events = POLLIN};
        }
        /* Only the descriptors end the wait: a lost wake-up costs a second and shows. */
        if (got == 0) {
            (void)poll(fds, count, 1000);
        }
    }
    return true;
}

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
    (void)rk;
    (void)opaque;
    need(message->err == RD_KAFKA_RESP_ERR_NO_ERROR, rd_kafka_err2str(message->err));
}

rd_kafka_t *producer_new(void) {
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    const char *const settings[][2] = {{"bootstrap.servers", cluster_bootstrap()},
                                       {"linger.ms", "20"},
                                       {"queue.buffering.max.messages", "10000000"},
                                       {"compression.codec", "lz4"}};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        need(rd_kafka_conf_set(conf, settings[i][0], settings[i][1], why, sizeof why) ==
                 RD_KAFKA_CONF_OK,
             why);
    }
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    need(producer != NULL, why);
    return producer;
}

void produce(rd_kafka_t *producer, const char *topic, int32_t partition, struct str key,
             struct str value) {
    rd_kafka_resp_err_t code;
    do {
        union {
            const char *in;
            void *out;
        } bytes = {value.ptr}; /* librdkafka copies it */
        code = rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                                 RD_KAFKA_V_KEY(key.ptr, key.len),
                                 RD_KAFKA_V_VALUE(bytes.out, value.len),
                                 RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        (void)rd_kafka_poll(producer, code == RD_KAFKA_RESP_ERR__QUEUE_FULL ? 100 : 0);
    } while (code == RD_KAFKA_RESP_ERR__QUEUE_FULL);
    need(code == RD_KAFKA_RESP_ERR_NO_ERROR, rd_kafka_err2str(code));
}

void produce_many(rd_kafka_t *producer, const char *topic, int32_t partition, int count,
                  size_t bytes) {
    static char value[4096];
    need(bytes < sizeof value, "value too long");
    for (size_t i = 0; i < sizeof value; i++) {
        value[i] = (char)('a' + (i * i * 7 + i / 9) % 26);
    }
    uint64_t random = 88172645463325252U;
    for (int i = 0; i < count; i++) {
        char key[24];
        int length = snprintf(key, sizeof key, "%d", i);
        /* A fifth of it differs from record to record: lz4 makes a third of it, as of envelopes. */
        for (size_t at = 0; at + 16 < bytes / 5; at += 16) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (void)snprintf(value + at, 17, "%016llx", (unsigned long long)random);
            value[at + 16] = 'x';
        }
        produce(producer, topic, partition, (struct str){key, (size_t)length},
                (struct str){value, bytes});
    }
}

void producer_close(rd_kafka_t *producer) {
    need(rd_kafka_flush(producer, 60000) == RD_KAFKA_RESP_ERR_NO_ERROR, "producing");
    rd_kafka_destroy(producer);
}
