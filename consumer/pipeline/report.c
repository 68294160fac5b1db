/* What is counted, and what /readyz says: nothing here decides anything. */
#include "pipeline/report.h"

#include "pipeline/fill.h"
#include "pipeline/freshness.h"
#include "pipeline/internal.h"
#include "pipeline/lookup_topics.h"
#include "pipeline/member.h"
#include "pipeline/origin.h"
#include "pipeline/snapshot.h"
#include "pipeline/work.h"

#include <stdio.h>
#include <time.h>

#define HEALTH_MS        200
#define GAUGES_MS        1000
#define KAFKA_TROUBLE_MS 15000

/* Commit times go back where a stretch of the log comes twice; snapshot records behind streamed
 * ones are those of a snapshot taken anew, which can't show what was deleted before it; those of an
 * incremental one were asked for beside the stream. */
void report_change(struct member *m, struct task *task, const struct record *record,
                   const struct change *change) {
    size_t t = (size_t)change->table;
    struct seen *seen = &task->seen;
    snapshot_note(m, record, change);
    if (change->op != CHANGE_READ) {
        seen->streamed[t] = true;
        if (change->ts_us >= seen->newest_ts_us[t]) {
            seen->newest_ts_us[t] = change->ts_us;
        } else if (change->ts_us > 0) {
            metrics_add(m->o.metrics, METRIC_COMMIT_TIME_REGRESSIONS, t, 1);
        }
        return;
    }
    if (!seen->streamed[t] || change->snapshot == SNAPSHOT_INCREMENTAL) {
        return;
    }
    metrics_add(m->o.metrics, METRIC_LATE_SNAPSHOT_RECORDS, t, 1);
    if (!task->late_snapshot_said) {
        task->late_snapshot_said = true;
        log_line(m->o.log, LOG_WARN, "pipeline", "late_snapshot",
                 "task=%d topic=%s partition=%d offset=%lld hint=\"a new snapshot was taken: rows "
                 "deleted while the connector did not look stay in the OLAP table\"",
                 task->number, m->plan->relations[t].slot.ptr, record->partition,
                 (long long)record->offset);
    }
}

static void trouble_begin(const struct member_options *o, struct trouble *trouble,
                          const struct err *err) {
    if (trouble->since_ms == 0) {
        trouble->since_ms = clock_wall_ms(&o->clock);
    }
    (void)snprintf(trouble->message, sizeof trouble->message, "%s", err->message);
}

static void trouble_end(struct trouble *trouble) {
    trouble->since_ms = 0;
    trouble->hinted = false;
}

const char *report_hint(const struct member_options *o, struct trouble *trouble) {
    const char *hint = trouble->hinted ? NULL : o->down_hint;
    trouble->hinted = true;
    return hint;
}

void report_kafka_trouble(struct member *m, const struct err *err) {
    log_err_hint(m->o.log, LOG_WARN, "consume", "trouble", err,
                 report_hint(&m->o, &m->report.kafka));
    metrics_add(m->o.metrics, METRIC_KAFKA_TROUBLES, 0, 1);
    trouble_begin(&m->o, &m->report.kafka, err);
    m->report.kafka_until_ms = now_ms(m) + KAFKA_TROUBLE_MS;
}

static void count_transaction(const struct session *s, enum transaction_outcome outcome) {
    if (s->job == JOB_COMMIT) {
        metrics_add(s->member->o.metrics, METRIC_TRANSACTIONS, outcome, 1);
    }
}

/* Any answer but these shows that the database is there and works. */
static bool is_trouble(enum sink_event_kind kind) {
    return kind == SINK_LOST || kind == SINK_AGAIN || kind == SINK_HALT || kind == SINK_UNFIT;
}

static void count_rows(const struct member *m, const struct sink_event *event) {
    const struct row_counts all = {event->deleted_count, event->upserted_count};
    size_t several = event->counts ? m->o.plan->target_count : 1;
    for (size_t t = 0; t < several; t++) {
        const struct row_counts *counts = event->counts ? &event->counts[t] : &all;
        metrics_add(m->o.metrics, METRIC_ROWS_UPSERTED, t, (int64_t)counts->upserted);
        metrics_add(m->o.metrics, METRIC_ROWS_DELETED, t, (int64_t)counts->deleted);
    }
}

void report_sink_event(struct session *s, const struct sink_event *event) {
    const struct member *m = s->member;
    struct metrics *metrics = m->o.metrics;
    if (is_trouble(event->kind)) {
        trouble_begin(&m->o, &s->trouble, &event->err);
    } else {
        trouble_end(&s->trouble);
    }
    switch (event->kind) {
    case SINK_CONNECTED:
        metrics_add(metrics, METRIC_SINK_CONNECTS, 0, 1);
        break;
    case SINK_LOST:
        metrics_add(metrics, METRIC_SINK_LOSSES, 0, 1);
        s->outcome_unknown |= s->job == JOB_COMMIT;
        break;
    case SINK_COMMITTED:
        count_transaction(s, TRANSACTION_COMMITTED);
        count_rows(m, event);
        metrics_observe(metrics, METRIC_TRANSACTION_TIME,
                        m->o.clock.mono_us(m->o.clock.ctx) - s->sent_us);
        break;
    case SINK_FENCED:
        count_transaction(s, TRANSACTION_FENCED);
        break;
    case SINK_REFUSED:
        count_transaction(s, TRANSACTION_REFUSED);
        break;
    case SINK_AGAIN:
    case SINK_OTHER_TABLE:
        count_transaction(s, TRANSACTION_RETRIED);
        break;
    case SINK_NOTHING:
    case SINK_ACQUIRED:
    case SINK_NEWEST:
    case SINK_CHECKED:
    case SINK_UNFIT:
    case SINK_HALT:
        break;
    }
}

static void set_offsets(const struct member_options *o, int32_t task,
                        const struct progress *progress) {
    for (size_t t = 0; t < o->plan->relation_count; t++) {
        size_t at = metrics_at(o->metrics, task, t);
        if (progress && progress->has_offsets) {
            metrics_set(o->metrics, METRIC_APPLIED_OFFSET, at, progress->offsets[t]);
        } else {
            metrics_unset(o->metrics, METRIC_APPLIED_OFFSET, at);
        }
    }
}

void report_noted(struct task *task, const struct sink_result *result) {
    size_t dead_letters = task->dead_letters.count, refused = task->refused_rows.count;
    task->dead_letters_gone = dead_letters > result->dead_letters_recorded
                                  ? dead_letters - result->dead_letters_recorded
                                  : 0;
    task->refused_gone =
        refused > result->refused_recorded ? refused - result->refused_recorded : 0;
}

static void log_dead_letter(const struct member_options *o, const struct task *task,
                            const struct dead_letter *dead_letter) {
    char key[512], reason[1200];
    log_line(
        o->log, LOG_WARN, "pipeline", "dead_letter",
        "task=%d topic=%s partition=%d offset=%lld key=%s reason=%s hint=\"the record is kept in "
        "sync_dead_letter, and its row stays as it was before: fix the cause, then write the "
        "row again in the source; see Dead letters in docs/operations.md\"",
        task->number, o->plan->relations[dead_letter->table].slot.ptr, (int)dead_letter->partition,
        (long long)dead_letter->offset, log_quote(key, sizeof key, dead_letter->key),
        log_quote(reason, sizeof reason, str_from(dead_letter->reason)));
}

void report_committed(const struct member_options *o, struct task *task) {
    const struct work *work = &task->work;
    size_t number = (size_t)task->number;
    for (size_t i = 0; i < task->part.dead_letter_count; i++) {
        log_dead_letter(o, task, &task->part.dead_letters[i]);
    }
    if (task->part.dead_letter_count > 0) {
        metrics_add(o->metrics, METRIC_DEAD_LETTERS, number, (int64_t)task->part.dead_letter_count);
    }
    if (!work_is_last(work)) {
        return;
    }
    metrics_add(o->metrics, METRIC_RECORDS_APPLIED, number, (int64_t)work->record_count);
    freshness_committed(task);
    set_offsets(o, task->number, &task->part.after);
    if (work->oldest_ts_us > 0) {
        metrics_observe(o->metrics, METRIC_COMMIT_TO_VISIBLE,
                        o->clock.wall_us(o->clock.ctx) - work->oldest_ts_us);
    }
}

void report_settled(const struct session *s, enum unknown_settled settled) {
    if (s->outcome_unknown) { /* else it was fenced, which is a known outcome */
        metrics_add(s->member->o.metrics, METRIC_UNKNOWN_OUTCOMES, settled, 1);
    }
}

static void set_lag(const struct member_options *o, const struct task *task) {
    int64_t lag = freshness_lag(o, task);
    if (lag < 0) {
        metrics_unset(o->metrics, METRIC_LAG, (size_t)task->number);
    } else {
        metrics_set(o->metrics, METRIC_LAG, (size_t)task->number, lag);
    }
}

static void set_task_gauges(const struct member_options *o, const struct task *task) {
    struct metrics *metrics = o->metrics;
    size_t number = (size_t)task->number;
    if (task->state) {
        metrics_set(metrics, METRIC_CACHE_ROWS, number, (int64_t)state_row_count(task->state));
        metrics_set(metrics, METRIC_CACHE_DIRTY_BYTES, number,
                    (int64_t)state_dirty_bytes(task->state));
    } else {
        metrics_unset(metrics, METRIC_CACHE_ROWS, number);
        metrics_unset(metrics, METRIC_CACHE_DIRTY_BYTES, number);
    }
    bool acquired = task->phase != TASK_WAITING && task->phase != TASK_HALTED;
    if (acquired) {
        metrics_set(metrics, METRIC_TABLES_TO_FILL, number, fill_count(task));
        metrics_set(metrics, METRIC_STORED_DEAD_LETTERS, number,
                    (int64_t)task->dead_letters.count - (int64_t)task->dead_letters_gone);
        metrics_set(metrics, METRIC_STORED_REFUSED_ROWS, number,
                    (int64_t)task->refused_rows.count - (int64_t)task->refused_gone);
    }
    metrics_set(metrics, METRIC_TASK_PHASE, number, task->phase);
    set_offsets(o, task->number, &task->progress);
    set_lag(o, task);
}

static void set_gauges(struct member *m) {
    int64_t phases[TASK_HALTED + 1] = {0};
    for (int32_t p = 0; p < m->partition_count; p++) {
        const struct task *task = m->tasks[p];
        if (task) {
            phases[task->phase]++;
            set_task_gauges(&m->o, task);
            continue;
        }
        metrics_unset(m->o.metrics, METRIC_CACHE_ROWS, (size_t)p);
        metrics_unset(m->o.metrics, METRIC_CACHE_DIRTY_BYTES, (size_t)p);
        metrics_unset(m->o.metrics, METRIC_STORED_DEAD_LETTERS, (size_t)p);
        metrics_unset(m->o.metrics, METRIC_STORED_REFUSED_ROWS, (size_t)p);
        metrics_unset(m->o.metrics, METRIC_TASK_PHASE, (size_t)p);
        metrics_unset(m->o.metrics, METRIC_TABLES_TO_FILL, (size_t)p);
        metrics_unset(m->o.metrics, METRIC_LAG, (size_t)p);
        set_offsets(&m->o, p, NULL);
    }
    for (size_t phase = 0; phase <= TASK_HALTED; phase++) {
        metrics_set(m->o.metrics, METRIC_TASKS, phase, phases[phase]);
    }
}

static const char *utc(int64_t wall_ms, char out[32]) {
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm t = {0};
    (void)gmtime_r(&seconds, &t);
    (void)strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &t);
    return out;
}

/* Returns whether there is one. */
static bool add_session_reason(const struct session *s, struct health_report *report) {
    char since[32];
    const struct trouble *trouble = &s->trouble;
    if (trouble->since_ms > 0) {
        health_report_add(report, "OLAP database: %s since %s: %s",
                          s->connected ? "trouble" : "not connected", utc(trouble->since_ms, since),
                          trouble->message);
    } else if (!s->connected) {
        health_report_add(report, "OLAP database: not connected yet");
    } else if (s->must_verify) {
        health_report_add(report, "OLAP database: the tasks' progress is being compared");
    } else {
        return false;
    }
    return true;
}

/* One is enough: what ails one connection mostly ails all. */
static void add_sink_reason(const struct member *m, struct health_report *report) {
    for (size_t i = 0; i < m->o.sink_count; i++) {
        if (add_session_reason(&m->sessions[i], report)) {
            return;
        }
    }
}

static void add_group_reasons(const struct member *m, struct health_report *report) {
    char since[32];
    if (m->revoking) {
        health_report_add(report, "the consumer group is taking the tasks away");
    } else if (!m->joined) {
        health_report_add(report, "no assignment from the consumer group yet");
    }
    for (int32_t p = 0; m->joined && m->incomplete_since_ms > 0 && p < m->partition_count; p++) {
        if (m->incomplete[p]) {
            health_report_add(report, "partition %d is assigned for only some of the topics",
                              (int)p);
        }
    }
    if (m->report.kafka.since_ms > 0) {
        health_report_add(report, "%s (since %s)", m->report.kafka.message,
                          utc(m->report.kafka.since_ms, since));
    }
}

static void add_topic_reasons(const struct member *m, struct health_report *report) {
    for (size_t t = 0; t < m->plan->relation_count; t++) {
        if (m->lookups[t].gone) {
            health_report_add(report, "topic %s is gone", lookup_topics_name(m, (int)t));
        }
    }
}

static void add_lookup_reasons(const struct member *m, const struct task *task,
                               struct health_report *report) {
    if (!lookup_topics_proven(m, task)) {
        health_report_add(report,
                          "task %d compares the records of lookup topics with what was applied",
                          (int)task->number);
    }
    int64_t wait_ms = lookup_topics_wait_ms(m, task);
    if (wait_ms > 0) {
        health_report_add(report, "task %d waits %lld s before lookup topics are read again for it",
                          (int)task->number, (long long)(wait_ms + 999) / 1000);
    }
}

static void add_task_reason(const struct member *m, const struct task *task,
                            struct health_report *report) {
    const struct err *halt = &task->halt;
    if (task->phase != TASK_HALTED && task->conflict_since_ms > 0) {
        health_report_add(report, "task %d is refused and tries again: %s", (int)task->number,
                          task->conflict.message);
    }
    for (size_t t = 0; t < m->plan->target_count; t++) {
        if (target_set_has(task->to_fill, t)) {
            health_report_add(report, "task %d is to fill table %s", (int)task->number,
                              m->plan->targets[t].name.ptr);
        }
    }
    if (task->phase == TASK_LIVE) {
        add_lookup_reasons(m, task, report);
        return;
    }
    if (task->phase == TASK_WAITING && task->retry_at_ms > now_ms(m) &&
        m->contests[task->number].count > 0) {
        health_report_add(report,
                          "task %d: waiting, since somebody outside this consumer group took it %d "
                          "times",
                          (int)task->number, m->contests[task->number].count);
    } else if (task->phase != TASK_HALTED) {
        health_report_add(report, "task %d: %s", (int)task->number, task_phase_name(task->phase));
    } else if (halt->topic[0]) {
        health_report_add(report, "task %d halted at topic %s partition %d offset %lld: %s",
                          (int)task->number, halt->topic, (int)halt->partition,
                          (long long)halt->offset, halt->message);
    } else {
        health_report_add(report, "task %d halted: %s", (int)task->number, halt->message);
    }
}

static void make_report(const struct member *m, struct health_report *ret_report) {
    health_report_begin(ret_report);
    if (m->stopping) {
        health_report_add(ret_report, "stopping");
    }
    add_group_reasons(m, ret_report);
    add_topic_reasons(m, ret_report);
    add_sink_reason(m, ret_report);
    snapshot_add_reason(m, ret_report);
    freshness_add_reason(m, ret_report);
    origin_add_reasons(m, ret_report);
    for (int32_t p = 0; p < m->partition_count; p++) {
        if (m->tasks[p]) {
            add_task_reason(m, m->tasks[p], ret_report);
        }
    }
    if (ret_report->ready && !member_ready(m)) {
        health_report_add(ret_report, "not ready");
    }
}

void report_step(struct member *m) {
    struct report *state = &m->report;
    int64_t now = now_ms(m);
    health_beat(m->o.health, now);
    if (state->kafka.since_ms > 0 && now >= state->kafka_until_ms) {
        trouble_end(&state->kafka);
    }
    bool turned = m->ready != state->ready;
    if ((m->o.health || m->o.metrics) && (turned || now >= state->health_at_ms)) {
        struct health_report report;
        make_report(m, &report);
        metrics_set(m->o.metrics, METRIC_READY, 0, report.ready);
        if (health_publish(m->o.health, &report)) { /* else at the next step */
            state->health_at_ms = now + HEALTH_MS;
            state->ready = m->ready;
        }
    }
    if (m->o.metrics && (turned || now >= state->gauges_at_ms)) {
        state->gauges_at_ms = now + GAUGES_MS;
        set_gauges(m);
        freshness_step(m);
    }
}
