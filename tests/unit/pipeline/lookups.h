/* lookups.h: a member with a lookup topic, which is table 1. */
#ifndef TESTS_UNIT_PIPELINE_LOOKUPS_H
#define TESTS_UNIT_PIPELINE_LOOKUPS_H

#include "fixture.h"

#define LOOKUP 1

static int given_back[512]; /* by offset of the lookup topic */

static inline int set_up_lookup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->plan = load_plan(SOURCE_DIR "/tests/unit/pipeline/contact_name.sql");
    assert_int_equal(f->plan->relations[LOOKUP].role, ROLE_LOOKUP);
    make_member(f, 1);
    f->member->o.held_max_bytes = (size_t)64 << 20;
    memset(given_back, 0, sizeof given_back);
    *state = f;
    return 0;
}

static inline void tell(struct fixture *f, int table, int32_t partition, int64_t offset,
                        const char *key, const char *row) {
    static char texts[2][TASKS][512][2][200];
    char(*text)[200] = texts[table][partition][offset];
    (void)snprintf(text[0], sizeof text[0], "%s", key);
    (void)snprintf(text[1], sizeof text[1],
                   "{\"before\":null,\"after\":%s,\"op\":\"c\",\"source\":{\"ts_us\":1}}", row);
    struct consume_event *event = add_record(f, CONSUME_RECORD, table, partition, offset);
    event->record.key = str_from(text[0]);
    event->record.value = str_from(text[1]);
    event->record.timestamp_ms = 1000 + offset;
    event->record.handle = table == LOOKUP ? &given_back[offset] : NULL;
}

/* The log has it always. */
static inline void tell_lookup(struct fixture *f, int64_t offset) {
    char key[64], row[100];
    (void)snprintf(key, sizeof key, "{\"student_id\":%lld}", (long long)offset);
    (void)snprintf(row, sizeof row, "{\"student_id\":%lld,\"name\":\"a\"}", (long long)offset);
    tell(f, LOOKUP, 0, offset, key, row);
}

static inline void tell_lookups(struct fixture *f, int64_t from, int64_t to) {
    for (int64_t offset = from; offset < to; offset++) {
        tell_lookup(f, offset);
        if (f->consume.record_count == 256) {
            step(f);
        }
    }
    step(f);
    f->now_us += 100000; /* what nothing refers to waits so long */
    step(f);
}

/* Of task 0 where the number is even. */
static inline void tell_contact(struct fixture *f, int contact, int64_t offset, int student) {
    char key[64], row[100];
    (void)snprintf(key, sizeof key, "{\"contact_id\":%d}", contact);
    (void)snprintf(row, sizeof row,
                   "{\"contact_id\":%d,\"student_id\":%d,\"contact_number\":\"1\"}", contact,
                   student);
    tell(f, 0, contact % TASKS, offset, key, row);
}

static inline void begin(struct fixture *f) {
    tell_sink(&f->sink, SINK_CONNECTED, "");
    tell_assignment(f, 0);
    for (int32_t p = 0; p < TASKS; p++) {
        f->consume.pairs[p] = (struct topic_position){0, p, -1};
    }
    f->consume.group[0].pair_count = TASKS;
    (void)turn(f);
}

static inline void begin_live(struct fixture *f) {
    begin(f);
    (void)add_record(f, CONSUME_EOF, 0, 0, 0);
    (void)add_record(f, CONSUME_EOF, 0, 1, 0);
    (void)add_record(f, CONSUME_EOF, LOOKUP, 0, 0);
    assert_string_equal(turn(f), "ready");
}

static inline struct task *task_of(const struct fixture *f, int32_t p) {
    return f->member->tasks[p];
}

static inline void assert_positions(const struct fixture *f, int64_t of_task_0, int64_t of_task_1) {
    assert_int_equal(task_of(f, 0)->position[LOOKUP], of_task_0);
    assert_int_equal(task_of(f, 1)->position[LOOKUP], of_task_1);
}

static inline void assert_given_back(int64_t from, int64_t to, int times) {
    for (int64_t offset = from; offset < to; offset++) {
        assert_int_equal(given_back[offset], times);
    }
}

/* Where the lookup topic is read from since; -1: it is not. */
static inline int64_t read_from(const struct fixture *f) {
    int64_t offset = -1;
    for (size_t i = 0; i < f->consume.assigned_count; i++) {
        const struct topic_position *at = &f->consume.assigned[i];
        if (at->table == LOOKUP) {
            assert_int_equal(at->partition, 0);
            assert_int_equal(offset, -1); /* once */
            offset = at->offset;
        }
    }
    return offset;
}

static inline int64_t reacquired(const struct fixture *f) {
    return metrics_get(f->metrics, METRIC_REACQUISITIONS, REACQUIRED_CACHE);
}

/* The sink's newest row of the task says that it has applied less; it is acquired again. */
static inline void ask_back(struct fixture *f, int32_t p, int64_t offset) {
    struct progress *newest = &f->sink.newest[p];
    newest->offsets[LOOKUP] = offset;
    newest->anchors[LOOKUP] = (struct log_anchor){0};
    verdict_reacquire(&task_of(f, p)->verdict, REACQUIRED_TABLE, "the test says so");
    step(f);
    assert_int_equal(task_of(f, p)->phase, TASK_LIVE);
}

static inline void set_back(struct fixture *f, int32_t p, int64_t offset) {
    ask_back(f, p, offset);
    (void)turn(f);
    assert_true(task_of(f, p)->assigned);
}

#endif
