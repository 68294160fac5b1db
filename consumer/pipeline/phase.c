/* A task begins to read, or is live. */
#include "pipeline/phase.h"

#include "pipeline/work.h"

void task_set_live(struct member *m, struct task *task) {
    log_line(m->o.log, LOG_INFO, "pipeline", "live", "task=%d from=%s rows=%llu", task->number,
             task_phase_name(task->phase), (unsigned long long)state_row_count(task->state));
    task->phase = TASK_LIVE;
    task->changed_ms = now_ms(m);
    m->kafka_commit_due = true; /* the group's other members learn what we keep */
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

void task_read_again(struct member *m, struct task *task, enum cache_discard why) {
    struct err err;
    metrics_add(m->o.metrics, METRIC_CACHE_DISCARDS, (size_t)why, 1);
    join_end(task->join);
    batch_reset(&task->current, m->o.consume_ops, m->o.consume);
    batch_reset(&task->next, m->o.consume_ops, m->o.consume);
    if (SAFEGUARD("a restart forgets what was found")) {
        task_forget_found(task);
    }
    task->bisected = false;
    task->savepoints = false;
    task->conflict_since_ms = 0;
    task->conflict_left = 0;
    work_reset(&task->work);
    if (state_discard(task->state, &err) != ERR_NONE) {
        verdict_fail(&task->verdict, &err);
        return;
    }
    memset(task->position, 0, sizeof task->position);
    task->seen = (struct seen){0};
    memset(task->fill_after, 0, sizeof task->fill_after);
    memset(task->at_end, 0, sizeof task->at_end);
    memset(task->read, 0, sizeof task->read);
    memset(task->cut, 0, sizeof task->cut);
    task->distrust = DISCARD_NONE;
    task->phase = TASK_BOOTSTRAP_SCAN;
    task->positioned = true;
    task->assigned = false;
    member_needs_assign(m);
    log_line(m->o.log, LOG_INFO, "pipeline", task->initial ? "load_begins" : "rebuild_begins",
             "task=%d why=\"%s\"", task->number, discard_text(why));
}

/* Where to go on in a topic: at the earlier one of what the cache has and what the sink has. */
static int64_t position_of(const struct member *m, const struct task *task,
                           const struct state_meta *meta, size_t t) {
    int64_t sink = task->progress.offsets[t], cache = meta->offsets[t];
    bool lookup = t >= m->core_count;
    if (lookup && cache < sink && !SAFEGUARD("lookups are replayed, too")) {
        return sink;
    }
    int64_t position = cache < sink ? cache : sink;
    return lookup && m->lookups[t].next > position &&
                   !SAFEGUARD("lookups are read from where the task stands")
               ? m->lookups[t].next
               : position;
}

/* Taken for behind as a whole only where it is so in every topic. */
static bool ahead_somewhere(const struct member *m, const struct task *task,
                            const struct state_meta *meta) {
    bool ahead = false;
    for (size_t t = 0; t < m->plan->relation_count; t++) {
        ahead |= meta->offsets[t] > task->progress.offsets[t];
    }
    return ahead;
}

void task_read_on(struct member *m, struct task *task, const struct state_meta *meta) {
    bool behind = false;
    bool whole = !SAFEGUARD("each topic's offsets are compared by themselves") &&
                 ahead_somewhere(m, task, meta);
    for (size_t t = 0; t < m->plan->relation_count; t++) {
        task->position[t] = whole ? task->progress.offsets[t] : position_of(m, task, meta, t);
        task->fill_after[t] = meta->offsets[t];
        behind |= task->position[t] < task->progress.offsets[t];
    }
    task->seen = (struct seen){0};
    memset(task->at_end, 0, sizeof task->at_end);
    memset(task->cut, 0, sizeof task->cut);
    task->positioned = true;
    task->assigned = false;
    member_needs_assign(m);
    if (behind) {
        task->phase = TASK_CATCH_UP;
    } else {
        task_set_live(m, task);
    }
}
