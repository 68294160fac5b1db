/* Which tasks write next, and how many rows each.
 *
 * A transaction has room for batch_max_rows rows. Where less waits all of it goes. Where more waits
 * the tasks take turns with as much as they have, rather than a little of each: rows of one task
 * lie close together in the sink's table, and 2,000 of one cost PostgreSQL a quarter less than 250
 * of each of eight (docs/performance.md). What a quiet task has goes at once all the same. */
#include "pipeline/turn.h"

#include "pipeline/fill.h"
#include "pipeline/work_batch.h"
#include "pipeline/work_build.h"

#define TINY_SHARE                                                                                 \
    64 /* of a transaction: so little of a task goes beside those whose turn it is                 \
        */

/* Records wait, and not all of them for others (patience.h). */
static bool has_urgent(const struct session *s, const struct task *task) {
    return task_has_records(task) &&
           (task->hurries || s->member->core_count == s->member->plan->relation_count);
}

/* A task whose work can go into the next transaction. */
static bool wants_to_write(const struct session *s, const struct task *task) {
    if (now_ms(s->member) < task->retry_at_ms) { /* what was refused is tried again later */
        return false;
    }
    if (task->phase == TASK_BACKFILL) { /* one bisection at a time: what it may lead to waits */
        return task->unpaired_checked && !state_lacks_indexes(task->state) &&
               (!s->bisection || !SAFEGUARD("one bisection at a time"));
    }
    return task->phase == TASK_LIVE &&
           (task->work.kind != WORK_NONE || fill_is_due(task) || has_urgent(s, task)) &&
           (task_is_proven(task, s->member->plan->relation_count) ||
            !SAFEGUARD("nothing is written before the log is proven"));
}

/* The task that must write alone, if there is one: bisection, or a load. */
static struct task *alone(const struct session *s) {
    for (int32_t i = 0; i < s->member->partition_count; i++) {
        struct task *task = session_task(s, (s->turn + i) % s->member->partition_count);
        if (task && wants_to_write(s, task) &&
            (task->solo || task->savepoints || task->work.kind == WORK_LOAD)) {
            return task;
        }
    }
    return NULL;
}

/* Whether a transaction may be built for the task: it wants one, and has none. */
static bool is_open(const struct session *s, const struct task *task) {
    return task && task->work.txn == TXN_NONE && wants_to_write(s, task);
}

/* Its transaction is built and was not sent; nor does it wait to be tried again. */
static bool is_built(const struct session *s, const struct task *task) {
    return task && task->work.txn == TXN_BUILT &&
           (wants_to_write(s, task) || !SAFEGUARD("what waits lets others write"));
}

/* Of a task without a built transaction. What is left of a fan-out, a rebuild or a fill is not
 * known. */
static size_t rows_waiting(const struct session *s, const struct task *task) {
    return task->work.kind != WORK_NONE || fill_is_due(task)
               ? s->member->o.batch_max_rows
               : batch_waiting(&task->current) + batch_waiting(&task->next);
}

/* Returns the rows built: none where it fails. */
static size_t build(struct session *s, struct task *task, size_t budget) {
    struct member *m = s->member;
    struct err err;
    enum err_kind kind = ERR_NONE;
    if (task->work.kind == WORK_NONE && fill_is_due(task)) {
        fill_begin(&m->o, task);
    } else if (task->work.kind == WORK_NONE) {
        kind = work_begin_batch(&m->o, task, budget, &err);
    }
    if (kind == ERR_NONE && task->work.kind != WORK_NONE) {
        kind = work_build(&m->o, task, budget, &err);
    }
    if (kind != ERR_NONE) {
        verdict_fail(&task->verdict, &err);
        return 0;
    }
    return txn_part_rows(&task->part);
}

/* One that is cut short has the first turn next time; unless it had all there was. */
static void build_in_turn(struct session *s, size_t budget) {
    int32_t first = s->turn;
    for (int32_t i = 0; i < s->member->partition_count && budget > 0; i++) {
        int32_t p = (first + i) % s->member->partition_count;
        struct task *task = session_task(s, p);
        if (is_open(s, task)) {
            bool whole = budget == s->member->o.batch_max_rows;
            size_t rows = build(s, task, budget);
            budget -= rows < budget ? rows : budget;
            s->turn = whole ? (p + 1) % s->member->partition_count : p;
        }
    }
}

static size_t budget_left(const struct session *s) {
    size_t budget = s->member->o.batch_max_rows;
    for (int32_t p = 0; p < s->member->partition_count; p++) {
        const struct task *task = session_task(s, p);
        if (is_built(s, task)) {
            size_t rows = txn_part_rows(&task->part);
            budget -= rows < budget ? rows : budget;
        }
    }
    return budget;
}

/* Returns how many tasks it has built for; they go now. */
static size_t build_tiny(struct session *s) {
    size_t count = 0;
    for (int32_t p = 0; p < s->member->partition_count; p++) {
        struct task *task = session_task(s, p);
        if (is_open(s, task) &&
            rows_waiting(s, task) <= s->member->o.batch_max_rows / TINY_SHARE + 1) {
            (void)build(s, task, s->member->o.batch_max_rows);
            if (task->work.txn == TXN_BUILT) {
                task->work.txn = TXN_SENT;
                count++;
            }
        }
    }
    return count;
}

/* More waits than goes into one transaction, beside what is built. */
static bool is_loaded(const struct session *s) {
    size_t waiting = 0;
    for (int32_t p = 0; p < s->member->partition_count; p++) {
        const struct task *task = session_task(s, p);
        waiting += is_open(s, task) ? rows_waiting(s, task) : 0;
    }
    return waiting >= s->member->o.batch_max_rows;
}

void turn_build_ahead(struct session *s) {
    if (is_loaded(s) && !alone(s)) {
        build_in_turn(s, budget_left(s));
    }
}

bool turn_is_built(const struct session *s) {
    for (int32_t p = 0; p < s->member->partition_count; p++) {
        if (is_built(s, session_task(s, p))) {
            return true;
        }
    }
    return false;
}

bool turn_is_begun(const struct session *s) {
    bool begun = false;
    for (int32_t p = 0; p < s->member->partition_count; p++) {
        const struct task *task = session_task(s, p);
        begun |= is_open(s, task) && task->work.begun;
    }
    return begun;
}

/* What quiet tasks have, alone: it is in after a moment, where a whole transaction takes many times
 * as long. In turns with those, so that neither waits for long. */
static size_t take_tiny(struct session *s) {
    bool due = !s->tiny_went && (turn_is_built(s) || is_loaded(s));
    s->tiny_went = due && build_tiny(s) > 0;
    return s->tiny_went;
}

static bool goes_now(const struct session *s, const struct task *task, const struct task *single) {
    if (!task || task->work.txn == TXN_NONE || !wants_to_write(s, task) ||
        (single && task != single)) {
        return false;
    }
    return !s->tiny_went || task->work.txn == TXN_SENT;
}

struct task *turn_take(struct session *s) {
    struct task *single = alone(s);
    s->txn = (struct txn){.parts = s->parts};
    if (single) {
        s->tiny_went = false;
        if (single->work.txn == TXN_NONE) {
            (void)build(s, single, s->member->o.batch_max_rows);
        }
    } else if (!take_tiny(s) && !turn_is_built(s)) {
        build_in_turn(s, s->member->o.batch_max_rows);
    }
    for (int32_t p = 0; p < s->member->partition_count; p++) {
        struct task *task = session_task(s, p);
        if (goes_now(s, task, single)) {
            s->parts[s->txn.part_count++] = &task->part;
            task->work.txn = TXN_SENT;
        }
    }
    if (single && s->txn.part_count > 0) {
        s->turn = (single->number + 1) % s->member->partition_count;
    }
    return single;
}
