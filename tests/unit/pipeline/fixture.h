/* fixture.h: a real member over edges that say what the test tells them to.
 *
 * What:    the member, what it is told, and steps of it.
 * Owns:    everything, from set_up to tear_down.
 * Errors:  fail the test.
 * Limits:  as edges.h.
 */
#ifndef TEST_FIXTURE_H
#define TEST_FIXTURE_H

#include "pipeline/internal.h"
#include "sim/memory_kv.h"
#include "view/view.h"

#include "edges.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct consume consume;
    struct sink sink, second, *sinks[2];
    int64_t now_us;
    struct plan *plan;
    struct memory_disk *disk;
    struct metrics *metrics;
    struct health *health;
    struct board *board; /* of the watch on the source */
    struct log log;
    struct member *member;
    struct health_report report;
};

/* ---- what the edges are told ---- */

static void tell_assignment(struct fixture *f, size_t pair_count) {
    struct consume *consume = &f->consume;
    for (int32_t p = 0; p < TASKS; p++) {
        for (int t = 0; t < 2; t++) {
            consume->pairs[p * 2 + t] = (struct topic_position){t, p, -1};
        }
    }
    consume->group[consume->group_count++] = (struct consume_event){
        .kind = CONSUME_ASSIGN, .pairs = consume->pairs, .pair_count = pair_count};
}

static struct consume_event *add_record(struct fixture *f, enum consume_event_kind kind, int table,
                                        int32_t partition, int64_t offset) {
    struct consume_event *event = &f->consume.records[f->consume.record_count++];
    *event = (struct consume_event){
        .kind = kind, .record = {.table = table, .partition = partition, .offset = offset}};
    return event;
}

static inline void tell_ends(struct fixture *f) {
    for (int32_t p = 0; p < TASKS; p++) {
        (void)add_record(f, CONSUME_EOF, 0, p, f->consume.end);
        (void)add_record(f, CONSUME_EOF, 1, p, f->consume.end);
    }
}

/* A student of task 0 or 1; text lives in the caller's static storage. */
static inline void tell_student(struct fixture *f, char (*text)[2][160], int student,
                                int64_t offset, const char *op_and_ts) {
    (void)snprintf((*text)[0], sizeof(*text)[0], "{\"student_id\":%d}", student);
    (void)snprintf((*text)[1], sizeof(*text)[1],
                   "{\"before\":null,\"after\":{\"student_id\":%d,\"name\":\"a\"},\"op\":\"%c\","
                   "\"source\":{\"ts_us\":%s}}",
                   student, op_and_ts[0], op_and_ts + 1);
    struct consume_event *event = add_record(f, CONSUME_RECORD, 0, student % TASKS, offset);
    event->record.key = str_from((*text)[0]);
    event->record.value = str_from((*text)[1]);
}

/* ---- the member ---- */

static int64_t now_of(void *ctx) {
    return ((struct fixture *)ctx)->now_us;
}

static void not_random(void *ctx, void *bytes, size_t size) {
    static unsigned char next;
    (void)ctx;
    memset(bytes, ++next, size);
}

static struct plan *load_plan(const char *view) {
    struct plan *plan;
    struct err err;
    struct view_options files = {SOURCE_DIR "/schemas/oltp.sql", view, "test", TASKS, NULL};
    if (view_load(&files, &plan, NULL, &err) != ERR_NONE) {
        fail_msg("%s", err.message);
    }
    return plan;
}

static void make_member(struct fixture *f, size_t sessions) {
    static const struct str tables[] = {{"student", 7}, {"contact", 7}};
    struct metrics_options counted = {TASKS, tables, 2, "1", NULL, 0};
    f->metrics = metrics_new(&counted);
    f->health = health_new();
    f->board = board_new();
    f->disk = memory_disk_new();
    f->now_us = INT64_C(1900000000) * 1000000;
    f->log = (struct log){.fd = STDERR_FILENO, .level = (enum log_level)(LOG_ERROR + 1)};
    f->sinks[0] = &f->sink;
    f->sinks[1] = &f->second;
    struct member_options options = {
        .plan = f->plan,
        .consume_ops = &consume_ops,
        .consume = &f->consume,
        .sink_ops = &sink_ops,
        .sinks = f->sinks,
        .sink_count = sessions,
        .stores = memory_disk_factory(f->disk),
        .clock = {now_of, now_of, f},
        .log = &f->log,
        .random = not_random,
        .identity = STR("test"),
        .batch_max_rows = 100,
        .held_max_bytes = 100000,
        .cache_commit_bytes = 1,
        .dead_letter_max = 1,
        .incomplete_halt_ms = 30000,
        .min_compaction_lag_ms = INT64_MAX,
        .heartbeat_interval_ms = 10000,
        .heartbeat_max_age_ms = 60000,
        .metrics = f->metrics,
        .health = f->health,
        .board = f->board,
        .checks = true,
    };
    f->member = member_new(&options);
}

static inline int set_up_sessions(void **state, size_t sessions) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->plan = load_plan(SOURCE_DIR "/schemas/student_contact.sql");
    make_member(f, sessions);
    *state = f;
    return 0;
}

static inline int set_up(void **state) {
    return set_up_sessions(state, 1);
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    member_destroy(&f->member);
    memory_disk_destroy(&f->disk);
    metrics_destroy(&f->metrics);
    health_destroy(&f->health);
    board_destroy(&f->board);
    plan_destroy(&f->plan);
    free(f);
    return 0;
}

/* Until there is nothing to do. */
static void step(struct fixture *f) {
    for (int i = 0; i < 200 && member_step(f->member) > 0; i++) {
        assert_null(member_error(f->member));
    }
}

/* The same, then a second later; returns what /readyz says then. */
static const char *turn(struct fixture *f) {
    step(f);
    f->now_us += 1000000;
    step(f);
    f->now_us += 1000000;
    (void)member_step(f->member);
    assert_int_equal(health_last_beat_ms(f->health), f->now_us / 1000);
    health_read(f->health, &f->report);
    assert_int_equal(f->report.ready, metrics_get(f->metrics, METRIC_READY, 0));
    return f->report.ready ? "ready" : f->report.text;
}

static inline void make_live(struct fixture *f) {
    for (size_t i = 0; i < f->member->o.sink_count; i++) {
        tell_sink(f->sinks[i], SINK_CONNECTED, "");
    }
    tell_assignment(f, (size_t)2 * TASKS);
    (void)turn(f);
    tell_ends(f);
    assert_string_equal(turn(f), "ready");
}

#endif
