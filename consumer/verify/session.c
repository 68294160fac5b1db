#include "verify/session.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/safeguard.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#define CONNECT_MS INT64_C(10000)
#define POLL_MS    200 /* how soon a wish to stop is seen that no signal brought */

/* What values and expressions mean is as sink/statements.h has it. */
#define SQL_MEANING                                                                                \
    "('datestyle', 'ISO, YMD'), ('intervalstyle', 'postgres'), ('timezone', 'UTC'),"               \
    " ('bytea_output', 'hex'), ('extra_float_digits', '1'), "
#define SQL_SESSION                                                                                \
    "SELECT set_config(s.name, v.value, false) FROM (VALUES " SAFEGUARD_SQL(                       \
        "both sessions show values alike", SQL_MEANING)                                            \
        SAFEGUARD_SQL("no policy hides rows",                                                      \
                      "('row_security', 'off'),") " ('transform_null_equals', 'off'), "            \
                                                  "('standard_conforming_strings', 'on'),"         \
                                                  " ('default_transaction_read_only', 'on'),"      \
                                                  " ('default_transaction_isolation', 'read "      \
                                                  "committed'), ('statement_timeout', '0'),"       \
                                                  " ('idle_session_timeout', '0'), "               \
                                                  "('transaction_timeout', '0'), ('jit', 'off'))"  \
                                                  " v(name, value) JOIN pg_settings s ON "         \
                                                  "lower(s.name) = v.name"

/* ---- messages ---- */

static bool starts(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static const char *advice(const struct session *session, const char *sqlstate,
                          const char *message) {
    bool oltp = strcmp(session->setting, "oltp") == 0;
    if (strcmp(sqlstate, "42501") == 0 && strstr(message, "row-level security")) {
        return "; its policies would hide rows: use a role with BYPASSRLS";
    }
    if (strcmp(sqlstate, "42501") == 0 && strstr(message, "schema")) {
        return "; GRANT USAGE ON SCHEMA ... TO the role";
    }
    if (strcmp(sqlstate, "42501") == 0) {
        return oltp ? "; GRANT SELECT ON the view's tables TO the role"
                    : "; GRANT SELECT ON the table, sync_dead_letter and sync_refused TO the role";
    }
    if (strcmp(sqlstate, "42P01") == 0) {
        return oltp
                   ? "; `plan --check-source` compares the tables with schemas.oltp"
                   : "; `plan --apply-sink` makes the tables; or the role's search_path hides them";
    }
    if (strcmp(sqlstate, "42703") == 0) {
        return oltp ? "; `plan --check-source` compares the tables with schemas.oltp"
                    : "; the table is not this view's: `plan` shows its columns";
    }
    if (oltp && strcmp(sqlstate, "42883") == 0) {
        return "; an expression of the view can't be evaluated in the OLTP database: make the "
               "function there, too";
    }
    return "";
}

static bool is_config(const char *sqlstate) {
    return starts(sqlstate, "42") || starts(sqlstate, "28") || starts(sqlstate, "3D");
}

static enum err_kind failed(const struct session *session, const PGresult *result,
                            struct err *reterr) {
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *text = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    if (!text) {
        text = session->conn ? PQerrorMessage(session->conn) : "out of memory";
    }
    state = state ? state : "";
    const char *user = session->conn ? PQuser(session->conn) : NULL;
    bool right = strcmp(state, "42501") == 0 && user;
    enum err_kind kind =
        err_set(reterr, is_config(state) ? ERR_CONFIG : ERR_RETRY, "%s: %.*s%s%s%s%s",
                session->name, (int)strcspn(text, "\r\n"), text, right ? " (role " : "",
                right ? user : "", right ? ")" : "", advice(session, state, text));
    if (reterr) {
        (void)snprintf(reterr->sqlstate, sizeof reterr->sqlstate, "%s", state);
    }
    return kind;
}

/* ---- waiting ---- */

static enum err_kind wait_socket(const struct session *session, short events, int64_t deadline_ms,
                                 struct err *reterr) {
    struct clock clock = clock_real();
    const struct verify_options *options = session->options;
    for (;;) {
        if (options->stopped && options->stopped(options->ctx)) {
            return err_set(reterr, ERR_RETRY, "stopped");
        }
        if (deadline_ms > 0 && clock_mono_ms(&clock) > deadline_ms) {
            return err_set(reterr, ERR_RETRY, "%s: no answer while connecting", session->name);
        }
        struct pollfd fd = {PQsocket(session->conn), events, 0};
        const struct timespec time = {.tv_nsec = POLL_MS * 1000000L};
        if (ppoll(&fd, 1, &time, options->waiting) > 0) {
            return ERR_NONE;
        }
    }
}

/* Until PQgetResult would not block. */
static enum err_kind wait_result(const struct session *session, struct err *reterr) {
    while (PQflush(session->conn) > 0 || PQisBusy(session->conn)) {
        enum err_kind kind = wait_socket(session, POLLIN, 0, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
        if (!PQconsumeInput(session->conn)) {
            return failed(session, NULL, reterr);
        }
    }
    return ERR_NONE;
}

/* ---- connection ---- */

static PGconn *start(const struct verify_database *database) {
    size_t count = 0;
    while (database->keywords[count]) {
        count++;
    }
    const char **keywords = memory_new(count + 3, sizeof *keywords);
    const char **values = memory_new(count + 3, sizeof *values);
    keywords[0] = "fallback_application_name";
    values[0] = "oltp-olap-sync verify";
    for (size_t i = 0; i < count; i++) {
        keywords[i + 1] = database->keywords[i];
        values[i + 1] = database->values[i];
    }
    keywords[count + 1] = "client_encoding";
    values[count + 1] = "UTF8";
    PGconn *conn = PQconnectStartParams(keywords, values, 0);
    free((void *)keywords);
    free((void *)values);
    return conn;
}

/* libpq gives no SQLSTATE of a refused connection; an error that it reports before it has reached a
 * server is about a setting. */
static enum err_kind not_connected(const struct session *session, struct err *reterr) {
    enum err_kind kind = failed(session, NULL, reterr);
    const char *message = session->conn ? PQerrorMessage(session->conn) : "";
    bool reached =
        starts(message, "connection to server") || starts(message, "could not translate");
    bool refused = strstr(message, "FATAL:") != NULL && !strstr(message, "starting up") &&
                   !strstr(message, "shutting down") && !strstr(message, "too many");
    if (!reached || refused) {
        kind = ERR_CONFIG;
        if (reterr) {
            reterr->kind = kind;
        }
    }
    return kind;
}

static enum err_kind connect_wait(const struct session *session, struct err *reterr) {
    struct clock clock = clock_real();
    int64_t deadline_ms = clock_mono_ms(&clock) + CONNECT_MS;
    PostgresPollingStatusType polling = PGRES_POLLING_WRITING;
    if (!session->conn || PQstatus(session->conn) == CONNECTION_BAD) {
        return not_connected(session, reterr);
    }
    while (polling != PGRES_POLLING_OK) {
        short events = polling == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        enum err_kind kind = wait_socket(session, events, deadline_ms, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
        polling = PQconnectPoll(session->conn);
        if (polling == PGRES_POLLING_FAILED) {
            return not_connected(session, reterr);
        }
    }
    return ERR_NONE;
}

static void quiet(void *ctx, const PGresult *result) {
    (void)ctx;
    (void)result;
}

enum err_kind session_open(struct session *session, const struct verify_database *database,
                           const struct verify_options *options, struct err *reterr) {
    *session =
        (struct session){.name = database->name, .setting = database->setting, .options = options};
    session->conn = start(database);
    enum err_kind kind = connect_wait(session, reterr);
    if (kind == ERR_NONE) {
        (void)PQsetNoticeReceiver(session->conn, quiet, NULL);
        kind = session_ask(session, SQL_SESSION, NULL, reterr);
    }
    return kind;
}

/* A query that runs on would hold its snapshot until its next row can't be sent. */
static void cancel(const struct session *session) {
    char why[256];
    PGcancel *request = session->conn && PQtransactionStatus(session->conn) == PQTRANS_ACTIVE
                            ? PQgetCancel(session->conn)
                            : NULL;
    if (request) {
        (void)PQcancel(request, why, sizeof why);
        PQfreeCancel(request);
    }
}

void session_close(struct session *session) {
    cancel(session);
    PQfreemem(session->line);
    PQfinish(session->conn);
    *session = (struct session){0};
}

/* ---- asking ---- */

enum err_kind session_ask(struct session *session, const char *sql, PGresult **ret_result,
                          struct err *reterr) {
    if (PQsendQuery(session->conn, safeguard_sql(sql)) != 1) {
        return failed(session, NULL, reterr);
    }
    PGresult *result = NULL, *next = NULL;
    enum err_kind kind = ERR_NONE;
    do {
        kind = wait_result(session, reterr);
        next = kind == ERR_NONE ? PQgetResult(session->conn) : NULL;
        ExecStatusType status = PQresultStatus(next);
        if (next && kind == ERR_NONE && status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
            kind = failed(session, next, reterr);
        }
        if (next) {
            PQclear(result);
            result = next;
        }
    } while (next && kind == ERR_NONE);
    if (kind == ERR_NONE && ret_result) {
        *ret_result = result;
    } else {
        PQclear(result);
    }
    while (kind != ERR_NONE && PQstatus(session->conn) == CONNECTION_OK &&
           !PQisBusy(session->conn) && (next = PQgetResult(session->conn))) {
        PQclear(next);
    }
    return kind;
}

/* ---- COPY ---- */

enum err_kind session_copy(struct session *session, const char *sql, struct err *reterr) {
    return PQsendQuery(session->conn, safeguard_sql(sql)) == 1 ? ERR_NONE
                                                               : failed(session, NULL, reterr);
}

/* The results behind the rows: of the COPY itself, and the end. */
static enum err_kind copy_end(struct session *session, struct err *reterr) {
    enum err_kind kind = ERR_NONE;
    PGresult *result = NULL;
    do {
        enum err_kind waited = wait_result(session, reterr);
        if (waited != ERR_NONE) {
            return waited;
        }
        result = PQgetResult(session->conn);
        if (result && PQresultStatus(result) != PGRES_COMMAND_OK && kind == ERR_NONE) {
            kind = failed(session, result, reterr);
        }
        PQclear(result);
    } while (result);
    return kind;
}

/* The first result says whether the query may run at all. */
static enum err_kind copy_begin(struct session *session, bool *ret_rows, struct err *reterr) {
    *ret_rows = false;
    enum err_kind kind = wait_result(session, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    PGresult *result = PQgetResult(session->conn);
    *ret_rows = PQresultStatus(result) == PGRES_COPY_OUT;
    if (!*ret_rows) {
        kind = failed(session, result, reterr);
        struct err ignored;
        PQclear(result);
        (void)!copy_end(session, &ignored);
        return kind;
    }
    PQclear(result);
    return ERR_NONE;
}

enum err_kind session_next(void *ctx, struct str *ret_line, struct err *reterr) {
    struct session *session = ctx;
    PQfreemem(session->line);
    session->line = NULL;
    *ret_line = STR_NONE;
    if (PQtransactionStatus(session->conn) != PQTRANS_ACTIVE) {
        return ERR_NONE; /* it ended before */
    }
    if (!session->copying) {
        enum err_kind kind = copy_begin(session, &session->copying, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
    }
    int len = 0;
    while ((len = PQgetCopyData(session->conn, &session->line, 1)) == 0) {
        enum err_kind kind = wait_socket(session, POLLIN, 0, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
        if (!PQconsumeInput(session->conn)) {
            return failed(session, NULL, reterr);
        }
    }
    if (len > 0) {
        *ret_line = (struct str){session->line, (size_t)len - 1}; /* its newline */
        return ERR_NONE;
    }
    session->copying = false;
    return len == -1 ? copy_end(session, reterr) : failed(session, NULL, reterr);
}
