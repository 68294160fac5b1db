/* What a plan that has other targets than its progress means for them: said when the tables are
 * made, done by the first member that begins with it (pg_convert.c). */
#include "sink/pg_ddl.h"

#include <stdlib.h>

/* Its view was added since the plan has progress. */
#define SQL_ADDED                                                                                  \
    "SELECT EXISTS (SELECT FROM sync_progress WHERE view = {plan} AND offsets <> '{}')"            \
    " AND NOT EXISTS (SELECT FROM sync_identity"                                                   \
    "  WHERE view = {view} AND coalesce(plan, view) = {plan})"
/* The plan whose progress it belongs to. */
#define SQL_OWNER                                                                                  \
    "SELECT coalesce(plan, view) FROM sync_identity"                                               \
    " WHERE view = {view} AND coalesce(plan, view) NOT IN ({plan}, '')"
#define SQL_TARGETS "SELECT view FROM sync_identity WHERE coalesce(plan, view) = {plan} ORDER BY 1"
#define SQL_KEPT_LETTERS                                                                           \
    "SELECT count(*) FROM sync_dead_letter WHERE view = {plan} AND kept IS NOT NULL"

static enum err_kind query(struct ddl *ddl, const char *text, PGresult **ret_result,
                           struct err *reterr) {
    table_sql(ddl->conn, ddl->plan, ddl->target, text, &ddl->text);
    return ddl_run(ddl, ddl->text.ptr, NULL, ret_result, reterr);
}

enum err_kind ddl_check_owner(struct ddl *ddl, struct err *reterr) {
    PGresult *result = NULL;
    enum err_kind kind = query(ddl, SQL_OWNER, &result, reterr);
    if (kind == ERR_NONE && PQntuples(result) > 0) {
        struct err err;
        err_belongs_elsewhere(ddl->plan, ddl->target, result_value(result, 0, 0), &err);
        kind = err_set(reterr, ERR_CONFIG, "%s", err.message);
    }
    PQclear(result);
    return kind;
}

enum err_kind ddl_note_added(struct ddl *ddl, struct err *reterr) {
    bool added = false;
    table_sql(ddl->conn, ddl->plan, ddl->target, SQL_ADDED, &ddl->text);
    enum err_kind kind = ddl_ask(ddl, ddl->text.ptr, &added, reterr);
    if (kind == ERR_NONE && added) {
        ddl->changes = true;
        log_line(ddl->log, LOG_WARN, "sink", "view_added",
                 "plan=%s table=%s effect=\"members that start with this plan fill the table from "
                 "their caches, beside the others; members of before are fenced and halt\"",
                 ddl->plan->name.ptr, ddl->target->name.ptr);
    }
    return kind;
}

/* Its tables that are targets no more. */
static enum err_kind note_removed(struct ddl *ddl, struct err *reterr) {
    PGresult *result = NULL;
    ddl->target = ddl->plan->targets;
    enum err_kind kind = query(ddl, SQL_TARGETS, &result, reterr);
    for (int i = 0; kind == ERR_NONE && i < PQntuples(result); i++) {
        struct str name = result_value(result, i, 0);
        if (target_number(ddl->plan, name) < 0) {
            ddl->changes = true;
            log_line(
                ddl->log, LOG_WARN, "sink", "view_removed",
                "plan=%s table=%s effect=\"its view is not in the plan any more: once a member "
                "starts with this plan, the table is no longer kept. Drop it; before its view "
                "comes back, TRUNCATE it\"",
                ddl->plan->name.ptr, name.ptr);
        }
    }
    PQclear(result);
    return kind;
}

enum err_kind ddl_note_changes(struct ddl *ddl, struct err *reterr) {
    PGresult *result = NULL;
    enum err_kind kind = note_removed(ddl, reterr);
    if (kind != ERR_NONE || !ddl->changes) {
        return kind;
    }
    kind = query(ddl, SQL_KEPT_LETTERS, &result, reterr);
    if (kind == ERR_NONE && strcmp(PQgetvalue(result, 0, 0), "0") != 0) {
        struct err err;
        err_letters_first(ddl->plan, strtoll(PQgetvalue(result, 0, 0), NULL, 10), &err);
        kind = err_set(reterr, ERR_CONFIG, "%s", err.message);
    }
    PQclear(result);
    return kind;
}
