#include "pipeline/member.h"
#include "base/memory.h"
#include "pipeline/apply_verdicts.h"
#include "pipeline/bisect_rows.h"
#include "pipeline/check.h"
#include "pipeline/checkpoint.h"
#include "pipeline/group.h"
#include "pipeline/indexes.h"
#include "pipeline/ingest.h"
#include "pipeline/kafka_commit.h"
#include "pipeline/open.h"
#include "pipeline/origin.h"
#include "pipeline/orphan.h"
#include "pipeline/patience.h"
#include "pipeline/report.h"
#include "pipeline/sink_events.h"
#include "pipeline/snapshot.h"
#include "pipeline/submit.h"
#include "pipeline/turn.h"

#include <assert.h>
#include <stdlib.h>

#define WAIT_MS      200 /* when nothing is due: idle timers are this coarse */
#define WAIT_SOON_MS 10  /* when something is about to be due */
#define STOP_WAIT_MS 1000

struct member *member_new(const struct member_options *options) {
    struct member *m = memory_new(1, sizeof *m);
    m->o = *options;
    m->plan = options->plan;
    m->partition_count = options->plan->partition_count;
    while (m->core_count < m->plan->relation_count &&
           m->plan->relations[m->core_count].role == ROLE_CORE) {
        m->core_count++;
    }
    m->parted_count = plan_parted_count(m->plan);
    for (size_t t = m->core_count; t < m->plan->relation_count; t++) {
        assert(m->plan->relations[t].role == ROLE_LOOKUP);
        m->filtered[t] = -1;
    }
    for (size_t t = m->parted_count; t < m->core_count; t++) {
        assert(m->plan->relations[t].filtered && plan_feed(m->plan, t) >= m->core_count);
        m->filtered[plan_feed(m->plan, t)] = (int)t;
    }
    size_t n = (size_t)m->partition_count;
    m->decoder = decoder_new(m->plan);
    m->tasks = memory_new(n, sizeof(struct task *));
    m->orphans = memory_new(n, sizeof(struct task *));
    m->incomplete = memory_new(n, sizeof *m->incomplete);
    m->contests = memory_new(n, sizeof *m->contests);
    m->going_back = memory_new(n, sizeof *m->going_back);
    m->events = memory_new(EVENTS_MAX, sizeof *m->events);
    origin_init(m);
    snapshot_init(m);
    m->sessions = memory_new(m->o.sink_count, sizeof *m->sessions);
    for (size_t i = 0; i < m->o.sink_count; i++) {
        m->sessions[i] = (struct session){
            .member = m,
            .sink = m->o.sinks[i],
            .number = (int)i,
            .parts = memory_new(n, sizeof(struct txn_part *)),
            .asked = memory_new(n, sizeof(int32_t)),
            .writer = row_writer_new(m->plan),
            .backoff = backoff_init(50, 5000, 0),
        };
    }
    return m;
}

static void session_clear(struct session *s) {
    bisect_rows_drop(s);
    row_array_clear(&s->checked);
    orphans_free(s);
    row_writer_destroy(&s->writer);
    free((void *)s->parts);
    free(s->asked);
}

void member_destroy(struct member **member) {
    struct member *m = *member;
    if (!m) {
        return;
    }
    for (size_t i = 0; i < m->o.sink_count; i++) {
        session_clear(&m->sessions[i]);
    }
    for (int32_t p = 0; p < m->partition_count; p++) {
        task_destroy(&m->tasks[p], m->o.consume_ops, m->o.consume);
    }
    decoder_destroy(&m->decoder);
    origin_clear(m);
    snapshot_clear(m);
    arena_clear(&m->scratch);
    arena_clear(&m->lookup_scratch);
    free(m->tasks);
    free(m->orphans);
    free(m->incomplete);
    free(m->contests);
    free(m->going_back);
    free(m->sessions);
    free(m->events);
    free(m);
    *member = NULL;
}

static size_t open_tasks(struct member *m) {
    size_t done = 0;
    for (int32_t p = 0; p < m->partition_count && !m->revoking && !m->stopping; p++) {
        if (m->tasks[p] && m->tasks[p]->phase == TASK_OPENING) {
            done += task_open(m, m->tasks[p]);
        }
    }
    return done;
}

static void watch_ready(struct member *m) {
    bool ready = member_ready(m);
    if (ready && !m->ready) {
        int tasks = 0;
        uint64_t rows = 0;
        for (int32_t p = 0; p < m->partition_count; p++) {
            if (m->tasks[p]) {
                tasks++;
                rows += state_row_count(m->tasks[p]->state);
            }
        }
        log_line(m->o.log, LOG_INFO, "pipeline", "ready", "tasks=%d rows=%llu", tasks,
                 (unsigned long long)rows);
    }
    m->ready = ready;
}

/* It has stopped, or ends with an error: nothing more is sent or committed. */
static bool is_over(const struct member *m) {
    return m->stopped || m->error.kind != ERR_NONE;
}

/* built: only what is built already. */
static size_t submit(struct member *m, bool built) {
    size_t done = 0;
    for (size_t i = 0; i < m->o.sink_count && !is_over(m); i++) {
        if (!built || turn_is_built(&m->sessions[i])) {
            done += submit_next(&m->sessions[i]);
            apply_verdicts(m);
        }
    }
    return done;
}

static void check_all(const struct member *m) {
    for (int32_t p = 0; p < m->partition_count; p++) {
        if (m->tasks[p]) {
            task_check(m, m->tasks[p]);
        }
    }
    for (size_t i = 0; i < m->orphan_count; i++) {
        orphan_check(m, m->orphans[i]);
    }
    for (size_t i = 0; i < m->o.sink_count; i++) {
        session_check(&m->sessions[i]);
    }
}

/* What the group and the sinks say. */
static size_t receive(struct member *m) {
    size_t done = 0;
    while (group_event(m)) {
        apply_verdicts(m);
        done++;
    }
    done += group_leave(m);
    for (size_t i = 0; i < m->o.sink_count; i++) {
        done += sink_events_step(&m->sessions[i]);
        apply_verdicts(m);
    }
    return done;
}

/* From records to rows, caches and offsets. */
static size_t advance(struct member *m) {
    size_t done = submit(m, true); /* the sink should not wait for what else there is to do */
    if (!is_over(m)) {
        done += ingest_records(m);
        apply_verdicts(m);
    }
    done += submit(m, false);
    if (is_over(m)) {
        return done;
    }
    checkpoint_dirty(m);
    checkpoint_rested(m);
    kafka_commit_step(m);
    apply_verdicts(m);
    group_watch(m);
    origin_step(m);
    apply_verdicts(m);
    snapshot_step(m);
    return done;
}

size_t member_step(struct member *m) {
    size_t done = receive(m);
    if (is_over(m)) {
        return done;
    }
    done += open_tasks(m);
    apply_verdicts(m);
    done += group_assign(m);
    if (!m->revoking && !m->stopping) {
        done += indexes_step(m);
        apply_verdicts(m);
        done += advance(m);
    }
    watch_ready(m);
    report_step(m);
    if (m->o.checks) {
        check_all(m);
    }
    return done;
}

int member_wait_ms(const struct member *m) {
    bool soon = m->needs_assign || m->revoking || m->stopping;
    for (int32_t p = 0; p < m->partition_count && !soon; p++) {
        soon = m->tasks[p] &&
               (m->tasks[p]->phase == TASK_OPENING || m->tasks[p]->conflict_since_ms > 0);
    }
    for (size_t i = 0; i < m->o.sink_count && !soon; i++) {
        soon = m->sessions[i].retry_at_ms > now_ms(m);
    }
    return soon ? WAIT_SOON_MS : patience_wait_ms(m, WAIT_MS);
}

void member_stop(struct member *m) {
    if (!m->stopping) {
        m->stopping = true;
        m->finish_by_ms = now_ms(m) + STOP_WAIT_MS;
    }
}

bool member_stopped(const struct member *m) {
    return m->stopped;
}

void member_resume(struct member *m) {
    origin_resume(m);
    snapshot_forget(m);
    for (int32_t p = 0; p < m->partition_count; p++) {
        if (m->tasks[p] && m->tasks[p]->phase == TASK_HALTED) {
            verdict_reacquire(&m->tasks[p]->verdict, REACQUIRED_RESUMED, "resumed by the operator");
        }
    }
    apply_verdicts(m);
}

const struct err *member_error(const struct member *m) {
    return m->error.kind == ERR_NONE ? NULL : &m->error;
}
