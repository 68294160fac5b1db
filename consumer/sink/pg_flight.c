/* Sends statements and reads their answers, matched by position; see pg_internal.h. */
#include "base/memory.h"
#include "sink/pg_internal.h"

#include "base/safeguard.h"

#include <stdio.h>
#include <stdlib.h>

#define TURNS_MAX     4  /* of the loop in one poll, so that its caller stays responsive */
#define MESSAGE_BYTES 64 /* of a statement besides its parameters, approximately */

void flight_begin(struct sink *sink) {
    struct flight *flight = &sink->flight;
    flight->count = 0;
    flight->answered = 0;
    flight->open = true;
    flight->failure.set = false;
}

static void flight_sent(struct sink *sink, struct step step, int sent, size_t bytes) {
    struct flight *flight = &sink->flight;
    if (sent != 1) {
        flight->broken = true;
        flight->open = false;
        return;
    }
    flight->steps = memory_grow(flight->steps, flight->count, &flight->cap, sizeof *flight->steps);
    flight->steps[flight->count++] = step;
    flight->queued_bytes += bytes + MESSAGE_BYTES;
}

void params_clear(struct params *params) {
    free(params->types);
    free((void *)params->values);
    free(params->lengths);
    free(params->formats);
    *params = (struct params){0};
}

void params_begin(struct sink *sink) {
    sink->params.count = 0;
    sink->params.bytes = 0;
}

void params_add(struct sink *sink, Oid type, struct str bytes) {
    struct params *params = &sink->params;
    if (params->count == params->cap) {
        params->cap = params->cap ? params->cap * 2 : 16;
        params->types = memory_resize(params->types, params->cap, sizeof *params->types);
        params->values = memory_resize((void *)params->values, params->cap, sizeof *params->values);
        params->lengths = memory_resize(params->lengths, params->cap, sizeof *params->lengths);
        params->formats = memory_resize(params->formats, params->cap, sizeof *params->formats);
    }
    size_t i = params->count++;
    params->types[i] = type;
    params->values[i] = bytes.ptr;
    params->lengths[i] = (int)bytes.len;
    params->formats[i] = 1;
    params->bytes += bytes.len;
}

void params_add_columns(struct sink *sink, size_t column_count) {
    for (size_t c = 0; c < column_count; c++) {
        params_add(sink, OID_TEXT_ARRAY, buf_view(&sink->columns[c]));
    }
}

void flight_prepare(struct sink *sink, size_t table, const char *name, const char *sql) {
    struct step step = {STEP_PREPARE, table, 0};
    int sent = PQsendPrepare(sink->link.conn, name, safeguard_sql(sql), (int)sink->params.count,
                             sink->params.types);
    flight_sent(sink, step, sent, strlen(sql));
}

void flight_query(struct sink *sink, struct step step, const char *sql) {
    const struct params *p = &sink->params;
    int sent = PQsendQueryParams(sink->link.conn, safeguard_sql(sql), (int)p->count, p->types,
                                 p->values, p->lengths, p->formats, 1);
    flight_sent(sink, step, sent, p->bytes);
}

void flight_prepared(struct sink *sink, struct step step, const char *name) {
    const struct params *p = &sink->params;
    int sent = PQsendQueryPrepared(sink->link.conn, name, (int)p->count, p->values, p->lengths,
                                   p->formats, 1);
    flight_sent(sink, step, sent, p->bytes);
}

void flight_sync(struct sink *sink) {
    sink->flight.open = false;
    flight_sent(sink, (struct step){STEP_SYNC, 0, 0}, PQpipelineSync(sink->link.conn), 0);
}

static void copy_field(char *out, size_t size, const PGresult *result, int field) {
    const char *text = PQresultErrorField(result, field);
    (void)snprintf(out, size, "%.*s", text ? (int)strcspn(text, "\r\n") : 0, text ? text : "");
}

/* An error that was raised inside a function has that function as its context. COPY and json give a
 * context of their own, which means something else. */
static bool raised_by_code(const struct sink *sink, const PGresult *result) {
    const char *context = PQresultErrorField(result, PG_DIAG_CONTEXT);
    const char *file = PQresultErrorField(result, PG_DIAG_SOURCE_FILE);
    bool json = file && strcmp(file, "jsonfuncs.c") == 0;
    return context && !sink->load.copying && !(json && !strchr(context, '\n'));
}

void flight_fail(struct sink *sink, struct step step, const PGresult *result) {
    struct failure *failure = &sink->flight.failure;
    if (failure->set) {
        return;
    }
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *column = PQresultErrorField(result, PG_DIAG_COLUMN_NAME);
    failure->set = true;
    failure->step = step;
    failure->other_table = step.kind == STEP_FENCE && column && strcmp(column, "generation") == 0;
    (void)snprintf(failure->sqlstate, sizeof failure->sqlstate, "%s", sqlstate ? sqlstate : "");
    (void)message_clean(failure->sqlstate, message ? message : PQresultErrorMessage(result),
                        failure->message, sizeof failure->message);
    failure->by_code = raised_by_code(sink, result);
    copy_field(failure->code, sizeof failure->code, result, PG_DIAG_CONTEXT);
    copy_field(failure->schema, sizeof failure->schema, result, PG_DIAG_SCHEMA_NAME);
    copy_field(failure->constraint, sizeof failure->constraint, result, PG_DIAG_CONSTRAINT_NAME);
}

/* False: answers and steps don't match, which must not happen. */
static bool flight_answer(struct sink *sink, PGresult *result) {
    struct flight *flight = &sink->flight;
    struct step step = flight->steps[flight->answered++];
    if (sink->probe.conn || sink->probe.silent > 0) {
        probe_heard(sink);
    }
    ExecStatusType status = PQresultStatus(result);
    if ((status == PGRES_PIPELINE_SYNC) != (step.kind == STEP_SYNC)) {
        return false;
    }
    if (status == PGRES_PIPELINE_SYNC) {
        job_synced(sink);
        return true;
    }
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
        if (job_is_rollback(sink)) {
            job_explain_answer(sink, result);
        } else if (sink->job->answer) {
            sink->job->answer(sink, step, result);
        }
        return true;
    }
    if (status == PGRES_FATAL_ERROR) {
        flight_fail(sink, step, result);
        return true;
    }
    return status == PGRES_PIPELINE_ABORTED;
}

/* Reads all answers that have arrived. False: give the connection up. */
static bool flight_answers(struct sink *sink) {
    int nulls = 0;
    while (sink->flight.answered < sink->flight.count) {
        if (PQisBusy(sink->link.conn)) {
            return true;
        }
        PGresult *result = PQgetResult(sink->link.conn);
        if (!result) { /* libpq returns one NULL between two answers */
            if (++nulls > 1) {
                return PQstatus(sink->link.conn) == CONNECTION_OK;
            }
            continue;
        }
        nulls = 0;
        bool in_step = flight_answer(sink, result);
        PQclear(result);
        if (!in_step) {
            return false;
        }
        if (!sink->link.conn || !sink->job || sink->load.copying) {
            return true;
        }
    }
    return true;
}

/* Sends, flushes and reads until the socket blocks in both directions. */
void flight_drive(struct sink *sink) {
    struct flight *flight = &sink->flight;
    flight->paused = false;
    for (int i = 0; i < TURNS_MAX && sink->job && !sink->load.copying; i++) {
        while (flight->open && !flight->paused && flight->queued_bytes < FLIGHT_BYTES) {
            sink->job->send(sink);
        }
        int flushed = flight->broken ? -1 : PQflush(sink->link.conn);
        flight->blocked = flushed > 0;
        if (flushed == 0) {
            flight->queued_bytes = 0;
        }
        if (flushed < 0 || !PQconsumeInput(sink->link.conn) || !flight_answers(sink)) {
            sink_drop_conn(sink);
            return;
        }
        if (!sink->link.conn || flight->blocked || flight->paused ||
            (!flight->open && flight->queued_bytes == 0)) {
            return;
        }
    }
}

struct str result_value(const PGresult *result, int row, int column) {
    if (PQgetisnull(result, row, column)) {
        return STR_NONE;
    }
    return (struct str){PQgetvalue(result, row, column), (size_t)PQgetlength(result, row, column)};
}
