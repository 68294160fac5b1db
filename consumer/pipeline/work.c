#include "base/hash.h"
#include "pipeline/member_impl.h"

#include <stdio.h>
#include <stdlib.h>

#define PART_BYTES_MAX   ((size_t)8 << 20) /* of values in a task's share of a transaction */
#define REBUILD_KEYS_MAX 500               /* touched rows a rebuild's chunk takes at a time */

/* A row of the batch: the last version wins, and whether it was deleted in between. */
struct slot {
    struct touched touched; /* first: sorted by it */
    struct str value;
};

/* Rows of the batch by (table, key): open addressing, at most half full. */
struct slots {
    struct slot *items;
    size_t count, mask;
    uint32_t *index; /* position in items + 1; 0: free */
};

static uint64_t slot_hash(int table, struct str key) {
    uint64_t hash = fnv1a(FNV1A_START ^ (unsigned)table, key);
    return hash ^ (hash >> 29);
}

static void slots_init(struct slots *slots, struct arena *arena, size_t record_count) {
    size_t size = 16;
    while (size < record_count * 2) {
        size *= 2;
    }
    slots->items = arena_alloc(arena, (record_count ? record_count : 1) * sizeof *slots->items);
    slots->index = arena_alloc(arena, size * sizeof *slots->index);
    memset(slots->index, 0, size * sizeof *slots->index);
    slots->mask = size - 1;
    slots->count = 0;
}

/* The row's slot; with insert a new one (table -1 marks it) where there is none, else NULL. */
static struct slot *slots_find(struct slots *slots, int table, struct str key, bool insert) {
    size_t at = (size_t)slot_hash(table, key) & slots->mask;
    while (slots->index[at]) {
        struct slot *slot = &slots->items[slots->index[at] - 1];
        if (slot->touched.table == table && str_equal(slot->touched.key, key)) {
            return slot;
        }
        at = (at + 1) & slots->mask;
    }
    if (!insert) {
        return NULL;
    }
    struct slot *slot = &slots->items[slots->count++];
    slots->index[at] = (uint32_t)slots->count;
    *slot = (struct slot){.touched = {.table = table, .key = key}};
    return slot;
}

enum err_kind letters_too_many(const struct member *m, const char *newest, struct err *reterr) {
    return err_set(reterr, ERR_HALT,
                   "more than %zu records of this task can't be applied (dead.letter.max); the "
                   "newest: %.300s. Look at sync_dead_letter, fix the cause, raise the setting",
                   m->o.dead_letter_max, newest);
}

void letter_fill(struct dead_letter *letter, const struct member *m, const struct task *task,
                 const struct record *record, const char *reason) {
    *letter = (struct dead_letter){
        .topic = m->plan->relations[record->table].topic,
        .table = record->table,
        .partition = record->partition,
        .offset = record->offset,
        .key = record->key,
        .value = record->value,
        .checksum = record_checksum(record),
        .decided = letter_at(&task->decided, record->table, record->offset) != NULL,
        .reason = reason,
    };
}

/* The version of a row before this point of the batch: what its dead letter keeps. */
static enum err_kind version_before(struct task *task, struct slots *slots, int table,
                                    struct str key, struct str *ret_value, struct err *reterr) {
    struct slot *slot = slots_find(slots, table, key, false);
    if (slot && SAFEGUARD("a letter keeps the version before it")) {
        *ret_value = slot->value;
        return ERR_NONE;
    }
    enum err_kind kind = state_get(task->state, table, key, ret_value, reterr);
    if (kind == ERR_NONE) {
        *ret_value = arena_copy(&task->work.arena, *ret_value);
    }
    return kind;
}

static enum err_kind add_letter(const struct member *m, struct task *task, struct slots *slots,
                                const struct pending *item, struct err *reterr) {
    struct work *work = &task->work;
    struct dead_letter *letter = &work->letters[work->letter_count];
    letter_fill(letter, m, task, &item->record, item->err->message);
    if (!letter->decided && task->letters.count + work->letter_count >= m->o.dead_letter_max &&
        SAFEGUARD("dead.letter.max bounds the letters of batches")) {
        (void)letters_too_many(m, item->err->message, reterr);
        return err_about(reterr, m->plan->relations[item->record.table].topic.ptr,
                         item->record.partition, item->record.offset);
    }
    if (item->change.key.ptr) {
        letter->row_key = item->change.key;
        enum err_kind kind = version_before(task, slots, item->record.table, item->change.key,
                                            &letter->kept, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
    }
    if (work->kind == WORK_LETTER && letter->row_key.ptr) { /* what was written of it is mended */
        struct slot *slot = slots_find(slots, item->record.table, letter->row_key, true);
        slot->value = letter->kept;
    }
    work->letter_count++;
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

static void drop_unchanged(struct task *task, struct slots *slots) {
    size_t count = 0;
    for (size_t i = 0; i < slots->count; i++) {
        const struct slot *slot = &slots->items[i];
        struct str stored = STR_NONE;
        if (state_get(task->state, slot->touched.table, slot->touched.key, &stored, NULL) ==
                ERR_NONE &&
            stored.ptr && str_equal(stored, slot->value)) {
            continue;
        }
        slots->items[count++] = *slot;
    }
    slots->count = count;
}

static void add_change(struct slots *slots, const struct change *change, struct work *work) {
    if (change->ts_us > 0 && (work->oldest_ts_us == 0 || change->ts_us < work->oldest_ts_us)) {
        work->oldest_ts_us = change->ts_us;
    }
    if (!change->key.ptr || (!SAFEGUARD("no change is too old to count") && is_late(change))) {
        return;
    }
    struct slot *slot = slots_find(slots, change->table, change->key, true);
    slot->touched.deleted |= change->op == CHANGE_DELETE;
    if (!slot->value.ptr || SAFEGUARD("the last version in a batch wins")) {
        slot->value = change->op == CHANGE_DELETE ? STR_NONE : change->value;
    }
}

/* The delete of a blank row that no record has shown: without REPLICA IDENTITY FULL every deleted
 * row looks like that. Where the record that showed it may have been compacted away before we came
 * to it, nothing can be told. */
static enum err_kind check_blank(const struct member *m, struct task *task,
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
    const struct relation *table = &m->plan->relations[item->record.table];
    (void)err_set(reterr, ERR_HALT,
                  "`before` holds nothing but the primary key, and no record has shown such a row: "
                  "the REPLICA IDENTITY of " STR_FMT "." STR_FMT
                  " was not FULL when it was deleted, so its row would stay in the OLAP table. "
                  "ALTER TABLE " STR_FMT "." STR_FMT
                  " REPLICA IDENTITY FULL, then see docs/operations.md, Lost deletes",
                  STR_ARG(table->schema), STR_ARG(table->name), STR_ARG(table->schema),
                  STR_ARG(table->name));
    return err_about(reterr, table->topic.ptr, item->record.partition, item->record.offset);
}

/* Puts the batch's rows into the state in key order and begins the join over them. */
static enum err_kind apply_slots(struct task *task, struct slots *slots, struct err *reterr) {
    struct work *work = &task->work;
    if (slots->count > 1) {
        qsort(slots->items, slots->count, sizeof *slots->items, touched_compare);
    }
    if (!SAFEGUARD("unchanged rows are written, too")) {
        drop_unchanged(task, slots);
    }
    work->touched = arena_alloc(&work->arena, (slots->count + 1) * sizeof *work->touched);
    work->touched_count = slots->count;
    state_mark(task->state);
    for (size_t i = 0; i < slots->count; i++) {
        work->touched[i] = slots->items[i].touched;
        enum err_kind kind = state_set(task->state, slots->items[i].touched.table,
                                       slots->items[i].touched.key, slots->items[i].value, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
    }
    join_begin(task->join, task_reader(task), work->touched, work->touched_count);
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

static enum err_kind coalesce(const struct member *m, struct task *task, struct err *reterr) {
    struct work *work = &task->work;
    struct slots slots;
    slots_init(&slots, &work->arena, work->record_count);
    work->letters = arena_alloc(&work->arena, work->record_count * sizeof *work->letters);
    for (size_t i = 0; i < work->record_count; i++) {
        struct pending *item = &task->current.items[task->current.consumed + i];
        work->offsets_after[item->record.table] = item->record.offset + 1;
        work->marks_after[item->record.table] = record_mark(&item->record);
        if (work->kind == WORK_BATCH && item->kind == PENDING_CHANGE) {
            enum err_kind kind = check_blank(m, task, item, reterr);
            if (kind != ERR_NONE) {
                return kind;
            }
            add_change(&slots, &item->change, work);
            continue;
        }
        enum err_kind kind = add_letter(m, task, &slots, item, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
    }
    return apply_slots(task, &slots, reterr);
}

enum err_kind work_begin_batch(struct member *m, struct task *task, size_t limit,
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
    work->kind = task->letter_next ? WORK_LETTER : WORK_BATCH;
    work->record_count = task->letter_next ? 1 : count;
    memcpy(work->offsets_after, task->progress.offsets, sizeof work->offsets_after);
    memcpy(work->marks_after, task->progress.marks, sizeof work->marks_after);
    if (task->letter_next) {
        struct pending *item = &task->current.items[task->current.consumed];
        struct err *err = arena_alloc(&work->arena, sizeof *err);
        *err = task->refusal;
        item->err = err;
    }
    return coalesce(m, task, reterr);
}

void work_undo(struct task *task) {
    join_end(task->join);
    (SAFEGUARD("a refused batch is undone in the state") ? state_rollback
                                                         : state_release)(task->state);
    struct arena arena = task->work.arena;
    arena_reset(&arena);
    task->work = (struct work){.arena = arena};
}

void work_deletes_ahead(struct task *task) {
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

/* The next touched rows of a rebuild become a batch of their own: its deletes first. */
static enum err_kind rebuild_next(struct task *task, struct err *reterr) {
    struct work *work = &task->work;
    char key_bytes[ROW_KEY_MAX];
    struct str after = {work->rebuild_key.ptr ? key_bytes : NULL, work->rebuild_key.len};
    if (after.ptr) {
        memcpy(key_bytes, work->rebuild_key.ptr, after.len);
    }
    arena_reset(&work->arena); /* of the chunk before: the letters have an arena of their own */
    work->touched = arena_alloc(&work->arena, REBUILD_KEYS_MAX * sizeof *work->touched);
    work->touched_count = 0;
    int table = work->rebuild_table;
    work->rebuild_done = true;
    for (;;) {
        struct str key;
        bool deleted;
        enum err_kind kind =
            state_touched_next(task->state, table, after, &table, &key, &deleted, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
        if (!key.ptr) {
            break;
        }
        if (work->touched_count == REBUILD_KEYS_MAX) {
            work->rebuild_done = false;
            break;
        }
        struct touched *touched = &work->touched[work->touched_count++];
        *touched =
            (struct touched){.table = table,
                             .key = arena_copy(&work->arena, key),
                             .deleted = deleted && SAFEGUARD("a rebuild knows what was deleted")};
        after = work->rebuild_key = touched->key;
        work->rebuild_table = table;
    }
    work->ops = OPS_NEXT;
    join_begin(task->join, task_reader(task), work->touched, work->touched_count);
    return ERR_NONE;
}

/* The op that was added last. */
static enum err_kind clear_refused(const struct member *m, struct task *task, struct err *reterr) {
    struct row_writer *writer = task->session->writer;
    const struct row_op *op = &task->work.op;
    const struct str *values = NULL;
    enum err_kind kind = op->kind == ROW_OP_UPSERT
                             ? row_writer_outputs(writer, op, &values, reterr)
                             : row_writer_columns(writer, op->table, op->row, &values, reterr);
    if (kind == ERR_NONE) {
        task_clear_refused(m, task, op, values);
    }
    return kind;
}

/* The own checks of all touched rows: where something is refused, a record that is to blame is told
 * before any of its rows is written. */
static enum err_kind add_checks(struct task *task, struct err *reterr) {
    struct work *work = &task->work;
    for (size_t i = 0; i < work->touched_count; i++) {
        struct row_op op = {.kind = ROW_OP_CHECK, .table = work->touched[i].table};
        op.row.key = work->touched[i].key;
        enum err_kind kind = state_get(task->state, op.table, op.row.key, &op.row.value, reterr);
        if (kind == ERR_NONE && op.row.value.ptr) {
            kind = row_writer_add(task->session->writer, &op, &task->part, reterr);
        }
        if (kind != ERR_NONE) {
            return kind;
        }
    }
    return ERR_NONE;
}

/* A rebuild goes on to the pass in which everything is written, once the deletes ahead are. */
static void deletes_went(struct work *work) {
    if (work->deletes == DELETES_AHEAD && work->ops == OPS_DONE && work->rebuild_done) {
        work->deletes = DELETES_WENT;
        work->rebuild_table = 0;
        work->rebuild_key = STR_NONE;
    }
}

/* Row ops into the part until the budget is used or the join has no more: the op that finds no room
 * waits in work->op, so that the transaction that takes the last op also moves the offsets. */
static enum err_kind fill_part(const struct member *m, struct task *task, size_t budget,
                               struct err *reterr) {
    struct work *work = &task->work;
    row_writer_forget(task->session->writer);
    for (size_t rows = 0; work->ops != OPS_DONE; rows++) {
        if (work->ops == OPS_NEXT) {
            enum err_kind kind = join_next(task->join, &work->op, reterr);
            if (kind != ERR_NONE) {
                return kind;
            }
            bool passed = work->deletes == DELETES_AHEAD && work->op.kind != ROW_OP_DELETE;
            work->ops = passed || work->op.kind == ROW_OP_END ? OPS_DONE : OPS_HELD;
        }
        if (work->ops == OPS_DONE || rows == budget || task->part.bytes >= PART_BYTES_MAX) {
            break;
        }
        enum err_kind kind = row_writer_add(task->session->writer, &work->op, &task->part, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
        if (task->refused_rows.count > 0) {
            kind = clear_refused(m, task, reterr);
        }
        if (kind != ERR_NONE) {
            return kind;
        }
        work->waiting_count += work->op.kind == ROW_OP_CHECK;
        work->ops = OPS_NEXT;
    }
    return ERR_NONE;
}

enum err_kind work_build(struct member *m, struct task *task, size_t budget, struct err *reterr) {
    struct work *work = &task->work;
    struct txn_part *part = &task->part;
    txn_part_reset(part);
    part->before = task->progress;
    part->after = task->progress;
    part->after.seq++;
    enum err_kind kind = ERR_NONE;
    deletes_went(work);
    if (work->kind == WORK_REBUILD && (work->chunk_count == 0 || work->ops == OPS_DONE)) {
        kind = rebuild_next(task, reterr);
    }
    if (kind == ERR_NONE && work->kind != WORK_LOAD) {
        kind = fill_part(m, task, budget, reterr);
    }
    bool first = work->kind == WORK_BATCH && work->chunk_count == 0;
    if (kind == ERR_NONE && first && task->careful &&
        SAFEGUARD("own checks are asked before rows are refused")) {
        kind = add_checks(task, reterr);
    }
    if (kind != ERR_NONE) {
        return kind;
    }
    const bool last = work_is_last(work);
    if (work->kind == WORK_LOAD) {
        task_clear_all_refused(task);
    }
    if (task->careful) {
        task_take_care(m, task);
    }
    if (last || !SAFEGUARD("letters go with the last transaction")) {
        /* With the offsets, and not before: what an earlier transaction stored, a later one of the
         * same work could prove wrong (a version kept that PostgreSQL refuses). */
        for (size_t i = 0; i < work->letter_count; i++) {
            txn_part_add_letter(part, &work->letters[i]);
        }
    }
    if (last || !SAFEGUARD("offsets move with the last transaction")) {
        part->after.has_offsets = true;
        memcpy(part->after.offsets, work->offsets_after, sizeof part->after.offsets);
        memcpy(part->after.marks, work->marks_after, sizeof part->after.marks);
    }
    work->chunk_count++;
    work->txn = TXN_BUILT;
    return ERR_NONE;
}
