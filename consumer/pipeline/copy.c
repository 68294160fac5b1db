/* The connector's first snapshot: until its last record is applied, rows are missing.
 *
 * Debezium marks the last record of a snapshot. It is in one partition, and may be another
 * member's; so a record that was streamed after the snapshot ends it, too, and the connector's
 * slot, which has a reader from then on (the watch sees it). Where nobody watches, a member that
 * does not hold every partition takes it as over when none of its records was written for a while.
 */
#include "pipeline/copy.h"

#include "base/memory.h"
#include "pipeline/member_impl.h"

#include <stdlib.h>

#define QUIET_MS INT64_C(10000)
#define LOOK_MS  200

void copy_init(struct member *m) {
    size_t count = (size_t)m->partition_count * m->plan->relation_count;
    m->copy.targets = memory_new(count, sizeof *m->copy.targets);
    m->copy.end_ts_us = -1;
}

void copy_clear(struct member *m) {
    free(m->copy.targets);
}

void copy_forget(struct member *m) {
    m->copy.running = false;
    m->copy.ended = false;
}

static uint64_t row_count(const struct member *m) {
    uint64_t rows = 0;
    for (int32_t p = 0; p < m->partition_count; p++) {
        if (m->tasks[p] && m->tasks[p]->state) {
            rows += state_row_count(m->tasks[p]->state);
        }
    }
    return rows;
}

static int64_t *target_of(const struct member *m, int32_t p, size_t table) {
    return &m->copy.targets[(size_t)p * m->plan->relation_count + table];
}

/* Its end is known: all of it is in the log now. */
static void end(struct member *m) {
    m->copy.ended = true;
    for (int32_t p = 0; p < m->partition_count; p++) {
        for (size_t t = 0; t < m->plan->relation_count; t++) {
            *target_of(m, p, t) =
                m->tasks[p] ? m->o.consume_ops->log_end(m->o.consume, (int)t, p) : -1;
        }
    }
}

void copy_note(struct member *m, const struct record *record, const struct change *change) {
    struct copy *copy = &m->copy;
    bool part = change->snapshot == SNAPSHOT_PART && change->op == CHANGE_READ;
    bool last = change->snapshot == SNAPSHOT_LAST && change->op == CHANGE_READ;
    if (part && (!copy->running || change->ts_us > copy->ts_us)) {
        if (!copy->running) {
            copy->looks = m->origin.news->looks;
            log_line(m->o.log, LOG_INFO, "pipeline", "initial_copy", "rows=%llu",
                     (unsigned long long)row_count(m));
        }
        copy->running = true;
        copy->ended = false; /* a later one: the snapshot before it was broken off */
        copy->ts_us = change->ts_us;
    }
    if (part && record->timestamp_ms > copy->wall_ms) {
        copy->wall_ms = record->timestamp_ms;
    }
    /* The end may be read before any of what it ends: it is in another partition. */
    if ((last || change->op != CHANGE_READ) && change->ts_us > copy->end_ts_us) {
        copy->end_ts_us = change->ts_us;
    }
    if (copy->running && !copy->ended && copy->end_ts_us >= copy->ts_us) {
        end(m);
    }
}

static bool holds_all(const struct member *m) {
    for (int32_t p = 0; p < m->partition_count; p++) {
        if (!m->tasks[p]) {
            return false;
        }
    }
    return true;
}

static bool is_over_elsewhere(const struct member *m) {
    const struct board_news *news = m->origin.news;
    if (m->o.board) {
        return news->answered && news->slot_read && news->looks > m->copy.looks;
    }
    return !holds_all(m) && clock_wall_ms(&m->o.clock) - m->copy.wall_ms >= QUIET_MS;
}

static bool is_applied(const struct member *m) {
    for (int32_t p = 0; p < m->partition_count; p++) {
        const struct task *task = m->tasks[p];
        for (size_t t = 0; task && t < m->plan->relation_count; t++) {
            if (task_applied_to(task, t) < *target_of(m, p, t)) {
                return false;
            }
        }
    }
    return true;
}

void copy_step(struct member *m) {
    struct copy *copy = &m->copy;
    int64_t now = now_ms(m);
    if (!copy->running || now < copy->at_ms) {
        return;
    }
    copy->at_ms = now + LOOK_MS;
    if (!copy->ended && is_over_elsewhere(m)) {
        end(m);
    }
    if (copy->ended && is_applied(m)) {
        copy_forget(m);
        log_line(m->o.log, LOG_INFO, "pipeline", "initial_copy_done", "rows=%llu",
                 (unsigned long long)row_count(m));
    }
}

void copy_add_reason(const struct member *m, struct health_report *report) {
    if (m->copy.running) {
        health_report_add(report, "initial copy running: %llu source rows so far",
                          (unsigned long long)row_count(m));
    }
}
