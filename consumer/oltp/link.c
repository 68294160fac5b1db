/* The connection to the source database. */
#include "oltp/link.h"

#include "base/clock.h"
#include "base/memory.h"

#include <poll.h>
#include <stdlib.h>

#define CONNECT_MS         INT64_C(10000)
#define ANSWER_MS          INT64_C(10000)
#define SERVER_VERSION_MIN 140000 /* the first that tells an unknown pg_class.reltuples from 0 */

static const char *find(const struct link_options *options, const char *keyword) {
    for (size_t i = 0; options->keywords[i]; i++) {
        if (strcmp(options->keywords[i], keyword) == 0) {
            return options->values[i];
        }
    }
    return NULL;
}

bool link_is_set(const struct link_options *options) {
    return find(options, "host") || find(options, "hostaddr") || find(options, "service");
}

/* The first line, without the newline that libpq puts at its end. */
static enum err_kind failed(const struct link *link, const char *what, struct err *reterr) {
    const char *message = link->conn ? PQerrorMessage(link->conn) : "out of memory";
    return err_set(reterr, ERR_RETRY, "OLTP database: %s: %.*s", what,
                   (int)strcspn(message, "\r\n"), message);
}

/* Until the socket is ready. ERR_RETRY: the time is over, or we are told to stop. */
static enum err_kind wait_for_socket(const struct link *link, short events, int64_t deadline_ms,
                                     struct err *reterr) {
    struct clock clock = clock_real();
    for (;;) {
        int64_t left_ms = deadline_ms - clock_mono_ms(&clock);
        struct pollfd fds[] = {{PQsocket(link->conn), events, 0}, {link->stop_fd, POLLIN, 0}};
        int ready = left_ms > 0 ? poll(fds, 2, (int)left_ms) : 0;
        if (ready > 0 && fds[1].revents) {
            return err_set(reterr, ERR_RETRY, "OLTP database: stopped");
        }
        if (ready > 0) {
            return ERR_NONE;
        }
        if (ready == 0) {
            return err_set(reterr, ERR_RETRY, "OLTP database: no answer within %d s",
                           (int)(ANSWER_MS / 1000));
        }
    }
}

/* An error that libpq reports before it has reached a server is about a setting. Told by its
 * text: libpq has no error codes for this, and its text is English, since nothing here calls
 * setlocale. */
static enum err_kind not_begun(const struct link *link, struct err *reterr) {
    enum err_kind kind = failed(link, "no connection", reterr);
    const char *message = link->conn ? PQerrorMessage(link->conn) : "connection to server";
    bool asked = strncmp(message, "connection to server", 20) == 0 ||
                 strncmp(message, "could not translate", 19) == 0;
    return asked ? kind
                 : err_set(reterr, ERR_CONFIG, "libpq rejects a setting oltp.*: %.*s",
                           (int)strcspn(message, "\r\n"), message);
}

static enum err_kind connect_wait(struct link *link, struct err *reterr) {
    struct clock clock = clock_real();
    int64_t deadline_ms = clock_mono_ms(&clock) + CONNECT_MS;
    PostgresPollingStatusType polling = PGRES_POLLING_WRITING;
    if (!link->conn || PQstatus(link->conn) == CONNECTION_BAD) {
        return not_begun(link, reterr);
    }
    while (polling != PGRES_POLLING_OK) {
        short events = polling == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        enum err_kind kind = wait_for_socket(link, events, deadline_ms, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
        polling = PQconnectPoll(link->conn);
        if (polling == PGRES_POLLING_FAILED) {
            return failed(link, "no connection", reterr);
        }
    }
    return PQsetnonblocking(link->conn, 1) == 0 ? ERR_NONE : failed(link, "no connection", reterr);
}

/* Sends the rest, and waits until PQgetResult would not block. */
static enum err_kind answer_wait(const struct link *link, int64_t deadline_ms, struct err *reterr) {
    for (;;) {
        int unsent = PQflush(link->conn);
        if (unsent < 0) {
            return failed(link, "a query could not be sent", reterr);
        }
        if (!unsent && !PQisBusy(link->conn)) {
            return ERR_NONE;
        }
        short events = (short)(unsent ? POLLIN | POLLOUT : POLLIN);
        enum err_kind kind = wait_for_socket(link, events, deadline_ms, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
        if (!PQconsumeInput(link->conn)) {
            return failed(link, "the connection broke", reterr);
        }
    }
}

enum err_kind link_ask(struct link *link, const char *sql, int count, const char *const *params,
                       PGresult **ret_result, struct err *reterr) {
    struct clock clock = clock_real();
    int64_t deadline_ms = clock_mono_ms(&clock) + ANSWER_MS;
    if (PQsendQueryParams(link->conn, sql, count, NULL, params, NULL, NULL, 0) != 1) {
        return failed(link, "a query could not be sent", reterr);
    }
    PGresult *result = NULL, *next = NULL;
    enum err_kind kind = ERR_NONE;
    do {
        kind = answer_wait(link, deadline_ms, reterr);
        next = kind == ERR_NONE ? PQgetResult(link->conn) : NULL; /* NULL: the answer is over */
        ExecStatusType status = PQresultStatus(next);
        if (next && status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
            kind = failed(link, "a query on its catalogs failed", reterr);
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
    return kind;
}

/* Our default first: libpq uses the last value of a keyword. */
static void start(struct link *link, const struct link_options *options) {
    size_t count = 0;
    while (options->keywords[count]) {
        count++;
    }
    const char **keywords = memory_new(count + 3, sizeof *keywords);
    const char **values = memory_new(count + 3, sizeof *values);
    keywords[0] = "fallback_application_name";
    values[0] = "oltp-olap-sync";
    for (size_t i = 0; i < count; i++) {
        keywords[i + 1] = options->keywords[i];
        values[i + 1] = options->values[i];
    }
    keywords[count + 1] = "client_encoding";
    values[count + 1] = "UTF8";
    link->conn = PQconnectStartParams(keywords, values, 0);
    free((void *)keywords);
    free((void *)values);
}

static enum err_kind check_version(const struct link *link, struct err *reterr) {
    int version = PQserverVersion(link->conn);
    return version <= 0 || version >= SERVER_VERSION_MIN
               ? ERR_NONE
               : err_set(reterr, ERR_CONFIG,
                         "the OLTP database's server is PostgreSQL %d: %d or later is needed",
                         version / 10000, SERVER_VERSION_MIN / 10000);
}

enum err_kind link_open(const struct link_options *options, struct link **ret_link,
                        struct err *reterr) {
    struct link *link = memory_new(1, sizeof *link);
    link->stop_fd = options->stop_fd;
    start(link, options);
    enum err_kind kind = connect_wait(link, reterr);
    if (kind == ERR_NONE) {
        kind = check_version(link, reterr);
    }
    if (kind != ERR_NONE) {
        link_close(&link);
        return kind;
    }
    *ret_link = link;
    return ERR_NONE;
}

void link_close(struct link **link) {
    if (link && *link) {
        PQfinish((*link)->conn);
        free(*link);
        *link = NULL;
    }
}
