/* What goes to the sink next. */
#include "pipeline/submit.h"

#include "pipeline/bisect_rows.h"
#include "pipeline/load.h"
#include "pipeline/patience.h"
#include "pipeline/turn.h"

#include <stdio.h>

#define LOOK_MS 10000 /* the newest rows and the sink table are compared so often */

static void halt_where_due(struct session *s) {
    struct member *m = s->member;
    for (int32_t p = 0; p < m->partition_count; p++) {
        struct task *task = session_task(s, p);
        if (task && task->phase == TASK_LIVE && task->work.kind == WORK_NONE) {
            const struct err *halt = task_next_halt(task);
            if (halt) {
                verdict_halt(&task->verdict, halt);
            }
        }
    }
}

static void check_unpaired_where_due(struct session *s) {
    for (int32_t p = 0; p < s->member->partition_count && !s->bisection; p++) {
        struct task *task = session_task(s, p);
        if (task && task->phase == TASK_BACKFILL && !task->unpaired_checked &&
            !state_lacks_indexes(task->state)) {
            bisect_rows_begin_unpaired(task);
        }
    }
}

static size_t submit_txn(struct session *s) {
    const struct member *m = s->member;
    struct task *single = turn_take(s);
    if (s->txn.part_count == 0) {
        return turn_is_begun(s);
    }
    if (single && single->work.kind == WORK_LOAD) {
        load_begin(s, single);
    }
    s->job = JOB_COMMIT;
    s->sent_us = m->o.clock.mono_us(m->o.clock.ctx);
    m->o.sink_ops->commit(s->sink, &s->txn);
    return 1;
}

/* Tasks to ask the sink about: all we hold to verify them, or those it must give us first. */
static size_t ask(struct session *s, enum job job) {
    const struct member *m = s->member;
    s->asked_count = 0;
    for (int32_t p = 0; p < m->partition_count; p++) {
        const struct task *task = session_task(s, p);
        if (!task || task->phase == TASK_HALTED) {
            continue;
        }
        bool waiting = task->phase == TASK_WAITING;
        if (job == JOB_NEWEST ? !waiting : waiting && now_ms(m) >= task->retry_at_ms) {
            s->asked[s->asked_count++] = p;
        }
    }
    if (s->asked_count == 0) {
        return 0;
    }
    s->job = job;
    if (job == JOB_NEWEST) {
        m->o.sink_ops->newest(s->sink, s->asked, s->asked_count);
        return 1;
    }
    unsigned char bytes[OWNER_LEN / 2];
    m->o.random(m->o.random_ctx, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        (void)snprintf(s->owner + 2 * i, 3, "%02x", bytes[i]);
    }
    m->o.sink_ops->acquire(s->sink, s->asked, s->asked_count, s->owner);
    return 1;
}

size_t submit_next(struct session *s) {
    const struct member *m = s->member;
    patience_look(s);
    if (s->job == JOB_COMMIT && !s->load_task && !m->revoking && !m->stopping) {
        turn_build_ahead(s);
    }
    if (s->job != JOB_NONE || m->revoking || m->stopping || !m->o.sink_ops->ready(s->sink) ||
        now_ms(m) < s->retry_at_ms) {
        return 0;
    }
    if (s->must_verify) {
        if ((s->number == 0 || SAFEGUARD("every session is verified")) && ask(s, JOB_NEWEST) > 0) {
            return 1;
        }
        s->must_verify = false;
    }
    if (now_ms(m) >= s->look_at_ms && SAFEGUARD("quiet tasks are compared, too")) {
        s->look_at_ms = now_ms(m) + LOOK_MS;
        if (ask(s, JOB_NEWEST) > 0) {
            return 1;
        }
    }
    if (ask(s, JOB_ACQUIRE) > 0) {
        return 1;
    }
    halt_where_due(s);
    check_unpaired_where_due(s);
    size_t done = s->bisection && !s->bisection_waits ? 0 : submit_txn(s);
    s->bisection_waits = done == 0; /* a check and a transaction take turns */
    if (done == 0 && s->bisection) {
        bisect_rows_submit(s);
        done = 1;
    }
    return done;
}
