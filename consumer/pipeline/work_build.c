/* The work's next transaction: row ops from the join, as many as there is room for. */
#include "pipeline/work_build.h"

#include "pipeline/backfill.h"
#include "pipeline/fill.h"
#include "pipeline/refused_rows.h"
#include "pipeline/session.h"
#include "pipeline/work.h"

#define PART_BYTES_MAX ((size_t)8 << 20) /* of values in a task's share of a transaction */

/* The op that was added last. */
static enum err_kind clear_refused(const struct member_options *o, struct task *task,
                                   struct err *reterr) {
    struct row_writer *writer = task->session->writer;
    const struct row_op *op = &task->work.op;
    const struct str *values = NULL;
    enum err_kind kind = op->kind == ROW_OP_UPSERT
                             ? row_writer_inputs(writer, op, &values, reterr)
                             : row_writer_columns(writer, op->table, op->row, &values, reterr);
    if (kind == ERR_NONE) {
        task_clear_refused(o->plan, task, op, values);
    }
    return kind;
}

/* Whether the first transaction of a batch has the own checks of all changed rows: where something
 * is refused, a record that is to blame is told before any of its rows is written. So it is where
 * rows are refused; and where the batch needs more transactions, if one record may both delete and
 * upsert, as with NULL rows and lookups: the upsert may be refused when the delete is committed. */
static bool checks_all(const struct task *task) {
    const struct work *work = &task->work;
    if (work->kind != WORK_BATCH || work->chunk_count > 0) {
        return false;
    }
    return (task->savepoints && SAFEGUARD("own checks are asked before rows are refused")) ||
           (work->ops != OPS_DONE && !join_is_plain(task->join) &&
            SAFEGUARD("own checks are asked before a batch is split"));
}

static enum err_kind add_checks(struct task *task, struct err *reterr) {
    struct work *work = &task->work;
    for (size_t i = 0; i < work->changed_count; i++) {
        struct row_op op = {.kind = ROW_OP_CHECK, .table = work->changed[i].table};
        op.row.key = work->changed[i].key;
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

/* Row ops into the part until the budget is used or the join has no more: the op that finds no room
 * waits in work->op, so that the transaction that takes the last op also moves the offsets. Where
 * the join looks at many rows without any op, the transaction stays begun. */
static enum err_kind fill_part(const struct member_options *o, struct task *task, size_t budget,
                               struct err *reterr) {
    struct work *work = &task->work;
    size_t looks = o->batch_max_rows;
    row_writer_forget(task->session->writer);
    work->begun = false;
    for (size_t rows = txn_part_rows(&task->part); work->ops != OPS_DONE; rows++) {
        if (work->ops == OPS_NEXT) {
            enum err_kind kind = join_next(task->join, &looks, &work->op, reterr);
            work->begun = kind == ERR_NONE && work->op.kind == ROW_OP_PAUSE;
            if (kind != ERR_NONE || work->begun) {
                return kind;
            }
            bool passed = work->deletes == DELETES_AHEAD && !row_op_deletes(&work->op);
            work->ops = passed || work->op.kind == ROW_OP_END ? OPS_DONE : OPS_HELD;
        }
        if (work->ops == OPS_DONE || rows >= budget || task->part.bytes >= PART_BYTES_MAX) {
            break;
        }
        enum err_kind kind = row_writer_add(task->session->writer, &work->op, &task->part, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
        if (task->refused_rows.count > 0) {
            kind = clear_refused(o, task, reterr);
        }
        if (kind != ERR_NONE) {
            return kind;
        }
        work->waiting_count += work->op.waits;
        work->ops = OPS_NEXT;
    }
    return ERR_NONE;
}

static enum err_kind begin_part(const struct member_options *o, struct task *task,
                                struct err *reterr) {
    struct work *work = &task->work;
    struct txn_part *part = &task->part;
    txn_part_reset(part);
    part->before = task->progress;
    part->after = task->progress;
    part->after.seq++;
    backfill_deletes_went(work);
    bool next = work->kind == WORK_REBUILD && (work->chunk_count == 0 || work->ops == OPS_DONE);
    return next ? backfill_next_rows(o, task, reterr) : ERR_NONE;
}

enum err_kind work_build(const struct member_options *o, struct task *task, size_t budget,
                         struct err *reterr) {
    struct work *work = &task->work;
    struct txn_part *part = &task->part;
    enum err_kind kind = work->begun ? ERR_NONE : begin_part(o, task, reterr);
    if (kind == ERR_NONE && work->kind != WORK_LOAD) {
        kind = fill_part(o, task, budget, reterr);
    }
    if (kind == ERR_NONE && work->begun) {
        return ERR_NONE;
    }
    if (kind == ERR_NONE && checks_all(task)) {
        kind = add_checks(task, reterr);
    }
    if (kind != ERR_NONE) {
        return kind;
    }
    const bool last = work_is_last(work);
    if (work->kind == WORK_LOAD) {
        task_clear_all_refused(task);
    }
    if (task->savepoints) {
        task_use_savepoints(task, o->refused_row_max);
    }
    if (last || !SAFEGUARD("dead letters go with the last transaction")) {
        /* With the offsets, and not before: what an earlier transaction stored, a later one of the
         * same work could prove wrong (a version kept that PostgreSQL refuses). */
        for (size_t i = 0; i < work->dead_letter_count; i++) {
            txn_part_add_dead_letter(part, &work->dead_letters[i]);
        }
    }
    if (last || !SAFEGUARD("offsets move with the last transaction")) {
        part->after.has_offsets = true;
        memcpy(part->after.offsets, work->offsets_after, sizeof part->after.offsets);
        memcpy(part->after.anchors, work->anchors_after, sizeof part->after.anchors);
    }
    if (last || !SAFEGUARD("a mark goes with the last rows")) {
        part->filled = fill_marks(o->plan, work);
    }
    work->chunk_count++;
    work->txn = TXN_BUILT;
    return ERR_NONE;
}
