/* The real server on a free port, asked through plain sockets. */
#include "serve/serve.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    _Atomic int64_t now_us;
    struct metrics *metrics;
    struct health *health;
    struct trend *trend;
    struct recent *recent;
    struct serve *serve;
    struct buf text; /* of the last answer, with a NUL */
};

static int64_t fixture_now(void *ctx) {
    return ((struct fixture *)ctx)->now_us;
}

static struct serve_options options_of(struct fixture *f) {
    return (struct serve_options){.address = "127.0.0.1",
                                  .metrics = f->metrics,
                                  .health = f->health,
                                  .trend = f->trend,
                                  .recent = f->recent,
                                  .view = "a \"view\"",
                                  .member = "one",
                                  .clock = {fixture_now, fixture_now, f}};
}

static int set_up(void **state) {
    static const struct str tables[] = {{"public.student", 14}};
    struct metrics_options counted = {2, tables, 1, "1", NULL, 0};
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->metrics = metrics_new(&counted);
    f->health = health_new();
    f->trend = trend_new();
    f->recent = recent_new();
    struct err err;
    struct serve_options options = options_of(f);
    assert_int_equal(serve_start(&options, &f->serve, &err), ERR_NONE);
    assert_in_range(serve_port(f->serve), 1, 65535);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    serve_stop(&f->serve);
    assert_null(f->serve);
    metrics_destroy(&f->metrics);
    health_destroy(&f->health);
    trend_destroy(&f->trend);
    recent_destroy(&f->recent);
    buf_clear(&f->text);
    free(f);
    return 0;
}

static int open_socket(int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {20, 0};
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

/* All until the server closes; out has a NUL behind it. */
static void read_all(int fd, struct buf *out) {
    ssize_t len;
    buf_reset(out);
    do {
        len = recv(fd, buf_reserve(out, 65536), 65536, 0);
        out->len += len > 0 ? (size_t)len : 0;
    } while (len > 0);
    buf_append(out, "", 1);
}

static const char *ask(struct fixture *f, const char *request) {
    int fd = open_socket(serve_port(f->serve));
    size_t len = strlen(request);
    assert_int_equal(send(fd, request, len, MSG_NOSIGNAL), len);
    read_all(fd, &f->text);
    (void)close(fd);
    return f->text.ptr;
}

static const char *get(struct fixture *f, const char *path) {
    char request[300];
    (void)snprintf(request, sizeof request,
                   "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
    return ask(f, request);
}

static int status_of(const char *answer) {
    assert_int_equal(strncmp(answer, "HTTP/1.1 ", 9), 0);
    return (int)strtol(answer + 9, NULL, 10);
}

static const char *body_of(const char *answer) {
    const char *end = strstr(answer, "\r\n\r\n");
    assert_non_null(end);
    return end + 4;
}

static void healthz_wants_a_loop_that_turns(void **state) {
    struct fixture *f = *state;
    const char *answer = get(f, "/healthz");
    assert_int_equal(status_of(answer), 503);
    assert_string_equal(body_of(answer), "the member's main loop has not run yet\n");

    f->now_us = 100000000;
    health_beat(f->health, 100000);
    f->now_us += 9999000;
    answer = get(f, "/healthz");
    assert_int_equal(status_of(answer), 200);
    assert_string_equal(body_of(answer), "ok\n");

    f->now_us += 1000;
    answer = get(f, "/healthz");
    assert_int_equal(status_of(answer), 503);
    assert_string_equal(body_of(answer), "the member's main loop has not run for 10 s\n");
}

static void readyz_has_the_reasons(void **state) {
    struct fixture *f = *state;
    const char *answer = get(f, "/readyz");
    assert_int_equal(status_of(answer), 503);
    assert_string_equal(body_of(answer), "starting\n");

    struct health_report report;
    health_report_begin(&report);
    health_report_add(&report, "task 3: reading");
    health_report_add(&report, "task 5 halted: no such column");
    assert_true(health_publish(f->health, &report));
    answer = get(f, "/readyz");
    assert_int_equal(status_of(answer), 503);
    assert_string_equal(body_of(answer), "task 3: reading\ntask 5 halted: no such column\n");

    health_report_begin(&report);
    assert_true(health_publish(f->health, &report));
    answer = get(f, "/readyz");
    assert_int_equal(status_of(answer), 200);
    assert_string_equal(body_of(answer), "ready\n");
}

static void metrics_have_their_type(void **state) {
    struct fixture *f = *state;
    metrics_add(f->metrics, METRIC_RECORDS_TAKEN, 0, 42);
    const char *answer = get(f, "/metrics");
    assert_int_equal(status_of(answer), 200);
    assert_non_null(
        strstr(answer, "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    assert_non_null(
        strstr(answer, "\noltp_olap_sync_records_taken_total{table=\"public.student\"} 42\n"));
    assert_non_null(strstr(answer, "\nprocess_resident_memory_bytes "));
    assert_null(strstr(answer, "\nprocess_resident_memory_bytes 0\n"));
}

/* The string behind the field's name. */
static bool has(const char *answer, const char *text) {
    return strstr(body_of(answer), text) != NULL;
}

static void status_says_what_the_member_does(void **state) {
    struct fixture *f = *state;
    const char *answer = get(f, "/status.json");
    assert_int_equal(status_of(answer), 200);
    assert_non_null(strstr(answer, "\r\nContent-Type: application/json\r\n"));
    assert_true(has(answer, "\"view\":\"a \\\"view\\\"\",\"member\":\"one\""));
    assert_true(has(answer, "\"alive\":false,\"ready\":false,\"reasons\":[\"starting\"]"));
    assert_true(has(answer, "\"tasks\":[],"));
    assert_true(has(answer, "\"history\":[],\"recent\":[]"));

    health_beat(f->health, 0);
    metrics_set(f->metrics, METRIC_TASK_PHASE, 1, 6);
    metrics_set(f->metrics, METRIC_STORED_DEAD_LETTERS, 1, 3);
    trend_look(f->trend, f->metrics, 1000);
    metrics_add(f->metrics, METRIC_RECORDS_APPLIED, 1, 17);
    metrics_observe(f->metrics, METRIC_COMMIT_TO_VISIBLE, 1500);
    metrics_observe(f->metrics, METRIC_COMMIT_TO_VISIBLE, 3500);
    trend_look(f->trend, f->metrics, 1000 + TREND_STEP_MS);
    recent_add(f->recent, STR("level=warn why=\"a \\\"b\\\"\""));
    answer = get(f, "/status.json");
    assert_true(has(answer, "\"alive\":true"));
    assert_true(has(answer, "\"dead_letters\":3,\"refused_rows\":0"));
    assert_true(has(answer, "\"tasks\":[{\"task\":1,\"phase\":\"halted\",\"dead_letters\":3,"
                            "\"records_applied\":17}]"));
    assert_true(has(answer, "\"history\":[{\"at_ms\":6000,\"records\":17,\"visible_mean_ms\":2.5,"
                            "\"visible_max_ms\":4,\"ready\":false}]"));
    assert_true(has(answer, "\"recent\":[{\"level\":\"warn\",\"why\":\"a \\\"b\\\"\"}]}"));
}

static void the_page_needs_nothing_from_elsewhere(void **state) {
    struct fixture *f = *state;
    const char *answer = get(f, "/");
    assert_int_equal(status_of(answer), 200);
    assert_non_null(strstr(answer, "\r\nContent-Type: text/html; charset=utf-8\r\n"));
    assert_non_null(strstr(answer, "\r\nContent-Security-Policy: default-src 'none';"));
    assert_int_equal(strncmp(body_of(answer), "<!doctype html>", 15), 0);
    const char *link = body_of(answer);
    while ((link = strstr(link, "://")) != NULL) { /* the namespace of SVG is a name */
        assert_int_equal(strncmp(link, "://www.w3.org/2000/svg", 22), 0);
        link++;
    }
}

static void head_has_no_body(void **state) {
    struct fixture *f = *state;
    health_beat(f->health, 0);
    const char *answer =
        ask(f, "HEAD /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert_int_equal(status_of(answer), 200);
    assert_non_null(strstr(answer, "\r\nContent-Length: 3\r\n"));
    assert_string_equal(body_of(answer), "");
    answer = ask(f, "HEAD /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert_int_equal(status_of(answer), 404);
}

static void other_paths_are_not_there(void **state) {
    struct fixture *f = *state;
    static const char *const paths[] = {
        "/index.html", "/metric", "/metrics/", "/healthz/../readyz", "//metrics", "/Healthz", "*"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        assert_int_equal(status_of(get(f, paths[i])), 404);
    }
    health_beat(f->health, 0);
    assert_int_equal(status_of(get(f, "/healthz?verbose=1")), 200);
}

static void other_methods_are_not_allowed(void **state) {
    struct fixture *f = *state;
    static const char *const heads[] = {"POST /metrics HTTP/1.1\r\nContent-Length: 5\r\n",
                                        "PUT /readyz HTTP/1.1\r\nContent-Length: 5\r\n",
                                        "DELETE /healthz HTTP/1.1\r\n", "OPTIONS / HTTP/1.1\r\n",
                                        "BREW / HTTP/1.1\r\n"};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        char request[300];
        bool body = strstr(heads[i], "Content-Length") != NULL;
        (void)snprintf(request, sizeof request, "%sHost: localhost\r\nConnection: close\r\n\r\n%s",
                       heads[i], body ? "hello" : "");
        const char *answer = ask(f, request);
        assert_int_equal(status_of(answer), 405);
        assert_non_null(strstr(answer, "\r\nAllow: GET, HEAD\r\n"));
    }
}

static void a_connection_serves_again(void **state) {
    struct fixture *f = *state;
    health_beat(f->health, 0);
    const char *answer = ask(f, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
                                "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
                                "Content-Length: 5\r\n\r\nhello" /* a body nobody wants */
                                "GET /nowhere HTTP/1.1\r\nHost: localhost\r\n"
                                "Connection: close\r\n\r\n");
    assert_int_equal(status_of(answer), 200);
    answer = strstr(body_of(answer), "HTTP/1.1 ");
    assert_non_null(answer);
    assert_int_equal(status_of(answer), 200);
    answer = strstr(body_of(answer), "HTTP/1.1 ");
    assert_non_null(answer);
    assert_int_equal(status_of(answer), 404);
}

/* Whatever is sent, the server answers with an error or closes, and lives on. */
static void nonsense_does_no_harm(void **state) {
    struct fixture *f = *state;
    struct buf longer = {0};
    buf_str(&longer, STR("GET /"));
    for (int i = 0; i < 100000; i++) {
        buf_str(&longer, STR("a"));
    }
    buf_append(&longer, " HTTP/1.1\r\nHost: localhost\r\n\r\n",
               sizeof " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    static const char *const texts[] = {"\r\n\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
                                        "\x16\x03\x01\x02\x01\x01",
                                        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"};
    for (size_t i = 0; i <= sizeof texts / sizeof *texts; i++) {
        const char *text = i < sizeof texts / sizeof *texts ? texts[i] : longer.ptr;
        int fd = open_socket(serve_port(f->serve));
        (void)send(fd, text, strlen(text), MSG_NOSIGNAL);
        (void)shutdown(fd, SHUT_WR);
        read_all(fd, &f->text);
        (void)close(fd);
        assert_null(strstr(f->text.ptr, " 200 "));
    }
    buf_clear(&longer);
    health_beat(f->health, 0);
    assert_int_equal(status_of(get(f, "/healthz")), 200);
}

struct client {
    pthread_t thread;
    int port, good;
};

static void *ask_often(void *ctx) {
    struct client *client = ctx;
    struct buf text = {0};
    static const char request[] =
        "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    for (int i = 0; i < 10; i++) {
        int fd = open_socket(client->port);
        (void)send(fd, request, sizeof request - 1, MSG_NOSIGNAL);
        read_all(fd, &text);
        (void)close(fd);
        client->good += strstr(text.ptr, " 200 ") && strstr(text.ptr, "_start_time_seconds ");
    }
    buf_clear(&text);
    return NULL;
}

static void many_ask_while_values_change(void **state) {
    struct fixture *f = *state;
    struct client clients[16];
    for (size_t i = 0; i < 16; i++) {
        clients[i] = (struct client){.port = serve_port(f->serve)};
        assert_int_equal(pthread_create(&clients[i].thread, NULL, ask_often, &clients[i]), 0);
    }
    for (int i = 0; i < 20000; i++) {
        metrics_add(f->metrics, METRIC_RECORDS_TAKEN, 0, 1);
        metrics_observe(f->metrics, METRIC_TRANSACTION_TIME, i);
    }
    for (size_t i = 0; i < 16; i++) {
        assert_int_equal(pthread_join(clients[i].thread, NULL), 0);
        assert_int_equal(clients[i].good, 10);
    }
}

/* Idle and half-asked connections beyond the limit: those that are served stay served. */
static void it_stops_with_connections_open(void **state) {
    struct fixture *f = *state;
    int fds[SERVE_CONNECTIONS_MAX + 20];
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        fds[i] = open_socket(serve_port(f->serve));
        (void)send(fds[i], "GET /heal", i % 2 ? 9 : 0, MSG_NOSIGNAL);
    }
    serve_stop(&f->serve);
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        (void)close(fds[i]);
    }
}

static void a_taken_port_is_told(void **state) {
    struct fixture *f = *state;
    struct serve *second = NULL;
    struct err err;
    struct serve_options options = options_of(f);
    options.port = serve_port(f->serve);
    assert_int_equal(serve_start(&options, &second, &err), ERR_RETRY);
    assert_null(second);
    assert_non_null(strstr(err.message, "127.0.0.1 port "));
    assert_non_null(strstr(err.message, "in use"));

    options.address = "192.0.2.1"; /* nobody's */
    assert_int_equal(serve_start(&options, &second, &err), ERR_RETRY);
    assert_non_null(strstr(err.message, "192.0.2.1"));
    options.address = "no such name";
    assert_int_equal(serve_start(&options, &second, &err), ERR_RETRY);
    assert_non_null(strstr(err.message, "no such name"));

    int port = serve_port(f->serve); /* given back, it can be had at once */
    (void)get(f, "/healthz");
    serve_stop(&f->serve);
    options = options_of(f);
    options.port = port;
    assert_int_equal(serve_start(&options, &f->serve, &err), ERR_NONE);
    assert_int_equal(serve_port(f->serve), port);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(healthz_wants_a_loop_that_turns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(readyz_has_the_reasons, set_up, tear_down),
        cmocka_unit_test_setup_teardown(metrics_have_their_type, set_up, tear_down),
        cmocka_unit_test_setup_teardown(status_says_what_the_member_does, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_page_needs_nothing_from_elsewhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(head_has_no_body, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_paths_are_not_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_methods_are_not_allowed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_connection_serves_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nonsense_does_no_harm, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_ask_while_values_change, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_stops_with_connections_open, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_taken_port_is_told, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
