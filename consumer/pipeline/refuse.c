/* What the OLAP database refuses behind the fence: whose fault it is, and what follows.
 *
 * A record is to blame for what its own check refuses, and for nothing else: it becomes a dead
 * letter. A sink row that is refused by its own values is left out and noted in sync_refused:
 * the work is sent again with savepoints, after the own checks of its records have passed. For what
 * depends on other rows see conflict.c. */
#include "pipeline/refuse.h"

#include "pipeline/bisect_batch.h"
#include "pipeline/bisect_rows.h"
#include "pipeline/conflict.h"
#include "pipeline/refused_rows.h"
#include "pipeline/work.h"

#include <stdio.h>

static void halt_dead_letter(struct task *task, const struct err *refusal) {
    struct err err = *refusal;
    (void)err_set(&err, ERR_HALT, "a dead letter is refused (SQLSTATE %.5s): %.300s",
                  refusal->sqlstate, refusal->message);
    verdict_halt(&task->verdict, &err);
}

static void halt_too_many(const struct member_options *o, struct task *task,
                          const struct sink_event *event) {
    const struct refusal *newest = &event->refusals[0];
    struct err err;
    (void)err_set(&err, ERR_HALT,
                  "more than %zu rows of this task are refused by table " STR_FMT
                  " (refused.row.max); the newest: " STR_FMT ", SQLSTATE %.5s: %.200s. Look at "
                  "sync_refused, fix the constraint or the rows, or raise the setting",
                  o->refused_row_max,
                  STR_ARG(o->plan->targets[sink_key_target(newest->row_key)].name),
                  STR_ARG(newest->key), newest->sqlstate, newest->message.ptr);
    (void)snprintf(err.sqlstate, sizeof err.sqlstate, "%s", newest->sqlstate);
    task_halt_at_work(o->plan, task, &err);
}

/* Sends what is built again, unchanged except for savepoints. */
static void send_with_savepoints(const struct member_options *o, struct task *task) {
    task->savepoints = true;
    task_use_savepoints(task, o->refused_row_max);
}

/* One of a batch's records is to blame: not the rows they lead to, nor others in the table. */
static bool blames_record(enum blame blame) {
    return blame == BLAME_RECORD ||
           (blame == BLAME_ROW && !SAFEGUARD("a refused row blames no record")) ||
           (blame == BLAME_OTHERS && !SAFEGUARD("a conflict blames no record"));
}

/* A batch that is begun anew from the old offsets writes again what was in, as after a crash. */
static void batch_refused(const struct member_options *o, struct task *task,
                          const struct sink_event *event) {
    if (blames_record(event->blame) && task->work.chunk_count == 1) {
        bisect_batch(task, &event->err);
    } else if (!task->part.savepoints) { /* the own checks of all its records first */
        work_undo(task);
        task->savepoints = true;
    } else {
        conflict(o, task, event);
    }
}

/* Of a load or a rebuild. Its state was filled from the log: every row's own check comes before the
 * savepoints. */
static void backfill_refused(const struct member_options *o, struct task *task,
                             const struct sink_event *event) {
    bool over = task->conflict_since_ms > 0 &&
                clock_mono_ms(&o->clock) - task->conflict_since_ms >= o->conflict_halt_ms;
    bool soon = event->blame == BLAME_OTHERS && !task->part.savepoints && !over;
    if (soon || (task->bisected && task->part.savepoints)) {
        conflict(o, task, event);
    } else if (!task->bisected && SAFEGUARD("a rebuild blames records before rows")) {
        bisect_rows_begin(o, task, &event->err);
    } else {
        send_with_savepoints(o, task);
    }
}

/* No record is at hand: the rows are those of records that were applied. */
static void fill_refused(const struct member_options *o, struct task *task,
                         const struct sink_event *event) {
    if (task->part.savepoints) {
        conflict(o, task, event);
    } else {
        send_with_savepoints(o, task);
    }
}

void task_refused(const struct member_options *o, struct task *task,
                  const struct sink_event *event) {
    task->solo = true;
    if (task->work.kind == WORK_DEAD_LETTER && event->blame == BLAME_RECORD) {
        halt_dead_letter(task, &event->err);
    } else if (event->blame == BLAME_ROW && event->refusal_count > 0) {
        halt_too_many(o, task, event);
    } else if (task->work.kind == WORK_BATCH || task->work.kind == WORK_DEAD_LETTER) {
        batch_refused(o, task, event);
    } else if (task->work.kind == WORK_FILL) {
        fill_refused(o, task, event);
    } else {
        backfill_refused(o, task, event);
    }
}
