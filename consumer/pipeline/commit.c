/* What goes to the sink next, and what follows once it is in. */
#include "pipeline/member_impl.h"

#include <stdio.h>
#include <stdlib.h>

#define CACHE_REST_MS    1000             /* a dirty cache that rests so long is committed */
#define CACHE_REFRESH_MS INT64_C(3600000) /* a clean one too: its wall time says how old it is */
#define KAFKA_COMMIT_MS  1000
#define LOOK_MS          10000 /* the newest rows and the sink table are compared so often */
/* Of cache_commit_bytes: what one cache commits at a time beside live tasks. Some 10 ms each. */
#define LIVE_SHARE    4
#define READING_SHARE 16

static void halt_where_due(struct session *s) {
    struct member *m = s->member;
    for (int32_t p = 0; p < m->partition_count; p++) {
        struct task *task = session_task(s, p);
        if (task && task->phase == TASK_LIVE && task->work.kind == WORK_NONE) {
            const struct err *halt = task_next_halt(task);
            if (halt) {
                verdict_halt(&task->verdict, halt);
            }
        }
    }
}

static void survey_where_due(struct session *s) {
    for (int32_t p = 0; p < s->member->partition_count && !s->hunt; p++) {
        struct task *task = session_task(s, p);
        if (task && task->phase == TASK_WRITING && !task->surveyed) {
            survey_begin(task);
        }
    }
}

static enum err_kind load_next(void *ctx, const struct str **ret_values, bool *ret_end,
                               struct err *reterr) {
    struct session *s = ctx;
    if (!s->load_task) {
        return err_set(reterr, ERR_RETRY, "the task was taken away during its load");
    }
    struct row_op op;
    enum err_kind kind = join_next(s->load_task->join, &op, reterr);
    *ret_end = op.kind == ROW_OP_END;
    if (kind == ERR_NONE && !*ret_end) {
        kind = row_writer_outputs(s->writer, &op, ret_values, reterr);
    }
    if (kind != ERR_NONE) {
        s->load_error = *reterr;
    }
    return kind;
}

static void load_begin(struct session *s, struct task *task) {
    row_writer_forget(s->writer);
    join_begin_all(task->join, task_reader(task), 0);
    s->load_task = task;
    s->load_error.kind = ERR_NONE;
    s->load = (struct load_source){s, load_next};
    s->txn.load = &s->load;
}

static size_t submit_txn(struct session *s) {
    const struct member *m = s->member;
    struct task *single = turn_take(s);
    if (s->txn.part_count == 0) {
        return 0;
    }
    if (single && single->work.kind == WORK_LOAD) {
        load_begin(s, single);
    }
    s->job = JOB_COMMIT;
    s->sent_us = m->o.clock.mono_us(m->o.clock.ctx);
    m->o.sink_ops->commit(s->sink, &s->txn);
    return 1;
}

/* Tasks to ask the sink about: all we hold to verify them, or those it must give us first. */
static size_t ask(struct session *s, enum job job) {
    const struct member *m = s->member;
    s->asked_count = 0;
    for (int32_t p = 0; p < m->partition_count; p++) {
        const struct task *task = session_task(s, p);
        if (!task || task->phase == TASK_HALTED) {
            continue;
        }
        bool waiting = task->phase == TASK_WAITING;
        if (job == JOB_NEWEST ? !waiting : waiting && now_ms(m) >= task->retry_at_ms) {
            s->asked[s->asked_count++] = p;
        }
    }
    if (s->asked_count == 0) {
        return 0;
    }
    s->job = job;
    if (job == JOB_NEWEST) {
        m->o.sink_ops->newest(s->sink, s->asked, s->asked_count);
        return 1;
    }
    unsigned char bytes[OWNER_LEN / 2];
    m->o.random(m->o.random_ctx, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        (void)snprintf(s->owner + 2 * i, 3, "%02x", bytes[i]);
    }
    m->o.sink_ops->acquire(s->sink, s->asked, s->asked_count, s->owner);
    return 1;
}

size_t commit_submit(struct session *s) {
    const struct member *m = s->member;
    if (s->job == JOB_COMMIT && !s->load_task && !m->revoking && !m->stopping) {
        turn_build_ahead(s);
    }
    if (s->job != JOB_NONE || m->revoking || m->stopping || !m->o.sink_ops->ready(s->sink) ||
        now_ms(m) < s->retry_at_ms) {
        return 0;
    }
    if (s->must_verify) {
        if ((s->number == 0 || SAFEGUARD("every session is verified")) && ask(s, JOB_NEWEST) > 0) {
            return 1;
        }
        s->must_verify = false;
    }
    if (now_ms(m) >= s->look_at_ms && SAFEGUARD("quiet tasks are compared, too")) {
        s->look_at_ms = now_ms(m) + LOOK_MS;
        if (ask(s, JOB_NEWEST) > 0) {
            return 1;
        }
    }
    if (ask(s, JOB_ACQUIRE) > 0) {
        return 1;
    }
    halt_where_due(s);
    survey_where_due(s);
    size_t done = s->hunt && !s->hunt_waits ? 0 : submit_txn(s);
    s->hunt_waits = done == 0; /* a check and a transaction take turns */
    if (done == 0 && s->hunt) {
        hunt_submit(s);
        done = 1;
    }
    return done;
}

/* How far the state is: a live task's as far as the sink; a silent one holds records beyond that.
 */
static void applied_offsets(const struct member *m, const struct task *task, int64_t *ret_offsets) {
    for (size_t t = 0; t < m->plan->relation_count; t++) {
        bool held = SAFEGUARD("a cache does not stand behind records that wait") &&
                    task->phase != TASK_READING && task->position[t] > task->progress.offsets[t];
        ret_offsets[t] = held ? task->progress.offsets[t] : task->position[t];
    }
}

static void commit_cache_of(struct member *m, struct task *task) {
    struct err err;
    int64_t applied[RELATIONS_MAX];
    applied_offsets(m, task, applied);
    enum err_kind kind =
        state_commit(task->state, applied, clock_wall_ms(&m->o.clock), false, &err);
    task->cache_clean_ms = now_ms(m);
    if (kind != ERR_NONE) {
        verdict_fail(&task->verdict, &err);
        return;
    }
    backoff_reset(&task->retry);
}

/* What is in the state is in the sink, or is not to be written to it. */
static bool may_commit(const struct task *task) {
    return task->phase == TASK_READING || task->phase == TASK_SILENT ||
           (task->phase == TASK_LIVE && task->work.kind == WORK_NONE);
}

void commit_dirty_caches(struct member *m) {
    size_t dirty = 0, most = 0, limit = m->o.cache_commit_bytes;
    struct task *largest = NULL;
    bool live = false;
    for (int32_t p = 0; p < m->partition_count; p++) {
        struct task *task = member_task(m, p);
        size_t bytes = task && may_commit(task) ? state_dirty_bytes(task->state) : 0;
        dirty += bytes;
        live |= task && task->phase == TASK_LIVE;
        if (bytes > most) {
            most = bytes;
            largest = task;
        }
    }
    bool holds_up = live && largest &&
                    most >= limit / (largest->phase == TASK_READING ? READING_SHARE : LIVE_SHARE);
    if (largest && (dirty >= limit || holds_up)) {
        commit_cache_of(m, largest);
    }
}

/* The work is written to its end. */
static void work_complete(struct member *m, struct task *task) {
    struct err err;
    enum work_kind kind = task->work.kind;
    struct arena arena = task->work.arena;
    size_t count = task->work.record_count;
    task->current.consumed += count;
    task->conflict_left -= count < task->conflict_left ? count : task->conflict_left;
    if (task->current.consumed == task->current.count) {
        batch_reset(&task->current, m->o.consume_ops, m->o.consume);
    }
    arena_reset(&arena);
    task->work = (struct work){.arena = arena};
    join_end(task->join);
    task->changed_ms = now_ms(m);
    m->kafka_commit_due = true;
    if (kind == WORK_BATCH || kind == WORK_LETTER) {
        state_release(task->state);
        task->letter_next = false;
        if (task->record_limit > 0) { /* a refused batch is behind us: back to full ones */
            task->record_limit *= 2;
            task->record_limit = task->record_limit < m->o.batch_max_rows ? task->record_limit : 0;
        }
        task->careful &= task->record_limit > 0;
        return;
    }
    task->initial = false;
    task->careful = false;
    task->hunted = false;
    task->refused_count = 0;
    arena_reset(&task->refused_arena);
    task_forget_found(task);
    if (state_commit(task->state, task->progress.offsets, clock_wall_ms(&m->o.clock), true, &err) !=
        ERR_NONE) {
        verdict_fail(&task->verdict, &err);
        return;
    }
    task->cache_clean_ms = now_ms(m);
    metrics_add(m->o.metrics, kind == WORK_LOAD ? METRIC_INITIAL_LOADS : METRIC_REBUILDS, 0, 1);
    task_set_live(m, task);
}

void task_committed(struct member *m, struct task *task, const struct sink_event *event) {
    report_committed(m, task);
    task_note_refused(m, task, event);
    task_conflict_over(task);
    task->progress = task->part.after;
    for (size_t i = 0; i < task->part.letter_count; i++) {
        const struct dead_letter *letter = &task->part.letters[i];
        task_know_letter(task, &(struct known_letter){
                                   .table = letter->table,
                                   .offset = letter->offset,
                                   .row_key = letter->row_key,
                                   .kept = letter->kept,
                                   .key = letter->key,
                                   .value_len = letter->value.ptr ? (int64_t)letter->value.len : -1,
                                   .has_checksum = true,
                                   .checksum = letter->checksum});
    }
    task->work.txn = TXN_NONE;
    if (work_is_last(&task->work)) {
        task->solo = false; /* not before: a later part of the work may be what is refused */
        work_complete(m, task);
    }
}

void commit_caches(struct member *m) {
    int64_t now = now_ms(m);
    for (int32_t p = 0; p < m->partition_count; p++) {
        struct task *task = member_task(m, p);
        if (task && task->phase == TASK_LIVE && task->work.kind == WORK_NONE) {
            bool rests =
                state_dirty_bytes(task->state) > 0 && now - task->changed_ms > CACHE_REST_MS;
            if (rests || now - task->cache_clean_ms > CACHE_REFRESH_MS) {
                commit_cache_of(m, task);
            }
        }
    }
    if (!m->kafka_commit_due || now < m->kafka_commit_at_ms) {
        return;
    }
    m->kafka_commit_due = false;
    m->kafka_commit_at_ms = now + KAFKA_COMMIT_MS;
    struct arena *arena = &m->scratch;
    arena_reset(arena);
    size_t count = 0, tables = m->plan->relation_count;
    struct topic_position *positions =
        arena_alloc(arena, (size_t)m->partition_count * tables * sizeof *positions);
    for (int32_t p = 0; p < m->partition_count; p++) {
        const struct task *task = member_task(m, p);
        if (task && task->phase == TASK_LIVE) {
            for (size_t t = 0; t < tables; t++) {
                positions[count++] = (struct topic_position){(int)t, p, task->progress.offsets[t]};
            }
        }
    }
    if (count > 0) {
        m->o.consume_ops->commit(m->o.consume, positions, count);
    }
}
