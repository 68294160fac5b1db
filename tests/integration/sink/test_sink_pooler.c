/* A real pgbouncer before the OLAP database: a session pool serves, another one is named. */
#include "support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const struct plan *plan;
static char folder[64], port[16];
static struct log test_log = {.fd = 2, .level = LOG_ERROR + 1, .member = "test"};

static int reset(void **state) {
    (void)state;
    plan = test_view(true);
    tables_reset(plan);
    return 0;
}

static int run(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int run(const char *format, ...) {
    char command[1024];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(command, sizeof command, format, args);
    va_end(args);
    return system(command);
}

static bool answers(void) {
    return run("psql -h 127.0.0.1 -p %s -U pg -d pool -Atc 'SELECT 1' >/dev/null 2>&1", port) == 0;
}

static void pooler_start(const char *mode) {
    char path[96];
    (void)snprintf(folder, sizeof folder, "/tmp/sink-pooler.XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chmod(folder, 0777), 0);
    (void)snprintf(port, sizeof port, "%d", 33000 + getpid() % 9000);
    (void)snprintf(path, sizeof path, "%s/ini", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fprintf(file,
                  "[databases]\npool = host=127.0.0.1 port=%s user=pg dbname=postgres\n"
                  "[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %s\nunix_socket_dir =\n"
                  "auth_type = any\npool_mode = %s\nlogfile = %s/log\npidfile = %s/pid\n",
                  getenv("PGPORT"), port, mode, folder, folder);
    (void)fclose(file);
    int code = run("cd / && %s pgbouncer -q -d %s/ini",
                   getuid() == 0 ? "runuser -u postgres --" : "", folder);
    if (code != 0) {
        fail_msg("pgbouncer does not start: apt-get install pgbouncer");
    }
    int64_t end = now_ms() + 10000;
    while (!answers() && now_ms() < end) {
        sleep_ms(20);
    }
    assert_true(answers());
}

static void pooler_stop(void) {
    assert_int_equal(run("kill $(cat %s/pid) && rm -r %s", folder, folder), 0);
}

static struct sink *open_pooled(const char *more, const char *value) {
    const char *keywords[] = {"host", "port", "dbname", more, NULL};
    const char *values[] = {"127.0.0.1", port, "pool", value, NULL};
    struct pg_sink_options options = {.keywords = keywords,
                                      .values = values,
                                      .identity = {STR("cluster-1"), STR("java")},
                                      .log = &test_log,
                                      .clock = clock_real()};
    struct sink *sink = NULL;
    assert_int_equal(pg_sink_new(plan, &options, &sink, NULL), ERR_NONE);
    return sink;
}

static void expect_advice(struct sink *sink, const char *words) {
    struct sink_event event = sink_await(sink, 10000);
    assert_int_equal(event.kind, SINK_HALT);
    if (!strstr(event.err.message, words) || !strstr(event.err.message, "pool_mode=session")) {
        fail_msg("%s", event.err.message);
    }
}

static void write_row(struct sink *sink) {
    struct progress at = sink_acquire(sink, 1, OWNER_A);
    struct txn_part part;
    part_begin(&part, plan, 1, &at);
    part_upsert(&part, 1, 1, "name", "1");
    assert_int_equal(sink_commit(sink, &part).kind, SINK_COMMITTED);
    txn_part_clear(&part);
}

static void test_session_pool(void **state) {
    (void)state;
    pooler_start("session");
    for (int i = 0; i < 3; i++) { /* the pool's sessions are used again */
        struct sink *a = open_pooled(NULL, NULL), *b = open_pooled(NULL, NULL);
        (void)sink_until(a, SINK_CONNECTED, 10000);
        (void)sink_until(b, SINK_CONNECTED, 10000);
        write_row(a);
        write_row(b);
        pg_sink_destroy(&a);
        pg_sink_destroy(&b);
    }
    struct sink *sink = open_pooled("options", "-c work_mem=8MB");
    expect_advice(sink, "unsupported startup parameter");
    pg_sink_destroy(&sink);
    pooler_stop();
}

static void test_transaction_pool(void **state) {
    (void)state;
    pooler_start("transaction");
    struct sink *a = open_pooled(NULL, NULL);
    (void)sink_until(a, SINK_CONNECTED, 10000);
    struct sink *b = open_pooled(NULL, NULL);
    expect_advice(b, "already exists");
    pg_sink_destroy(&a);
    pg_sink_destroy(&b);
    pooler_stop();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_session_pool, reset),
        cmocka_unit_test_setup(test_transaction_pool, reset),
    };
    return cmocka_run_group_tests_name("sink_pooler", tests, NULL, NULL);
}
