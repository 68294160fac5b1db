/* A batch begins: the records that wait, coalesced into rows, go into the state. */
#include "pipeline/work_batch.h"

#include "pipeline/coalesce.h"
#include "pipeline/dead_letters.h"

/* The version of a row before this point of the batch: what its dead letter keeps. */
static enum err_kind version_before(struct task *task, struct coalesced *rows, int table,
                                    struct str key, struct str *ret_value, struct err *reterr) {
    const struct coalesced_row *row = coalesce_find(rows, table, key);
    if (row && SAFEGUARD("a dead letter keeps the version before it")) {
        *ret_value = row->value;
        return ERR_NONE;
    }
    enum err_kind kind = state_get(task->state, table, key, ret_value, reterr);
    if (kind == ERR_NONE) {
        *ret_value = arena_copy(&task->work.arena, *ret_value);
    }
    return kind;
}

static enum err_kind add_dead_letter(const struct member_options *o, struct task *task,
                                     struct coalesced *rows, const struct pending *item,
                                     struct err *reterr) {
    struct work *work = &task->work;
    struct dead_letter *dead_letter = &work->dead_letters[work->dead_letter_count];
    dead_letter_fill(dead_letter, o->plan, task, &item->record, item->err->message);
    if (!dead_letter->decided &&
        task->dead_letters.count + work->dead_letter_count >= o->dead_letter_max &&
        SAFEGUARD("dead.letter.max bounds the dead letters of batches")) {
        (void)dead_letters_too_many(o, item->err->message, reterr);
        return err_about(reterr, o->plan->relations[item->record.table].slot.ptr,
                         item->record.partition, item->record.offset);
    }
    if (item->change.key.ptr) {
        dead_letter->row_key = item->change.key;
        enum err_kind kind = version_before(task, rows, item->record.table, item->change.key,
                                            &dead_letter->kept, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
    }
    if (work->kind == WORK_DEAD_LETTER &&
        dead_letter->row_key.ptr) { /* what was written of it is mended */
        coalesce_set(rows, item->record.table, dead_letter->row_key, dead_letter->kept);
    }
    work->dead_letter_count++;
    return ERR_NONE;
}

/* Shortcuts that lose rows, taken where a mutation takes the safeguard out: a filter by commit
 * time, and rows left out that are in the state as they are. */
static bool is_late(const struct change *change) {
    static int64_t newest;
    bool late = change->ts_us <= newest;
    newest = late ? newest : change->ts_us;
    return late;
}

static void drop_unchanged(struct task *task, struct coalesced *rows) {
    size_t count = 0;
    for (size_t i = 0; i < rows->count; i++) {
        const struct coalesced_row *row = &rows->rows[i];
        struct str stored = STR_NONE;
        if (state_get(task->state, row->changed.table, row->changed.key, &stored, NULL) ==
                ERR_NONE &&
            stored.ptr && str_equal(stored, row->value)) {
            continue;
        }
        rows->rows[count++] = *row;
    }
    rows->count = count;
}

static void add_change(struct coalesced *rows, const struct change *change, struct work *work) {
    if (change->ts_us > 0 && (work->oldest_ts_us == 0 || change->ts_us < work->oldest_ts_us)) {
        work->oldest_ts_us = change->ts_us;
    }
    work->newest_ts_us = change->ts_us > work->newest_ts_us ? change->ts_us : work->newest_ts_us;
    if (change->key.ptr && (SAFEGUARD("no change is too old to count") || !is_late(change))) {
        coalesce_add(rows, change);
    }
}

/* The delete of a blank row that no record has shown: without REPLICA IDENTITY FULL every deleted
 * row looks like that. Where the record that showed it may have been compacted away before we came
 * to it, nothing can be told. */
static enum err_kind check_blank(const struct member_options *o, struct task *task,
                                 const struct pending *item, struct err *reterr) {
    bool known = false;
    if (!item->change.blank || item->change.op != CHANGE_DELETE) {
        return item->change.blank && SAFEGUARD("blank rows of batches are known")
                   ? state_number_add(task->state, item->change.blank, reterr)
                   : ERR_NONE;
    }
    enum err_kind kind = state_number_known(task->state, item->change.blank, &known, reterr);
    known |= item->record.offset < task->gap_end[item->record.table];
    if (kind != ERR_NONE || known) {
        return kind;
    }
    const struct relation *table = &o->plan->relations[item->record.table];
    (void)err_set(reterr, ERR_HALT,
                  "`before` holds nothing but the primary key, and no record has shown such a row: "
                  "the REPLICA IDENTITY of " STR_FMT "." STR_FMT
                  " was not FULL when it was deleted, so its row would stay in the OLAP table. "
                  "ALTER TABLE " STR_FMT "." STR_FMT
                  " REPLICA IDENTITY FULL, then see docs/operations.md, Lost deletes",
                  STR_ARG(table->schema), STR_ARG(table->name), STR_ARG(table->schema),
                  STR_ARG(table->name));
    return err_about(reterr, table->slot.ptr, item->record.partition, item->record.offset);
}

/* Puts the batch's rows into the state in key order and begins the join over them. */
static enum err_kind apply_rows(struct task *task, struct coalesced *rows, struct err *reterr) {
    struct work *work = &task->work;
    coalesce_sort(rows);
    if (!SAFEGUARD("unchanged rows are written, too")) {
        drop_unchanged(task, rows);
    }
    work->changed = arena_alloc(&work->arena, (rows->count + 1) * sizeof *work->changed);
    work->changed_count = rows->count;
    state_savepoint(task->state);
    for (size_t i = 0; i < rows->count; i++) {
        work->changed[i] = rows->rows[i].changed;
        work->changed[i].value = &rows->rows[i].value;
        enum err_kind kind = state_set(task->state, rows->rows[i].changed.table,
                                       rows->rows[i].changed.key, rows->rows[i].value, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
    }
    join_begin(task->join, task_reader(task), work->changed, work->changed_count);
    return ERR_NONE;
}

/* Records the batch may take: up to the limits, and not past a halt. */
static size_t batch_length(const struct task *task, size_t limit) {
    const struct batch *batch = &task->current;
    if (task->record_limit > 0 && task->record_limit < limit) {
        limit = task->record_limit;
    }
    size_t count = 0;
    while (count < limit && batch->consumed + count < batch->count &&
           batch->items[batch->consumed + count].kind != PENDING_HALT) {
        count++;
    }
    return count;
}

static enum err_kind apply_records(const struct member_options *o, struct task *task,
                                   struct err *reterr) {
    struct work *work = &task->work;
    struct coalesced rows;
    coalesce_init(&rows, &work->arena, work->record_count);
    work->dead_letters = arena_alloc(&work->arena, work->record_count * sizeof *work->dead_letters);
    for (size_t i = 0; i < work->record_count; i++) {
        struct pending *item = &task->current.items[task->current.consumed + i];
        work->offsets_after[item->record.table] = item->record.offset + 1;
        work->anchors_after[item->record.table] = record_anchor(&item->record);
        if (work->kind == WORK_BATCH && item->kind == PENDING_CHANGE) {
            enum err_kind kind = check_blank(o, task, item, reterr);
            if (kind != ERR_NONE) {
                return kind;
            }
            add_change(&rows, &item->change, work);
            continue;
        }
        enum err_kind kind = add_dead_letter(o, task, &rows, item, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
    }
    return apply_rows(task, &rows, reterr);
}

enum err_kind work_begin_batch(const struct member_options *o, struct task *task, size_t limit,
                               struct err *reterr) {
    if (task->current.consumed == task->current.count) {
        struct batch filled = task->next;
        task->next = task->current;
        task->current = filled;
    }
    size_t count = batch_length(task, limit);
    if (count == 0) {
        return ERR_NONE;
    }
    struct work *work = &task->work;
    work->kind = task->dead_letter_next ? WORK_DEAD_LETTER : WORK_BATCH;
    work->record_count = task->dead_letter_next ? 1 : count;
    memcpy(work->offsets_after, task->progress.offsets, sizeof work->offsets_after);
    memcpy(work->anchors_after, task->progress.anchors, sizeof work->anchors_after);
    if (task->dead_letter_next) {
        struct pending *item = &task->current.items[task->current.consumed];
        struct err *err = arena_alloc(&work->arena, sizeof *err);
        *err = task->refusal;
        item->err = err;
    }
    return apply_records(o, task, reterr);
}
