/* A task that the sink gave us: its cache, and where to read from. */
#include "pipeline/member_impl.h"

#include <stdio.h>
#include <string.h>

#define LOCKED_WAIT_MS  1000 /* for another process to let go of a task's cache */
#define LOCKED_RETRY_MS 20

_Static_assert(RELATIONS_MAX <= STATE_TABLES_MAX, "a cache holds every view's tables");
_Static_assert(ROW_KEY_MAX <= KV_KEY_MAX, "and every row's key");

void task_acquired(struct member *m, struct task *task, const struct sink_result *result) {
    task->progress = result->newest;
    task->initial = !result->newest.has_offsets;
    memcpy(task->proof, task->progress.marks, sizeof task->proof);
    struct err err;
    if (task_take_letters(m, task, result->letters, result->letter_count, &err) != ERR_NONE) {
        verdict_halt(&task->verdict, &err);
        return;
    }
    task->letters_gone = task->refused_gone = 0;
    for (size_t i = 0; i < result->refused_count && SAFEGUARD("refused rows are read back"); i++) {
        (void)refused_set_add(&task->refused_rows, result->refused[i]);
    }
    if (result->other_table) {
        log_line(m->o.log, LOG_WARN, "pipeline", "refill",
                 "task=%d why=\"the sink table was created again or emptied: its rows are loaded "
                 "again\"",
                 task->number);
    }
    task->phase = TASK_OPENING;
    task->opening_since_ms = now_ms(m);
    task->retry_at_ms = 0;
    log_line(m->o.log, LOG_DEBUG, "pipeline", "acquired", "task=%d seq=%lld owner=%s", task->number,
             (long long)task->progress.seq, task->progress.owner);
}

/* DISCARD_NONE: the cache may be used; else why it counts as empty. */
static enum cache_discard cache_verdict(const struct member *m, const struct task *task,
                                        const struct state_meta *meta) {
    if (task->initial && SAFEGUARD("a cache needs progress beside it")) {
        return DISCARD_NO_PROGRESS;
    }
    if (meta->damaged) {
        return DISCARD_DAMAGED;
    }
    if (task->distrust != DISCARD_NONE && SAFEGUARD("a distrusted cache is discarded")) {
        return task->distrust;
    }
    if (meta->empty) {
        return DISCARD_MISSING;
    }
    if (meta->incomplete && SAFEGUARD("an incomplete cache is discarded")) {
        return DISCARD_INCOMPLETE;
    }
    if (clock_wall_ms(&m->o.clock) - meta->wall_ms > m->o.min_compaction_lag_ms / 2 &&
        SAFEGUARD("an old cache is discarded")) {
        return DISCARD_TOO_OLD;
    }
    return DISCARD_NONE;
}

static const char *discard_text(enum cache_discard why) {
    switch (why) {
    case DISCARD_NONE:
        break;
    case DISCARD_NO_PROGRESS:
        return "no progress is recorded";
    case DISCARD_DAMAGED:
        return "the cache is damaged";
    case DISCARD_DISTRUSTED:
        return "the cache can't be trusted";
    case DISCARD_MISSING:
        return "there is no cache";
    case DISCARD_INCOMPLETE:
        return "the cache is incomplete";
    case DISCARD_TOO_OLD:
        return "the cache is too old";
    case DISCARD_LOG_TOO_OLD:
        return "the log was not read for so long that parts of it may have been compacted away";
    case DISCARD_CONFLICT:
        return "a row of the log's past is refused beside rows of other tasks";
    case DISCARD_ROWS_REFUSED:
        return "rows were refused: their records are read again";
    }
    return "";
}

static enum err_kind open_state(struct member *m, struct task *task, struct state_meta *meta,
                                struct err *reterr) {
    enum err_kind kind = state_open(&m->o.stores, task->number, "", m->o.identity,
                                    m->plan->relation_count, &task->state, meta, reterr);
    bool locked = kind == ERR_RETRY && reterr->locked;
    if (!locked || now_ms(m) - task->opening_since_ms < LOCKED_WAIT_MS) {
        return kind;
    }
    char suffix[OWNER_LEN + 2];
    (void)snprintf(suffix, sizeof suffix, ".%s", task->progress.owner);
    return state_open(&m->o.stores, task->number, suffix, m->o.identity, m->plan->relation_count,
                      &task->state, meta, reterr);
}

void task_read_again(struct member *m, struct task *task, enum cache_discard why) {
    struct err err;
    metrics_add(m->o.metrics, METRIC_CACHE_DISCARDS, (size_t)why, 1);
    join_end(task->join);
    batch_reset(&task->current, m->o.consume_ops, m->o.consume);
    batch_reset(&task->next, m->o.consume_ops, m->o.consume);
    if (SAFEGUARD("a restart forgets what was found")) {
        task_forget_found(task);
    }
    task->hunted = false;
    task->careful = false;
    task->conflict_since_ms = 0;
    task->conflict_left = 0;
    struct arena arena = task->work.arena;
    arena_reset(&arena);
    task->work = (struct work){.arena = arena};
    if (state_discard(task->state, &err) != ERR_NONE) {
        verdict_fail(&task->verdict, &err);
        return;
    }
    memset(task->position, 0, sizeof task->position);
    task->seen = (struct seen){0};
    memset(task->at_end, 0, sizeof task->at_end);
    memset(task->read, 0, sizeof task->read);
    task->distrust = DISCARD_NONE;
    task->phase = TASK_READING;
    task->positioned = true;
    task->assigned = false;
    member_needs_assign(m);
    log_line(m->o.log, LOG_INFO, "pipeline", task->initial ? "load_begins" : "rebuild_begins",
             "task=%d why=\"%s\"", task->number, discard_text(why));
}

/* Per topic: where the cache is behind, from its offset; where it is ahead, from the sink's. */
static void position_by_cache(struct member *m, struct task *task, const struct state_meta *meta) {
    bool behind = false;
    for (size_t t = 0; t < m->plan->relation_count; t++) {
        int64_t sink = task->progress.offsets[t], cache = meta->offsets[t];
        task->position[t] = cache < sink ? cache : sink;
        behind |= cache < sink;
    }
    task->seen = (struct seen){0};
    memset(task->at_end, 0, sizeof task->at_end);
    task->positioned = true;
    task->assigned = false;
    member_needs_assign(m);
    if (behind) {
        task->phase = TASK_SILENT;
    } else {
        task_set_live(m, task);
    }
}

bool task_open(struct member *m, struct task *task) {
    if (now_ms(m) < task->retry_at_ms) {
        return false;
    }
    struct state_meta meta;
    struct err err;
    memset(task->first_seen, 0, sizeof task->first_seen);
    memset(task->gap_end, 0, sizeof task->gap_end);
    enum err_kind kind = open_state(m, task, &meta, &err);
    if (kind == ERR_RETRY && err.locked) {
        task->retry_at_ms = now_ms(m) + LOCKED_RETRY_MS;
        return true;
    }
    if (kind != ERR_NONE) {
        verdict_fail(&task->verdict, &err);
        return true;
    }
    enum cache_discard why = cache_verdict(m, task, &meta);
    if (why != DISCARD_NONE) {
        task_read_again(m, task, why);
    } else {
        position_by_cache(m, task, &meta);
    }
    task->cache_clean_ms = now_ms(m);
    return true;
}
