#include "serve/serve.h"

#include "base/memory.h"
#include "serve/listen.h"
#include "serve/status.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <unistd.h>

#define SILENCE_MAX_S    10U
#define CONNECTION_BYTES ((size_t)16 * 1024) /* a request's head must fit in them */

struct serve {
    struct serve_options o;
    struct MHD_Daemon *daemon;
    int port;
};

/* One response. */
struct answer {
    unsigned status;
    const char *type;
    struct buf body;
};

#define TEXT_PLAIN "text/plain; charset=utf-8"
#define CONTENT_POLICY                                                                             \
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "                  \
    "connect-src 'self'; img-src data:; frame-ancestors 'none'"

static void answer_healthz(const struct serve *serve, struct answer *answer) {
    int64_t beat_ms = health_last_beat_ms(serve->o.health);
    int64_t since_ms = clock_mono_ms(&serve->o.clock) - beat_ms;
    if (beat_ms < 0) {
        answer->status = MHD_HTTP_SERVICE_UNAVAILABLE;
        buf_str(&answer->body, STR("the member's main loop has not run yet\n"));
    } else if (since_ms >= SERVE_BEAT_MAX_MS) {
        answer->status = MHD_HTTP_SERVICE_UNAVAILABLE;
        buf_printf(&answer->body, "the member's main loop has not run for %lld s\n",
                   (long long)(since_ms / 1000));
    } else {
        buf_str(&answer->body, STR("ok\n"));
    }
}

static void answer_readyz(const struct serve *serve, struct answer *answer) {
    struct health_report report;
    health_read(serve->o.health, &report);
    if (report.ready) {
        buf_str(&answer->body, STR("ready\n"));
    } else {
        answer->status = MHD_HTTP_SERVICE_UNAVAILABLE;
        buf_append(&answer->body, report.text, report.len);
    }
}

static void answer_metrics(const struct serve *serve, struct answer *answer) {
    answer->type = "text/plain; version=0.0.4; charset=utf-8";
    metrics_look_at_process(serve->o.metrics);
    metrics_text(serve->o.metrics, &answer->body);
}

static void answer_status(const struct serve *serve, struct answer *answer) {
    answer->type = "application/json";
    metrics_look_at_process(serve->o.metrics);
    status_json(&serve->o, &answer->body);
}

static void answer_page(const struct serve *serve, struct answer *answer) {
    (void)serve;
    answer->type = "text/html; charset=utf-8";
    buf_append(&answer->body, status_page, status_page_len);
}

static void answer_other(const struct serve *serve, struct answer *answer) {
    (void)serve;
    answer->status = MHD_HTTP_NOT_FOUND;
    buf_str(&answer->body, STR("there are /, /status.json, /healthz, /readyz and /metrics\n"));
}

static const struct {
    const char *path;
    void (*fill)(const struct serve *serve, struct answer *answer);
} pages[] = {
    {"/", answer_page},         {"/status.json", answer_status}, {"/healthz", answer_healthz},
    {"/readyz", answer_readyz}, {"/metrics", answer_metrics},
};

static void answer_path(const struct serve *serve, const char *path, struct answer *answer) {
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        if (strcmp(path, pages[i].path) == 0) {
            pages[i].fill(serve, answer);
            return;
        }
    }
    answer_other(serve, answer);
}

/* Takes answer's body. */
static enum MHD_Result send_answer(struct MHD_Connection *connection, struct answer *answer) {
    struct MHD_Response *response =
        MHD_create_response_from_buffer(answer->body.len, answer->body.ptr, MHD_RESPMEM_MUST_FREE);
    if (!response) {
        buf_clear(&answer->body);
        return MHD_NO;
    }
    enum MHD_Result sent =
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->type);
    if (sent == MHD_YES) {
        sent = MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    }
    if (sent == MHD_YES) { /* of the page: what is in it, and nothing from elsewhere */
        sent = MHD_add_response_header(response, "Content-Security-Policy", CONTENT_POLICY);
    }
    if (sent == MHD_YES) {
        sent = MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    }
    if (sent == MHD_YES && answer->status == MHD_HTTP_METHOD_NOT_ALLOWED) {
        sent = MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    }
    if (sent == MHD_YES) {
        sent = MHD_queue_response(connection, answer->status, response);
    }
    MHD_destroy_response(response);
    return sent;
}

/* libmicrohttpd calls it for a request's head, for each piece of a body, and at the end. Answers at
 * the end only: an earlier answer would close the connection. */
/* Its signature is libmicrohttpd's. NOLINTNEXTLINE(readability-function-size) */
static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **request) {
    static char seen;
    (void)version;
    (void)upload;
    struct answer answer = {.status = MHD_HTTP_OK, .type = TEXT_PLAIN};
    bool may =
        strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
    if (!*request && may) {
        *request = &seen;
        return MHD_YES;
    }
    if (*upload_size > 0) {
        *upload_size = 0; /* bodies are ignored */
        return MHD_YES;
    }
    if (may) {
        answer_path(ctx, path, &answer);
    } else {
        answer.status = MHD_HTTP_METHOD_NOT_ALLOWED;
        buf_str(&answer.body, STR("only GET and HEAD\n"));
    }
    return send_answer(connection, &answer);
}

enum err_kind serve_start(const struct serve_options *options, struct serve **ret_serve,
                          struct err *reterr) {
    int fd = -1;
    struct serve *serve = memory_new(1, sizeof *serve);
    serve->o = *options;
    enum err_kind kind = listen_on(options->address, options->port, &fd, &serve->port, reterr);
    if (kind != ERR_NONE) {
        free(serve);
        return kind;
    }
    serve->daemon = MHD_start_daemon(MHD_USE_AUTO_INTERNAL_THREAD, 0, NULL, NULL, on_request, serve,
                                     MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
                                     (unsigned)SERVE_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
                                     SILENCE_MAX_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                                     CONNECTION_BYTES, MHD_OPTION_END);
    if (!serve->daemon) {
        (void)close(fd);
        free(serve);
        return err_set(reterr, ERR_RETRY, "%s port %d: the server does not start", options->address,
                       options->port);
    }
    *ret_serve = serve;
    return ERR_NONE;
}

void serve_stop(struct serve **serve) {
    struct serve *s = serve ? *serve : NULL;
    if (s) {
        MHD_stop_daemon(s->daemon); /* closes the sockets, joins the thread */
        free(s);
        *serve = NULL;
    }
}

int serve_port(const struct serve *serve) {
    return serve->port;
}
