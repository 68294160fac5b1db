/* What follows from the verdicts. Called between steps, when nobody has a pointer to a task; what
 * sessions point to (load_task, bisection) is cleared with the task. */
#include "pipeline/apply_verdicts.h"

#include "pipeline/bisect_rows.h"
#include "pipeline/orphan.h"
#include "pipeline/phase.h"

#define CONTEST_MIN         3 /* times within CONTEST_MS without a new assignment */
#define CONTEST_MS          600000
#define CONTEST_WAIT_MAX_MS 60000

/* The task from scratch, in WAITING. What the sink still reads stays until it has answered. */
static struct task *start_over(struct member *m, struct task *task) {
    if (task->bisecting) {
        bisect_rows_drop(task->session);
    }
    if (task_in_flight(task) && SAFEGUARD("what the sink reads is kept")) {
        struct task *fresh = task_new(m->plan, task->number, task->session);
        fresh->retry = task->retry;
        task_become_orphan(m, task);
        m->tasks[fresh->number] = fresh;
        task = fresh;
    } else {
        task_forget(task, m->o.consume_ops, m->o.consume);
    }
    task->assigned = false;
    member_needs_assign(m);
    return task;
}

static void halt(struct member *m, struct task *task, const struct err *err) {
    log_line(m->o.log, LOG_ERROR, "pipeline", "halt", "task=%d phase=%s", task->number,
             task_phase_name(task->phase));
    struct err why = *err;
    if (why.partition < 0) { /* about no record: then about the task, which has its number */
        why.partition = task->number;
    }
    log_err(m->o.log, LOG_ERROR, "pipeline", "halted", &why);
    metrics_add(m->o.metrics, METRIC_HALTS, (size_t)task->number, 1);
    task = start_over(m, task);
    task->phase = TASK_HALTED;
    task->halt = why;
}

/* Within a group a task has one member, and one that takes another's tells of a change that the
 * group makes known soon. Again and again without one, it is somebody whom this group does not
 * know: each would take the task from the other for ever. So the waits grow. */
static void contested(struct member *m, struct task *task) {
    struct contest *contest = &m->contests[task->number];
    int64_t now = now_ms(m);
    contest->count = now - contest->last_ms > CONTEST_MS ? 1 : contest->count + 1;
    contest->last_ms = now;
    int beyond = contest->count - CONTEST_MIN;
    if (beyond < 0) {
        return;
    }
    int64_t wait_ms = beyond < 6 ? INT64_C(1000) << beyond : CONTEST_WAIT_MAX_MS;
    task->retry_at_ms = now + wait_ms;
    log_line(
        m->o.log, LOG_ERROR, "pipeline", "contested",
        "task=%d times=%d wait_s=%lld hint=\"members of another consumer group (kafka.group.id) "
        "or of an older version write this view's rows too: stop one of the two\"",
        task->number, contest->count, (long long)(wait_ms / 1000));
}

/* Returns the task that is in its place now. */
static struct task *reacquire(struct member *m, struct task *task, const struct verdict *verdict) {
    metrics_add(m->o.metrics, METRIC_REACQUISITIONS, verdict->reason, 1);
    log_line(m->o.log, LOG_WARN, "pipeline", "reacquire", "task=%d why=\"%s\"", task->number,
             verdict->why);
    task = start_over(m, task);
    if (verdict->discard != DISCARD_NONE) {
        task->distrust = verdict->discard;
    }
    if (verdict->reason == REACQUIRED_FENCED) {
        contested(m, task);
    }
    return task;
}

/* What to do about an error from a task's state or work: rebuild, try again later, halt, or end. */
static void failed(struct member *m, struct task *task, const struct err *err) {
    struct verdict verdict = {.kind = VERDICT_NONE};
    switch (err->kind) {
    case ERR_NONE:
        return;
    case ERR_CACHE:
        log_err(m->o.log, LOG_WARN, "state", "cache_discarded", err);
        verdict_distrust(&verdict, DISCARD_DISTRUSTED);
        break;
    case ERR_RETRY:
        log_err(m->o.log, LOG_WARN, "state", "retry", err);
        verdict_reacquire(&verdict, REACQUIRED_CACHE, "its cache can't be used now");
        break;
    case ERR_RECORD:
    case ERR_HALT:
        halt(m, task, err);
        return;
    case ERR_CONFIG:
    case ERR_BUG:
        member_fail(m, err);
        return;
    }
    task = reacquire(m, task, &verdict);
    task->retry_at_ms = now_ms(m) + backoff_next_ms(&task->retry);
}

static void apply(struct member *m, struct task *task) {
    struct verdict verdict = task->verdict;
    task->verdict.kind = VERDICT_NONE;
    switch (verdict.kind) {
    case VERDICT_NONE:
        break;
    case VERDICT_FAILED:
        failed(m, task, &verdict.err);
        break;
    case VERDICT_HALT:
        halt(m, task, &verdict.err);
        break;
    case VERDICT_REACQUIRE:
        (void)reacquire(m, task, &verdict);
        break;
    case VERDICT_READ_AGAIN:
        task_read_again(m, task, verdict.discard);
        break;
    }
}

void apply_verdicts(struct member *m) {
    for (int32_t p = 0; p < m->partition_count; p++) {
        while (m->tasks[p] && verdict_stands(&m->tasks[p]->verdict)) { /* one can lead to another */
            apply(m, m->tasks[p]);
        }
    }
}
