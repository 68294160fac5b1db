#include "base/memory.h"
#include "pipeline/member_impl.h"

#include <stdlib.h>

#define WAIT_MS      200 /* when nothing is due: idle timers are this coarse */
#define WAIT_SOON_MS 10  /* when something is about to be due */
#define STOP_WAIT_MS 1000

struct member *member_new(const struct member_options *options) {
    struct member *m = memory_new(1, sizeof *m);
    m->o = *options;
    m->plan = options->plan;
    m->partition_count = options->plan->partition_count;
    size_t n = (size_t)m->partition_count;
    m->decoder = decoder_new(m->plan);
    m->tasks = memory_new(n, sizeof(struct task *));
    m->ghosts = memory_new(n, sizeof(struct task *));
    m->incomplete = memory_new(n, sizeof *m->incomplete);
    m->contests = memory_new(n, sizeof *m->contests);
    m->events = memory_new(EVENTS_MAX, sizeof *m->events);
    origin_init(m);
    copy_init(m);
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
    hunt_drop(s);
    row_array_clear(&s->checked);
    group_free_ghosts(s);
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
    copy_clear(m);
    arena_clear(&m->scratch);
    free(m->tasks);
    free(m->ghosts);
    free(m->incomplete);
    free(m->contests);
    free(m->sessions);
    free(m->events);
    free(m);
    *member = NULL;
}

/* The task from scratch, in WAITING. What the sink still reads stays until it has answered. */
static struct task *start_over(struct member *m, struct task *task) {
    if (task->hunting) {
        hunt_drop(task->session);
    }
    if (task_in_flight(task) && SAFEGUARD("what the sink reads is kept")) {
        struct task *fresh = task_new(m->plan, task->number, task->session);
        fresh->retry = task->retry;
        task_become_ghost(m, task);
        m->tasks[fresh->number] = fresh;
        task = fresh;
    } else {
        task_forget(task, m->o.consume_ops, m->o.consume);
    }
    task->assigned = false;
    member_needs_assign(m);
    return task;
}

void task_reacquire(struct member *m, struct task *task, enum reacquired reason, const char *why) {
    metrics_add(m->o.metrics, METRIC_REACQUISITIONS, reason, 1);
    log_line(m->o.log, LOG_WARN, "pipeline", "reacquire", "task=%d why=\"%s\"", task->number, why);
    (void)start_over(m, task);
}

void task_distrust_cache(struct member *m, struct task *task, enum cache_discard why) {
    int32_t number = task->number;
    task_reacquire(m, task, REACQUIRED_CACHE, "its cache can't be trusted");
    m->tasks[number]->distrust = why;
}

void task_halt(struct member *m, struct task *task, const struct err *err) {
    log_line(m->o.log, LOG_ERROR, "pipeline", "halt", "task=%d phase=%s", task->number,
             task_phase_name(task->phase));
    struct err why = *err;
    if (why.partition < 0) { /* about no record: then about the task, which has its number */
        why.partition = task->number;
    }
    log_err(m->o.log, LOG_ERROR, "pipeline", "halted", &why);
    metrics_add(m->o.metrics, METRIC_HALTS, (size_t)task->number, 1);
    task = start_over(m, task);
    task->phase = TASK_HALTED;
    task->halt = why;
}

void task_trouble(struct member *m, struct task *task, const struct err *err) {
    int32_t number = task->number;
    switch (err->kind) {
    case ERR_NONE:
        return;
    case ERR_CACHE:
        log_err(m->o.log, LOG_WARN, "state", "cache_discarded", err);
        task_distrust_cache(m, task, DISCARD_DISTRUSTED);
        m->tasks[number]->retry_at_ms = now_ms(m) + backoff_next_ms(&m->tasks[number]->retry);
        return;
    case ERR_RETRY:
        log_err(m->o.log, LOG_WARN, "state", "retry", err);
        task_reacquire(m, task, REACQUIRED_CACHE, "its cache can't be used now");
        task = m->tasks[number];
        task->retry_at_ms = now_ms(m) + backoff_next_ms(&task->retry);
        return;
    case ERR_RECORD:
    case ERR_HALT:
        task_halt(m, task, err);
        return;
    case ERR_CONFIG:
    case ERR_BUG:
        m->error = *err;
        return;
    }
}

void task_set_live(struct member *m, struct task *task) {
    log_line(m->o.log, LOG_INFO, "pipeline", "live", "task=%d from=%s rows=%llu", task->number,
             task_phase_name(task->phase), (unsigned long long)state_row_count(task->state));
    task->phase = TASK_LIVE;
    task->changed_ms = now_ms(m);
    m->kafka_commit_due = true; /* the group's other members learn what we keep */
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

bool member_ready(const struct member *m) {
    bool ready = m->joined && !m->revoking && !m->stopping && m->incomplete_since_ms == 0;
    ready = ready && !origin_is_red(m) && !m->copy.running;
    for (size_t i = 0; ready && i < m->o.sink_count; i++) {
        ready = m->sessions[i].connected && !m->sessions[i].must_verify;
    }
    for (int32_t p = 0; ready && p < m->partition_count; p++) {
        ready = !m->tasks[p] ||
                (m->tasks[p]->phase == TASK_LIVE && m->tasks[p]->conflict_since_ms == 0);
    }
    return ready;
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

/* built: only what is built already. */
static size_t submit(struct member *m, bool built) {
    size_t done = 0;
    for (size_t i = 0; i < m->o.sink_count; i++) {
        if (!built || turn_is_built(&m->sessions[i])) {
            done += commit_submit(&m->sessions[i]);
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
    for (size_t i = 0; i < m->ghost_count; i++) {
        ghost_check(m, m->ghosts[i]);
    }
    for (size_t i = 0; i < m->o.sink_count; i++) {
        session_check(&m->sessions[i]);
    }
}

size_t member_step(struct member *m) {
    size_t done = group_step(m);
    for (size_t i = 0; i < m->o.sink_count; i++) {
        done += sink_step(&m->sessions[i]);
    }
    if (m->stopped) {
        return done;
    }
    done += open_tasks(m);
    done += group_assign(m);
    if (!m->revoking && !m->stopping) {
        done += submit(m, true); /* the sink should not wait for what else there is to do */
        done += take_records(m);
        done += submit(m, false);
        commit_dirty_caches(m);
        commit_caches(m);
        group_watch(m);
        origin_step(m);
        copy_step(m);
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
    return soon ? WAIT_SOON_MS : WAIT_MS;
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
    copy_forget(m);
    for (int32_t p = 0; p < m->partition_count; p++) {
        if (m->tasks[p] && m->tasks[p]->phase == TASK_HALTED) {
            task_reacquire(m, m->tasks[p], REACQUIRED_RESUMED, "resumed by the operator");
        }
    }
}

const struct err *member_error(const struct member *m) {
    return m->error.kind == ERR_NONE ? NULL : &m->error;
}
