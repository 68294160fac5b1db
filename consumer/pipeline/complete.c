/* What follows once a transaction is in. */
#include "pipeline/complete.h"

#include "pipeline/bisect_batch.h"
#include "pipeline/conflict.h"
#include "pipeline/dead_letters.h"
#include "pipeline/fill.h"
#include "pipeline/phase.h"
#include "pipeline/refused_rows.h"
#include "pipeline/report.h"
#include "pipeline/work.h"

/* The work is written to its end. */
static void work_complete(struct member *m, struct task *task) {
    struct err err;
    enum work_kind kind = task->work.kind;
    size_t count = task->work.record_count;
    task->current.consumed += count;
    task->conflict_left -= count < task->conflict_left ? count : task->conflict_left;
    if (task->current.consumed == task->current.count) {
        batch_reset(&task->current, m->o.consume_ops, m->o.consume);
    }
    work_reset(&task->work);
    join_end(task->join);
    task->changed_ms = now_ms(m);
    m->kafka_commit_due = true;
    if (kind == WORK_FILL) {
        task->savepoints = false;
        return;
    }
    if (kind == WORK_BATCH || kind == WORK_DEAD_LETTER) {
        state_release(task->state);
        task->dead_letter_next = false;
        bisect_batch_passed(task, m->o.batch_max_rows);
        task->savepoints &= task->record_limit > 0;
        return;
    }
    task->initial = false;
    task->savepoints = false;
    task->bisected = false;
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
    report_committed(&m->o, task);
    task_note_refused(&m->o, task, event);
    task_conflict_over(task);
    task->progress = task->part.after;
    for (size_t i = 0; i < task->part.dead_letter_count; i++) {
        const struct dead_letter *dead_letter = &task->part.dead_letters[i];
        task_know_dead_letter(
            task, &(struct known_dead_letter){
                      .table = dead_letter->table,
                      .offset = dead_letter->offset,
                      .row_key = dead_letter->row_key,
                      .kept = dead_letter->kept,
                      .key = dead_letter->key,
                      .value_len = dead_letter->value.ptr ? (int64_t)dead_letter->value.len : -1,
                      .has_checksum = true,
                      .checksum = dead_letter->checksum});
    }
    task->work.txn = TXN_NONE;
    fill_committed(&m->o, task);
    if (work_is_last(&task->work)) {
        task->solo = false; /* not before: a later part of the work may be what is refused */
        work_complete(m, task);
    }
}
