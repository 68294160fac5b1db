/* Is the server working on what it has not answered?
 *
 * A transaction that waits for a lock, or deletes a million rows, gives no answer for a long time.
 * Nor does one whose request or answer was lost in a proxy that had acknowledged it. The server can
 * tell them apart: when it has not answered for a while, a second connection asks what the first
 * one's backend is doing. It goes to the very server of the first connection, even if olap.host
 * names several. It asks twice, since the answer may be on its way. If the backend is idle, the
 * first connection is dropped; then the newest progress rows decide, as after any lost connection.
 */
#include "sink/pg_internal.h"
#include "sink/statements.h"

#include <poll.h>
#include <stdio.h>

#define PROBE_WAIT_MS 5000 /* for the second connection and its answer */
#define PROBE_POLL_MS 20
#define SILENT_MAX    2
#define SQL_IS_AT_WORK                                                                             \
    "SELECT " SQL_STARTED                                                                          \
    " = $3::text, coalesce((SELECT state = 'active' AND ($2::bool OR wait_event_type IS NULL"      \
    " OR wait_event_type <> 'Client') FROM pg_stat_activity WHERE pid = $1::int), false)"

enum verdict { AT_WORK, SILENT, UNKNOWN };

static void probe_end(struct sink *sink) {
    PQfinish(sink->probe.conn);
    sink->probe.conn = NULL;
}

void probe_heard(struct sink *sink) {
    if (sink->probe.conn) {
        probe_end(sink);
    }
    sink->probe.silent = 0;
    sink->probe.at_ms = clock_mono_ms(&sink->clock) + sink->answer_check_ms;
}

static void probe_start(struct sink *sink, int64_t now_ms) {
    struct probe *probe = &sink->probe;
    char **values = NULL, **keywords = link_keywords_to(sink, sink->link.conn, &values);
    probe->conn =
        PQconnectStartParams((const char *const *)keywords, (const char *const *)values, 0);
    link_keywords_free(&keywords, &values);
    probe->polling = PGRES_POLLING_WRITING;
    probe->asked = false;
    probe->at_ms = now_ms + PROBE_WAIT_MS;
}

static bool ask(struct sink *sink) {
    /* The server may be waiting for what we have not sent yet. */
    bool sending = sink->flight.blocked || sink->flight.open ||
                   (sink->load.copying && sink->load.phase == COPY_ROWS);
    char pid[16];
    (void)snprintf(pid, sizeof pid, "%d", (int)sink->link.backend_pid);
    const char *values[] = {pid, sending ? "t" : "f", sink->link.started};
    sink->probe.asked = true;
    return PQsetnonblocking(sink->probe.conn, 1) == 0 &&
           PQsendQueryParams(sink->probe.conn, SQL_IS_AT_WORK, 3, NULL, values, NULL, NULL, 0) == 1;
}

/* A server that rejects the connection with an SQLSTATE is alive; no more is known. */
static enum verdict refused(struct sink *sink) {
    char sqlstate[6];
    (void)message_sqlstate(PQerrorMessage(sink->probe.conn), sqlstate);
    return sqlstate[0] != '\0' ? UNKNOWN : SILENT;
}

/* False: not known yet. */
static bool probe_step(struct sink *sink, enum verdict *ret) {
    struct probe *probe = &sink->probe;
    struct pollfd fd = {.fd = PQsocket(probe->conn),
                        .events = probe->polling == PGRES_POLLING_READING ? POLLIN : POLLOUT};
    *ret = SILENT;
    if (!probe->asked) {
        if (PQstatus(probe->conn) == CONNECTION_BAD) {
            return true;
        }
        if (poll(&fd, 1, 0) > 0) {
            probe->polling = PQconnectPoll(probe->conn);
        }
        if (probe->polling == PGRES_POLLING_FAILED) {
            *ret = refused(sink);
            return true;
        }
        return probe->polling == PGRES_POLLING_OK && !ask(sink);
    }
    if (PQflush(probe->conn) < 0 || !PQconsumeInput(probe->conn)) {
        return true;
    }
    if (PQisBusy(probe->conn)) {
        return false;
    }
    PGresult *result = PQgetResult(probe->conn);
    if (PQresultStatus(result) == PGRES_TUPLES_OK) {
        *ret = PQgetvalue(result, 0, 1)[0] == 't' ? AT_WORK : SILENT;
        if (PQgetvalue(result, 0, 0)[0] != 't') {
            *ret = UNKNOWN; /* this is another server, which knows nothing of our session */
        }
    } else {
        *ret = UNKNOWN;
    }
    PQclear(result);
    return true;
}

static void act_on(struct sink *sink, enum verdict verdict, int64_t now_ms) {
    struct probe *probe = &sink->probe;
    probe_end(sink);
    probe->silent = verdict == SILENT ? probe->silent + 1 : 0;
    probe->at_ms = now_ms + sink->answer_check_ms / (verdict == SILENT ? 4 : 1);
    if (verdict == AT_WORK && sink->deadline_ms >= 0) {
        sink->deadline_ms = now_ms + ANSWER_MS;
    }
    if (probe->silent < SILENT_MAX) {
        return;
    }
    struct sink_event lost = job_event(SINK_LOST, "",
                                       "OLAP connection: no answer, and the server is not working "
                                       "on one: the request or the answer was lost");
    sink_drop(sink, &lost.err);
}

static bool applies(const struct sink *sink) {
    return sink->job && sink->link.state == LINK_UP && sink->link.backend_pid != 0;
}

void probe_drive(struct sink *sink) {
    struct probe *probe = &sink->probe;
    int64_t now_ms = clock_mono_ms(&sink->clock);
    if (!applies(sink) || (!probe->conn && now_ms < probe->at_ms)) {
        return;
    }
    if (!probe->conn) {
        probe_start(sink, now_ms);
    }
    enum verdict verdict = SILENT;
    if (!probe->conn || probe_step(sink, &verdict) || now_ms >= probe->at_ms) {
        act_on(sink, verdict, now_ms);
    }
}

int64_t probe_wait_until(const struct sink *sink, int64_t deadline_ms) {
    if (!applies(sink)) {
        return deadline_ms;
    }
    int64_t until_ms =
        sink->probe.conn ? clock_mono_ms(&sink->clock) + PROBE_POLL_MS : sink->probe.at_ms;
    return deadline_ms >= 0 && deadline_ms < until_ms ? deadline_ms : until_ms;
}
