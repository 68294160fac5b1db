/* What the OLAP database refuses behind the fence: whose fault it is, and what follows.
 *
 * A record is to blame for what its own check refuses, and for nothing else: it becomes a dead
 * letter. A sink row that is refused by its own values is left out and noted in sync_refused: the
 * work is sent again with care, after the own checks of its records have passed. What depends on
 * other rows, or on code of the user's, may pass when another task has written: it is tried again,
 * in smaller pieces, then with its deletes ahead; in the end the task halts. */
#include "pipeline/member_impl.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- records ---- */

/* A batch is undone and tried in smaller pieces, alone: the record that is refused alone becomes a
 * dead letter. */
static void halve(struct task *task, const struct err *refusal) {
    size_t count = task->work.record_count;
    work_undo(task);
    if (count == 1) {
        task->letter_next = true;
        task->refusal = *refusal;
        task->refusal.kind = ERR_RECORD;
    } else {
        task->record_limit = count / 2;
    }
}

static void halt_letter(struct task *task, const struct err *refusal) {
    struct err err = *refusal;
    (void)err_set(&err, ERR_HALT, "a dead letter is refused (SQLSTATE %.5s): %.300s",
                  refusal->sqlstate, refusal->message);
    verdict_halt(&task->verdict, &err);
}

/* ---- rows ---- */

/* The record, where the work is about one. */
static void err_about_work(const struct member *m, const struct task *task, struct err *err) {
    if (task->work.record_count == 1) {
        const struct record *record = &task->current.items[task->current.consumed].record;
        (void)err_about(err, m->plan->relations[record->table].topic.ptr, record->partition,
                        record->offset);
    }
}

void task_halt_at_work(const struct member *m, struct task *task, const struct err *why) {
    struct err err = *why;
    err_about_work(m, task, &err);
    verdict_halt(&task->verdict, &err);
}

static void halt_too_many(struct member *m, struct task *task, const struct sink_event *event) {
    const struct refusal *newest = &event->refusals[0];
    struct err err;
    (void)err_set(&err, ERR_HALT,
                  "more than %zu rows of this task are refused by table " STR_FMT
                  " (refused.row.max); the newest: " STR_FMT ", SQLSTATE %.5s: %.200s. Look at "
                  "sync_refused, fix the constraint or the rows, or raise the setting",
                  m->o.refused_row_max, STR_ARG(m->plan->targets[0].name), STR_ARG(newest->key),
                  newest->sqlstate, newest->message.ptr);
    (void)snprintf(err.sqlstate, sizeof err.sqlstate, "%s", newest->sqlstate);
    task_halt_at_work(m, task, &err);
}

/* Sends what is built again, unchanged but for the care. */
static void send_with_care(struct member *m, struct task *task) {
    task->careful = true;
    task_take_care(m, task);
}

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

void task_take_care(const struct member *m, struct task *task) {
    struct txn_part *part = &task->part;
    size_t standing = task->refused_rows.count, cleared = cleared_rows(part);
    standing -= cleared < standing ? cleared : standing;
    part->careful = true;
    size_t max = SAFEGUARD("refused.row.max bounds refused rows") ? m->o.refused_row_max : SIZE_MAX;
    part->refused_max = max > standing ? max - standing : 0;
}

void task_clear_refused(const struct member *m, struct task *task, const struct row_op *op,
                        const struct str *values) {
    const struct refused_set *set = &task->refused_rows;
    if (set->count == 0 || op->kind == ROW_OP_CHECK || op->kind == ROW_OP_END ||
        (op->kind == ROW_OP_UPSERT && !SAFEGUARD("the entry of a row that passes goes")) ||
        (op->kind == ROW_OP_DELETE && !SAFEGUARD("the entry of a deleted row goes"))) {
        return;
    }
    const struct target *target = &m->plan->targets[op->target];
    const struct occurrence *occurrence = &target->occurrences[op->occurrence];
    size_t key_count = m->plan->relations[occurrence->relation].key_count;
    struct buf wanted = {0};
    bool whole = op->kind == ROW_OP_UPSERT;
    if (whole) {
        sink_key_append(target, values, &wanted);
    } else {
        sink_key_begin(occurrence, key_count, values, &wanted);
    }
    for (size_t i = refused_set_seek(set, buf_view(&wanted)); i < set->count; i++) {
        struct str key = refused_set_key(set, i);
        if (!str_starts(key, buf_view(&wanted))) {
            break;
        }
        if (whole ? key.len == wanted.len
                  : sink_key_has(occurrence, key_count, key, values) ||
                        !SAFEGUARD("entries beside a deleted row stay")) {
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

void task_note_refused(struct member *m, struct task *task, const struct sink_event *event) {
    for (size_t i = 0; i < task->part.cleared_count; i++) {
        (void)refused_set_remove(&task->refused_rows, task->part.cleared[i]);
    }
    for (size_t i = 0; event && task->part.careful && i < event->refusal_count; i++) {
        const struct refusal *refusal = &event->refusals[i];
        (void)refused_set_add(&task->refused_rows, refusal->row_key);
        char key[256], name[160], message[512];
        log_line(m->o.log, LOG_WARN, "pipeline", "row_refused",
                 "task=%d row=%s sqlstate=%s constraint=%s message=%s hint=\"the row is left out "
                 "until a version of it passes; see sync_refused\"",
                 task->number, log_quote(key, sizeof key, refusal->key), refusal->sqlstate,
                 log_quote(name, sizeof name, refusal->constraint),
                 log_quote(message, sizeof message, refusal->message));
        metrics_add(m->o.metrics, METRIC_ROWS_REFUSED, (size_t)task->number, 1);
    }
}

/* ---- conflicts ---- */

static void conflict_halt(struct member *m, struct task *task, const struct sink_event *event) {
    struct err err = event->err;
    struct str key = event->refusal_count > 0 ? event->refusals[0].key : STR_NONE;
    char touched[160] = "";
    if (!key.ptr && task->work.touched_count == 1) {
        const struct touched *row = &task->work.touched[0];
        key = str_from(
            row_key_show(&m->plan->relations[row->table], row->key, touched, sizeof touched));
    }
    (void)err_set(
        &err, ERR_HALT,
        "table " STR_FMT " refuses the row %.*s since %lld s: %.260s. It depends on other "
        "rows or on a trigger, so nothing was put aside. Drop or fix the constraint or "
        "trigger, then send the member SIGHUP",
        STR_ARG(m->plan->targets[0].name), key.ptr ? (int)key.len : 1, key.ptr ? key.ptr : "?",
        (long long)(now_ms(m) - task->conflict_since_ms) / 1000, event->err.message);
    memcpy(err.sqlstate, event->err.sqlstate, sizeof err.sqlstate);
    task_halt_at_work(m, task, &err);
}

/* A row that the source had for a while, and that stands beside later rows of other tasks for ever:
 * a record behind it, too far for one batch, takes it away. A rebuild writes what the whole log
 * comes to. */
static bool passes_in_rebuild(const struct member *m, const struct task *task,
                              const struct err *err) {
    static const char *const by_rows[] = {"23505", "23P01", "23503"};
    size_t own = task->phase == TASK_LIVE; /* the record that is refused */
    bool by_row = false, behind = batch_waiting(&task->current) + batch_waiting(&task->next) > own;
    for (size_t i = 0; i < sizeof by_rows / sizeof by_rows[0]; i++) {
        by_row |= strcmp(err->sqlstate, by_rows[i]) == 0;
    }
    for (size_t t = 0; t < m->plan->relation_count; t++) {
        behind |= m->o.consume_ops->log_end(m->o.consume, (int)t, task->number) > task->position[t];
    }
    return by_row && behind && SAFEGUARD("a row of the past passes in a rebuild");
}

static void conflict(struct member *m, struct task *task, const struct sink_event *event) {
    int64_t now = now_ms(m);
    bool batch = task->work.kind == WORK_BATCH || task->work.kind == WORK_LETTER;
    bool single = !batch || task->work.record_count == 1;
    if (task->conflict_since_ms == 0) {
        task->conflict_since_ms = now;
        task->conflicts = backoff_init(20, 2000, 0);
        log_err(m->o.log, LOG_WARN, "pipeline", "conflict", &event->err);
    }
    if (batch && task->conflict_left == 0) {
        task->conflict_left = task->work.record_count;
        task->conflict_batch_ms = now;
    }
    bool over = now - task->conflict_since_ms >= m->o.conflict_halt_ms;
    /* Early: whoever waits for this task has as much time. And also where it gets on bit by bit:
     * others wait for what comes last. */
    int share = SAFEGUARD("a rebuild leaves time to who waits") ? 2 : 1;
    int64_t since_ms = batch ? task->conflict_batch_ms : task->conflict_since_ms;
    bool half = now - since_ms >= m->o.conflict_halt_ms / share;
    if (half && single && passes_in_rebuild(m, task, &event->err)) {
        verdict_distrust(&task->verdict, DISCARD_CONFLICT);
        return;
    }
    if (over && single) {
        conflict_halt(m, task, event);
        return;
    }
    task->conflict = event->err;
    err_about_work(m, task, &task->conflict);
    task->retry_at_ms = now + backoff_next_ms(&task->conflicts);
    if (batch) { /* in halves, down to single records; then whole again */
        size_t count = task->work.record_count;
        work_undo(task);
        size_t half_of_them = SAFEGUARD("a conflict is tried in halves") ? count / 2 : 0;
        task->record_limit = over ? 1 : half_of_them; /* the one that must be named */
    } else if (task->work.kind == WORK_REBUILD && task->work.deletes == DELETES_ALONG &&
               SAFEGUARD("a rebuild in conflict deletes first")) {
        work_deletes_ahead(task);
    }
}

void task_conflict_over(struct task *task) {
    if (work_is_last(&task->work) ||
        (task->work.kind == WORK_REBUILD && task->work.deletes != DELETES_AHEAD)) {
        task->conflict_since_ms = 0;
    }
}

/* ---- what was refused ---- */

/* One of a batch's records is to blame: not the rows they lead to, nor others in the table. */
static bool blames_record(enum blame blame) {
    return blame == BLAME_RECORD ||
           (blame == BLAME_ROW && !SAFEGUARD("a refused row blames no record")) ||
           (blame == BLAME_OTHERS && !SAFEGUARD("a conflict blames no record"));
}

/* A batch that is begun anew from the old offsets writes again what was in, as after a crash. */
static void batch_refused(struct member *m, struct task *task, const struct sink_event *event) {
    if (blames_record(event->blame) && task->work.chunk_count == 1) {
        halve(task, &event->err);
    } else if (!task->part.careful) { /* the own checks of all its records first */
        work_undo(task);
        task->careful = true;
    } else {
        conflict(m, task, event);
    }
}

/* Of a load or a rebuild. Its state was filled from the log: every row's own check comes before the
 * care. */
static void writing_refused(struct member *m, struct task *task, const struct sink_event *event) {
    bool over =
        task->conflict_since_ms > 0 && now_ms(m) - task->conflict_since_ms >= m->o.conflict_halt_ms;
    bool soon = event->blame == BLAME_OTHERS && !task->part.careful && !over;
    if (soon || (task->hunted && task->part.careful)) {
        conflict(m, task, event);
    } else if (!task->hunted && SAFEGUARD("a rebuild blames records before rows")) {
        hunt_begin(m, task, &event->err);
    } else {
        send_with_care(m, task);
    }
}

void task_refused(struct member *m, struct task *task, const struct sink_event *event) {
    task->solo = true;
    if (task->work.kind == WORK_LETTER && event->blame == BLAME_RECORD) {
        halt_letter(task, &event->err);
    } else if (event->blame == BLAME_ROW && event->refusal_count > 0) {
        halt_too_many(m, task, event);
    } else if (task->work.kind == WORK_BATCH || task->work.kind == WORK_LETTER) {
        batch_refused(m, task, event);
    } else {
        writing_refused(m, task, event);
    }
}
