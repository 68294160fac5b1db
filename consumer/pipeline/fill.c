#include "pipeline/fill.h"

#include "pipeline/work.h"

bool fill_is_due(const struct task *task) {
    bool due = task->to_fill != 0;
    for (size_t t = 0; due && t < RELATIONS_MAX; t++) {
        due = task_applied_to(task, t) >= task->fill_after[t] ||
              !SAFEGUARD("a fill waits for a cache that is ahead");
    }
    return due;
}

void fill_begin(const struct member_options *o, struct task *task) {
    struct work *work = &task->work;
    work->kind = WORK_FILL;
    while (!target_set_has(task->to_fill, work->fill_target)) {
        work->fill_target++;
    }
    memcpy(work->offsets_after, task->progress.offsets, sizeof work->offsets_after);
    memcpy(work->anchors_after, task->progress.anchors, sizeof work->anchors_after);
    join_begin_all(task->join, task_reader(task), (int)work->fill_target);
    log_line(o->log, LOG_INFO, "pipeline", "fill_begins", "task=%d table=%s", task->number,
             o->plan->targets[work->fill_target].name.ptr);
}

target_set fill_marks(const struct plan *plan, const struct work *work) {
    if (work->kind == WORK_FILL) {
        return (target_set)1 << work->fill_target;
    }
    return work->kind == WORK_LOAD ? target_set_all(plan->target_count) : 0;
}

void fill_committed(const struct member_options *o, struct task *task) {
    struct work *work = &task->work;
    if (work->kind != WORK_FILL) {
        return;
    }
    work->filled_count += task->part.targets[work->fill_target].upserts.row_count;
    if (!work_is_last(work)) {
        return;
    }
    task->to_fill &= ~task->part.filled;
    metrics_add(o->metrics, METRIC_FILLS, 0, 1);
    log_line(o->log, LOG_INFO, "pipeline", "filled", "task=%d table=%s rows=%llu", task->number,
             o->plan->targets[work->fill_target].name.ptr, (unsigned long long)work->filled_count);
}

int64_t fill_count(const struct task *task) {
    int64_t count = 0;
    for (size_t t = 0; t < TARGETS_MAX; t++) {
        count += target_set_has(task->to_fill, t);
    }
    return count;
}
