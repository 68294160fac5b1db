#include "pipeline/arrival.h"

#include "pipeline/report.h"

/* Whatever is wrong with it: the task whose row it is halts, or keeps it. */
static bool passes_over(const struct member *m, const struct task *task,
                        const struct change *change) {
    return m->plan->relations[change->table].filtered && change->task != TASK_UNKNOWN &&
           change->task != task->number && SAFEGUARD("a task passes over rows of other tasks");
}

/* arrival_decode's parameters. NOLINTNEXTLINE(readability-function-size) */
enum err_kind arrival_decode(struct member *m, const struct task *task, struct arrival *arrival,
                             struct arena *arena, struct change *ret_change, struct err *reterr) {
    if (arrival->readers == 0) {
        return decode(m->decoder, arrival->record, arena, ret_change, reterr);
    }
    if (!arrival->decoded) {
        arrival->decoded = true;
        arrival->kind = decode(m->decoder, arrival->record, &m->lookup_scratch, &arrival->change,
                               &arrival->err);
    }
    *ret_change = arrival->change;
    if (passes_over(m, task, &arrival->change)) {
        ret_change->key = ret_change->value = STR_NONE;
        ret_change->blank = 0;
        return ERR_NONE;
    }
    if (arrival->kind != ERR_NONE) {
        *reterr = arrival->err;
    }
    return arrival->kind;
}

void arrival_report(struct member *m, struct task *task, struct arrival *arrival,
                    const struct change *change) {
    if (!arrival->reported) {
        arrival->reported = true;
        report_change(m, task, arrival->record, change);
    }
}
