/* What was written, and who has the task now: the newest row in the sink tells. */
#include "pipeline/reconcile.h"

#include "pipeline/complete.h"
#include "pipeline/report.h"

#include <stdio.h>

/* The newest row is neither what the task knows nor what it has sent. */
static void overtaken(struct task *task, const struct progress *newest) {
    bool ours = newest->exists && strcmp(newest->owner, task->progress.owner) == 0;
    char why[160];
    (void)snprintf(why, sizeof why,
                   ours ? "the OLAP database has progress number %lld, not the one this member "
                          "wrote: it went back in time"
                        : "fenced: another member acquired it (seq %lld)",
                   newest->exists ? (long long)newest->seq : 0LL);
    verdict_reacquire(&task->verdict, ours ? REACQUIRED_SINK_WENT_BACK : REACQUIRED_FENCED, why);
}

void reconcile(struct session *s, struct task *task, const struct sink_result *result) {
    struct member *m = s->member;
    const struct progress *newest = &result->newest;
    size_t tables = m->plan->relation_count;
    const struct txn_part *part = &task->part;
    bool unknown = task->work.txn == TXN_SENT;
    if (result->other_table && SAFEGUARD("progress of another table is dropped")) {
        if (unknown) {
            report_settled(s, UNKNOWN_OVERTAKEN);
        }
        verdict_reacquire(&task->verdict, REACQUIRED_TABLE,
                          "the sink table was created again or emptied");
    } else if (unknown && progress_equal(newest, &part->after, tables)) {
        log_line(m->o.log, LOG_INFO, "pipeline", "was_committed", "task=%d seq=%lld", task->number,
                 (long long)newest->seq);
        report_settled(s, UNKNOWN_WAS_COMMITTED);
        if (part->savepoints && SAFEGUARD("refused rows of a lost answer are read")) {
            /* which rows it refused was in the answer */
            verdict_reacquire(&task->verdict, REACQUIRED_UNKNOWN, "its refused rows must be read");
        } else {
            task_committed(m, task, NULL);
        }
    } else if (progress_equal(newest, &task->progress, tables)) {
        if (unknown) { /* what was built is sent again, unchanged */
            task->work.txn = TXN_BUILT;
            report_settled(s, UNKNOWN_WAS_NOT);
        }
    } else {
        if (unknown) {
            report_settled(s, UNKNOWN_OVERTAKEN);
        }
        overtaken(task, newest);
    }
}
