/* pg_apply_ddl: creates the tables, or says what does not match. Blocking.
 *
 * One transaction. Existing tables are compared with tables that the same DDL creates in pg_temp,
 * so that PostgreSQL itself resolves the types. Any difference rolls everything back.
 */
#include "sink/pg_internal.h"
#include "sink/statements.h"

#include <poll.h>
#include <stdio.h>

#define CONNECT_MS 10000

static const char *const own_tables[] = {"sync_progress", "sync_identity", "sync_dead_letter",
                                         "sync_refused"};
#define OWN_TABLE_COUNT (sizeof own_tables / sizeof own_tables[0])

/* $1 the existing table, $2 the wanted one. One line per difference. `fits` is what must be equal.
 * Further columns do no harm unless an INSERT must give them a value. */
#define SQL_COLUMNS_OF(parameter, null)                                                            \
    "(SELECT attname AS name, form AS fits, attnotnull AND NOT atthasdef AND attidentity = '' AS " \
    "needed, form || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END AS is FROM pg_attribute"    \
    " JOIN pg_type t ON t.oid = atttypid CROSS JOIN LATERAL (SELECT"                               \
    " format_type(atttypid, atttypmod)" null                                                       \
    " || CASE WHEN attcollation <> typcollation THEN ' COLLATE ' || attcollation::regcollation"    \
    " ELSE '' END || CASE WHEN attgenerated <> '' OR attidentity = 'a' THEN ' GENERATED' ELSE ''"  \
    " END AS form) f WHERE attrelid = " parameter "::oid AND attnum > 0 AND NOT attisdropped)"
#define SQL_KEY_OF(parameter)                                                                      \
    "coalesce((SELECT pg_get_constraintdef(oid) FROM pg_constraint"                                \
    " WHERE conrelid = " parameter "::oid AND contype = 'p'), 'no primary key')"
#define SQL_DIFFERENCES_BY(null)                                                                   \
    "SELECT format('column %s is %s, should be %s', name, coalesce(r.is, 'missing'),"              \
    "   coalesce(w.is, 'absent, nullable, or have a default'))"                                    \
    " FROM " SQL_COLUMNS_OF("$1", null) " r FULL JOIN " SQL_COLUMNS_OF(                            \
        "$2", null) " w USING (name)"                                                              \
                    " WHERE r.fits IS DISTINCT FROM w.fits AND (w.fits IS NOT NULL OR r.needed)"   \
                    " UNION ALL SELECT format('%s, should be %s', r.is, w.is)"                     \
                    " FROM (SELECT " SQL_KEY_OF("$1") " AS is) r, (SELECT " SQL_KEY_OF(            \
                        "$2") " AS is) w"                                                          \
                              " WHERE r.is <> w.is"                                                \
                              " UNION ALL SELECT 'it is no table' FROM pg_class"                   \
                              " WHERE oid = $1::oid AND relkind NOT IN ('r', 'p')"
/* On the sink table, a NOT NULL that the user added gets a warning, as a CHECK does. */
#define SQL_DIFFERENCES      SQL_DIFFERENCES_BY(" || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END")
#define SQL_SINK_DIFFERENCES SQL_DIFFERENCES_BY("")

/* What the user added to the sink table, and its effect on rows. */
#define SQL_ROW "'rows that it refuses are left out and noted in sync_refused'"
#define SQL_OTHERS                                                                                 \
    "'members may wait for each other''s rows; what it refuses is tried again for "                \
    "conflict.halt.ms, then its task halts'"
#define SQL_SILENT                                                                                 \
    "'rows may be changed or left out without a word: the table may differ from the view'"
#define SQL_EXTRAS                                                                                 \
    "WITH t AS (SELECT $1::oid AS id"                                                              \
    "   UNION SELECT relid::oid FROM pg_partition_tree($1::oid::regclass))"                        \
    " SELECT CASE contype WHEN 'c' THEN 'check' WHEN 'x' THEN 'exclusion constraint'"              \
    "   ELSE 'foreign key' END, conname,"                                                          \
    "   CASE contype WHEN 'c' THEN " SQL_ROW " ELSE " SQL_OTHERS " END FROM pg_constraint"         \
    " WHERE (conrelid IN (SELECT id FROM t) OR confrelid IN (SELECT id FROM t))"                   \
    "   AND contype IN ('c', 'x', 'f') AND conparentid = 0 AND coninhcount = 0"                    \
    " UNION ALL SELECT 'not null', attname, " SQL_ROW " FROM pg_attribute"                         \
    " WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped AND attnotnull"                 \
    "   AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = attrelid AND indisprimary"           \
    "     AND attnum = ANY (indkey))"                                                              \
    " UNION ALL SELECT 'partitions without a default', relid::regclass::text, " SQL_ROW            \
    " FROM (SELECT partrelid AS relid FROM pg_partitioned_table"                                   \
    "   WHERE partrelid IN (SELECT id FROM t) AND partdefid = 0 AND partstrat <> 'h') p"           \
    " UNION ALL SELECT 'trigger', tgname, " SQL_OTHERS " FROM pg_trigger"                          \
    " WHERE tgrelid IN (SELECT id FROM t) AND NOT tgisinternal AND tgparentid = 0"                 \
    "   AND tgname <> 'sync_truncated'"                                                            \
    " UNION ALL SELECT 'unique index', indexrelid::regclass::text, " SQL_OTHERS " FROM pg_index"   \
    " WHERE indrelid IN (SELECT id FROM t) AND indisunique AND NOT indisprimary"                   \
    "   AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = indexrelid)"                      \
    " UNION ALL SELECT 'rule', rulename, " SQL_SILENT " FROM pg_rewrite"                           \
    " WHERE ev_class IN (SELECT id FROM t)"                                                        \
    " UNION ALL SELECT 'row security', id::regclass::text, " SQL_SILENT " FROM t"                  \
    " WHERE (SELECT relrowsecurity FROM pg_class WHERE oid = id)"

struct ddl {
    const struct target *target;
    const struct log *log;
    PGconn *conn;
    struct buf text;
};

static const char *text_of(struct ddl *ddl, struct str s) {
    buf_reset(&ddl->text);
    buf_str(&ddl->text, s);
    buf_append(&ddl->text, "", 1);
    return ddl->text.ptr;
}

static enum err_kind failed(struct ddl *ddl, const PGresult *result, struct err *reterr) {
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

/* Runs sql with at most two parameters, up to the first NULL; the caller clears *ret_result. */
static enum err_kind run(struct ddl *ddl, const char *sql, const char *const *params,
                         PGresult **ret_result, struct err *reterr) {
    int count = 0;
    while (count < 2 && params && params[count]) {
        count++;
    }
    /* Without parameters it is a simple query, which may hold several statements. */
    PGresult *result = count > 0 ? PQexecParams(ddl->conn, sql, count, NULL, params, NULL, NULL, 0)
                                 : PQexec(ddl->conn, sql);
    ExecStatusType status = PQresultStatus(result);
    enum err_kind kind = ERR_NONE;
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        kind = failed(ddl, result, reterr);
    }
    if (kind == ERR_NONE && ret_result) {
        *ret_result = result;
    } else {
        PQclear(result);
    }
    return kind;
}

static enum err_kind execute(struct ddl *ddl, const char *sql, struct err *reterr) {
    return run(ddl, sql, NULL, NULL, reterr);
}

/* The oid of a table by its bare name, as text; "" if there is none. */
static enum err_kind find(struct ddl *ddl, const char *name, char ret_oid[16], struct err *reterr) {
    const char *params[] = {name, NULL};
    PGresult *result = NULL;
    enum err_kind kind =
        run(ddl, "SELECT to_regclass(quote_ident($1::text))::oid", params, &result, reterr);
    if (kind == ERR_NONE) {
        (void)snprintf(ret_oid, 16, "%s", PQgetvalue(result, 0, 0));
        PQclear(result);
    }
    return kind;
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

/* Adds the columns that tables of older versions lack. */
static enum err_kind migrate(struct ddl *ddl, struct err *reterr) {
    PGresult *result = NULL;
    enum err_kind kind = run(ddl, SQL_LACKING, NULL, &result, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    bool lacking = strcmp(PQgetvalue(result, 0, 0), "t") == 0;
    PQclear(result);
    return lacking ? execute(ddl, SQL_MIGRATE, reterr) : ERR_NONE;
}

/* A statement of statements.h for the sink table. */
static const char *table_text(struct ddl *ddl, const char *text) {
    table_sql(ddl->conn, ddl->target->name, text, &ddl->text);
    return ddl->text.ptr;
}

/* The trigger that notices TRUNCATE. Views and foreign tables get none: they are rejected later. */
static enum err_kind make_trigger(struct ddl *ddl, struct err *reterr) {
    PGresult *result = NULL;
    enum err_kind kind = run(ddl, table_text(ddl, SQL_TRUNCATED_LACKING), NULL, &result, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    bool lacking = strcmp(PQgetvalue(result, 0, 0), "t") == 0;
    PQclear(result);
    return lacking ? execute(ddl, table_text(ddl, SQL_TRUNCATED), reterr) : ERR_NONE;
}

/* Creates what is missing. If nothing is, a role without CREATE will do. */
static enum err_kind make(struct ddl *ddl, struct err *reterr) {
    char oid[16] = "";
    for (size_t i = 0; i < OWN_TABLE_COUNT; i++) {
        enum err_kind kind = find(ddl, own_tables[i], oid, reterr);
        if (kind == ERR_NONE && oid[0] == '\0') {
            kind = execute(ddl, SQL_DDL, reterr);
        }
        if (kind != ERR_NONE) {
            return kind;
        }
    }
    enum err_kind kind = migrate(ddl, reterr);
    if (kind == ERR_NONE) {
        kind = find(ddl, text_of(ddl, ddl->target->name), oid, reterr);
    }
    if (kind == ERR_NONE && oid[0] == '\0') {
        kind = execute(ddl, text_of(ddl, ddl->target->sql_ddl), reterr);
    }
    return kind;
}

static enum err_kind compare(struct ddl *ddl, const char *name, const char *oid, bool own,
                             struct err *reterr) {
    char wanted[16] = "";
    enum err_kind kind = find(ddl, name, wanted, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    const char *params[] = {oid, wanted};
    PGresult *result = NULL;
    kind = run(ddl, own ? SQL_DIFFERENCES : SQL_SINK_DIFFERENCES, params, &result, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    if (PQntuples(result) > 0) {
        struct buf list = {0};
        for (int i = 0; i < PQntuples(result); i++) {
            buf_printf(&list, "%s%s", i > 0 ? "; " : "", PQgetvalue(result, i, 0));
        }
        kind = err_set(reterr, ERR_CONFIG,
                       "table %s already exists in the OLAP database and does not match: " STR_FMT
                       " (change or drop it, then run plan --apply-sink)",
                       name, STR_ARG(buf_view(&list)));
        buf_clear(&list);
    }
    PQclear(result);
    return kind;
}

static enum err_kind compare_all(struct ddl *ddl, struct err *reterr) {
    const char *names[OWN_TABLE_COUNT + 1];
    char oids[OWN_TABLE_COUNT + 1][16] = {""};
    struct buf name = {0};
    buf_str(&name, ddl->target->name);
    buf_append(&name, "", 1);
    names[0] = name.ptr;
    memcpy(names + 1, own_tables, sizeof own_tables);
    enum err_kind kind = ERR_NONE;
    for (size_t i = 0; i < OWN_TABLE_COUNT + 1 && kind == ERR_NONE; i++) {
        kind = find(ddl, names[i], oids[i], reterr);
    }
    if (kind == ERR_NONE) {
        kind = execute(ddl, "SAVEPOINT wanted; SET LOCAL search_path = pg_temp; " SQL_DDL, reterr);
    }
    if (kind == ERR_NONE) {
        kind = execute(ddl, text_of(ddl, ddl->target->sql_ddl), reterr);
    }
    for (size_t i = 0; i < OWN_TABLE_COUNT + 1 && kind == ERR_NONE; i++) {
        kind = compare(ddl, names[i], oids[i], i > 0, reterr);
    }
    buf_clear(&name);
    return kind == ERR_NONE ? execute(ddl, "ROLLBACK TO wanted", reterr) : kind;
}

/* Rows without any progress are somebody else's, or sync_progress was emptied. */
static enum err_kind check_rows(struct ddl *ddl, struct err *reterr) {
    struct str table = ddl->target->name;
    char *name = PQescapeIdentifier(ddl->conn, table.ptr, table.len);
    struct buf sql = {0};
    buf_printf(&sql,
               "SELECT EXISTS (SELECT FROM %s)"
               " AND NOT EXISTS (SELECT FROM sync_progress WHERE view = $1::text)",
               name ? name : "");
    buf_append(&sql, "", 1);
    PQfreemem(name);
    const char *params[] = {text_of(ddl, table), NULL};
    PGresult *result = NULL;
    enum err_kind kind = run(ddl, sql.ptr, params, &result, reterr);
    buf_clear(&sql);
    if (kind == ERR_NONE) {
        if (strcmp(PQgetvalue(result, 0, 0), "t") == 0) {
            kind = err_set(reterr, ERR_CONFIG,
                           "table " STR_FMT " has rows, but sync_progress knows of none: empty it "
                           "(TRUNCATE), or restore both from the same backup",
                           STR_ARG(table));
        }
        PQclear(result);
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
    enum err_kind kind = run(ddl, table_text(ddl, SQL_REGISTER), params, &result, reterr);
    if (kind == ERR_NONE && PQntuples(result) == 1 && PQgetvalue(result, 0, 1)[0] == 't') {
        log_line(ddl->log, LOG_WARN, "sink", "table_registered",
                 "view=%s generation=%s effect=\"it is empty: the members load its rows again\"",
                 name.ptr, PQgetvalue(result, 0, 0));
    }
    PQclear(result);
    result = NULL;
    if (kind == ERR_NONE) {
        kind = run(ddl, table_text(ddl, SQL_INSPECT), params, &result, reterr);
    }
    struct err err;
    if (kind == ERR_NONE && !table_verdict(ddl->target->name, result_value(result, 0, 1),
                                           result_value(result, 0, 2), &err)) {
        kind = err_set(reterr, ERR_CONFIG, "%s", err.message);
    }
    PQclear(result);
    buf_clear(&name);
    return kind;
}

static enum err_kind warn_of_extras(struct ddl *ddl, struct err *reterr) {
    char oid[16] = "";
    enum err_kind kind = find(ddl, text_of(ddl, ddl->target->name), oid, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    const char *params[] = {oid, NULL};
    PGresult *result = NULL;
    kind = run(ddl, SQL_EXTRAS, params, &result, reterr);
    for (int i = 0; kind == ERR_NONE && i < PQntuples(result); i++) {
        char what[64], name[256], effect[256];
        log_line(ddl->log, LOG_WARN, "sink", "sink_table_extra", "kind=%s name=%s effect=%s",
                 log_quote(what, sizeof what, str_from(PQgetvalue(result, i, 0))),
                 log_quote(name, sizeof name, str_from(PQgetvalue(result, i, 1))),
                 log_quote(effect, sizeof effect, str_from(PQgetvalue(result, i, 2))));
    }
    PQclear(result);
    return kind;
}

static enum err_kind apply(struct ddl *ddl, struct err *reterr) {
    const char *params[] = {text_of(ddl, ddl->target->name), NULL};
    enum err_kind kind = execute(ddl, "BEGIN", reterr);
    if (kind == ERR_NONE) { /* two at once would conflict in the catalog */
        kind = run(ddl, "SELECT pg_advisory_xact_lock(" SQL_KEY "-1)", params, NULL, reterr);
    }
    if (kind == ERR_NONE) {
        kind = make(ddl, reterr);
    }
    if (kind == ERR_NONE) {
        kind = compare_all(ddl, reterr);
    }
    if (kind == ERR_NONE) {
        kind = check_rows(ddl, reterr);
    }
    if (kind == ERR_NONE) {
        kind = make_trigger(ddl, reterr);
    }
    if (kind == ERR_NONE) {
        kind = register_table(ddl, reterr);
    }
    if (kind == ERR_NONE) {
        kind = warn_of_extras(ddl, reterr);
    }
    return kind == ERR_NONE ? execute(ddl, "COMMIT", reterr) : kind;
}

enum err_kind pg_apply_ddl(const struct plan *plan, const struct pg_sink_options *options,
                           struct err *reterr) {
    sink_check_plan(plan);
    struct ddl ddl = {.target = &plan->targets[0], .log = options->log};
    enum err_kind kind = ddl_connect(options, &ddl.conn, reterr);
    if (kind == ERR_NONE) {
        kind = apply(&ddl, reterr);
    }
    PQfinish(ddl.conn); /* what was not committed is undone */
    buf_clear(&ddl.text);
    return kind;
}
