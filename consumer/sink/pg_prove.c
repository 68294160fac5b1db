/* Whether every expression of the view, and its WHERE, gives the same for the same values for ever.
 *
 * Otherwise rows of the sink would change without a record, and nobody would write them. No
 * catalogue is walked: PostgreSQL itself refuses a generated column that is not IMMUTABLE.
 */
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

enum err_kind ddl_prove(struct ddl *ddl, struct err *reterr) {
    struct str sql = ddl->target->sql_prove;
    enum err_kind kind = sql.ptr ? ddl_temporary(ddl, reterr) : ERR_NONE;
    for (struct str statement; kind == ERR_NONE && (statement = statement_next(&sql)).ptr;) {
        PGresult *result = PQexec(ddl->conn, ddl_text(ddl, statement));
        ExecStatusType status = PQresultStatus(result);
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
            kind = refused(ddl, result, statement, reterr);
        }
        PQclear(result);
    }
    return kind == ERR_NONE && ddl->target->sql_prove.ptr ? ddl_real(ddl, reterr) : kind;
}
