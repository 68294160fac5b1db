/* The connection: connecting with backoff, preparing statements, watching it, dropping it. */
#include "base/safeguard.h"
#include "sink/pg_internal.h"
#include "sink/statements.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define SERVER_VERSION_MIN   140000               /* the first with idle_session_timeout */
#define SERVER_VERSION_NULLS 150000               /* the first with NULLS NOT DISTINCT */
#define CONNECT_MS           (10 * (int64_t)1000) /* for each host of a list */

void sink_event_push(struct sink *sink, const struct sink_event *event) {
    if (sink->events.count < EVENTS_MAX) {
        sink->events.items[sink->events.count++] = *event;
    }
}

void sink_drop(struct sink *sink, const struct err *err) {
    struct sink_event lost = {.kind = SINK_LOST, .err = *err};
    if (sink->job && job_is_rollback(sink)) {
        sink_event_push(sink, &sink->outcome);
    }
    sink->outcome.kind = SINK_NOTHING;
    sink->job = NULL;
    sink->load.copying = false;
    sink->flight.open = false;
    sink->flight.broken = false;
    sink->flight.blocked = false;
    sink->flight.queued_bytes = 0;
    sink->flight.count = 0;
    sink->flight.answered = 0;
    PQfinish(sink->link.conn);
    sink->link.conn = NULL;
    sink->link.backend_pid = 0;
    probe_heard(sink);
    sink->link.state = LINK_DOWN;
    sink->deadline_ms = clock_mono_ms(&sink->clock) + backoff_next_ms(&sink->link.backoff);
    sink_event_push(sink, &lost);
}

void link_describe(PGconn *conn, struct err *ret_err) {
    char sqlstate[6], clean[SINK_MESSAGE_MAX];
    const char *message = conn ? PQerrorMessage(conn) : "out of memory";
    const char *text = message_sqlstate(message[0] ? message : "no answer", sqlstate);
    bool halt = sqlstate[0] != '\0' && outcome_of(sqlstate, STEP_PREPARE, false) == SINK_HALT;
    const char *advice = halt ? outcome_advice(sqlstate, STEP_PREPARE) : "";
    /* pgbouncer, because of olap.options. Known by its text: whatever it rejects has code 08P01. */
    if (strstr(text, "unsupported startup parameter")) {
        halt = true;
        advice = POOLER_ADVICE;
    }
    if (conn && PQconnectionNeedsPassword(conn)) {
        halt = true;
        advice = outcome_advice("28P01", STEP_PREPARE);
    }
    (void)err_set(ret_err, halt ? ERR_HALT : ERR_RETRY, "OLAP connection: %s%s%s%s",
                  message_clean(sqlstate, text, clean, sizeof clean), advice[0] ? " (" : "", advice,
                  advice[0] ? ")" : "");
    (void)snprintf(ret_err->sqlstate, sizeof ret_err->sqlstate, "%s", sqlstate);
}

bool link_fits(PGconn *conn, struct err *ret_err) {
    int version = PQserverVersion(conn);
    if (version > 0 && version < SERVER_VERSION_MIN) {
        (void)err_set(ret_err, ERR_CONFIG,
                      "the OLAP database's server is PostgreSQL %d: %d or later is needed",
                      version / 10000, SERVER_VERSION_MIN / 10000);
        return false;
    }
    const char *encoding = PQparameterStatus(conn, "server_encoding");
    if (!encoding || strcmp(encoding, "UTF8") == 0) {
        return true;
    }
    (void)err_set(ret_err, ERR_CONFIG,
                  "the OLAP database %.100s has the encoding %.20s, which can't hold every text of "
                  "the source: CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0, and set "
                  "olap.dbname to it",
                  PQdb(conn), encoding);
    return false;
}

bool link_fits_plan(const PGconn *conn, const struct plan *plan, struct err *ret_err) {
    int version = PQserverVersion(conn);
    for (size_t t = 0; t < plan->target_count; t++) {
        const struct target *target = &plan->targets[t];
        if (target->key_has_nulls && version > 0 && version < SERVER_VERSION_NULLS) {
            (void)err_set(ret_err, ERR_CONFIG,
                          "the OLAP database's server is PostgreSQL %d: view " STR_FMT
                          " needs %d or later, since a LEFT JOIN puts NULLs into its key (UNIQUE "
                          "NULLS NOT DISTINCT). Upgrade the server, or write the join as INNER",
                          version / 10000, STR_ARG(target->name), SERVER_VERSION_NULLS / 10000);
            return false;
        }
    }
    return true;
}

void sink_drop_conn(struct sink *sink) {
    struct err err = {0};
    const struct failure *failure = &sink->flight.failure;
    if (sink->job && failure->set) { /* a FATAL said why, before the connection was closed */
        (void)err_set(&err, ERR_RETRY, "OLAP connection: %s", failure->message);
        (void)snprintf(err.sqlstate, sizeof err.sqlstate, "%s", failure->sqlstate);
    } else {
        link_describe(sink->link.conn, &err);
        err.kind = ERR_RETRY;
    }
    sink_drop(sink, &err);
}

static void notice(void *ctx, const PGresult *result) {
    const struct sink *sink = ctx;
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    char quoted[SINK_MESSAGE_MAX];
    log_line(sink->log, LOG_DEBUG, "sink", "notice", "sqlstate=%s message=%s",
             sqlstate ? sqlstate : "", log_quote(quoted, sizeof quoted, str_from(message)));
}

static int64_t connect_ms(const struct sink *sink) {
    int64_t hosts = 1;
    for (size_t i = 0; sink->link.keywords[i]; i++) {
        if (strcmp(sink->link.keywords[i], "host") == 0 ||
            strcmp(sink->link.keywords[i], "hostaddr") == 0) {
            hosts = 1;
            for (const char *p = strchr(sink->link.values[i], ','); p; p = strchr(p + 1, ',')) {
                hosts++;
            }
        }
    }
    return hosts * CONNECT_MS;
}

void sink_drop_connect(struct sink *sink, const struct err *err) {
    sink_drop(sink, err);
    if (err->kind == ERR_HALT || err->kind == ERR_CONFIG) {
        sink->events.items[sink->events.count - 1].kind = SINK_HALT;
    }
}

static void connect_failed(struct sink *sink) {
    struct err err = {0};
    link_describe(sink->link.conn, &err);
    sink_drop_connect(sink, &err);
}

static void connect_start(struct sink *sink) {
    link_read_password(sink);
    sink->link.conn = PQconnectStartParams((const char *const *)sink->link.keywords,
                                           (const char *const *)sink->link.values, 0);
    if (!sink->link.conn || PQstatus(sink->link.conn) == CONNECTION_BAD) {
        connect_failed(sink);
        return;
    }
    (void)PQsetErrorVerbosity(sink->link.conn, PQERRORS_VERBOSE);
    (void)PQsetNoticeReceiver(sink->link.conn, notice, sink);
    sink->link.state = LINK_CONNECTING;
    sink->link.polling = PGRES_POLLING_WRITING;
    sink->deadline_ms = clock_mono_ms(&sink->clock) + connect_ms(sink);
}

static bool socket_ready(const struct sink *sink) {
    struct pollfd fd = {.fd = PQsocket(sink->link.conn),
                        .events = sink->link.polling == PGRES_POLLING_READING ? POLLIN : POLLOUT};
    return poll(&fd, 1, 0) > 0;
}

static void connect_poll(struct sink *sink) {
    while (sink->link.polling != PGRES_POLLING_OK && socket_ready(sink)) {
        sink->link.polling = PQconnectPoll(sink->link.conn);
        if (sink->link.polling == PGRES_POLLING_FAILED) {
            connect_failed(sink);
            return;
        }
    }
    if (sink->link.polling != PGRES_POLLING_OK) {
        if (clock_mono_ms(&sink->clock) >= sink->deadline_ms) {
            struct sink_event lost =
                job_event(SINK_LOST, "", "OLAP connection: no answer while connecting");
            sink_drop(sink, &lost.err);
        }
        return;
    }
    struct err err;
    if (!link_fits(sink->link.conn, &err) || !link_fits_plan(sink->link.conn, sink->plan, &err)) {
        sink_drop_connect(sink, &err);
        return;
    }
    if (PQsetnonblocking(sink->link.conn, 1) != 0 || PQenterPipelineMode(sink->link.conn) != 1) {
        sink_drop_conn(sink);
        return;
    }
    sink->link.state = LINK_PREPARING;
    job_begin(sink, &setup_job, true);
}

/* Idle: has the server closed the connection? */
static void watch(struct sink *sink) {
    if (!PQconsumeInput(sink->link.conn) || PQstatus(sink->link.conn) != CONNECTION_OK) {
        sink_drop_conn(sink);
    }
}

void link_drive(struct sink *sink) {
    if (sink->link.state == LINK_DOWN && clock_mono_ms(&sink->clock) >= sink->deadline_ms) {
        connect_start(sink);
    }
    if (sink->link.state == LINK_CONNECTING) {
        connect_poll(sink);
    }
    if (sink->link.state == LINK_UP && !sink->job) {
        watch(sink);
    }
}

static void params_types(struct sink *sink, size_t count) {
    params_begin(sink);
    for (size_t i = 0; i < count; i++) {
        params_add(sink, OID_TEXT_ARRAY, STR_NONE);
    }
}

/* A NUL-terminated copy of a view's statement, valid until the next. */
static const char *text_of(struct sink *sink, struct str sql) {
    buf_reset(&sink->scratch);
    buf_str(&sink->scratch, sql);
    buf_append(&sink->scratch, "", 1);
    return sink->scratch.ptr;
}

static void prepare_deletes(struct sink *sink, size_t t, size_t o) {
    const struct target *target = &sink->plan->targets[t];
    const struct occurrence *occurrence = &target->occurrences[o];
    const struct str sql[DELETE_KINDS] = {[DELETE_KEY] = occurrence->sql_delete,
                                          [DELETE_NULL] = occurrence->sql_delete_null,
                                          [DELETE_MATCHED] = occurrence->sql_delete_matched};
    for (enum delete_kind kind = 0; kind < (occurrence->adds_key ? DELETE_KINDS : 1); kind++) {
        char name[NAME_MAX_BYTES];
        params_types(sink, delete_columns(sink, target, o, kind));
        flight_prepare(sink, o, delete_name(t, o, kind, name), text_of(sink, sql[kind]));
    }
}

static void prepare_target(struct sink *sink, size_t t) {
    const struct target *target = &sink->plan->targets[t];
    char name[NAME_MAX_BYTES];
    for (size_t o = 0; o < target->core_count; o++) {
        prepare_deletes(sink, t, o);
    }
    params_types(sink, target->key_output_count);
    flight_prepare(sink, 0, target_statement("sync_refuse", t, name),
                   text_of(sink, target->sql_refuse));
    params_types(sink, target->input_count);
    flight_prepare(sink, 0, target_statement("sync_upsert", t, name),
                   text_of(sink, target->sql_upsert));
    flight_prepare(sink, 0, target_statement("sync_insert", t, name),
                   text_of(sink, target->sql_insert));
    if (target->sql_filter.ptr) {
        flight_prepare(sink, 0, target_statement("sync_filter", t, name),
                       text_of(sink, target->sql_filter));
    }
    params_begin(sink);
    table_sql(sink->link.conn, sink->plan, target, SQL_REGISTER, &sink->scratch);
    flight_prepare(sink, 0, target_statement("sync_register", t, name), sink->scratch.ptr);
    table_sql(sink->link.conn, sink->plan, target, SQL_INSPECT, &sink->scratch);
    flight_prepare(sink, 0, target_statement("sync_inspect", t, name), sink->scratch.ptr);
}

static void prepare_checks(struct sink *sink) {
    for (size_t t = 0; t < sink->plan->relation_count; t++) {
        char name[40];
        params_types(sink, sink->plan->relations[t].column_count);
        (void)snprintf(name, sizeof name, "sync_check_%zu", t);
        flight_prepare(sink, t, name, text_of(sink, sink->plan->relations[t].sql_check));
    }
}

static void prepare_fence(struct sink *sink) {
    fence_sql(sink->link.conn, sink->plan, &sink->scratch);
    flight_prepare(sink, 0, "sync_fence", sink->scratch.ptr);
    lock_sql(sink->link.conn, sink->plan, &sink->scratch);
    flight_prepare(sink, 0, "sync_table", sink->scratch.ptr);
}

static void setup_send(struct sink *sink) {
    const struct {
        const char *name, *sql;
    } statements[] = {
        {"sync_begin", SQL_BEGIN},
        {"sync_commit", "COMMIT"},
        {"sync_lock", SQL_LOCK},
        {"sync_trim", SQL_TRIM},
        {"sync_letters",
         plan_has_lookups(sink->plan) ? SQL_DEAD_LETTERS_WRITE_EACH : SQL_DEAD_LETTERS_WRITE},
        {"sync_definition", SQL_DEFINITION}, /* fails if the tables are of an earlier version */
        {"sync_clear", SQL_REFUSED_CLEAR},
        {"sync_refused", SQL_REFUSED_WRITE},
        {"sync_decided", SQL_DEAD_LETTERS_DECIDED},
        {"sync_marks", SQL_MARKS_WRITE},
    };
    params_begin(sink);
    flight_query(sink, (struct step){STEP_SET, 0, 0}, SQL_SESSION);
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        flight_prepare(sink, 0, statements[i].name, statements[i].sql);
    }
    prepare_fence(sink);
    prepare_checks(sink);
    for (size_t t = 0; t < sink->plan->target_count; t++) {
        prepare_target(sink, t);
    }
    params_begin(sink);
    if (plan_has_lookups(sink->plan) &&
        SAFEGUARD("each task can have its own dead letter of a record")) {
        flight_query(sink, (struct step){STEP_PREPARE, 0, 0}, SQL_DEAD_LETTERS_EACH);
    }
    flight_query(sink, (struct step){STEP_READ, 0, 0}, SQL_DATABASE);
    params_begin(sink);
    params_add(sink, OID_TEXT, sink->plan->name);
    flight_query(sink, (struct step){STEP_CONVERT, 0, 0}, SQL_VERSION);
    flight_sync(sink);
}

/* A query tells the pid, not PQbackendPID: a pooler has pids of its own. */
static void setup_answer(struct sink *sink, struct step step, PGresult *result) {
    if (step.kind == STEP_CONVERT && PQntuples(result) == 1 && !sink->link.version_known) {
        sink->link.version = read_be64(PQgetvalue(result, 0, 0));
        sink->link.version_known = true;
    }
    if (step.kind == STEP_READ && PQntuples(result) == 1) {
        sink->link.backend_pid = read_be32(PQgetvalue(result, 0, 0));
        (void)snprintf(sink->link.started, sizeof sink->link.started, "%s",
                       PQgetvalue(result, 0, 3));
        (void)snprintf(sink->link.database_id, sizeof sink->link.database_id, "%s",
                       PQgetvalue(result, 0, 1));
        (void)snprintf(sink->link.database_name, sizeof sink->link.database_name,
                       "%.120s at %.60s:%.8s", PQgetvalue(result, 0, 2), PQhost(sink->link.conn),
                       PQport(sink->link.conn));
    }
}

static void setup_synced(struct sink *sink) {
    if (sink->flight.failure.set) {
        struct sink_event event = job_failure(sink);
        sink_drop_connect(sink, &event.err);
        return;
    }
    sink->job = NULL;
    sink->deadline_ms = -1;
    sink->link.state = LINK_UP;
    backoff_reset(&sink->link.backoff);
    struct sink_event connected = {.kind = SINK_CONNECTED,
                                   .database_id = sink->link.database_id,
                                   .database_name = sink->link.database_name};
    sink_event_push(sink, &connected);
}

const struct job setup_job = {
    .name = "setup", .send = setup_send, .answer = setup_answer, .synced = setup_synced};
