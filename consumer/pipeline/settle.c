/* The sink's answers: what was written, what was not, and who has the task now. */
#include "pipeline/member_impl.h"

#include <stdio.h>

/* The task of a transaction's part, unless it was taken away meanwhile. */
static struct task *task_of(const struct member *m, const struct txn_part *part) {
    struct task *task = m->tasks[part->task];
    return task && &task->part == part ? task : NULL;
}

static void log_batch(const struct member *m, const struct sink_event *event) {
    char tasks[128] = "";
    size_t at = 0, records = 0, waiting = 0, letters = 0;
    int64_t oldest_us = 0;
    for (size_t i = 0; i < m->txn.part_count; i++) {
        const struct task *task = task_of(m, m->txn.parts[i]);
        if (!task) {
            continue;
        }
        const struct work *work = &task->work;
        if (at < sizeof tasks - 16) {
            at += (size_t)snprintf(tasks + at, sizeof tasks - at, "%s%d", at ? "," : "",
                                   task->number);
        }
        if (work->last) {
            records += work->record_count;
            waiting += work->waiting_count;
        }
        letters += task->part.letter_count;
        if (work->oldest_ts_us > 0 && (oldest_us == 0 || work->oldest_ts_us < oldest_us)) {
            oldest_us = work->oldest_ts_us;
        }
    }
    char latency[48] = "";
    if (oldest_us > 0) {
        int64_t age_us = m->o.clock.wall_us(m->o.clock.ctx) - oldest_us;
        (void)snprintf(latency, sizeof latency, " latency_ms=%.1f", (double)age_us / 1000.0);
    }
    int64_t took_us = m->o.clock.mono_us(m->o.clock.ctx) - m->sent_us;
    log_line(m->o.log, LOG_INFO, "pipeline", "batch",
             "task=%s records=%zu upserted=%llu deleted=%llu waiting=%zu dead_letters=%zu "
             "commit_ms=%.1f%s",
             tasks, records, (unsigned long long)event->upserted_count,
             (unsigned long long)event->deleted_count, waiting, letters, (double)took_us / 1000.0,
             latency);
}

static void on_committed(struct member *m, const struct sink_event *event) {
    log_batch(m, event);
    backoff_reset(&m->sink_backoff);
    for (size_t i = 0; i < m->txn.part_count; i++) {
        struct task *task = task_of(m, m->txn.parts[i]);
        if (task) {
            task_committed(m, task);
        }
    }
}

/* A batch that was refused is undone and tried in smaller pieces, alone: the record that is refused
 * alone becomes a dead letter. */
static void halve(struct member *m, struct task *task, bool was_alone, const struct err *refusal) {
    size_t count = task->work.record_count;
    bool was_letter = task->work.kind == WORK_LETTER;
    work_undo(task);
    if (was_letter) {
        struct err err = *refusal;
        (void)err_set(&err, ERR_HALT, "a dead letter is refused (SQLSTATE %.5s): %.300s",
                      refusal->sqlstate, refusal->message);
        task_halt(m, task, &err);
        return;
    }
    task->solo = true;
    if (was_alone && count == 1) {
        task->letter_next = true;
        task->refusal = *refusal;
        task->refusal.kind = ERR_RECORD;
    } else {
        task->record_limit = count > 1 ? count / 2 : 1;
    }
}

static void on_refused(struct member *m, const struct err *refusal) {
    bool was_alone = m->txn.part_count == 1;
    log_err(m->o.log, LOG_DEBUG, "pipeline", "refused", refusal);
    for (size_t i = 0; i < m->txn.part_count; i++) {
        struct task *task = task_of(m, m->txn.parts[i]);
        if (!task) {
            continue;
        }
        task->work.in_flight = false;
        if (task->work.kind == WORK_BATCH || task->work.kind == WORK_LETTER) {
            halve(m, task, was_alone, refusal);
        } else if (was_alone) {
            hunt_begin(m, task, refusal);
        } else {
            task->solo = true;
        }
    }
}

/* A fence failed, an outcome is unknown, or the connection is new: the newest row decides. */
static void settle(struct member *m, struct task *task, const struct progress *newest) {
    size_t tables = m->view->table_count;
    const struct txn_part *part = &task->part;
    bool unknown = task->work.built && task->work.in_flight;
    if (unknown && progress_equal(newest, &part->after, tables)) {
        log_line(m->o.log, LOG_INFO, "pipeline", "was_committed", "task=%d seq=%lld", task->number,
                 (long long)newest->seq);
        report_settled(m, UNKNOWN_WAS_COMMITTED);
        task_committed(m, task);
    } else if (progress_equal(newest, &task->progress, tables)) {
        task->work.in_flight = false; /* what was built is sent again, unchanged */
        if (unknown) {
            report_settled(m, UNKNOWN_WAS_NOT);
        }
    } else {
        bool ours = newest->exists && strcmp(newest->owner, task->progress.owner) == 0;
        char why[160];
        (void)snprintf(why, sizeof why,
                       ours ? "the sink stands at seq %lld, not at ours: it went back in time"
                            : "fenced: another member acquired it (seq %lld)",
                       newest->exists ? (long long)newest->seq : 0LL);
        if (unknown) {
            report_settled(m, UNKNOWN_OVERTAKEN);
        }
        task_reacquire(m, task, ours ? REACQUIRED_SINK_WENT_BACK : REACQUIRED_FENCED, why);
    }
}

static void on_results(struct member *m, const struct sink_event *event) {
    for (size_t i = 0; i < event->result_count; i++) {
        const struct sink_result *result = &event->results[i];
        struct task *task = m->tasks[result->task];
        if (!task || task->phase == TASK_HALTED) {
            continue;
        }
        if (m->job == JOB_ACQUIRE && task->phase == TASK_WAITING) {
            task_acquired(m, task, result);
        } else if (m->job == JOB_NEWEST && task->phase != TASK_WAITING) {
            settle(m, task, &result->newest);
        }
    }
    if (m->job == JOB_NEWEST) {
        m->must_verify = false;
        m->report.outcome_unknown = false;
    }
}

static void retry_later(struct member *m, const struct err *err) {
    int64_t wait_ms = backoff_next_ms(&m->sink_backoff);
    bool mend = err->kind == ERR_HALT; /* by the operator; no task is to blame */
    m->sink_retry_at_ms = now_ms(m) + wait_ms;
    log_err(m->o.log, mend ? LOG_ERROR : LOG_WARN, "sink", mend ? "unfit" : "retry", err);
}

/* Nothing was written: what was built is sent again, unchanged. */
static void on_again(struct member *m, const struct err *err) {
    if (m->job == JOB_COMMIT) {
        for (size_t i = 0; i < m->txn.part_count; i++) {
            struct task *task = task_of(m, m->txn.parts[i]);
            if (task) {
                task->work.in_flight = false;
            }
        }
    }
    if (m->load_task && m->load_error.kind != ERR_NONE) {
        task_trouble(m, m->load_task, &m->load_error); /* its cache ended the load */
        return;
    }
    retry_later(m, err);
}

static void on_halt(struct member *m, const struct err *err) {
    if (m->job == JOB_COMMIT) {
        for (size_t i = 0; i < m->txn.part_count; i++) {
            struct task *task = task_of(m, m->txn.parts[i]);
            if (task) {
                task_halt(m, task, err);
            }
        }
    } else if (m->job == JOB_ACQUIRE) {
        for (size_t i = 0; i < m->asked_count; i++) {
            struct task *task = m->tasks[m->asked[i]];
            if (task) {
                task_halt(m, task, err);
            }
        }
    } else {
        retry_later(m, err);
    }
}

static void on_event(struct member *m, const struct sink_event *event) {
    switch (event->kind) {
    case SINK_NOTHING:
        break;
    case SINK_CONNECTED:
        m->connected = true;
        m->must_verify = true;
        m->sink_retry_at_ms = 0;
        log_line(m->o.log, LOG_INFO, "sink", "connected", "view=%s", m->view->name.ptr);
        break;
    case SINK_LOST:
        m->connected = false;
        log_err(m->o.log, LOG_WARN, "sink", "lost", &event->err);
        break;
    case SINK_COMMITTED:
        on_committed(m, event);
        break;
    case SINK_FENCED:
        log_err(m->o.log, LOG_WARN, "pipeline", "fenced", &event->err);
        m->must_verify = true;
        break;
    case SINK_REFUSED:
        if (m->job == JOB_CHECK) {
            hunt_answer(m, true, &event->err);
        } else {
            on_refused(m, &event->err);
        }
        break;
    case SINK_CHECKED:
        hunt_answer(m, false, NULL);
        break;
    case SINK_AGAIN:
        on_again(m, &event->err);
        break;
    case SINK_ACQUIRED:
    case SINK_NEWEST:
        on_results(m, event);
        break;
    case SINK_HALT:
        on_halt(m, &event->err);
        break;
    }
}

size_t sink_step(struct member *m) {
    size_t done = 0;
    for (;;) {
        struct sink_event event = {.kind = SINK_NOTHING};
        m->o.sink_ops->poll(m->o.sink, &event);
        if (event.kind == SINK_NOTHING) {
            return done;
        }
        done++;
        report_sink_event(m, &event);
        on_event(m, &event);
        if (event.kind != SINK_CONNECTED) {
            m->job = JOB_NONE;
            m->load_task = NULL;
            group_free_ghosts(m);
        }
    }
}
