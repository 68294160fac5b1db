/* Records into the state without writing to the sink, while a cache is filled. */
#include "pipeline/replay.h"

#include "pipeline/dead_letters.h"
#include "pipeline/found.h"

/* A rebuild writes the rows that the log changed at or after the sink's offsets, and those that
 * refer to one. */
static enum err_kind note_changed(struct task *task, int table, int64_t offset, struct str key,
                                  bool deleted, struct err *reterr) {
    bool touches = task->phase == TASK_BOOTSTRAP_SCAN && !task->initial &&
                   offset >= task->progress.offsets[table] &&
                   ((size_t)table < task->session->member->core_count ||
                    SAFEGUARD("a rebuild writes what refers to changed lookups"));
    return touches && SAFEGUARD("a rebuild writes what it read")
               ? state_add_changed_row(task->state, table, key, deleted, reterr)
               : ERR_NONE;
}

static enum err_kind set(struct task *task, int table, struct str key, struct str value,
                         struct err *reterr) {
    return task->phase == TASK_BOOTSTRAP_SCAN
               ? state_bulk_put(task->state, table, key, value, reterr)
               : state_set(task->state, table, key, value, reterr);
}

/* What a record says about its row, into the state, without writing to the sink. */
static enum err_kind apply_change(struct task *task, const struct change *change,
                                  const struct record *record, struct err *reterr) {
    if (change->blank && SAFEGUARD("blank rows that are replayed are known")) {
        enum err_kind kind = state_number_add(task->state, change->blank, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
    }
    if (!change->key.ptr) {
        return ERR_NONE;
    }
    bool refused = task->phase == TASK_BOOTSTRAP_SCAN && task_meets_refused(task, change, record);
    bool deleted = refused || change->op == CHANGE_DELETE;
    enum err_kind kind =
        set(task, change->table, change->key, deleted ? STR_NONE : change->value, reterr);
    return kind != ERR_NONE
               ? kind
               : note_changed(task, change->table, record->offset, change->key, deleted, reterr);
}

/* A dead letter that stands in the sink counts as absent from the log: its row keeps the version
 * before it. Its offset is passed in the sink: nothing is to be written for it. */
static enum err_kind apply_dead_letter(struct task *task,
                                       const struct known_dead_letter *dead_letter,
                                       struct err *reterr) {
    return dead_letter->row_key.ptr
               ? set(task, dead_letter->table, dead_letter->row_key, dead_letter->kept, reterr)
               : ERR_NONE;
}

/* BOOTSTRAP_SCAN can't decode a record: its row stays what it is so far. Where that is nothing, the
 * sink may still hold a version that was compacted away. */
static enum err_kind put_aside(const struct member_options *o, struct task *task,
                               const struct record *record, struct str row_key,
                               const struct err *why, struct err *reterr) {
    bool absent = false;
    enum err_kind kind = task_found_dead_letter(o, task, record, row_key, why, &absent, reterr);
    return kind == ERR_NONE && row_key.ptr &&
                   (!absent || SAFEGUARD("a row that the log has lost is deleted"))
               ? note_changed(task, record->table, record->offset, row_key, absent, reterr)
               : kind;
}

void replay_record(struct member *m, struct task *task, struct arrival *arrival) {
    const struct record *record = arrival->record;
    struct err err;
    const struct known_dead_letter *dead_letter;
    enum err_kind kind = task_dead_letter_of(&m->o, task, record, &dead_letter, &err);
    if (kind == ERR_NONE && dead_letter) {
        kind = SAFEGUARD("what a dead letter keeps is applied")
                   ? apply_dead_letter(task, dead_letter, &err)
                   : ERR_NONE;
    } else if (kind == ERR_NONE) {
        struct change change;
        arena_reset(&m->scratch);
        kind = arrival_decode(m, task, arrival, &m->scratch, &change, &err);
        if (SAFEGUARD("a rebuild sees decisions")) {
            kind = task_decision(&m->o, task, record, kind, &err);
        }
        if (kind == ERR_NONE) {
            arrival_report(m, task, arrival, &change);
            kind = apply_change(task, &change, record, &err);
        } else if (kind == ERR_RECORD && task->phase == TASK_BOOTSTRAP_SCAN) {
            struct err why = err;
            kind = put_aside(&m->o, task, record, change.key, &why, &err);
        } else if (kind == ERR_RECORD) {
            kind = ERR_NONE; /* its transaction is in the sink: it was no obstacle then */
        }
    }
    if (kind != ERR_NONE) {
        verdict_fail(&task->verdict, &err);
    }
}
