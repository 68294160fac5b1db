#include "pipeline/orphan.h"

bool task_in_flight(const struct task *task) {
    const struct session *s = task->session;
    for (size_t i = 0; s->job == JOB_COMMIT && i < s->txn.part_count; i++) {
        if (s->txn.parts[i] == &task->part) {
            return true;
        }
    }
    return false;
}

void task_become_orphan(struct member *m, struct task *task) {
    m->tasks[task->number] = NULL;
    m->orphans[m->orphan_count++] = task;
    task->phase = TASK_HALTED;
    task->session->load_task = NULL;
}

void orphans_free(struct session *s) {
    struct member *m = s->member;
    size_t kept = 0;
    for (size_t i = 0; i < m->orphan_count; i++) {
        if (m->orphans[i]->session == s ||
            !SAFEGUARD("an orphaned task waits for its own session")) {
            task_destroy(&m->orphans[i], m->o.consume_ops, m->o.consume);
        } else {
            m->orphans[kept++] = m->orphans[i];
        }
    }
    m->orphan_count = kept;
}
