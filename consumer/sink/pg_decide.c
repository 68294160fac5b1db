/* pg_decide: records the operator's decision to set a record aside, in a row that the task's owner
 * reads; of a record that every task reads, in one for each. One transaction under the tasks'
 * locks, so that the offsets it compares can't move.
 */
#include "sink/pg_internal.h"
#include "sink/statements.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define SQL_BEGIN_DECIDE SQL_BEGIN "; SET LOCAL lock_timeout = '10s'"
/* While it waits for one task it has the locks of others, whose owners wait for 5 s at most. */
#define SQL_BEGIN_EACH SQL_BEGIN "; SET LOCAL lock_timeout = '3s'"
#define SQL_LOCK_TASK  "SELECT pg_advisory_xact_lock(" SQL_KEY "$2::int)"
/* $3: the table's place in the offsets, from 1. */
#define SQL_NEXT                                                                                   \
    "SELECT coalesce((SELECT p.offsets[$3::int] FROM sync_progress p WHERE p.view = $1::text"      \
    " AND p.task = $2::int ORDER BY p.seq DESC LIMIT 1), 0)"
/* conflict: what to say of tables of earlier versions, whose key lacks the task: they can't hold a
 * decision for each. */
#define SQL_DECIDE(conflict)                                                                       \
    "INSERT INTO sync_dead_letter(view, task, partition, topic, \"table\", \"offset\", key, "      \
    "value,"                                                                                       \
    " checksum, reason, pending) VALUES ($1::text, $2::int, $3::int, $4::text, $5::text,"          \
    " $6::bigint, $7::bytea, $8::bytea, $9::bigint,"                                               \
    " 'decided by the operator: to be set aside when its task reads it', true)"                    \
    " ON CONFLICT " conflict "DO NOTHING"

#define PARAMS_MAX 9

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

/* Takes the task's lock; sets *ret_next to the offset that it reads next. */
static enum err_kind next_of(struct decide *d, int32_t task, int64_t *ret_next,
                             struct err *reterr) {
    add_text(d, d->plan->name.ptr);
    add_number(d, task);
    enum err_kind kind = run(d, SQL_LOCK_TASK, reterr);
    if (kind == ERR_NONE) {
        add_text(d, d->plan->name.ptr);
        add_number(d, task);
        add_number(d, d->record->table + 1);
        kind = run(d, SQL_NEXT, reterr);
    }
    if (kind == ERR_NONE) {
        *ret_next = strtoll(PQgetvalue(d->result, 0, 0), NULL, 10);
    }
    return kind;
}

/* *ret_count: 0 where the task has a row already. */
static enum err_kind insert(struct decide *d, int32_t task, size_t *ret_count, struct err *reterr) {
    const struct dead_letter *record = d->record;
    const struct relation *table = &d->plan->relations[record->table];
    char name[256];
    (void)snprintf(name, sizeof name, STR_FMT "." STR_FMT, STR_ARG(table->schema),
                   STR_ARG(table->name));
    add_text(d, d->plan->name.ptr);
    add_number(d, task);
    add_number(d, record->partition);
    add_text(d, record->topic.ptr);
    add_text(d, name);
    add_number(d, record->offset);
    add_bytes(d, record->key);
    add_bytes(d, record->value);
    add_number(d, record->checksum);
    bool each = relation_is_whole(&d->plan->relations[record->table]);
    enum err_kind kind =
        run(d, each ? SQL_DECIDE("(" SQL_DEAD_LETTERS_KEY ") ") : SQL_DECIDE(""), reterr);
    if (kind == ERR_NONE) {
        *ret_count = strtoul(PQcmdTuples(d->result), NULL, 10);
    }
    return kind;
}

/* Decides for the tasks first .. end - 1 that have not come to the record. */
static enum err_kind decide_for(struct decide *d, int32_t first, int32_t end, size_t *ret_count,
                                struct err *reterr) {
    size_t not_passed = 0, count = 0;
    int64_t next = 0;
    for (int32_t task = first; task < end; task++) {
        size_t inserted = 0;
        enum err_kind kind = next_of(d, task, &next, reterr);
        bool passed = next > d->record->offset;
        if (kind == ERR_NONE && !passed) {
            kind = insert(d, task, &inserted, reterr);
        }
        if (kind != ERR_NONE) {
            return kind;
        }
        not_passed += !passed;
        count += inserted;
    }
    if (not_passed == 0) {
        return err_set(reterr, ERR_RETRY,
                       "%s gone past this record already: what is before offset %lld is applied, "
                       "or set aside",
                       end - first > 1 ? "all tasks have" : "the task has", (long long)next);
    }
    if (count == 0) {
        return err_set(reterr, ERR_RETRY,
                       "sync_dead_letter has a row of this record already: it was decided before; "
                       "tell the task's member (SIGHUP)");
    }
    *ret_count = count;
    return ERR_NONE;
}

enum err_kind pg_decide(const struct plan *plan, const struct pg_sink_options *options,
                        const struct dead_letter *record, size_t *ret_task_count,
                        struct err *reterr) {
    struct decide d = {.plan = plan, .record = record};
    bool each = relation_is_whole(&plan->relations[record->table]);
    int32_t first = each ? 0 : record->partition;
    int32_t end = each ? plan->partition_count : first + 1;
    size_t count = 0;
    enum err_kind kind = ddl_connect(options, &d.conn, reterr);
    if (kind == ERR_NONE) {
        kind = run(&d, each ? SQL_BEGIN_EACH : SQL_BEGIN_DECIDE, reterr);
    }
    if (kind == ERR_NONE) {
        kind = decide_for(&d, first, end, &count, reterr);
    }
    if (kind == ERR_NONE) {
        kind = run(&d, "COMMIT", reterr);
    }
    if (kind == ERR_NONE) {
        *ret_task_count = count;
    }
    PQclear(d.result);
    PQfinish(d.conn); /* what was not committed is undone */
    return kind;
}
