/* pg_decide: records the operator's decision to set a record aside, in a row that the task's owner
 * reads. One transaction under the task's lock, so that the offsets it compares can't move.
 */
#include "sink/pg_internal.h"
#include "sink/statements.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define SQL_BEGIN_DECIDE SQL_BEGIN "; SET LOCAL lock_timeout = '10s'"
#define SQL_LOCK_TASK    "SELECT pg_advisory_xact_lock(" SQL_KEY "$2::int)"
/* $3: the table's place in the offsets, from 1. */
#define SQL_NEXT                                                                                   \
    "SELECT coalesce((SELECT p.offsets[$3::int] FROM sync_progress p WHERE p.view = $1::text"      \
    " AND p.task = $2::int ORDER BY p.seq DESC LIMIT 1), 0)"
#define SQL_DECIDE                                                                                 \
    "INSERT INTO sync_dead_letter(view, partition, task, topic, \"table\", \"offset\", key, "      \
    "value,"                                                                                       \
    " checksum, reason, pending) VALUES ($1::text, $2::int, $2::int, $3::text, $4::text,"          \
    " $5::bigint, $6::bytea, $7::bytea, $8::bigint,"                                               \
    " 'decided by the operator: to be set aside when its task reads it', true)"                    \
    " ON CONFLICT DO NOTHING"

#define PARAMS_MAX 8

struct decide {
    const struct plan *plan;
    const struct dead_letter *record;
    PGconn *conn;
    PGresult *result;               /* of the last statement */
    const char *params[PARAMS_MAX]; /* of the next one */
    int lengths[PARAMS_MAX], formats[PARAMS_MAX];
    int count;
    char numbers[PARAMS_MAX][24];
};

static void add_text(struct decide *d, const char *text) {
    assert(d->count < PARAMS_MAX);
    d->formats[d->count] = 0;
    d->params[d->count++] = text;
}

static void add_number(struct decide *d, int64_t number) {
    assert(d->count < PARAMS_MAX);
    (void)snprintf(d->numbers[d->count], sizeof d->numbers[0], "%lld", (long long)number);
    add_text(d, d->numbers[d->count]);
}

static void add_bytes(struct decide *d, struct str bytes) {
    assert(d->count < PARAMS_MAX);
    d->formats[d->count] = 1;
    d->lengths[d->count] = (int)bytes.len;
    d->params[d->count++] = bytes.ptr;
}

static enum err_kind failed(const struct decide *d, struct err *reterr) {
    const char *sqlstate = PQresultErrorField(d->result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(d->result, PG_DIAG_MESSAGE_PRIMARY);
    if (!sqlstate) {
        return err_set(reterr, ERR_RETRY, "the OLAP database: %.400s", PQerrorMessage(d->conn));
    }
    const char *advice = strcmp(sqlstate, "55P03") == 0
                             ? "the task's owner has its lock: try again"
                             : outcome_advice(sqlstate, STEP_DEAD_LETTERS);
    return err_set(reterr, ERR_RETRY, "the OLAP database: %.300s%s%s%s", message,
                   advice[0] ? " (" : "", advice, advice[0] ? ")" : "");
}

/* Runs sql with the parameters added since the last call. */
static enum err_kind run(struct decide *d, const char *sql, struct err *reterr) {
    PQclear(d->result);
    d->result = d->count == 0 ? PQexec(d->conn, sql)
                              : PQexecParams(d->conn, sql, d->count, NULL, d->params, d->lengths,
                                             d->formats, 0);
    d->count = 0;
    ExecStatusType status = PQresultStatus(d->result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ? ERR_NONE : failed(d, reterr);
}

static enum err_kind check_not_passed(struct decide *d, struct err *reterr) {
    add_text(d, d->plan->name.ptr);
    add_number(d, d->record->partition);
    enum err_kind kind = run(d, SQL_LOCK_TASK, reterr);
    if (kind == ERR_NONE) {
        add_text(d, d->plan->name.ptr);
        add_number(d, d->record->partition);
        add_number(d, d->record->table + 1);
        kind = run(d, SQL_NEXT, reterr);
    }
    int64_t next = kind == ERR_NONE ? strtoll(PQgetvalue(d->result, 0, 0), NULL, 10) : 0;
    if (kind == ERR_NONE && next > d->record->offset) {
        return err_set(reterr, ERR_RETRY,
                       "the task has gone past this record already: what is before offset %lld is "
                       "applied, or set aside",
                       (long long)next);
    }
    return kind;
}

static enum err_kind insert(struct decide *d, struct err *reterr) {
    const struct dead_letter *record = d->record;
    const struct relation *table = &d->plan->relations[record->table];
    char name[256];
    (void)snprintf(name, sizeof name, STR_FMT "." STR_FMT, STR_ARG(table->schema),
                   STR_ARG(table->name));
    add_text(d, d->plan->name.ptr);
    add_number(d, record->partition);
    add_text(d, record->topic.ptr);
    add_text(d, name);
    add_number(d, record->offset);
    add_bytes(d, record->key);
    add_bytes(d, record->value);
    add_number(d, record->checksum);
    enum err_kind kind = run(d, SQL_DECIDE, reterr);
    if (kind == ERR_NONE && strcmp(PQcmdTuples(d->result), "0") == 0) {
        return err_set(reterr, ERR_RETRY,
                       "sync_dead_letter has a row of this record already: it was decided before; "
                       "tell the task's member (SIGHUP)");
    }
    return kind;
}

enum err_kind pg_decide(const struct plan *plan, const struct pg_sink_options *options,
                        const struct dead_letter *record, struct err *reterr) {
    struct decide d = {.plan = plan, .record = record};
    enum err_kind kind = ddl_connect(options, &d.conn, reterr);
    if (kind == ERR_NONE) {
        kind = run(&d, SQL_BEGIN_DECIDE, reterr);
    }
    if (kind == ERR_NONE) {
        kind = check_not_passed(&d, reterr);
    }
    if (kind == ERR_NONE) {
        kind = insert(&d, reterr);
    }
    if (kind == ERR_NONE) {
        kind = run(&d, "COMMIT", reterr);
    }
    PQclear(d.result);
    PQfinish(d.conn); /* what was not committed is undone */
    return kind;
}
