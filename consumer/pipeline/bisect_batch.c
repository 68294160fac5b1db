/* Which record of a refused batch is to blame: it is tried in smaller pieces. */
#include "pipeline/bisect_batch.h"

#include "pipeline/work.h"

void bisect_batch(struct task *task, const struct err *refusal) {
    size_t count = task->work.record_count;
    work_undo(task);
    if (count == 1) {
        task->dead_letter_next = true;
        task->refusal = *refusal;
        task->refusal.kind = ERR_RECORD;
    } else {
        task->record_limit = count / 2;
    }
}

void bisect_batch_passed(struct task *task, size_t record_max) {
    if (task->record_limit > 0) {
        task->record_limit *= 2;
        task->record_limit = task->record_limit < record_max ? task->record_limit : 0;
    }
}
