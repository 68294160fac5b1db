/* latency_load.c: the load, open loop. A pair belongs to one connection, so that its student is
 * there before its contact; a connection that is behind sends at once, and the lag shows in due. */
#include "latency.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { CONNECTIONS_MAX = 32 };

struct client {
    PGconn *connection;
    int64_t pair;    /* the pair it works at */
    bool at_contact; /* which of its two statements is next or in flight */
    bool busy;
};

static PGconn *connect_client(const struct load *load) {
    PGconn *connection = PQconnectdb(load->conninfo);
    if (PQstatus(connection) != CONNECTION_OK) {
        give_up("the OLTP database", PQerrorMessage(connection));
    }
    const char *statements[][2] = {{"first", load->first}, {"second", load->second}};
    for (int i = 0; i < 2; i++) {
        PGresult *result = PQprepare(connection, statements[i][0], statements[i][1], 1, NULL);
        if (PQresultStatus(result) != PGRES_COMMAND_OK) {
            give_up("PREPARE", PQerrorMessage(connection));
        }
        PQclear(result);
    }
    return connection;
}

static int64_t due_ns(const struct load *load, int64_t start, const struct client *client) {
    int64_t statement = 2 * client->pair + (client->at_contact ? 1 : 0);
    return start + (int64_t)((double)statement * 1e9 / load->rate);
}

static void send_next(struct client *client, struct samples *samples, int64_t due) {
    char id[32];
    (void)snprintf(id, sizeof id, "%" PRId64, samples->base + client->pair);
    const char *values[] = {id};
    if (client->at_contact) {
        samples->due[client->pair] = due;
    }
    if (!PQsendQueryPrepared(client->connection, client->at_contact ? "second" : "first", 1, values,
                             NULL, NULL, 0)) {
        give_up("a statement", PQerrorMessage(client->connection));
    }
    client->busy = true; /* some dozen bytes: the socket takes them at once */
}

static void take_answer(struct client *client, struct samples *samples, int stride) {
    if (!PQconsumeInput(client->connection)) {
        give_up("a statement", PQerrorMessage(client->connection));
    }
    if (PQisBusy(client->connection)) {
        return;
    }
    int64_t now = now_ns();
    PGresult *result;
    while ((result = PQgetResult(client->connection))) {
        ExecStatusType status = PQresultStatus(result);
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
            give_up("a statement", PQerrorMessage(client->connection));
        }
        PQclear(result);
    }
    client->busy = false;
    if (client->at_contact) {
        samples->committed[client->pair] = now;
        client->pair += stride;
    }
    client->at_contact = !client->at_contact;
}

/* Sends what is due; returns when the next statement will be, or 0 when all clients wait or are
 * done. */
static int64_t send_due(const struct load *load, struct samples *samples, int64_t start,
                        struct client *clients) {
    int64_t soonest = 0, now = now_ns();
    for (int i = 0; i < load->connections; i++) {
        struct client *client = &clients[i];
        if (client->busy || client->pair >= samples->count) {
            continue;
        }
        int64_t due = due_ns(load, start, client);
        if (due <= now) {
            send_next(client, samples, due);
        } else if (soonest == 0 || due < soonest) {
            soonest = due;
        }
    }
    return soonest;
}

static void wait_for_answers(const struct load *load, const struct client *clients, int64_t until,
                             struct pollfd *fds) {
    for (int i = 0; i < load->connections; i++) {
        fds[i] = (struct pollfd){.fd = clients[i].busy ? PQsocket(clients[i].connection) : -1,
                                 .events = POLLIN};
    }
    int64_t left = until > 0 ? until - now_ns() : INT64_C(100000000);
    struct timespec timeout = {.tv_sec = left > 0 ? left / INT64_C(1000000000) : 0,
                               .tv_nsec = left > 0 ? left % INT64_C(1000000000) : 0};
    (void)ppoll(fds, (nfds_t)load->connections, &timeout, NULL);
}

static bool work_left(const struct load *load, const struct samples *samples,
                      const struct client *clients) {
    for (int i = 0; i < load->connections; i++) {
        if (clients[i].pair < samples->count) {
            return true;
        }
    }
    return false;
}

void run_load(const struct load *load, struct samples *samples) {
    struct client clients[CONNECTIONS_MAX];
    struct pollfd fds[CONNECTIONS_MAX];
    if (load->connections < 1 || load->connections > CONNECTIONS_MAX) {
        give_up("connections", "1 to 32");
    }
    for (int i = 0; i < load->connections; i++) {
        clients[i] = (struct client){.connection = connect_client(load), .pair = i};
    }
    int64_t start = now_ns();
    while (work_left(load, samples, clients)) {
        int64_t next = send_due(load, samples, start, clients);
        wait_for_answers(load, clients, next, fds);
        for (int i = 0; i < load->connections; i++) {
            if (fds[i].fd >= 0 && fds[i].revents != 0) {
                take_answer(&clients[i], samples, load->connections);
            }
        }
    }
    for (int i = 0; i < load->connections; i++) {
        PQfinish(clients[i].connection);
    }
}
