#include "pipeline/indexes.h"

#include "pipeline/lookup_size.h"

static bool wants_indexes(const struct task *task) {
    return task && task->state && state_lacks_indexes(task->state) &&
           (task->phase == TASK_OPENING || task->phase == TASK_BACKFILL);
}

size_t indexes_step(struct member *m) {
    int32_t p = 0;
    while (p < m->partition_count && !wants_indexes(member_task(m, p))) {
        p++;
    }
    if (p == m->partition_count) {
        return 0;
    }
    struct task *task = m->tasks[p];
    struct err err;
    if (state_build_indexes(task->state, m->o.batch_max_rows, &err) != ERR_NONE) {
        verdict_fail(&task->verdict, &err);
    } else if (!state_lacks_indexes(task->state)) {
        lookup_size_check(&m->o, task);
        log_line(m->o.log, LOG_DEBUG, "pipeline", "indexed", "task=%d phase=%s", task->number,
                 task_phase_name(task->phase));
    }
    return 1;
}
