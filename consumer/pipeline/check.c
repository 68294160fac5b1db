/* What holds for a task whenever a step has ended: what the other files may rely on. In debug and
 * sanitizer builds and in the simulator (member_options.checks) the process ends where it does not.
 */
#include "pipeline/check.h"

#include "pipeline/fill.h"
#include "pipeline/orphan.h"
#include "pipeline/work.h"

#include <stdio.h>
#include <stdlib.h>

static void must(bool holds, const struct task *task, const char *what) {
    if (!holds) {
        (void)fprintf(stderr, "task %d, %s: this does not hold: %s\n", task->number,
                      task_phase_name(task->phase), what);
        abort();
    }
}

#define MUST(condition) must((condition), task, #condition)

/* The transaction: built from the progress that the sink is known to have, then sent; its outcome
 * may be unknown until the newest row has told. */
static void check_transaction(const struct member *m, const struct task *task) {
    const struct work *work = &task->work;
    const struct session *s = task->session;
    const struct txn_part *part = &task->part;
    MUST(!task_in_flight(task) || work->txn == TXN_SENT);
    if (work->txn == TXN_SENT && !task_in_flight(task)) {
        MUST(s->must_verify || s->job == JOB_NEWEST || !s->connected || m->error.kind);
    }
    if (work->txn == TXN_NONE) {
        return;
    }
    MUST(work->kind != WORK_NONE && work->chunk_count > 0);
    MUST(progress_equal(&part->before, &task->progress, m->plan->relation_count));
    MUST(part->after.seq == task->progress.seq + 1);
    for (size_t t = 0; t < m->plan->relation_count && task->progress.has_offsets; t++) {
        MUST(part->after.offsets[t] >= task->progress.offsets[t]);
        MUST((work_is_last(work) && work->kind != WORK_FILL) ||
             part->after.offsets[t] == task->progress.offsets[t]);
    }
}

static void check_work(const struct task *task) {
    const struct work *work = &task->work;
    MUST(work->kind == WORK_REBUILD ||
         (work->deletes == DELETES_ALONG && !work->rebuild_done && !work->rebuild_key.ptr));
    switch (work->kind) {
    case WORK_NONE:
        MUST(work->chunk_count == 0 && work->record_count == 0 && work->dead_letter_count == 0);
        MUST(work->ops == OPS_NEXT && work->txn == TXN_NONE);
        break;
    case WORK_BATCH:
        MUST(work->record_count > 0 && work->record_count <= batch_waiting(&task->current));
        MUST(!task->dead_letter_next);
        break;
    case WORK_DEAD_LETTER:
        MUST(work->record_count == 1 && task->dead_letter_next);
        break;
    case WORK_REBUILD:
    case WORK_LOAD:
        MUST(work->record_count == 0);
        break;
    case WORK_FILL:
        MUST(work->record_count == 0 && task->phase == TASK_LIVE);
        MUST(target_set_has(task->to_fill, work->fill_target));
        break;
    }
}

/* Records wait in the order of the log, from the sink's offsets to where reading stands. */
static void check_batch(const struct member *m, const struct task *task,
                        const struct batch *batch) {
    MUST(batch->consumed < batch->count || batch->count == 0);
    for (size_t i = batch->consumed; i < batch->count; i++) {
        const struct record *record = &batch->items[i].record;
        MUST(record->partition == task_partition(m->plan, task, (size_t)record->table));
        MUST(record->offset >= task->progress.offsets[record->table]);
        MUST(record->offset < task->position[record->table]);
        MUST((batch->items[i].kind == PENDING_CHANGE) == !batch->items[i].err ||
             task->dead_letter_next);
    }
}

/* Lookup topics are read from where it needs them, or it is known that they are not. */
static void check_lookups(const struct member *m, const struct task *task) {
    for (size_t t = m->core_count; task->assigned && t < m->plan->relation_count; t++) {
        MUST(m->lookups[t].read);
        MUST(task->cut[t] ? member_reads_from(m, task, t) < m->lookups[t].next
                          : m->lookups[t].next <= member_reads_from(m, task, t));
    }
}

/* Nothing is begun: the task is not ours yet, or no more. */
static void check_idle(const struct task *task) {
    MUST(!task->positioned && !task->assigned && !task->bisecting);
    MUST(task->current.count == 0 && task->next.count == 0 && task->work.kind == WORK_NONE);
    MUST(task->found_count == 0 && task->refused_count == 0 && task->conflict_since_ms == 0);
    MUST(task->conflict_left == 0 && !task->bisected);
    MUST(task->to_fill == 0 || task->phase == TASK_OPENING);
    MUST(!task->solo && !task->savepoints && !task->dead_letter_next && task->record_limit == 0);
}

static void check_live(const struct member *m, const struct task *task) {
    MUST(task->progress.has_offsets && !task->initial);
    MUST(task->found_count == 0 && task->refused_count == 0 && !task->bisecting);
    MUST(task->work.kind != WORK_REBUILD && task->work.kind != WORK_LOAD);
    MUST(!fill_is_due(task) || task->work.kind == WORK_NONE || task->work.kind == WORK_FILL);
    for (size_t t = 0; t < m->plan->relation_count; t++) {
        MUST(task->position[t] >= task->progress.offsets[t]);
    }
}

/* One topic at least is not read as far as it must be. */
static void check_scan(const struct member *m, const struct task *task) {
    bool catches_up = task->phase == TASK_CATCH_UP, done = true;
    for (size_t t = 0; t < m->plan->relation_count; t++) {
        done &= catches_up ? task->position[t] >= task->progress.offsets[t] : task->at_end[t];
    }
    MUST(!done && task->work.kind == WORK_NONE && !task->bisecting);
    MUST(!catches_up || !task->initial);
    MUST(catches_up || task->next.count == 0);
}

static void check_phase(const struct member *m, const struct task *task) {
    switch (task->phase) {
    case TASK_WAITING:
    case TASK_OPENING:
        check_idle(task);
        MUST(!task->state || task->phase == TASK_OPENING);
        return;
    case TASK_HALTED:
        check_idle(task);
        MUST(!task->state);
        MUST(task->halt.kind != ERR_NONE);
        return;
    case TASK_CATCH_UP:
    case TASK_BOOTSTRAP_SCAN:
        check_scan(m, task);
        break;
    case TASK_BACKFILL:
        MUST(task->work.kind == (task->initial ? WORK_LOAD : WORK_REBUILD));
        break;
    case TASK_LIVE:
        check_live(m, task);
        break;
    }
    MUST(task->state && task->positioned);
}

void task_check(const struct member *m, const struct task *task) {
    const struct session *s = task->session;
    MUST(m->tasks[task->number] == task);
    MUST(!verdict_stands(&task->verdict));
    MUST(s->member == m && s == &m->sessions[s->number]);
    MUST(!task->bisecting || s->bisection);
    MUST(!task->assigned || task->positioned);
    check_phase(m, task);
    check_work(task);
    check_transaction(m, task);
    check_lookups(m, task);
    check_batch(m, task, &task->current);
    check_batch(m, task, &task->next);
    MUST(task->next.consumed == 0);
}

void session_check(const struct session *s) {
    const struct task *task = s->load_task;
    if (task) {
        MUST(s->job == JOB_COMMIT && s->txn.load && s->txn.part_count == 1);
        MUST(task->work.kind == WORK_LOAD && task->work.txn == TXN_SENT);
    }
}

/* No task of the member any more: only the sink still reads what was sent. */
void orphan_check(const struct member *m, const struct task *task) {
    MUST(m->tasks[task->number] != task);
    MUST(task->phase == TASK_HALTED && task_in_flight(task));
}
