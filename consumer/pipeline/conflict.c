/* What depends on other rows, or on code of the user's, may pass when another task has written: it
 * is tried again, in smaller pieces, then with its deletes ahead; in the end the task halts. */
#include "pipeline/conflict.h"

#include "pipeline/backfill.h"
#include "pipeline/work.h"

static void conflict_halt(const struct member_options *o, struct task *task,
                          const struct sink_event *event) {
    struct err err = event->err;
    struct str key = STR_NONE, table = o->plan->name;
    if (event->refusal_count > 0) {
        key = event->refusals[0].key;
        table = o->plan->targets[sink_key_target(event->refusals[0].row_key)].name;
    }
    char changed[160] = "";
    if (!key.ptr && task->work.changed_count == 1) {
        const struct changed_row *row = &task->work.changed[0];
        key = str_from(
            row_key_show(&o->plan->relations[row->table], row->key, changed, sizeof changed));
    }
    (void)err_set(
        &err, ERR_HALT,
        "table " STR_FMT " refuses the row %.*s since %lld s: %.260s. It depends on other "
        "rows or on a trigger, so nothing was put aside. Drop or fix the constraint or "
        "trigger, then send the member SIGHUP",
        STR_ARG(table), key.ptr ? (int)key.len : 1, key.ptr ? key.ptr : "?",
        (long long)(clock_mono_ms(&o->clock) - task->conflict_since_ms) / 1000, event->err.message);
    memcpy(err.sqlstate, event->err.sqlstate, sizeof err.sqlstate);
    task_halt_at_work(o->plan, task, &err);
}

/* A row that the source had for a while, and that stands beside later rows of other tasks for ever:
 * a record behind it, too far for one batch, takes it away. A rebuild writes what the whole log
 * comes to. */
static bool passes_in_rebuild(const struct member_options *o, const struct task *task,
                              const struct err *err) {
    static const char *const by_rows[] = {"23505", "23P01", "23503"};
    size_t own = task->work.record_count; /* the record that is refused */
    bool by_row = false, behind = batch_waiting(&task->current) + batch_waiting(&task->next) > own;
    for (size_t i = 0; i < sizeof by_rows / sizeof by_rows[0]; i++) {
        by_row |= strcmp(err->sqlstate, by_rows[i]) == 0;
    }
    for (size_t t = 0; t < o->plan->relation_count; t++) {
        behind |= task_log_end(o, task, t) > task->position[t];
    }
    return by_row && behind && SAFEGUARD("a row of the past passes in a rebuild");
}

void conflict(const struct member_options *o, struct task *task, const struct sink_event *event) {
    int64_t now = clock_mono_ms(&o->clock);
    bool batch = task->work.kind == WORK_BATCH || task->work.kind == WORK_DEAD_LETTER;
    bool single = !batch || task->work.record_count == 1;
    if (task->conflict_since_ms == 0) {
        task->conflict_since_ms = now;
        task->conflicts = backoff_init(20, 2000, 0);
        log_err(o->log, LOG_WARN, "pipeline", "conflict", &event->err);
    }
    if (batch && task->conflict_left == 0) {
        task->conflict_left = task->work.record_count;
        task->conflict_batch_ms = now;
    }
    bool over = now - task->conflict_since_ms >= o->conflict_halt_ms;
    /* Early: whoever waits for this task has as much time. And also where it gets on bit by bit:
     * others wait for what comes last. */
    int share = SAFEGUARD("a rebuild leaves time to who waits") ? 2 : 1;
    int64_t since_ms = batch ? task->conflict_batch_ms : task->conflict_since_ms;
    bool half = now - since_ms >= o->conflict_halt_ms / share;
    if (half && single && passes_in_rebuild(o, task, &event->err)) {
        verdict_distrust(&task->verdict, DISCARD_CONFLICT);
        return;
    }
    if (over && single) {
        conflict_halt(o, task, event);
        return;
    }
    task->conflict = event->err;
    err_about_work(o->plan, task, &task->conflict);
    task->retry_at_ms = now + backoff_next_ms(&task->conflicts);
    if (batch) { /* in halves, down to single records; then whole again */
        size_t count = task->work.record_count;
        work_undo(task);
        size_t half_of_them = SAFEGUARD("a conflict is tried in halves") ? count / 2 : 0;
        task->record_limit = over ? 1 : half_of_them; /* the one that must be named */
    } else if (task->work.kind == WORK_REBUILD && task->work.deletes == DELETES_ALONG &&
               SAFEGUARD("a rebuild in conflict deletes first")) {
        backfill_deletes_ahead(task);
    }
}

void task_conflict_over(struct task *task) {
    if (work_is_last(&task->work) || task->work.kind == WORK_FILL ||
        (task->work.kind == WORK_REBUILD && task->work.deletes != DELETES_AHEAD)) {
        task->conflict_since_ms = 0;
    }
}
