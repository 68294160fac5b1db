/* pg_apply_ddl: creates the tables, or says what does not match. Blocking.
 *
 * One transaction, behind those that prove the expressions. Existing tables are compared with
 * tables that the same DDL creates in pg_temp, so that PostgreSQL itself resolves the types. Any
 * difference rolls everything back.
 */
#include "sink/pg_ddl.h"

#include <poll.h>
#include <stdio.h>

#define CONNECT_MS 10000

const char *const own_tables[OWN_TABLE_COUNT] = {"sync_progress", "sync_identity",
                                                 "sync_dead_letter", "sync_refused", "sync_filled"};

const char *ddl_text(struct ddl *ddl, struct str s) {
    buf_reset(&ddl->text);
    buf_str(&ddl->text, s);
    buf_append(&ddl->text, "", 1);
    return ddl->text.ptr;
}

enum err_kind ddl_failed(struct ddl *ddl, const PGresult *result, struct err *reterr) {
    struct err err = {0};
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (!sqlstate || PQstatus(ddl->conn) != CONNECTION_OK) {
        link_describe(ddl->conn, &err);
        return err_set(reterr, ERR_RETRY, "%s", err.message);
    }
    bool config = outcome_of(sqlstate, STEP_PREPARE, false) == SINK_HALT;
    const char *advice =
        strcmp(sqlstate, "42501") == 0 ? outcome_advice(sqlstate, STEP_PREPARE) : "";
    (void)err_set(reterr, config ? ERR_CONFIG : ERR_RETRY, "tables in the OLAP database: %s%s%s%s",
                  message, advice[0] ? " (" : "", advice, advice[0] ? ")" : "");
    if (reterr) {
        (void)snprintf(reterr->sqlstate, sizeof reterr->sqlstate, "%s", sqlstate);
    }
    return config ? ERR_CONFIG : ERR_RETRY;
}

enum err_kind ddl_run(struct ddl *ddl, const char *sql, const char *const *params,
                      PGresult **ret_result, struct err *reterr) {
    int count = 0;
    while (params && params[count]) {
        count++;
    }
    /* A simple query may hold several statements. */
    PGresult *result = count > 0 ? PQexecParams(ddl->conn, sql, count, NULL, params, NULL, NULL, 0)
                                 : PQexec(ddl->conn, sql);
    ExecStatusType status = PQresultStatus(result);
    enum err_kind kind = ERR_NONE;
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        kind = ddl_failed(ddl, result, reterr);
    }
    if (kind == ERR_NONE && ret_result) {
        *ret_result = result;
    } else {
        PQclear(result);
    }
    return kind;
}

enum err_kind ddl_execute(struct ddl *ddl, const char *sql, struct err *reterr) {
    return ddl_run(ddl, sql, NULL, NULL, reterr);
}

enum err_kind ddl_find(struct ddl *ddl, const char *name, char ret_oid[16], struct err *reterr) {
    const char *params[] = {name, NULL};
    PGresult *result = NULL;
    enum err_kind kind =
        ddl_run(ddl, "SELECT to_regclass(quote_ident($1::text))::oid", params, &result, reterr);
    if (kind == ERR_NONE) {
        (void)snprintf(ret_oid, 16, "%s", PQgetvalue(result, 0, 0));
        PQclear(result);
    }
    return kind;
}

/* Not pg_temp alone: expressions may call functions, and columns be of types, that an extension put
 * into another schema. */
enum err_kind ddl_temporary(struct ddl *ddl, struct err *reterr) {
    return ddl_execute(ddl,
                       "SAVEPOINT temporary; SELECT set_config('search_path', concat_ws(', ',"
                       " 'pg_temp', nullif(current_setting('search_path'), '')), true)",
                       reterr);
}

enum err_kind ddl_real(struct ddl *ddl, struct err *reterr) {
    return ddl_execute(ddl, "ROLLBACK TO temporary", reterr);
}

static enum err_kind connect_wait(PGconn *conn, const struct clock *clock) {
    int64_t end_ms = clock_mono_ms(clock) + CONNECT_MS;
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;
    while (status != PGRES_POLLING_OK) {
        struct pollfd fd = {.fd = PQsocket(conn),
                            .events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT};
        int64_t left_ms = end_ms - clock_mono_ms(clock);
        if (left_ms <= 0 || poll(&fd, 1, (int)left_ms) == 0) {
            return ERR_RETRY;
        }
        status = PQconnectPoll(conn);
        if (status == PGRES_POLLING_FAILED) {
            return ERR_RETRY;
        }
    }
    return ERR_NONE;
}

static void quiet(void *ctx, const PGresult *result) {
    (void)ctx;
    (void)result; /* "relation already exists, skipping" */
}

static enum err_kind session_set(PGconn *conn, struct err *reterr) {
    PGresult *result = PQexec(conn, SQL_SESSION);
    enum err_kind kind = ERR_NONE;
    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        kind = err_set(reterr, ERR_RETRY, "the session's settings: %.300s", PQerrorMessage(conn));
    }
    PQclear(result);
    return kind;
}

enum err_kind ddl_connect(const struct pg_sink_options *options, PGconn **ret_conn,
                          struct err *reterr) {
    *ret_conn = NULL;
    if (pg_sink_check(options, reterr) != ERR_NONE) {
        return ERR_CONFIG;
    }
    char **values = NULL;
    char **keywords = link_keywords(options, &values);
    PGconn *conn =
        PQconnectStartParams((const char *const *)keywords, (const char *const *)values, 0);
    link_keywords_free(&keywords, &values);
    enum err_kind kind = ERR_RETRY;
    *ret_conn = conn;
    if (conn && PQstatus(conn) != CONNECTION_BAD) {
        (void)PQsetErrorVerbosity(conn, PQERRORS_VERBOSE);
        (void)PQsetNoticeReceiver(conn, quiet, NULL);
        kind = connect_wait(conn, &options->clock);
    }
    if (kind != ERR_NONE) {
        struct err err = {0};
        link_describe(conn, &err);
        if (reterr) {
            *reterr = err;
            reterr->kind = err.kind == ERR_HALT ? ERR_CONFIG : ERR_RETRY;
        }
        return err.kind == ERR_HALT ? ERR_CONFIG : ERR_RETRY;
    }
    return link_fits(conn, reterr) ? session_set(conn, reterr) : ERR_CONFIG;
}

enum err_kind ddl_ask(struct ddl *ddl, const char *sql, bool *ret_answer, struct err *reterr) {
    PGresult *result = NULL;
    enum err_kind kind = ddl_run(ddl, sql, NULL, &result, reterr);
    if (kind == ERR_NONE) {
        *ret_answer = strcmp(PQgetvalue(result, 0, 0), "t") == 0;
        PQclear(result);
    }
    return kind;
}

/* Adds the columns that tables of older versions lack. The key of dead letters is changed only for
 * a plan that needs it: older members beside this one could not use the new one. */
static enum err_kind migrate(struct ddl *ddl, struct err *reterr) {
    bool lacking = false, old_key = false;
    enum err_kind kind = ddl_ask(ddl, SQL_LACKING, &lacking, reterr);
    if (kind == ERR_NONE && lacking) {
        kind = ddl_execute(ddl, SQL_MIGRATE, reterr);
    }
    if (kind == ERR_NONE && plan_has_lookups(ddl->plan)) {
        kind = ddl_ask(ddl, SQL_KEY_IS_OLD, &old_key, reterr);
    }
    return kind == ERR_NONE && old_key
               ? ddl_execute(ddl, SQL_CHANGE_KEY(SQL_DEAD_LETTERS_KEY), reterr)
               : kind;
}

/* A statement of statements.h for the sink table. */
static const char *table_text(struct ddl *ddl, const char *text) {
    table_sql(ddl->conn, ddl->plan, ddl->target, text, &ddl->text);
    return ddl->text.ptr;
}

/* The trigger that notices TRUNCATE. Views and foreign tables get none: they are rejected later. */
static enum err_kind make_trigger(struct ddl *ddl, struct err *reterr) {
    bool lacking = false;
    enum err_kind kind = ddl_ask(ddl, table_text(ddl, SQL_TRUNCATED_LACKING), &lacking, reterr);
    return kind == ERR_NONE && lacking ? ddl_execute(ddl, table_text(ddl, SQL_TRUNCATED), reterr)
                                       : kind;
}

/* Creates what is missing. If nothing is, a role without CREATE will do. */
static enum err_kind make(struct ddl *ddl, struct err *reterr) {
    char oid[16] = "";
    for (size_t i = 0; i < OWN_TABLE_COUNT; i++) {
        enum err_kind kind = ddl_find(ddl, own_tables[i], oid, reterr);
        if (kind == ERR_NONE && oid[0] == '\0') {
            kind = ddl_execute(ddl, pg_sink_ddl(ddl->plan), reterr);
        }
        if (kind != ERR_NONE) {
            return kind;
        }
    }
    return migrate(ddl, reterr);
}

static enum err_kind make_table(struct ddl *ddl, struct err *reterr) {
    char oid[16] = "";
    enum err_kind kind = ddl_find(ddl, ddl_text(ddl, ddl->target->name), oid, reterr);
    if (kind == ERR_NONE && oid[0] == '\0') {
        kind = ddl_execute(ddl, ddl_text(ddl, ddl->target->sql_ddl), reterr);
    }
    return kind;
}

/* Rows without any progress are somebody else's, or sync_progress was emptied; or, of several
 * targets, one that was added had rows. */
static enum err_kind check_rows(struct ddl *ddl, struct err *reterr) {
    const bool several = ddl->plan->target_count > 1;
    struct str table = ddl->target->name;
    const char *lacking = several ? "NOT EXISTS (SELECT FROM sync_identity WHERE view = {view})"
                                  : "NOT EXISTS (SELECT FROM sync_progress WHERE view = {plan})";
    struct buf sql = {0};
    bool foreign = false;
    buf_printf(&sql, "SELECT EXISTS (SELECT FROM {table}) AND %s", lacking);
    buf_append(&sql, "", 1);
    enum err_kind kind = ddl_ask(ddl, table_text(ddl, sql.ptr), &foreign, reterr);
    buf_clear(&sql);
    if (kind == ERR_NONE && foreign && several) {
        struct err err;
        (void)table_verdict(ddl->target, STR("unkept"), STR_NONE, &err);
        return err_set(reterr, ERR_CONFIG, "%s", err.message);
    }
    if (kind == ERR_NONE && foreign) {
        return err_set(reterr, ERR_CONFIG,
                       "table " STR_FMT " has rows, but sync_progress knows of none: empty it "
                       "(TRUNCATE), or restore both from the same backup",
                       STR_ARG(table));
    }
    return kind;
}

/* Registers the table that is there now, if the progress belongs to it or if it has no rows; in the
 * latter case the members load its rows again. */
static enum err_kind register_table(struct ddl *ddl, struct err *reterr) {
    struct buf name = {0};
    buf_str(&name, ddl->target->name);
    buf_append(&name, "", 1);
    const char *params[] = {name.ptr, NULL};
    PGresult *result = NULL;
    enum err_kind kind = ddl_run(ddl, table_text(ddl, SQL_REGISTER), params, &result, reterr);
    if (kind == ERR_NONE && PQntuples(result) == 1 && PQgetvalue(result, 0, 1)[0] == 't') {
        log_line(ddl->log, LOG_WARN, "sink", "table_registered",
                 "view=%s generation=%s effect=\"it is empty: the members load its rows again\"",
                 name.ptr, PQgetvalue(result, 0, 0));
    }
    PQclear(result);
    result = NULL;
    if (kind == ERR_NONE) {
        kind = ddl_run(ddl, table_text(ddl, SQL_INSPECT), params, &result, reterr);
    }
    struct err err;
    if (kind == ERR_NONE &&
        !table_verdict(ddl->target, result_value(result, 0, 1), result_value(result, 0, 2), &err)) {
        kind = err_set(reterr, ERR_CONFIG, "%s", err.message);
    }
    PQclear(result);
    buf_clear(&name);
    return kind;
}

/* A step for each target. */
static enum err_kind for_targets(struct ddl *ddl,
                                 enum err_kind (*step)(struct ddl *ddl, struct err *reterr),
                                 struct err *reterr) {
    enum err_kind kind = ERR_NONE;
    for (size_t t = 0; t < ddl->plan->target_count && kind == ERR_NONE; t++) {
        ddl->target = &ddl->plan->targets[t];
        kind = step(ddl, reterr);
    }
    return kind;
}

/* PostgreSQL's own words would not say what for. */
static enum err_kind check_temporary(struct ddl *ddl, struct err *reterr) {
    PGresult *result = NULL;
    enum err_kind kind = ddl_run(
        ddl,
        "SELECT format('GRANT TEMPORARY ON DATABASE %I TO %I', current_database(), current_user)"
        " WHERE NOT has_database_privilege(current_database(), 'TEMPORARY')",
        NULL, &result, reterr);
    if (kind == ERR_NONE && PQntuples(result) > 0) {
        kind = err_set(reterr, ERR_CONFIG,
                       "tables in the OLAP database: plan --apply-sink needs the privilege "
                       "TEMPORARY, since it compares tables with temporary ones: %s",
                       PQgetvalue(result, 0, 0));
    }
    PQclear(result);
    return kind;
}

/* Two at once would conflict in the catalog. */
static enum err_kind begin(struct ddl *ddl, struct err *reterr) {
    const char *params[] = {ddl_text(ddl, ddl->plan->name), NULL};
    enum err_kind kind = ddl_execute(ddl, "BEGIN", reterr);
    return kind == ERR_NONE
               ? ddl_run(ddl, "SELECT pg_advisory_xact_lock(" SQL_KEY "-1)", params, NULL, reterr)
               : kind;
}

static enum err_kind apply(struct ddl *ddl, struct err *reterr) {
    static enum err_kind (*const steps[])(struct ddl *, struct err *) = {
        ddl_check_owner, make_table,     ddl_compare_table, check_rows,
        make_trigger,    register_table, ddl_note_added,    ddl_warn_of_extras,
    };
    enum err_kind kind = check_temporary(ddl, reterr);
    if (kind == ERR_NONE) {
        kind = for_targets(ddl, ddl_prove, reterr);
    }
    if (kind == ERR_NONE) {
        kind = begin(ddl, reterr);
    }
    if (kind == ERR_NONE) {
        kind = make(ddl, reterr);
    }
    if (kind == ERR_NONE) {
        kind = ddl_compare(ddl, reterr);
    }
    for (size_t i = 0; i < sizeof steps / sizeof *steps && kind == ERR_NONE; i++) {
        kind = for_targets(ddl, steps[i], reterr);
    }
    if (kind == ERR_NONE) {
        kind = ddl_note_changes(ddl, reterr);
    }
    if (kind == ERR_NONE) {
        kind = ddl_execute(ddl, "COMMIT", reterr);
    }
    return kind;
}

enum err_kind pg_apply_ddl(const struct plan *plan, const struct pg_sink_options *options,
                           struct err *reterr) {
    struct ddl ddl = {.plan = plan, .log = options->log};
    enum err_kind kind = ddl_connect(options, &ddl.conn, reterr);
    if (kind == ERR_NONE) {
        kind = link_fits_plan(ddl.conn, plan, reterr) ? apply(&ddl, reterr) : ERR_CONFIG;
    }
    PQfinish(ddl.conn); /* what was not committed is undone */
    buf_clear(&ddl.text);
    return kind;
}
