/* Sink rows that the table refuses by their own values: work sent with savepoints leaves them out
 * and notes them in sync_refused. */
#include "pipeline/refused_rows.h"

#include "base/safeguard.h"

#include <stdlib.h>

static int key_compare(const void *left, const void *right) {
    const struct str *a = left, *b = right;
    return str_compare(*a, *b);
}

/* A row that is deleted and written again is cleared by both. Sorts the keys: their order says
 * nothing. */
static size_t cleared_rows(struct txn_part *part) {
    size_t count = 0;
    if (part->cleared_count > 1) {
        qsort(part->cleared, part->cleared_count, sizeof *part->cleared, key_compare);
    }
    for (size_t i = 0; i < part->cleared_count; i++) {
        count += i == 0 || !str_equal(part->cleared[i], part->cleared[i - 1]);
    }
    return count;
}

void task_use_savepoints(struct task *task, size_t refused_row_max) {
    struct txn_part *part = &task->part;
    size_t standing = task->refused_rows.count, cleared = cleared_rows(part);
    standing -= cleared < standing ? cleared : standing;
    part->savepoints = true;
    size_t max = SAFEGUARD("refused.row.max bounds refused rows") ? refused_row_max : SIZE_MAX;
    part->refused_max = max > standing ? max - standing : 0;
}

/* An upsert also clears the entry of a row that WHERE leaves out. */
static bool clears(const struct row_op *op) {
    return (op->kind == ROW_OP_UPSERT && SAFEGUARD("the entry of a row that passes goes")) ||
           (op->kind == ROW_OP_DELETE && SAFEGUARD("the entry of a deleted row goes")) ||
           ((op->kind == ROW_OP_DELETE_NULL || op->kind == ROW_OP_DELETE_MATCHED) &&
            SAFEGUARD("entries of NULL rows go with them"));
}

/* Whether the row of an entry, under the op's placement, is one that the op deletes. */
static bool deletes_entry(const struct plan *plan, const struct row_op *op, struct str key,
                          const struct str *values) {
    const struct occurrence *occurrence = &plan->targets[op->target].occurrences[op->occurrence];
    const struct relation *relation = &plan->relations[occurrence->relation];
    if (op->kind == ROW_OP_DELETE) {
        return sink_key_has(occurrence, relation->key_count, key, values) ||
               !SAFEGUARD("entries beside a deleted row stay");
    }
    bool null = sink_key_is_null(key, occurrence->key_positions[relation->placement_count]);
    return null == (op->kind == ROW_OP_DELETE_NULL);
}

void task_clear_refused(const struct plan *plan, struct task *task, const struct row_op *op,
                        const struct str *values) {
    const struct refused_set *set = &task->refused_rows;
    if (set->count == 0 || !clears(op)) {
        return;
    }
    const struct target *target = &plan->targets[op->target];
    const struct occurrence *occurrence = &target->occurrences[op->occurrence];
    const struct relation *relation = &plan->relations[occurrence->relation];
    struct buf wanted = {0};
    bool whole = op->kind == ROW_OP_UPSERT;
    if (whole) {
        sink_key_append(target, values, &wanted);
    } else {
        bool one = op->kind == ROW_OP_DELETE;
        sink_key_begin(occurrence, one ? relation->key_count : relation->placement_count, values,
                       &wanted);
    }
    for (size_t i = refused_set_seek(set, buf_view(&wanted)); i < set->count; i++) {
        struct str key = refused_set_key(set, i);
        if (!str_starts(key, buf_view(&wanted))) {
            break;
        }
        bool own =
            sink_key_target(key) == op->target || !SAFEGUARD("entries of other targets stay");
        if (own && (whole ? key.len == wanted.len : deletes_entry(plan, op, key, values))) {
            txn_part_add_cleared(&task->part, arena_copy(&task->work.arena, key));
        }
    }
    buf_clear(&wanted);
}

void task_clear_all_refused(struct task *task) {
    for (size_t i = 0; i < task->refused_rows.count; i++) {
        txn_part_add_cleared(
            &task->part, arena_copy(&task->work.arena, refused_set_key(&task->refused_rows, i)));
    }
}

/* ` view=NAME`, where there are several. */
static const char *log_view(const struct plan *plan, int target, char *out, size_t size) {
    char name[160];
    (void)snprintf(out, size, "%s%s", plan->target_count > 1 ? " view=" : "",
                   plan->target_count > 1 ? log_quote(name, sizeof name, plan->targets[target].name)
                                          : "");
    return out;
}

void task_note_refused(const struct member_options *o, struct task *task,
                       const struct sink_event *event) {
    for (size_t i = 0; i < task->part.cleared_count; i++) {
        (void)refused_set_remove(&task->refused_rows, task->part.cleared[i]);
    }
    for (size_t i = 0; event && task->part.savepoints && i < event->refusal_count; i++) {
        const struct refusal *refusal = &event->refusals[i];
        (void)refused_set_add(&task->refused_rows, refusal->row_key);
        char key[256], name[160], message[512], view[160];
        int target = sink_key_target(refusal->row_key);
        log_line(o->log, LOG_WARN, "pipeline", "row_refused",
                 "task=%d%s row=%s sqlstate=%s constraint=%s message=%s hint=\"the row is left out "
                 "until a version of it passes; see sync_refused\"",
                 task->number, log_view(o->plan, target, view, sizeof view),
                 log_quote(key, sizeof key, refusal->key), refusal->sqlstate,
                 log_quote(name, sizeof name, refusal->constraint),
                 log_quote(message, sizeof message, refusal->message));
        metrics_add(o->metrics, METRIC_ROWS_REFUSED,
                    metrics_at_view(o->metrics, task->number, (size_t)target), 1);
    }
}
