/* The sink's answers. */
#include "pipeline/sink_events.h"

#include "pipeline/bisect_rows.h"
#include "pipeline/complete.h"
#include "pipeline/open.h"
#include "pipeline/orphan.h"
#include "pipeline/reconcile.h"
#include "pipeline/refuse.h"
#include "pipeline/report.h"
#include "pipeline/work.h"

#include <stdio.h>

/* The task of a transaction's part, unless it was taken away meanwhile. */
static struct task *task_of(const struct session *s, const struct txn_part *part) {
    struct task *task = session_task(s, part->task);
    return task && &task->part == part ? task : NULL;
}

static void log_batch(const struct session *s, const struct sink_event *event) {
    const struct member *m = s->member;
    char tasks[128] = "";
    size_t at = 0, records = 0, waiting = 0, dead_letters = 0;
    int64_t oldest_us = 0;
    for (size_t i = 0; i < s->txn.part_count; i++) {
        const struct task *task = task_of(s, s->txn.parts[i]);
        if (!task) {
            continue;
        }
        const struct work *work = &task->work;
        if (at < sizeof tasks - 16) {
            at += (size_t)snprintf(tasks + at, sizeof tasks - at, "%s%d", at ? "," : "",
                                   task->number);
        }
        if (work_is_last(work)) {
            records += work->record_count;
            waiting += work->waiting_count;
        }
        dead_letters += task->part.dead_letter_count;
        if (work->oldest_ts_us > 0 && (oldest_us == 0 || work->oldest_ts_us < oldest_us)) {
            oldest_us = work->oldest_ts_us;
        }
    }
    char latency[48] = "";
    if (oldest_us > 0) {
        int64_t age_us = m->o.clock.wall_us(m->o.clock.ctx) - oldest_us;
        (void)snprintf(latency, sizeof latency, " latency_ms=%.1f", (double)age_us / 1000.0);
    }
    int64_t took_us = m->o.clock.mono_us(m->o.clock.ctx) - s->sent_us;
    log_line(m->o.log, LOG_INFO, "pipeline", "batch",
             "task=%s records=%zu upserted=%llu deleted=%llu waiting=%zu dead_letters=%zu "
             "commit_ms=%.1f%s",
             tasks, records, (unsigned long long)event->upserted_count,
             (unsigned long long)event->deleted_count, waiting, dead_letters,
             (double)took_us / 1000.0, latency);
}

static void on_committed(struct session *s, const struct sink_event *event) {
    log_batch(s, event);
    backoff_reset(&s->backoff);
    for (size_t i = 0; i < s->txn.part_count; i++) {
        struct task *task = task_of(s, s->txn.parts[i]);
        if (task) {
            task_committed(s->member, task, event);
        }
    }
}

/* What one of several tasks is to blame for: each is sent again alone, unchanged. */
static void send_alone(struct session *s) {
    for (size_t i = 0; i < s->txn.part_count; i++) {
        struct task *task = task_of(s, s->txn.parts[i]);
        if (task) {
            task->work.txn = TXN_BUILT;
            task->solo = true;
        }
    }
}

static void on_refused(struct session *s, const struct sink_event *event) {
    log_err(s->member->o.log, LOG_DEBUG, "pipeline", "refused", &event->err);
    send_alone(s);
    struct task *task = task_of(s, s->txn.parts[0]);
    if ((s->txn.part_count == 1 || !SAFEGUARD("only a task sent alone is refused")) && task) {
        task_refused(&s->member->o, task, event);
    }
}

static void on_results(struct session *s, const struct sink_event *event) {
    struct member *m = s->member;
    for (size_t i = 0; i < event->result_count; i++) {
        const struct sink_result *result = &event->results[i];
        struct task *task = session_task(s, result->task);
        if (!task || task->phase == TASK_HALTED) {
            continue;
        }
        if (s->job == JOB_ACQUIRE && task->phase == TASK_WAITING) {
            task_acquired(m, task, result);
        } else if (s->job == JOB_NEWEST && task->phase != TASK_WAITING) {
            report_noted(task, result);
            reconcile(s, task, result);
        }
    }
    if (s->job == JOB_NEWEST) {
        s->must_verify = false;
        s->outcome_unknown = false;
    }
}

static void retry_later(struct session *s, const struct err *err) {
    const struct member *m = s->member;
    int64_t wait_ms = backoff_next_ms(&s->backoff);
    bool mend = err->kind == ERR_HALT; /* by the operator; no task is to blame */
    s->retry_at_ms = now_ms(m) + wait_ms;
    log_err(m->o.log, mend ? LOG_ERROR : LOG_WARN, "sink", mend ? "unfit" : "retry", err);
}

/* Nothing was written: what was built is sent again, unchanged. */
static void on_again(struct session *s, const struct err *err) {
    for (size_t i = 0; s->job == JOB_COMMIT && i < s->txn.part_count; i++) {
        struct task *task = task_of(s, s->txn.parts[i]);
        if (task) {
            task->work.txn = TXN_BUILT;
        }
    }
    if (s->load_task && s->load_error.kind != ERR_NONE) {
        verdict_fail(&s->load_task->verdict, &s->load_error); /* its cache ended the load */
        return;
    }
    retry_later(s, err);
}

/* Of a transaction of several tasks one may be to blame: each is sent alone, and the others go on.
 */
static void on_halt(struct session *s, const struct err *err) {
    struct member *m = s->member;
    if (err->kind == ERR_CONFIG) { /* no waiting helps: the process ends */
        member_fail(m, err);
        return;
    }
    if (s->job == JOB_COMMIT) {
        struct task *task = task_of(s, s->txn.parts[0]);
        send_alone(s);
        if ((s->txn.part_count == 1 || !SAFEGUARD("only a task sent alone is halted")) && task) {
            task_halt_at_work(m->plan, task, err);
        }
    } else if (s->job == JOB_ACQUIRE) {
        for (size_t i = 0; i < s->asked_count; i++) {
            struct task *task = session_task(s, s->asked[i]);
            if (task) {
                verdict_halt(&task->verdict, err);
            }
        }
    } else {
        retry_later(s, err);
    }
}

static void on_connected(struct session *s, const struct sink_event *event) {
    struct member *m = s->member;
    s->connected = true;
    s->must_verify = SAFEGUARD("a new connection is verified");
    s->retry_at_ms = 0;
    if (event->database_id) {
        m->o.consume_ops->announce(m->o.consume, event->database_id, event->database_name);
        m->kafka_commit_due = true;
    }
    log_line(m->o.log, LOG_INFO, "sink", "connected", "view=%s session=%d", m->plan->name.ptr,
             s->number);
}

static void on_event(struct session *s, const struct sink_event *event) {
    const struct member *m = s->member;
    switch (event->kind) {
    case SINK_NOTHING:
        break;
    case SINK_CONNECTED:
        on_connected(s, event);
        break;
    case SINK_LOST:
        s->connected = false;
        log_err_hint(m->o.log, LOG_WARN, "sink", "lost", &event->err,
                     report_hint(&m->o, &s->trouble));
        break;
    case SINK_COMMITTED:
        on_committed(s, event);
        break;
    case SINK_FENCED:
        if (!SAFEGUARD("a fence blames no record")) {
            on_refused(s, event);
            break;
        }
        log_err(m->o.log, LOG_WARN, "pipeline", "fenced", &event->err);
        s->must_verify = true;
        break;
    case SINK_OTHER_TABLE:
        log_err(m->o.log, LOG_INFO, "pipeline", "other_table", &event->err);
        s->must_verify = SAFEGUARD("another table is looked at");
        break;
    case SINK_UNFIT: /* no task is to blame, and all go on when it is mended */
        s->must_verify = true;
        retry_later(s, &event->err);
        break;
    case SINK_REFUSED:
        if (s->job == JOB_CHECK) {
            bisect_rows_answer(s, true, &event->err);
        } else {
            on_refused(s, event);
        }
        break;
    case SINK_CHECKED:
        bisect_rows_answer(s, false, NULL);
        break;
    case SINK_AGAIN:
        on_again(s, &event->err);
        break;
    case SINK_ACQUIRED:
    case SINK_NEWEST:
        on_results(s, event);
        break;
    case SINK_HALT:
        on_halt(s, &event->err);
        break;
    }
}

size_t sink_events_step(struct session *s) {
    const struct member *m = s->member;
    size_t done = 0;
    for (;;) {
        struct sink_event event = {.kind = SINK_NOTHING};
        m->o.sink_ops->poll(s->sink, &event);
        if (event.kind == SINK_NOTHING) {
            return done;
        }
        done++;
        report_sink_event(s, &event);
        on_event(s, &event);
        if (event.kind != SINK_CONNECTED) {
            s->job = JOB_NONE;
            s->load_task = NULL;
            orphans_free(s);
        }
    }
}
