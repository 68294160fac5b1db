/* A task that the sink gave us, and its cache. */
#include "pipeline/open.h"

#include "pipeline/dead_letters.h"
#include "pipeline/layout.h"
#include "pipeline/lookup_size.h"
#include "pipeline/phase.h"

#include <stdio.h>
#include <string.h>

#define LOCKED_WAIT_MS  1000 /* for another process to let go of a task's cache */
#define LOCKED_RETRY_MS 20

void task_acquired(struct member *m, struct task *task, const struct sink_result *result) {
    task->progress = result->newest;
    task->initial = !result->newest.has_offsets;
    task->to_fill = task->initial ? 0 : result->to_fill;
    memcpy(task->anchors_to_check, task->progress.anchors, sizeof task->anchors_to_check);
    struct err err;
    if (task_take_dead_letters(m, task, result->dead_letters, result->dead_letter_count, &err) !=
        ERR_NONE) {
        verdict_halt(&task->verdict, &err);
        return;
    }
    task->dead_letters_gone = task->refused_gone = 0;
    for (size_t i = 0; i < result->refused_count && SAFEGUARD("refused rows are read back"); i++) {
        (void)refused_set_add(&task->refused_rows, result->refused[i]);
    }
    if (result->other_table && task->initial) {
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
static enum cache_discard why_discard(const struct member_options *o, const struct task *task,
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
    if (clock_wall_ms(&o->clock) - meta->wall_ms > o->min_compaction_lag_ms / 2 &&
        SAFEGUARD("an old cache is discarded")) {
        return DISCARD_TOO_OLD;
    }
    return DISCARD_NONE;
}

static enum err_kind open_state(const struct member_options *o, struct task *task,
                                struct state_meta *meta, struct err *reterr) {
    const struct state_layout layout = layout_of(o->plan);
    enum err_kind kind =
        state_open(&o->stores, task->number, "", o->identity, &layout, &task->state, meta, reterr);
    bool locked = kind == ERR_RETRY && reterr->locked;
    if (!locked || clock_mono_ms(&o->clock) - task->opening_since_ms < LOCKED_WAIT_MS) {
        return kind;
    }
    char suffix[OWNER_LEN + 2];
    (void)snprintf(suffix, sizeof suffix, ".%s", task->progress.owner);
    return state_open(&o->stores, task->number, suffix, o->identity, &layout, &task->state, meta,
                      reterr);
}

/* A crash met the cache's last commit: what it refers to is indexed anew (indexes.c). */
static bool task_is_mended(struct member *m, struct task *task) {
    if (state_lacks_indexes(task->state)) {
        return false;
    }
    task_read_on(m, task, &task->opened);
    return true;
}

bool task_open(struct member *m, struct task *task) {
    if (now_ms(m) < task->retry_at_ms) {
        return false;
    }
    if (task->state) {
        return task_is_mended(m, task);
    }
    struct state_meta meta;
    struct err err;
    memset(task->first_seen, 0, sizeof task->first_seen);
    memset(task->gap_end, 0, sizeof task->gap_end);
    enum err_kind kind = open_state(&m->o, task, &meta, &err);
    if (kind == ERR_RETRY && err.locked) {
        task->retry_at_ms = now_ms(m) + LOCKED_RETRY_MS;
        return true;
    }
    if (kind != ERR_NONE) {
        verdict_fail(&task->verdict, &err);
        return true;
    }
    enum cache_discard why = why_discard(&m->o, task, &meta);
    if (why != DISCARD_NONE) {
        task_read_again(m, task, why);
    } else if (state_lacks_indexes(task->state)) {
        task->opened = meta;
    } else {
        lookup_size_check(&m->o, task);
        if (!verdict_stands(&task->verdict)) {
            task_read_on(m, task, &meta);
        }
    }
    task->cache_clean_ms = now_ms(m);
    return true;
}
