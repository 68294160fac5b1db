#include "pipeline/patience.h"

#define PATIENCE_MS 100

/* Some row of the task refers to the lookup row. */
static enum err_kind is_referred(const struct plan *plan, const struct task *task,
                                 const struct change *change, bool *ret_referred,
                                 struct err *reterr) {
    *ret_referred = false;
    for (size_t i = 0; i < plan->target_count; i++) {
        const struct target *target = &plan->targets[i];
        for (size_t o = target->core_count; o < target->occurrence_count && !*ret_referred; o++) {
            const struct occurrence *lookup = &target->occurrences[o];
            if (lookup->relation != change->table) {
                continue;
            }
            struct str key;
            enum err_kind kind =
                state_next_referrer(task->state, target->occurrences[lookup->parent].relation,
                                    (size_t)lookup->reference, change->key, STR_NONE, &key, reterr);
            if (kind != ERR_NONE) {
                return kind;
            }
            *ret_referred = key.ptr != NULL;
        }
    }
    return ERR_NONE;
}

static bool is_pressing(const struct member *m, struct task *task, const struct pending *item) {
    struct err err;
    bool referred = false;
    bool passed = m->plan->relations[item->record.table].filtered && !item->change.key.ptr;
    if (item->kind != PENDING_CHANGE || ((size_t)item->change.table < m->core_count && !passed)) {
        return true;
    }
    if (item->change.key.ptr &&
        is_referred(m->plan, task, &item->change, &referred, &err) != ERR_NONE) {
        verdict_fail(&task->verdict, &err);
    }
    return referred;
}

/* Each item is looked at once. */
static bool has_pressing(const struct member *m, struct task *task, struct batch *batch) {
    batch->patient = batch->patient > batch->consumed ? batch->patient : batch->consumed;
    while (!batch->pressing && batch->patient < batch->count) {
        batch->pressing = is_pressing(m, task, &batch->items[batch->patient]);
        batch->patient++;
    }
    return batch->pressing;
}

static void look(const struct member *m, struct task *task) {
    task->hurries = false;
    if (task->phase != TASK_LIVE || task->work.kind != WORK_NONE || !task_has_records(task)) {
        task->patient_since_ms = 0;
        return;
    }
    if (task->patient_since_ms == 0) {
        task->patient_since_ms = now_ms(m);
    }
    /* in the middle of finding what is refused, too: what is passed over must not be passed over
     * again */
    task->hurries =
        task->record_limit > 0 || task->dead_letter_next || task->savepoints ||
        batch_waiting(&task->current) + batch_waiting(&task->next) >= m->o.batch_max_rows ||
        now_ms(m) - task->patient_since_ms >= PATIENCE_MS ||
        has_pressing(m, task, &task->current) || has_pressing(m, task, &task->next);
}

void patience_look(struct session *s) {
    const struct member *m = s->member;
    for (int32_t p = 0; m->core_count < m->plan->relation_count && p < m->partition_count; p++) {
        struct task *task = session_task(s, p);
        if (task) {
            look(m, task);
        }
    }
}

int patience_wait_ms(const struct member *m, int wait_ms) {
    for (int32_t p = 0; m->core_count < m->plan->relation_count && p < m->partition_count; p++) {
        const struct task *task = m->tasks[p];
        if (task && task->patient_since_ms > 0 && !task->hurries) {
            int64_t left_ms = task->patient_since_ms + PATIENCE_MS - now_ms(m);
            wait_ms = left_ms < wait_ms ? (int)left_ms : wait_ms;
        }
    }
    return wait_ms > 1 ? wait_ms : 1;
}
