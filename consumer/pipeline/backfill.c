/* What was read to its end is written: by an initial load, or by a rebuild, chunk by chunk. */
#include "pipeline/backfill.h"

#include "pipeline/dead_letters.h"
#include "pipeline/found.h"
#include "pipeline/lookup_size.h"

#define REBUILD_ROWS_MAX 500 /* member_options.rebuild_max_rows, where it says nothing */

/* The dead letters of BOOTSTRAP_SCAN: what it could not decode, and the refused rows' records. */
static void collect_dead_letters(const struct member_options *o, struct task *task) {
    struct work *work = &task->work;
    work->dead_letters =
        arena_alloc(&task->found_arena,
                    (task->found_count + task->refused_count + 1) * sizeof *work->dead_letters);
    for (size_t i = 0; i < task->found_count; i++) {
        work->dead_letters[work->dead_letter_count++] = task->found[i];
    }
    for (size_t i = 0; i < task->refused_count; i++) {
        const struct refused_row *row = &task->refused[i];
        if (row->offset >= 0) {
            struct record record = {.table = row->table,
                                    .partition = task_partition(o->plan, task, (size_t)row->table),
                                    .offset = row->offset,
                                    .key = row->dead_letter_key,
                                    .value = row->dead_letter_value};
            struct dead_letter *dead_letter = &work->dead_letters[work->dead_letter_count++];
            dead_letter_fill(dead_letter, o->plan, task, &record, task->refusal.message);
            dead_letter->row_key = row->key;
        }
    }
}

void backfill_begin(const struct member_options *o, struct task *task) {
    struct err err;
    enum err_kind kind =
        state_commit(task->state, task->position, clock_wall_ms(&o->clock), false, &err);
    if (kind != ERR_NONE) {
        verdict_fail(&task->verdict, &err);
        return;
    }
    lookup_size_check(o, task);
    if (verdict_stands(&task->verdict)) {
        return;
    }
    if (task->refused_count > 0 && too_many_dead_letters(o, task, &task->refusal)) {
        return;
    }
    task->phase = TASK_BACKFILL;
    task->work.kind = task->initial ? WORK_LOAD : WORK_REBUILD;
    memcpy(task->work.offsets_after, task->position, sizeof task->work.offsets_after);
    memcpy(task->work.anchors_after, task->read, sizeof task->work.anchors_after);
    collect_dead_letters(o, task);
    task->unpaired_checked = !task->initial;
    log_line(o->log, LOG_DEBUG, "pipeline", "read_to_end", "task=%d rows=%llu", task->number,
             (unsigned long long)state_row_count(task->state));
}

void backfill_deletes_ahead(struct task *task) {
    struct work *work = &task->work;
    join_end(task->join);
    work->deletes = DELETES_AHEAD;
    work->txn = TXN_NONE;
    work->chunk_count--; /* what is built was not written */
    work->ops = OPS_DONE;
    work->rebuild_table = 0;
    work->rebuild_key = STR_NONE;
    work->rebuild_done = false;
}

void backfill_deletes_went(struct work *work) {
    if (work->deletes == DELETES_AHEAD && work->ops == OPS_DONE && work->rebuild_done) {
        work->deletes = DELETES_WENT;
        work->rebuild_table = 0;
        work->rebuild_key = STR_NONE;
    }
}

enum err_kind backfill_next_rows(const struct member_options *o, struct task *task,
                                 struct err *reterr) {
    struct work *work = &task->work;
    size_t most = o->rebuild_max_rows > 0 ? o->rebuild_max_rows : REBUILD_ROWS_MAX;
    char key_bytes[ROW_KEY_MAX];
    struct str after = {work->rebuild_key.ptr ? key_bytes : NULL, work->rebuild_key.len};
    if (after.ptr) {
        memcpy(key_bytes, work->rebuild_key.ptr, after.len);
    }
    arena_reset(
        &work->arena); /* of the chunk before: the dead letters have an arena of their own */
    work->changed = arena_alloc(&work->arena, most * sizeof *work->changed);
    work->changed_count = 0;
    int table = work->rebuild_table;
    work->rebuild_done = true;
    for (;;) {
        struct str key;
        bool deleted;
        enum err_kind kind =
            state_next_changed_row(task->state, table, after, &table, &key, &deleted, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
        if (!key.ptr) {
            break;
        }
        if (work->changed_count == most) {
            work->rebuild_done = false;
            break;
        }
        struct changed_row *changed = &work->changed[work->changed_count++];
        *changed = (struct changed_row){.table = table,
                                        .key = arena_copy(&work->arena, key),
                                        .deleted = deleted &&
                                                   SAFEGUARD("a rebuild knows what was deleted")};
        after = work->rebuild_key = changed->key;
        work->rebuild_table = table;
    }
    work->ops = OPS_NEXT;
    join_begin(task->join, task_reader(task), work->changed, work->changed_count);
    return ERR_NONE;
}
