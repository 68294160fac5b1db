#include "pipeline/task.h"

#include "base/memory.h"
#include "base/safeguard.h"
#include "pipeline/options.h"
#include "pipeline/work.h"

#include <stdlib.h>

struct task *task_new(const struct plan *plan, int32_t number, struct session *session) {
    struct task *task = memory_new(1, sizeof *task);
    task->number = number;
    task->session = session;
    task->distrust = DISCARD_NONE;
    task->join = join_new(plan);
    txn_part_init(&task->part, plan);
    task->part.task = number;
    return task;
}

void task_forget(struct task *task, const struct consume_ops *ops, struct consume *consume) {
    state_close(&task->state);
    join_end(task->join);
    work_reset(&task->work);
    txn_part_reset(&task->part);
    batch_reset(&task->current, ops, consume);
    batch_reset(&task->next, ops, consume);
    arena_reset(&task->dead_letters_arena);
    task->dead_letters.count = 0;
    task->decided.count = 0;
    task->phase = TASK_WAITING;
    task->to_fill = 0;
    task->positioned = false;
    task->bisecting = false;
    task->solo = false;
    task->dead_letter_next = false;
    task->record_limit = 0;
    task->bisected = false;
    task->savepoints = false;
    task->conflict_since_ms = 0;
    task->conflict_left = 0;
    refused_set_clear(&task->refused_rows);
    if (SAFEGUARD("a halted task forgets what was refused")) {
        task->refused_count = 0;
        arena_reset(&task->refused_arena);
    }
    task_forget_found(task);
}

void task_forget_found(struct task *task) {
    task->found_count = 0;
    task->found_bytes = 0;
    arena_reset(&task->found_arena);
}

void task_destroy(struct task **task, const struct consume_ops *ops, struct consume *consume) {
    struct task *t = *task;
    if (!t) {
        return;
    }
    task_forget(t, ops, consume);
    batch_clear(&t->current, ops, consume);
    batch_clear(&t->next, ops, consume);
    arena_clear(&t->work.arena);
    arena_clear(&t->dead_letters_arena);
    arena_clear(&t->refused_arena);
    arena_clear(&t->found_arena);
    free(t->found);
    free(t->dead_letters.items);
    free(t->decided.items);
    free(t->refused);
    join_destroy(&t->join);
    txn_part_clear(&t->part);
    free(t);
    *task = NULL;
}

const char *task_phase_name(enum task_phase phase) {
    switch (phase) {
    case TASK_WAITING:
        return "waiting";
    case TASK_OPENING:
        return "opening";
    case TASK_CATCH_UP:
        return "silent";
    case TASK_BOOTSTRAP_SCAN:
        return "reading";
    case TASK_BACKFILL:
        return "writing";
    case TASK_LIVE:
        return "live";
    case TASK_HALTED:
        return "halted";
    }
    return "unknown";
}

static enum err_kind reader_get(void *ctx, int table, struct str key, struct str *ret_value,
                                struct err *reterr) {
    return state_get(ctx, table, key, ret_value, reterr);
}

/* row_reader's parameters. NOLINTNEXTLINE(readability-function-size) */
static enum err_kind reader_next(void *ctx, int table, struct str prefix, struct str after,
                                 struct str *ret_key, struct str *ret_value, struct err *reterr) {
    return state_next(ctx, table, prefix, after, ret_key, ret_value, reterr);
}

/* row_reader's parameters. NOLINTNEXTLINE(readability-function-size) */
static enum err_kind reader_next_referrer(void *ctx, int table, int reference, struct str referred,
                                          struct str after, struct str *ret_key,
                                          struct err *reterr) {
    return state_next_referrer(ctx, table, (size_t)reference, referred, after, ret_key, reterr);
}

struct row_reader task_reader(struct task *task) {
    return (struct row_reader){task->state, reader_get, reader_next, reader_next_referrer};
}

bool task_is_proven(const struct task *task, size_t table_count) {
    bool proven = true;
    for (size_t t = 0; t < table_count; t++) {
        proven &= task->anchors_to_check[t].timestamp_ms == 0;
    }
    return proven;
}

int64_t task_read_from(const struct task *task, int table) {
    const struct log_anchor *anchor = &task->anchors_to_check[table];
    bool earlier = anchor->timestamp_ms > 0 && anchor->offset < task->position[table];
    return earlier ? anchor->offset : task->position[table];
}

int64_t task_log_end(const struct member_options *o, const struct task *task, size_t table) {
    return o->consume_ops->log_end(o->consume, (int)plan_feed(o->plan, table),
                                   task_partition(o->plan, task, table));
}

bool task_has_records(const struct task *task) {
    return task->current.consumed < task->current.count || task->next.count > 0;
}

const struct err *task_next_halt(const struct task *task) {
    const struct pending *item = NULL;
    if (task->current.consumed < task->current.count) {
        item = &task->current.items[task->current.consumed];
    } else if (task->next.count > 0) {
        item = &task->next.items[0];
    }
    return item && item->kind == PENDING_HALT ? item->err : NULL;
}

int64_t task_applied_to(const struct task *task, size_t table) {
    bool at_rest =
        task->phase == TASK_LIVE && task->work.kind == WORK_NONE && !task_has_records(task);
    if (at_rest) {
        return task->position[table];
    }
    return task->progress.has_offsets ? task->progress.offsets[table] : 0;
}
