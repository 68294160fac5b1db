/* How much is held, and which tasks are paused for it. */
#include "pipeline/flow.h"

#include "pipeline/fill.h"

#define SHARE_MIN    ((size_t)64 << 10)
#define SHORT_CHUNKS 4 /* transactions of a fan-out that others rather wait for: see is_slow */

/* Of a slow task: what it holds does not count with the others', but has its share of their bound.
 */
static bool is_full(const struct member_options *o, const struct task *task) {
    size_t share = o->held_max_bytes / (size_t)o->plan->partition_count;
    share = share > SHARE_MIN ? share : SHARE_MIN;
    return task_holds_records(task) &&
           (batch_full(&task->next, o->batch_max_rows) || batch_bytes(&task->next) >= share);
}

/* Of lookup topics it takes twice as much: when what passed it by is read again, it must have room
 * for some of it, however fast its own partitions fill the rest. */
static bool is_overfull(const struct member_options *o, const struct task *task) {
    size_t share = o->held_max_bytes / (size_t)o->plan->partition_count;
    share = share > SHARE_MIN ? share : SHARE_MIN;
    share = share < BATCH_BYTES_MAX ? share : BATCH_BYTES_MAX;
    return task_holds_records(task) &&
           (task->next.count >= 2 * o->batch_max_rows || batch_bytes(&task->next) >= 2 * share);
}

/* The task won't take records soon, while others could: its partitions are paused rather than all
 * kept waiting. Not lightly: librdkafka drops what it has fetched of a paused partition. */
static bool is_slow(const struct member_options *o, const struct task *task) {
    return task->phase != TASK_LIVE ||
           (task->conflict_since_ms > 0 && SAFEGUARD("a task in conflict lets others read")) ||
           task->work.chunk_count > SHORT_CHUNKS || fill_is_due(task) || task->session->load_task ||
           task->session->bisection || !task_is_proven(task, o->plan->relation_count);
}

static bool holds_freely(const struct member_options *o, const struct task *task) {
    return task_reads(task) && !is_slow(o, task);
}

/* A task in CATCH_UP goes on reading what it does not hold: the topics that lie behind the sink. So
 * does a task whose log is not known yet. */
static bool may_pause(const struct task *task, size_t t) {
    if (task->anchors_to_check[t].timestamp_ms != 0) {
        return false;
    }
    return task->phase != TASK_CATCH_UP || task->position[t] >= task->progress.offsets[t];
}

static void pause_task(struct member *m, struct task *task, bool paused) {
    for (size_t t = 0; t < m->parted_count; t++) {
        bool wanted = paused && may_pause(task, t);
        if (task->paused[t] != wanted) {
            task->paused[t] = wanted;
            m->o.consume_ops->pause(m->o.consume, (int)t, task->number, wanted);
        }
    }
}

/* In each role of its table. */
static bool may_pause_lookup(const struct member *m, const struct task *task, size_t lookup) {
    const struct readers readers = member_readers(m, lookup);
    bool may = true;
    for (size_t i = 0; i < readers.count; i++) {
        may &= may_pause(task, (size_t)readers.relations[i]);
    }
    return may;
}

/* A lookup topic is never paused for one task, which lets records pass by instead; but where there
 * is room for them in none. */
static void pause_lookups(struct member *m) {
    for (size_t t = m->core_count; t < m->plan->relation_count; t++) {
        bool room = false, wanted = false;
        for (int32_t p = 0; p < m->partition_count; p++) {
            struct task *task = m->tasks[p];
            if (task_reads(task)) {
                task->paused[t] = is_slow(&m->o, task) && is_overfull(&m->o, task) &&
                                  may_pause_lookup(m, task, t) &&
                                  SAFEGUARD("slow tasks let others read");
                room |= !task->paused[t] && !task->cut[t];
                wanted |= task->paused[t];
            }
        }
        bool paused = wanted && !room;
        if (m->lookups[t].paused != paused) {
            m->lookups[t].paused = paused;
            m->o.consume_ops->pause(m->o.consume, (int)t, 0, paused);
        }
    }
}

/* The tasks that most of what was taken lately belongs to. Returns whether others took something,
 * too. */
static bool find_busy(struct member *m) {
    size_t tasks = 0, taken = 0;
    for (int32_t p = 0; p < m->partition_count; p++) {
        if (holds_freely(&m->o, m->tasks[p])) {
            tasks++;
            taken += m->tasks[p]->taken_bytes;
        }
    }
    bool others = false;
    for (int32_t p = 0; p < m->partition_count; p++) {
        struct task *task = m->tasks[p];
        if (holds_freely(&m->o, task)) {
            task->busy = task->taken_bytes * tasks * 2 >= taken;
            others |= !task->busy && task->taken_bytes > 0;
        }
    }
    return others;
}

/* What is held has reached its bound, or has gone down from it far enough. */
static void watch_held(struct member *m, size_t held) {
    if (m->hold == HOLD_NONE && held >= m->o.held_max_bytes) {
        m->hold = find_busy(m) ? HOLD_BUSY : HOLD_ALL;
    } else if ((m->hold == HOLD_ALL && held <= m->o.held_max_bytes / 4 * 3) ||
               (m->hold == HOLD_BUSY && held <= m->o.held_max_bytes / 2)) {
        m->hold = HOLD_NONE;
        for (int32_t p = 0; p < m->partition_count; p++) {
            if (m->tasks[p]) {
                m->tasks[p]->taken_bytes = 0;
                m->tasks[p]->busy = false;
            }
        }
    }
}

bool flow_has_room(struct member *m) {
    size_t held = 0;
    for (int32_t p = 0; p < m->partition_count; p++) {
        const struct task *task = m->tasks[p];
        held +=
            holds_freely(&m->o, task) ? batch_bytes(&task->current) + batch_bytes(&task->next) : 0;
    }
    watch_held(m, held);
    for (int32_t p = 0; p < m->partition_count; p++) {
        struct task *task = m->tasks[p];
        if (task_reads(task)) {
            bool busy = m->hold == HOLD_BUSY && task->busy;
            pause_task(m, task, is_slow(&m->o, task) ? is_full(&m->o, task) : busy);
        }
    }
    pause_lookups(m);
    return m->hold != HOLD_ALL && held <= m->o.held_max_bytes / 2 * 3;
}
