/* When a task's cache is committed. */
#include "pipeline/checkpoint.h"

#include "pipeline/lookup_size.h"
#include "pipeline/work.h"

#define CACHE_REST_MS    1000             /* a dirty cache that rests so long is committed */
#define CACHE_REFRESH_MS INT64_C(3600000) /* a clean one too, see refresh_ms */
/* Of cache_commit_bytes: what one cache commits at a time beside live tasks. Some 10 ms each. */
#define LIVE_SHARE 4
#define SCAN_SHARE 16

/* How far the state is: a live task's as far as the sink; one in CATCH_UP holds records beyond
 * that.
 */
static void applied_offsets(const struct member_options *o, const struct task *task,
                            int64_t *ret_offsets) {
    for (size_t t = 0; t < o->plan->relation_count; t++) {
        bool held = SAFEGUARD("a cache does not stand behind records that wait") &&
                    task->phase != TASK_BOOTSTRAP_SCAN &&
                    task->position[t] > task->progress.offsets[t];
        ret_offsets[t] = held ? task->progress.offsets[t] : task->position[t];
    }
}

static void checkpoint(const struct member_options *o, struct task *task) {
    struct err err;
    int64_t applied[RELATIONS_MAX];
    applied_offsets(o, task, applied);
    enum err_kind kind = state_commit(task->state, applied, clock_wall_ms(&o->clock), false, &err);
    task->cache_clean_ms = clock_mono_ms(&o->clock);
    if (kind != ERR_NONE) {
        verdict_fail(&task->verdict, &err);
        return;
    }
    backoff_reset(&task->retry);
    lookup_size_check(o, task);
}

/* What is in the state is in the sink, or is not to be written to it. */
static bool may_commit(const struct task *task) {
    return task->phase == TASK_BOOTSTRAP_SCAN || task->phase == TASK_CATCH_UP ||
           (task->phase == TASK_LIVE && task->work.kind == WORK_NONE);
}

void checkpoint_dirty(struct member *m) {
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
    bool holds_up =
        live && largest &&
        most >= limit / (largest->phase == TASK_BOOTSTRAP_SCAN ? SCAN_SHARE : LIVE_SHARE);
    if (largest && (dirty >= limit || holds_up)) {
        checkpoint(&m->o, largest);
    }
}

/* A cache's wall time says how old it is, and from half of the topics' compaction lag on it is too
 * old: that must not come of quiet. */
static int64_t refresh_ms(const struct member_options *o) {
    int64_t quarter_ms = o->min_compaction_lag_ms / 4;
    return quarter_ms < CACHE_REFRESH_MS ? quarter_ms : CACHE_REFRESH_MS;
}

void checkpoint_rested(struct member *m) {
    int64_t now = now_ms(m);
    for (int32_t p = 0; p < m->partition_count; p++) {
        struct task *task = member_task(m, p);
        if (task && task->phase == TASK_LIVE && task->work.kind == WORK_NONE) {
            bool rests =
                state_dirty_bytes(task->state) > 0 && now - task->changed_ms > CACHE_REST_MS;
            if (rests || now - task->cache_clean_ms > refresh_ms(&m->o)) {
                checkpoint(&m->o, task);
            }
        }
    }
}

void checkpoint_leave(const struct member_options *o, struct task *task) {
    struct err err;
    if (task->phase != TASK_LIVE) {
        return;
    }
    if (task->work.kind != WORK_NONE) {
        work_undo(task);
    }
    if (state_dirty_bytes(task->state) > 0 &&
        state_commit(task->state, task->progress.offsets, clock_wall_ms(&o->clock), false, &err) !=
            ERR_NONE) {
        log_err(o->log, LOG_WARN, "state", "commit_failed", &err);
    }
}
