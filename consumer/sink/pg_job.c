/* What all jobs share: beginning, ending (with a ROLLBACK if needed), and common statements. */
#include "sink/pg_internal.h"
#include "sink/statements.h"

#include <stdio.h>

void job_begin(struct sink *sink, const struct job *job, bool deadline) {
    sink->job = job;
    sink->round = 0;
    sink->outcome.kind = SINK_NOTHING;
    sink->why.kind = ERR_NONE;
    sink->table = (struct table_state){0};
    sink->deadline_ms = deadline ? clock_mono_ms(&sink->clock) + ANSWER_MS : -1;
    flight_begin(sink);
    probe_heard(sink);
}

struct sink_event job_event(enum sink_event_kind kind, const char *sqlstate, const char *message) {
    struct sink_event event = {.kind = kind};
    (void)err_set(&event.err, outcome_err_kind(kind), "%s", message);
    (void)snprintf(event.err.sqlstate, sizeof event.err.sqlstate, "%s", sqlstate);
    return event;
}

bool job_is_rollback(const struct sink *sink) {
    return sink->outcome.kind != SINK_NOTHING;
}

static void job_finish(struct sink *sink, const struct sink_event *event) {
    sink->job = NULL;
    sink->deadline_ms = -1;
    probe_heard(sink);
    sink_event_push(sink, event);
}

void job_end(struct sink *sink, const struct sink_event *event) {
    if (PQtransactionStatus(sink->link.conn) == PQTRANS_IDLE) {
        job_finish(sink, event);
        return;
    }
    sink->outcome = *event;
    flight_begin(sink);
    params_begin(sink);
    flight_query(sink, (struct step){STEP_ROLLBACK, 0, 0}, "ROLLBACK");
    if (event->kind == SINK_REFUSED && event->blame == BLAME_OTHERS) {
        job_explain_send(sink);
    }
    flight_sync(sink);
}

void job_explain_send(struct sink *sink) {
    const struct failure *why = &sink->explained;
    params_begin(sink);
    params_add(sink, OID_TEXT, str_from(why->schema));
    params_add(sink, OID_TEXT, str_from(why->constraint));
    params_add_targets(sink, &sink->columns[1]);
    params_add(sink, OID_TEXT, str_from(why->by_code ? why->code : ""));
    struct buf *names = &sink->columns[0];
    array_begin(names, OID_TEXT);
    const struct target *target = step_target(sink, why->step);
    size_t count = target->key_has_nulls ? target->key_output_count : 0;
    for (size_t i = 0; i < count; i++) {
        array_add(names, target->outputs[target->key_outputs[i]].name);
    }
    array_end(names, count);
    params_add(sink, OID_TEXT_ARRAY, buf_view(names));
    flight_query(sink, (struct step){STEP_READ, 0, 0}, SQL_EXPLAIN);
}

/* A duplicate key of the sink in an initial load is no conflict: the table had rows already. Names
 * the trigger that raised an exception. */
void job_explain_answer(struct sink *sink, const PGresult *result) {
    struct sink_event *outcome = &sink->outcome;
    const struct failure *why = &sink->explained;
    if (PQntuples(result) != 1 || PQnfields(result) != 2) {
        return; /* ROLLBACK's */
    }
    char was[sizeof outcome->err.message];
    (void)snprintf(was, sizeof was, "%s", outcome->err.message);
    bool primary = PQgetlength(result, 0, 0) == 1 && *PQgetvalue(result, 0, 0) != 0;
    if (primary && why->step.kind == STEP_LOAD && strcmp(why->sqlstate, "23505") == 0) {
        outcome->kind = SINK_HALT;
        outcome->err.kind = ERR_HALT;
        (void)snprintf(outcome->err.message, sizeof outcome->err.message, "%.250s (%s)", was,
                       outcome_advice(why->sqlstate, STEP_LOAD));
    } else if (why->by_code) {
        struct str triggers = result_value(result, 0, 1);
        (void)snprintf(outcome->err.message, sizeof outcome->err.message,
                       "%.250s (raised by %s%.*s of the OLAP database's user, not by this program: "
                       "%.120s)",
                       was, triggers.ptr ? "the trigger " : "code",
                       triggers.len > 80 ? 80 : (int)triggers.len, triggers.ptr ? triggers.ptr : "",
                       why->code);
    }
}

struct sink_event job_failure(struct sink *sink) {
    const struct failure *failure = &sink->flight.failure;
    enum step_kind step = failure->step.kind;
    enum sink_event_kind kind = failure->other_table
                                    ? SINK_OTHER_TABLE
                                    : outcome_of(failure->sqlstate, step, failure->by_code);
    struct buf *text = &sink->scratch;
    buf_reset(text);
    buf_printf(text, "%s", step_name(step));
    if (step == STEP_CHECK || step == STEP_DELETE) {
        const struct relation *table =
            step == STEP_DELETE ? occurrence_relation(sink->plan, step_target(sink, failure->step),
                                                      (int)failure->step.table)
                                : &sink->plan->relations[failure->step.table];
        buf_printf(text, " of " STR_FMT "." STR_FMT, STR_ARG(table->schema), STR_ARG(table->name));
    }
    buf_printf(text, ": %s", failure->message);
    const char *advice =
        kind == SINK_HALT || kind == SINK_UNFIT ? outcome_advice(failure->sqlstate, step) : "";
    if (advice[0] != '\0') {
        buf_printf(text, " (%s)", advice);
    }
    buf_append(text, "", 1);
    struct sink_event event = job_event(kind, failure->sqlstate, text->ptr);
    if (kind == SINK_REFUSED) {
        event.blame = outcome_blame(failure->sqlstate, step, failure->by_code);
        sink->explained = *failure;
    }
    return event;
}

void job_fail(struct sink *sink) {
    struct sink_event event = job_failure(sink);
    if (outcome_drops(event.err.sqlstate)) {
        sink->outcome = event;
        sink_drop(sink, &event.err);
        return;
    }
    job_end(sink, &event);
}

void job_synced(struct sink *sink) {
    if (!job_is_rollback(sink)) {
        sink->job->synced(sink);
        return;
    }
    struct sink_event outcome = sink->outcome;
    if (sink->flight.failure.set || PQtransactionStatus(sink->link.conn) != PQTRANS_IDLE) {
        struct sink_event lost =
            job_event(SINK_LOST, sink->flight.failure.sqlstate, "the session could not roll back");
        sink_drop(sink, &lost.err);
        return;
    }
    sink->outcome.kind = SINK_NOTHING;
    job_finish(sink, &outcome);
}

void params_begin_tasks(struct sink *sink) {
    struct buf *out = &sink->columns[0];
    array_begin(out, OID_INT4);
    for (size_t i = 0; i < sink->tasks.count; i++) {
        array_add_int32(out, sink->tasks.items[i]);
    }
    array_end(out, sink->tasks.count);
    params_begin(sink);
    params_add(sink, OID_TEXT, sink->plan->name);
    params_add(sink, OID_INT4_ARRAY, buf_view(out));
}

void params_add_targets(struct sink *sink, struct buf *names) {
    array_begin(names, OID_TEXT);
    for (size_t t = 0; t < sink->plan->target_count; t++) {
        array_add(names, sink->plan->targets[t].name);
    }
    array_end(names, sink->plan->target_count);
    params_add(sink, OID_TEXT_ARRAY, buf_view(names));
}

void send_lock(struct sink *sink) {
    params_begin_tasks(sink);
    flight_prepared(sink, (struct step){STEP_LOCK, 0, 0}, "sync_lock");
}

void send_newest(struct sink *sink) {
    params_begin_tasks(sink);
    flight_query(sink, (struct step){STEP_READ, 0, 0}, SQL_NEWEST);
}

void send_terminate(struct sink *sink) {
    params_begin_tasks(sink);
    flight_query(sink, (struct step){STEP_TERMINATE, 0, 0}, SQL_TERMINATE);
}
