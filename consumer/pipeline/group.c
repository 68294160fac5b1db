/* The group's part: which tasks are ours, and taking leave of them. */
#include "pipeline/group.h"

#include "pipeline/bisect_rows.h"
#include "pipeline/checkpoint.h"
#include "pipeline/orphan.h"
#include "pipeline/report.h"

#include <stdlib.h>

#define REVOKE_WAIT_MS  1000 /* for the transaction in flight */
#define ASSIGN_RETRY_MS 500
#define ASSIGN_WAIT_MS  200 /* for tasks that are about to be opened */

static void drop_tasks(struct member *m) {
    for (size_t i = 0; i < m->o.sink_count; i++) {
        bisect_rows_drop(&m->sessions[i]);
    }
    for (int32_t p = 0; p < m->partition_count; p++) {
        struct task *task = m->tasks[p];
        if (!task) {
            continue;
        }
        if (task_in_flight(task)) {
            task_become_orphan(m, task);
            continue;
        }
        m->tasks[p] = NULL;
        checkpoint_leave(&m->o, task);
        task_destroy(&task, m->o.consume_ops, m->o.consume);
    }
    m->needs_assign = false;
}

/* Tasks in hand when the outcome of their transaction matters before they are left. */
static bool must_wait(const struct member *m) {
    bool commits = false;
    for (size_t i = 0; i < m->o.sink_count; i++) {
        commits |= m->sessions[i].job == JOB_COMMIT;
    }
    return commits && now_ms(m) < m->finish_by_ms;
}

size_t group_leave(struct member *m) {
    if ((!m->revoking && !(m->stopping && !m->stopped)) || must_wait(m)) {
        return 0;
    }
    drop_tasks(m);
    if (m->revoking) {
        m->revoking = false;
        m->joined = false; /* ready means an assignment, not the lack of one */
        m->o.consume_ops->revoked(m->o.consume);
    }
    m->stopped = m->stopping;
    return 1;
}

static void count_pairs(struct member *m, const struct consume_event *event, size_t *counts) {
    for (size_t i = 0; i < event->pair_count; i++) {
        int32_t p = event->pairs[i].partition;
        if (p >= 0 && p < m->partition_count) {
            counts[p]++;
        }
    }
}

/* A partition beyond N: the topic was altered, keys hash elsewhere now. */
static void halt_if_altered(struct member *m, const struct consume_event *event) {
    for (size_t i = 0; i < event->pair_count; i++) {
        if (event->pairs[i].partition < m->partition_count) {
            continue;
        }
        struct err err;
        const char *topic = m->plan->relations[event->pairs[i].table].topic.ptr;
        (void)err_set(&err, ERR_HALT,
                      "the topic has a partition %d, but %d partitions are recorded "
                      "(topic.partitions): the number was altered, rows hash elsewhere now. New "
                      "topics and a rebuild are needed, see docs/operations.md",
                      event->pairs[i].partition, m->partition_count);
        (void)err_about(&err, topic, event->pairs[i].partition, 0);
        for (int32_t p = 0; p < m->partition_count; p++) {
            if (m->tasks[p]) {
                verdict_halt(&m->tasks[p]->verdict, &err);
            }
        }
        return;
    }
}

static void on_assign(struct member *m, const struct consume_event *event) {
    drop_tasks(m);
    arena_reset(&m->scratch);
    size_t *counts = arena_alloc(&m->scratch, (size_t)m->partition_count * sizeof *counts);
    memset(counts, 0, (size_t)m->partition_count * sizeof *counts);
    count_pairs(m, event, counts);
    int tasks = 0, incomplete = 0;
    for (int32_t p = 0; p < m->partition_count; p++) {
        m->incomplete[p] = counts[p] > 0 && counts[p] < m->plan->relation_count;
        incomplete += m->incomplete[p];
        if (counts[p] == m->plan->relation_count) {
            m->tasks[p] = task_new(m->plan, p, &m->sessions[(size_t)tasks % m->o.sink_count]);
            m->tasks[p]->retry = backoff_init(100, 5000, 0);
            tasks++;
        }
    }
    m->joined = true;
    memset(m->contests, 0, (size_t)m->partition_count * sizeof *m->contests);
    m->incomplete_since_ms = incomplete > 0 ? now_ms(m) : 0;
    m->incomplete_reported = false;
    member_needs_assign(m);
    metrics_add(m->o.metrics, METRIC_REBALANCES, REBALANCE_ASSIGNED, 1);
    log_line(m->o.log, incomplete > 0 ? LOG_WARN : LOG_INFO, "pipeline", "assigned",
             "tasks=%d incomplete=%d", tasks, incomplete);
    halt_if_altered(m, event);
}

void group_watch(struct member *m) {
    if (m->incomplete_since_ms == 0 || m->incomplete_reported ||
        now_ms(m) - m->incomplete_since_ms < m->o.incomplete_halt_ms) {
        return;
    }
    m->incomplete_reported = true;
    char members[256];
    m->o.consume_ops->members(m->o.consume, members, sizeof members);
    for (int32_t p = 0; p < m->partition_count; p++) {
        if (m->incomplete[p]) {
            struct err err;
            (void)err_set(&err, ERR_HALT,
                          "partition %d of only some source topics is assigned to this member: a "
                          "topic is missing or another member of the group subscribes to other "
                          "topics. Members: %s",
                          p, members);
            (void)err_about(&err, m->plan->relations[0].topic.ptr, p, -1);
            log_err(m->o.log, LOG_ERROR, "pipeline", "incomplete", &err);
        }
    }
}

static void on_revoke(struct member *m, const struct consume_event *event) {
    m->revoking = true;
    int64_t by_ms = now_ms(m) + (event->lost ? 0 : REVOKE_WAIT_MS);
    if (!m->stopping || by_ms < m->finish_by_ms) { /* a stop is not put off */
        m->finish_by_ms = by_ms;
    }
    metrics_add(m->o.metrics, METRIC_REBALANCES, event->lost ? REBALANCE_LOST : REBALANCE_REVOKED,
                1);
    log_line(m->o.log, LOG_INFO, "pipeline", "revoked", "lost=%s", event->lost ? "true" : "false");
}

bool group_event(struct member *m) {
    struct consume_event event = {.kind = CONSUME_NOTHING};
    if (m->revoking) { /* the next assignment waits until we have let go */
        return false;
    }
    m->o.consume_ops->poll_group(m->o.consume, &event);
    if (event.kind == CONSUME_ASSIGN) {
        on_assign(m, &event);
    } else if (event.kind == CONSUME_REVOKE) {
        on_revoke(m, &event);
    } else if (event.kind == CONSUME_FATAL) {
        member_fail(m, &event.err);
    } else if (event.kind != CONSUME_NOTHING) {
        report_kafka_trouble(m, &event.err);
    }
    return event.kind != CONSUME_NOTHING;
}

size_t group_assign(struct member *m) {
    if (!m->needs_assign || m->revoking || m->stopping || now_ms(m) < m->assign_retry_at_ms) {
        return 0;
    }
    size_t count = 0, tables = m->plan->relation_count;
    bool soon = false;
    arena_reset(&m->scratch);
    struct topic_position *positions =
        arena_alloc(&m->scratch, ((size_t)m->partition_count * tables + 1) * sizeof *positions);
    for (int32_t p = 0; p < m->partition_count; p++) {
        struct task *task = m->tasks[p];
        if (!task || task->phase == TASK_HALTED) {
            continue;
        }
        soon |= !task->positioned;
        for (size_t t = 0; task->positioned && t < tables; t++) {
            positions[count++] = (struct topic_position){(int)t, p, task_read_from(task, (int)t)};
        }
    }
    if (soon && now_ms(m) - m->needs_assign_since_ms < ASSIGN_WAIT_MS) {
        return 0;
    }
    struct err err;
    m->needs_assign = false;
    for (int32_t p = 0; p < m->partition_count; p++) {
        for (size_t t = 0; m->tasks[p] && t < tables; t++) {
            if (m->tasks[p]->paused[t]) {
                m->tasks[p]->paused[t] = false;
                m->o.consume_ops->pause(m->o.consume, (int)t, p, false);
            }
        }
    }
    if (m->o.consume_ops->assign(m->o.consume, positions, count, &err) != ERR_NONE) {
        log_err(m->o.log, LOG_WARN, "consume", "assign_failed", &err);
        member_needs_assign(m);
        m->assign_retry_at_ms = now_ms(m) + ASSIGN_RETRY_MS;
        return 0;
    }
    for (int32_t p = 0; p < m->partition_count; p++) {
        if (m->tasks[p] && m->tasks[p]->phase != TASK_HALTED) {
            m->tasks[p]->assigned = m->tasks[p]->positioned;
        }
    }
    return 1;
}
