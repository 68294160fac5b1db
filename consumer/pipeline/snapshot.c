/* The connector's first snapshot: until its last record is applied, rows are missing.
 *
 * Debezium marks the last record of a snapshot. It is in one partition, and may be another
 * member's; so a record that was streamed after the snapshot ends it, too, and the connector's
 * slot, which has a reader from then on (the watch sees it). Where nobody watches, a member that
 * does not hold every partition takes it as over when none of its records was written for a while.
 */
#include "pipeline/snapshot.h"

#include "base/memory.h"
#include "pipeline/internal.h"

#include <stdlib.h>

#define QUIET_MS INT64_C(10000)
#define LOOK_MS  200

void snapshot_init(struct member *m) {
    size_t count = (size_t)m->partition_count * m->plan->relation_count;
    m->snapshot.targets = memory_new(count, sizeof *m->snapshot.targets);
    m->snapshot.end_ts_us = -1;
}

void snapshot_clear(struct member *m) {
    free(m->snapshot.targets);
}

void snapshot_forget(struct member *m) {
    m->snapshot.running = false;
    m->snapshot.ended = false;
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
    return &m->snapshot.targets[(size_t)p * m->plan->relation_count + table];
}

/* Its end is known: all of it is in the log now. */
static void end(struct member *m) {
    m->snapshot.ended = true;
    for (int32_t p = 0; p < m->partition_count; p++) {
        for (size_t t = 0; t < m->plan->relation_count; t++) {
            const struct task *task = m->tasks[p];
            *target_of(m, p, t) = task ? task_log_end(&m->o, task, t) : -1;
        }
    }
}

void snapshot_note(struct member *m, const struct record *record, const struct change *change) {
    struct snapshot *snapshot = &m->snapshot;
    bool part = change->snapshot == SNAPSHOT_PART && change->op == CHANGE_READ;
    bool last = change->snapshot == SNAPSHOT_LAST && change->op == CHANGE_READ;
    if (part && (!snapshot->running || change->ts_us > snapshot->ts_us)) {
        if (!snapshot->running) {
            snapshot->looks = m->origin.news->looks;
            log_line(m->o.log, LOG_INFO, "pipeline", "initial_copy", "rows=%llu",
                     (unsigned long long)row_count(m));
        }
        snapshot->running = true;
        snapshot->ended = false; /* a later one: the snapshot before it was broken off */
        snapshot->ts_us = change->ts_us;
    }
    if (part && record->timestamp_ms > snapshot->wall_ms) {
        snapshot->wall_ms = record->timestamp_ms;
    }
    /* The end may be read before any of what it ends: it is in another partition. */
    if ((last || change->op != CHANGE_READ) && change->ts_us > snapshot->end_ts_us) {
        snapshot->end_ts_us = change->ts_us;
    }
    if (snapshot->running && !snapshot->ended && snapshot->end_ts_us >= snapshot->ts_us) {
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
        return news->answered && news->slot_read && news->looks > m->snapshot.looks;
    }
    return !holds_all(m) && clock_wall_ms(&m->o.clock) - m->snapshot.wall_ms >= QUIET_MS;
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

void snapshot_step(struct member *m) {
    struct snapshot *snapshot = &m->snapshot;
    int64_t now = now_ms(m);
    if (!snapshot->running || now < snapshot->at_ms) {
        return;
    }
    snapshot->at_ms = now + LOOK_MS;
    if (!snapshot->ended && is_over_elsewhere(m)) {
        end(m);
    }
    if (snapshot->ended && is_applied(m)) {
        snapshot_forget(m);
        log_line(m->o.log, LOG_INFO, "pipeline", "initial_copy_done", "rows=%llu",
                 (unsigned long long)row_count(m));
    }
}

void snapshot_add_reason(const struct member *m, struct health_report *report) {
    if (m->snapshot.running) {
        health_report_add(report, "initial copy running: %llu source rows so far",
                          (unsigned long long)row_count(m));
    }
}
