/* The group's part: which tasks are ours, and taking leave of them. */
#include "pipeline/group.h"

#include "pipeline/bisect_rows.h"
#include "pipeline/checkpoint.h"
#include "pipeline/lookup_topics.h"
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
        if (p >= 0 && p < m->partition_count &&
            (size_t)event->pairs[i].table < member_group_topics(m)) {
            counts[p]++;
        }
    }
}

/* The topic has a partition that it must not have. */
static void halt_all(struct member *m, int table, int32_t partition) {
    struct err err;
    const struct relation *relation = &m->plan->relations[table];
    bool tasks_topic = relation->filtered;
    if (tasks_topic) {
        (void)err_set(
            &err, ERR_HALT,
            "the topic has a partition %d, but it shares out %d tasks (topic.partitions): "
            "delete it, it has no records; plan --apply-topics creates it",
            partition, m->partition_count);
    } else if (relation->role == ROLE_CORE) {
        (void)err_set(&err, ERR_HALT,
                      "the topic has a partition %d, but %d partitions are recorded "
                      "(topic.partitions): the number was altered, rows hash elsewhere now. New "
                      "topics and a rebuild are needed, see docs/operations.md",
                      partition, relation->partition_count);
    } else {
        (void)err_set(&err, ERR_HALT,
                      "the topic has a partition %d, but every task reads all of it as one "
                      "partition: the number was altered, and rows in others are missing now. New "
                      "topics and a rebuild are needed, see docs/operations.md",
                      partition);
    }
    (void)err_about(&err, tasks_topic ? m->plan->tasks_topic.ptr : relation->topic.ptr, partition,
                    0);
    for (int32_t p = 0; p < m->partition_count; p++) {
        if (m->tasks[p]) {
            verdict_halt(&m->tasks[p]->verdict, &err);
        }
    }
}

/* A partition beyond those that are recorded: the topic was altered, keys hash elsewhere now. */
static void halt_if_altered(struct member *m, const struct consume_event *event) {
    for (size_t i = 0; i < event->pair_count; i++) {
        const struct topic_position *pair = &event->pairs[i];
        const struct relation *relation = &m->plan->relations[pair->table];
        if (pair->partition >=
            (relation->filtered ? m->partition_count : relation->partition_count)) {
            halt_all(m, pair->table, pair->partition);
            return;
        }
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
        m->incomplete[p] = counts[p] > 0 && counts[p] < member_group_topics(m);
        incomplete += m->incomplete[p];
        if (counts[p] == member_group_topics(m)) {
            m->tasks[p] = task_new(m->plan, p, &m->sessions[(size_t)tasks % m->o.sink_count]);
            m->tasks[p]->retry = backoff_init(100, 5000, 0);
            tasks++;
        }
    }
    m->joined = true;
    lookup_topics_begin(m);
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
            (void)err_about(&err,
                            m->parted_count > 0 ? m->plan->relations[0].topic.ptr
                                                : m->plan->tasks_topic.ptr,
                            p, -1);
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
    } else if (event.kind == CONSUME_HALT) {
        halt_all(m, event.record.table, event.record.partition);
    } else if (event.kind == CONSUME_GONE) {
        lookup_topics_gone(m, event.record.table);
    } else if (event.kind == CONSUME_BACK) {
        lookup_topics_back(m, event.record.table);
    } else if (event.kind != CONSUME_NOTHING) {
        report_kafka_trouble(m, &event.err);
    }
    return event.kind != CONSUME_NOTHING;
}

/* Pauses end with the assignment that they were said for. */
static void resume_all(struct member *m) {
    for (int32_t p = 0; p < m->partition_count; p++) {
        for (size_t t = 0; m->tasks[p] && t < m->parted_count; t++) {
            if (m->tasks[p]->paused[t]) {
                m->tasks[p]->paused[t] = false;
                m->o.consume_ops->pause(m->o.consume, (int)t, p, false);
            }
        }
    }
    for (size_t t = m->core_count; t < m->plan->relation_count; t++) {
        if (m->lookups[t].paused) {
            m->lookups[t].paused = false;
            m->o.consume_ops->pause(m->o.consume, (int)t, 0, false);
        }
    }
}

/* Which tasks are read for, and from where. */
static size_t list_positions(struct member *m, bool *reads, struct topic_position *positions) {
    size_t count = 0;
    for (int32_t p = 0; p < m->partition_count; p++) {
        const struct task *task = m->tasks[p];
        reads[p] =
            task && task->phase != TASK_HALTED && task->positioned && lookup_topics_admit(m, task);
        for (size_t t = 0; reads[p] && t < m->parted_count; t++) {
            positions[count++] = (struct topic_position){(int)t, p, task_read_from(task, (int)t)};
        }
    }
    return count + lookup_topics_add(m, reads, positions + count);
}

/* A task will be read for soon: to say it all anew for each would cost more than to wait. */
static bool waits_for_more(const struct member *m) {
    bool soon = false;
    for (int32_t p = 0; p < m->partition_count; p++) {
        const struct task *task = m->tasks[p];
        soon |= task && task->phase != TASK_HALTED && !task->positioned;
    }
    return soon && now_ms(m) - m->needs_assign_since_ms < ASSIGN_WAIT_MS;
}

size_t group_assign(struct member *m) {
    lookup_topics_watch(m);
    if (!m->needs_assign || m->revoking || m->stopping || now_ms(m) < m->assign_retry_at_ms ||
        waits_for_more(m)) {
        return 0;
    }
    arena_reset(&m->scratch);
    size_t tasks = (size_t)m->partition_count;
    bool *reads = arena_alloc(&m->scratch, tasks * sizeof *reads);
    struct topic_position *positions =
        arena_alloc(&m->scratch, (tasks + 1) * m->plan->relation_count * sizeof *positions);
    size_t count = list_positions(m, reads, positions);
    struct err err;
    m->needs_assign = false;
    resume_all(m);
    if (m->o.consume_ops->assign(m->o.consume, positions, count, &err) != ERR_NONE) {
        log_err(m->o.log, LOG_WARN, "consume", "assign_failed", &err);
        member_needs_assign(m);
        m->assign_retry_at_ms = now_ms(m) + ASSIGN_RETRY_MS;
        return 0;
    }
    lookup_topics_assigned(m, reads);
    for (int32_t p = 0; p < m->partition_count; p++) {
        if (m->tasks[p]) {
            m->tasks[p]->assigned = reads[p];
        }
    }
    return 1;
}
