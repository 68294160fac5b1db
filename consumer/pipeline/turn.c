/* Which tasks write next, and how many rows each.
 *
 * A transaction has room for batch_max_rows rows. Where less waits all of it goes. Where more waits
 * the tasks take turns with as much as they have, rather than a little of each: rows of one task
 * lie close together in the sink's table, and 2,000 of one cost PostgreSQL a quarter less than 250
 * of each of eight (docs/performance.md). What a quiet task has goes at once all the same. */
#include "pipeline/member_impl.h"

#define TINY_SHARE                                                                                 \
    64 /* of a transaction: so little of a task goes beside those whose turn it is                 \
        */

/* A task whose work can go into the next transaction. */
static bool wants_to_write(const struct member *m, const struct task *task) {
    if (task->phase == TASK_WRITING) { /* one hunt at a time: what it may lead to waits */
        return task->surveyed && !m->hunt;
    }
    return task->phase == TASK_LIVE && (task->work.kind != WORK_NONE || task_has_records(task)) &&
           task_is_proven(task, m->view->table_count);
}

/* The task that must write alone, if there is one: halving, or a load. */
static struct task *alone(const struct member *m) {
    for (int32_t i = 0; i < m->partition_count; i++) {
        struct task *task = m->tasks[(m->turn + i) % m->partition_count];
        if (task && wants_to_write(m, task) && (task->solo || task->work.kind == WORK_LOAD)) {
            return task;
        }
    }
    return NULL;
}

/* Whether a transaction may be built for the task: it wants one, and has none. */
static bool is_open(const struct member *m, const struct task *task) {
    return task && !task->work.built && wants_to_write(m, task);
}

/* Of a task without a built transaction. What is left of a fan-out or a rebuild is not known. */
static size_t rows_waiting(const struct member *m, const struct task *task) {
    return task->work.kind != WORK_NONE
               ? m->o.batch_max_rows
               : batch_waiting(&task->current) + batch_waiting(&task->next);
}

/* Returns the rows built. A task in trouble builds none, and is none of m->tasks any more or waits.
 */
static size_t build(struct member *m, struct task *task, size_t budget) {
    struct err err;
    enum err_kind kind = ERR_NONE;
    if (task->work.kind == WORK_NONE) {
        kind = work_begin_batch(m, task, budget, &err);
    }
    if (kind == ERR_NONE && task->work.kind != WORK_NONE) {
        kind = work_build(m, task, budget, &err);
    }
    if (kind != ERR_NONE) {
        task_trouble(m, task, &err);
        return 0;
    }
    return txn_part_rows(&task->part);
}

/* One that is cut short has the first turn next time; unless it had all there was. */
static void build_in_turn(struct member *m, size_t budget) {
    int32_t first = m->turn;
    for (int32_t i = 0; i < m->partition_count && budget > 0; i++) {
        int32_t p = (first + i) % m->partition_count;
        if (is_open(m, m->tasks[p])) {
            bool whole = budget == m->o.batch_max_rows;
            size_t rows = build(m, m->tasks[p], budget);
            budget -= rows < budget ? rows : budget;
            m->turn = whole ? (p + 1) % m->partition_count : p;
        }
    }
}

static size_t budget_left(const struct member *m) {
    size_t budget = m->o.batch_max_rows;
    for (int32_t p = 0; p < m->partition_count; p++) {
        const struct task *task = m->tasks[p];
        if (task && task->work.built && !task->work.in_flight) {
            size_t rows = txn_part_rows(&task->part);
            budget -= rows < budget ? rows : budget;
        }
    }
    return budget;
}

/* Returns how many tasks it has built for; they go now. */
static size_t build_tiny(struct member *m) {
    size_t count = 0;
    for (int32_t p = 0; p < m->partition_count; p++) {
        struct task *task = m->tasks[p];
        if (is_open(m, task) && rows_waiting(m, task) <= m->o.batch_max_rows / TINY_SHARE + 1) {
            (void)build(m, task, m->o.batch_max_rows);
            bool built = m->tasks[p] == task && task->work.built;
            if (built) {
                task->work.in_flight = true;
                count++;
            }
        }
    }
    return count;
}

/* More waits than goes into one transaction, beside what is built. */
static bool is_loaded(const struct member *m) {
    size_t waiting = 0;
    for (int32_t p = 0; p < m->partition_count; p++) {
        waiting += is_open(m, m->tasks[p]) ? rows_waiting(m, m->tasks[p]) : 0;
    }
    return waiting >= m->o.batch_max_rows;
}

void turn_build_ahead(struct member *m) {
    if (is_loaded(m) && !alone(m)) {
        build_in_turn(m, budget_left(m));
    }
}

bool turn_is_built(const struct member *m) {
    for (int32_t p = 0; p < m->partition_count; p++) {
        if (m->tasks[p] && m->tasks[p]->work.built && !m->tasks[p]->work.in_flight) {
            return true;
        }
    }
    return false;
}

/* What quiet tasks have, alone: it is in after a moment, where a whole transaction takes many times
 * as long. In turns with those, so that neither waits for long. */
static size_t take_tiny(struct member *m) {
    bool due = !m->tiny_went && (turn_is_built(m) || is_loaded(m));
    m->tiny_went = due && build_tiny(m) > 0;
    return m->tiny_went;
}

static bool goes_now(const struct member *m, const struct task *task, const struct task *single) {
    if (!task || !task->work.built || !wants_to_write(m, task) || (single && task != single)) {
        return false;
    }
    return !m->tiny_went || task->work.in_flight;
}

struct task *turn_take(struct member *m) {
    struct task *single = alone(m);
    m->txn = (struct txn){.parts = m->parts};
    if (single) {
        m->tiny_went = false;
        if (!single->work.built) {
            (void)build(m, single, m->o.batch_max_rows);
        }
    } else if (!take_tiny(m) && !turn_is_built(m)) {
        build_in_turn(m, m->o.batch_max_rows);
    }
    for (int32_t p = 0; p < m->partition_count; p++) {
        struct task *task = m->tasks[p];
        if (goes_now(m, task, single)) {
            m->parts[m->txn.part_count++] = &task->part;
            task->work.in_flight = true;
        }
    }
    if (single && m->txn.part_count > 0) {
        m->turn = (single->number + 1) % m->partition_count;
    }
    return single;
}
