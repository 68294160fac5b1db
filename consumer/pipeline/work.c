#include "pipeline/work.h"

#include "base/safeguard.h"

void work_reset(struct work *work) {
    struct arena arena = work->arena;
    arena_reset(&arena);
    *work = (struct work){.arena = arena};
}

void work_undo(struct task *task) {
    join_end(task->join);
    if (task->work.kind != WORK_FILL) { /* which changes nothing there */
        (SAFEGUARD("a refused batch is undone in the state") ? state_rollback
                                                             : state_release)(task->state);
    }
    work_reset(&task->work);
}

bool work_is_last(const struct work *work) {
    bool rows_done = work->kind != WORK_REBUILD || work->rebuild_done;
    return work->kind == WORK_LOAD ||
           (work->ops == OPS_DONE && work->deletes != DELETES_AHEAD && rows_done);
}

void err_about_work(const struct plan *plan, const struct task *task, struct err *err) {
    if (task->work.record_count == 1) {
        const struct record *record = &task->current.items[task->current.consumed].record;
        (void)err_about(err, plan->relations[record->table].slot.ptr, record->partition,
                        record->offset);
    }
}

void task_halt_at_work(const struct plan *plan, struct task *task, const struct err *why) {
    struct err err = *why;
    err_about_work(plan, task, &err);
    verdict_halt(&task->verdict, &err);
}
