/* Whether every expression of the view, and its WHERE, gives the same for the same values for ever.
 *
 * Otherwise rows of the sink would change without a record, and nobody would write them. No
 * catalogue is walked: PostgreSQL itself refuses a generated column that is not IMMUTABLE.
 *
 * It lets constants pass, whatever they depend on, since it reads them once: 'today' is the day of
 * the proof, '2026-01-01' as a timestamptz is midnight of the session's time zone, and 01/02/2026
 * is in January or in February. So the proof is done twice, in transactions of their own, in
 * sessions that disagree in all of that, and must come to the same.
 */
#include "base/safeguard.h"
#include "sink/pg_ddl.h"
#include "sink/split.h"

#define REWRITE                                                                                    \
    "Rewrite it to depend on nothing but the row's values, e.g. (t AT TIME ZONE 'UTC')::date for " \
    "t::date of a timestamptz, extract(...) for to_char(...); now(), random() and settings can't " \
    "be had. A function of your own must be declared IMMUTABLE, and be it"

/* What a comment before the statement says, else the expression itself, where it can be told from
 * what makes it a statement. */
static struct str expression_of(struct str statement) {
    const char *behind =
        str_starts(statement, STR("/* ")) ? memmem(statement.ptr, statement.len, " */", 3) : NULL;
    if (behind) {
        return (struct str){statement.ptr + 3, (size_t)(behind - statement.ptr) - 3};
    }
    static const struct str before = STR("GENERATED ALWAYS AS ("), after = STR(") STORED");
    const char *begin = memmem(statement.ptr, statement.len, before.ptr, before.len);
    if (!begin || statement.len < after.len) {
        return statement;
    }
    begin += before.len;
    const char *end = statement.ptr + statement.len - after.len;
    bool whole = end > begin && memcmp(end, after.ptr, after.len) == 0;
    struct str inner = {begin, (size_t)(end - begin)}, is_null = STR(") IS NULL");
    if (whole && inner.len > is_null.len + 1 && inner.ptr[0] == '(' &&
        memcmp(end - is_null.len, is_null.ptr, is_null.len) == 0) { /* view/: of any type */
        inner.ptr++;
        inner.len -= is_null.len + 1;
    }
    return whole ? inner : statement;
}

static enum err_kind refused(struct ddl *ddl, const PGresult *result, struct str statement,
                             struct err *reterr) {
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (!sqlstate || outcome_of(sqlstate, STEP_PREPARE, false) != SINK_HALT ||
        strcmp(sqlstate, "42501") == 0) {
        return ddl_failed(ddl, result, reterr);
    }
    struct str expression = expression_of(statement);
    bool mutable = strcmp(sqlstate, "42P17") == 0;
    (void)err_set(
        reterr, ERR_CONFIG,
        "view " STR_FMT ": the OLAP database refuses an expression of it: %.200s: "
        "%.*s%s. %s",
        STR_ARG(ddl->target->name), message, expression.len > 250 ? 250 : (int)expression.len,
        expression.ptr, expression.len > 250 ? "..." : "",
        mutable ? "Every expression, and WHERE, must be IMMUTABLE, since a row is written "
                  "only when a record of it comes. " REWRITE
                : "Correct it, or make there what it needs (a function, an extension)");
    if (reterr) {
        memcpy(reterr->sqlstate, sqlstate, sizeof reterr->sqlstate);
    }
    return ERR_CONFIG;
}

/* 26 hours apart, so that no moment has the same date in both. */
static const char *const sessions[] = {
    "SET LOCAL timezone = 'Etc/GMT+12'; SET LOCAL datestyle = 'ISO, MDY'; ",
    "SET LOCAL timezone = 'Etc/GMT-14'; SET LOCAL datestyle = 'ISO, DMY'; ",
};
/* How PostgreSQL has understood the expression that was added last. */
#define SQL_UNDERSTOOD                                                                             \
    "SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO, YMD';"                                \
    " SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d JOIN pg_class c ON c.oid ="         \
    " d.adrelid WHERE c.relnamespace = pg_my_temp_schema()"                                        \
    " ORDER BY d.adrelid DESC, d.adnum DESC LIMIT 1"

/* Of the first session: texts, each with a NUL, one for each statement. */
struct understood {
    struct buf texts;
    size_t next; /* where the second session is */
};

static enum err_kind depends(const struct ddl *ddl, struct str statement, struct err *reterr) {
    struct str expression = expression_of(statement);
    return err_set(reterr, ERR_CONFIG,
                   "view " STR_FMT ": an expression of it depends on the time zone, the date order "
                   "or the moment: %.*s%s. Write the date in full, with its zone "
                   "('2026-01-01 00:00Z'); 'now' and 'today' can't be had",
                   STR_ARG(ddl->target->name), expression.len > 250 ? 250 : (int)expression.len,
                   expression.ptr, expression.len > 250 ? "..." : "");
}

static enum err_kind compare(struct ddl *ddl, size_t session, struct str statement,
                             struct understood *understood, struct err *reterr) {
    PGresult *result = NULL;
    enum err_kind kind = ddl_run(ddl, SQL_UNDERSTOOD, NULL, &result, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    const char *text = PQntuples(result) == 1 ? PQgetvalue(result, 0, 0) : "";
    if (session == 0) {
        buf_append(&understood->texts, text, strlen(text) + 1);
    } else {
        bool more = understood->next < understood->texts.len; /* as many as there were, always */
        const char *before = more ? understood->texts.ptr + understood->next : "";
        understood->next += strlen(before) + 1;
        bool same = strcmp(before, text) == 0;
        if (!same && SAFEGUARD("constants mean the same in every session")) {
            kind = depends(ddl, statement, reterr);
        }
    }
    PQclear(result);
    return kind;
}

static enum err_kind prove_in(struct ddl *ddl, size_t session, struct understood *understood,
                              struct err *reterr) {
    struct str sql = ddl->target->sql_prove;
    enum err_kind kind = ddl_execute(ddl, "BEGIN", reterr);
    if (kind == ERR_NONE) {
        kind = ddl_temporary(ddl, reterr);
    }
    for (struct str statement; kind == ERR_NONE && (statement = statement_next(&sql)).ptr;) {
        buf_reset(&ddl->text);
        buf_str(&ddl->text, str_from(sessions[session]));
        buf_str(&ddl->text, statement);
        buf_append(&ddl->text, "", 1);
        PGresult *result = PQexec(ddl->conn, ddl->text.ptr);
        ExecStatusType status = PQresultStatus(result);
        kind = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK
                   ? compare(ddl, session, statement, understood, reterr)
                   : refused(ddl, result, statement, reterr);
        PQclear(result);
    }
    return kind == ERR_NONE ? ddl_execute(ddl, "ROLLBACK", reterr) : kind;
}

enum err_kind ddl_prove(struct ddl *ddl, struct err *reterr) {
    struct understood understood = {0};
    enum err_kind kind = ERR_NONE;
    for (size_t i = 0; i < 2 && kind == ERR_NONE && ddl->target->sql_prove.ptr; i++) {
        kind = prove_in(ddl, i, &understood, reterr);
    }
    buf_clear(&understood.texts);
    return kind;
}
