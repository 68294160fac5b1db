/* Connections that go: at any moment, with the outcome decided by the newest row. */
#include "proxy.h"
#include "support.h"

#include <dirent.h>
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define BACKENDS                                                                                   \
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"                                \
    " WHERE application_name = 'oltp-olap-sync'"

static const struct plan *plan;
static struct proxy *proxy;

static int reset(void **state) {
    (void)state;
    plan = test_view(true);
    tables_reset(plan);
    return 0;
}

/* SOAK=10 in the environment makes the loops ten times as long. */
static int rounds(int count) {
    const char *soak = getenv("SOAK");
    return count * (soak ? (int)strtol(soak, NULL, 10) : 1);
}

static int server_port(void) {
    const char *port = getenv("PGPORT");
    assert_non_null(port);
    return port ? (int)strtol(port, NULL, 10) : 0;
}

/* What the pipeline does: commits part until it is in, deciding unknown outcomes by the newest
 * row. Returns how often the connection was lost. */
static int commit_surely(struct sink *sink, struct txn_part *part) {
    int lost = 0;
    for (int i = 0; i < 200; i++) {
        struct sink_event event = {.kind = SINK_LOST};
        if (pg_sink_ops.ready(sink)) {
            event = sink_commit(sink, part);
        }
        if (event.kind == SINK_COMMITTED) {
            return lost;
        }
        if (event.kind == SINK_AGAIN) {
            continue;
        }
        assert_true(event.kind == SINK_LOST || event.kind == SINK_FENCED);
        if (event.kind == SINK_LOST) {
            lost++;
            (void)sink_until(sink, SINK_CONNECTED, 20000);
        }
        pg_sink_ops.newest(sink, &part->task, 1);
        event = sink_await(sink, 20000);
        if (event.kind == SINK_LOST) {
            (void)sink_until(sink, SINK_CONNECTED, 20000);
            continue;
        }
        assert_int_equal(event.kind, SINK_NEWEST);
        if (progress_equal(&event.results[0].newest, &part->after, 2)) {
            return lost;
        }
        assert_true(progress_equal(&event.results[0].newest, &part->before, 2));
    }
    fail_msg("never committed");
    return lost;
}

static struct progress acquire_surely(struct sink *sink) {
    static const int32_t task = 1;
    for (int i = 0; i < 100; i++) {
        pg_sink_ops.acquire(sink, &task, 1, OWNER_A);
        struct sink_event event = sink_await(sink, 20000);
        if (event.kind == SINK_ACQUIRED) {
            return event.results[0].newest;
        }
        (void)sink_until(sink, SINK_CONNECTED, 20000);
    }
    fail_msg("never acquired");
    return (struct progress){0};
}

static void check_log(int64_t seq, int last) {
    assert_int_equal(ask_number("SELECT max(seq) FROM sync_progress"), seq);
    assert_int_equal(ask_number("SELECT max(seq) - min(seq) + 1 - count(*) FROM sync_progress"), 0);
    assert_int_equal(ask_number("SELECT name FROM student_contact WHERE contact_id = 0"), last);
}

/* Row `contact` counts the batches; the others make it as large as batches are. */
static void next_batch(struct txn_part *part, int number, int rows) {
    char name[16];
    (void)snprintf(name, sizeof name, "%d", number);
    txn_part_reset(part);
    for (int i = 0; i < rows; i++) {
        part_upsert(part, 1, i, name, "1");
    }
}

static void step(struct txn_part *part) {
    part->before = part->after;
    part->after.seq++;
    part->after.offsets[0]++;
}

static void test_cut_anywhere(void **state) {
    (void)state;
    char port[16];
    proxy = proxy_start(server_port());
    (void)snprintf(port, sizeof port, "%d", proxy_port(proxy));
    struct sink *sink = sink_open(plan, port);
    (void)sink_until(sink, SINK_CONNECTED, 10000);
    struct progress at = acquire_surely(sink);
    struct txn_part part;
    part_begin(&part, plan, 1, &at);
    unsigned seed = 20261122;
    int lost = 0, count = rounds(150);
    for (int i = 1; i <= count; i++) {
        next_batch(&part, i, i % 10 == 0 ? 3000 : 1);
        long most = i % 10 == 0 ? 200000 : 1500;
        static const enum proxy_fault faults[] = {PROXY_NONE, PROXY_CUT_UP, PROXY_CUT_DOWN};
        enum proxy_fault fault = faults[rand_r(&seed) % 3];
        proxy_arm(proxy, fault, fault == PROXY_CUT_UP ? rand_r(&seed) % most : rand_r(&seed) % 400);
        lost += commit_surely(sink, &part);
        proxy_arm(proxy, PROXY_NONE, 0);
        if (i < count) {
            step(&part);
        }
    }
    print_message("%d batches, %d connections lost\n", count, lost);
    assert_true(lost > count / 5);
    check_log(part.after.seq, count);
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
    proxy_stop(&proxy);
}

static void test_eaten_answer_to_commit(void **state) {
    (void)state;
    char port[16];
    proxy = proxy_start(server_port());
    (void)snprintf(port, sizeof port, "%d", proxy_port(proxy));
    struct sink *sink = sink_open(plan, port);
    (void)sink_until(sink, SINK_CONNECTED, 10000);
    struct progress at = acquire_surely(sink);
    struct txn_part part;
    part_begin(&part, plan, 1, &at);
    next_batch(&part, 1, 1);
    proxy_arm(proxy, PROXY_CUT_DOWN, 0);
    assert_int_equal(sink_commit(sink, &part).kind, SINK_LOST);
    assert_false(pg_sink_ops.ready(sink));
    (void)sink_until(sink, SINK_CONNECTED, 10000);
    struct progress newest = sink_newest(sink, 1);
    assert_true(progress_equal(&newest, &part.after, 2)); /* it was committed */
    assert_int_equal(sink_commit(sink, &part).kind, SINK_FENCED);
    step(&part);
    proxy_arm(proxy, PROXY_CUT_UP, 10);
    assert_int_equal(sink_commit(sink, &part).kind, SINK_LOST);
    (void)sink_until(sink, SINK_CONNECTED, 10000);
    newest = sink_newest(sink, 1);
    assert_true(progress_equal(&newest, &part.before, 2)); /* it was not */
    assert_int_equal(sink_commit(sink, &part).kind, SINK_COMMITTED);
    check_log(part.after.seq, 1);
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
    proxy_stop(&proxy);
}

/* An aborted transaction answers COMMIT with ROLLBACK: only the literal COMMIT is one. */
static void test_another_tag_is_no_commit(void **state) {
    (void)state;
    char port[16];
    proxy = proxy_start(server_port());
    (void)snprintf(port, sizeof port, "%d", proxy_port(proxy));
    struct sink *sink = sink_open(plan, port);
    (void)sink_until(sink, SINK_CONNECTED, 10000);
    struct progress at = acquire_surely(sink);
    struct txn_part part;
    part_begin(&part, plan, 1, &at);
    next_batch(&part, 1, 1);
    proxy_arm(proxy, PROXY_OTHER_TAG, 0);
    assert_int_equal(sink_commit(sink, &part).kind, SINK_AGAIN);
    static const int32_t task = 1;
    proxy_arm(proxy, PROXY_OTHER_TAG, 0);
    pg_sink_ops.acquire(sink, &task, 1, OWNER_B);
    assert_int_equal(sink_await(sink, 5000).kind, SINK_AGAIN);
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
    proxy_stop(&proxy);
}

/* What is swallowed is missed: the server is asked what it does. */
static void test_swallowed(void **state) {
    (void)state;
    char port[16];
    proxy = proxy_start(server_port());
    (void)snprintf(port, sizeof port, "%d", proxy_port(proxy));
    struct sink *sink = sink_open(plan, port);
    (void)sink_until(sink, SINK_CONNECTED, 10000);
    struct progress at = acquire_surely(sink);
    struct txn_part part;
    part_begin(&part, plan, 1, &at);
    next_batch(&part, 1, 1);
    for (int i = 0; i < 2; i++) {
        proxy_arm(proxy, i == 0 ? PROXY_SWALLOW_UP : PROXY_SWALLOW_DOWN, 0);
        int64_t since = now_ms();
        struct sink_event event = sink_commit(sink, &part);
        assert_int_equal(event.kind, SINK_LOST);
        assert_non_null(strstr(event.err.message, "not working"));
        assert_in_range(now_ms() - since, 300, 5000);
        (void)sink_until(sink, SINK_CONNECTED, 10000);
        struct progress newest = sink_newest(sink, 1);
        assert_true(progress_equal(&newest, i == 0 ? &part.before : &part.after, 2));
    }
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
    proxy_stop(&proxy);
}

static void slow_inserts(const char *sleep) {
    char sql[256];
    (void)snprintf(sql, sizeof sql,
                   "CREATE OR REPLACE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
                   " $$ BEGIN PERFORM pg_sleep(%s); RETURN NULL; END $$",
                   sleep);
    admin(sql);
    admin("CREATE TRIGGER slow AFTER INSERT ON student_contact FOR EACH STATEMENT"
          " EXECUTE FUNCTION slow()");
}

/* A server that is at work is not. */
static void test_long_statement_is_waited_for(void **state) {
    (void)state;
    struct sink *sink = sink_connected(plan);
    struct progress at = acquire_surely(sink);
    struct txn_part part;
    slow_inserts("2.5");
    part_begin(&part, plan, 1, &at);
    part_upsert(&part, 1, 1, "a", "1");
    assert_int_equal(sink_commit(sink, &part).kind, SINK_COMMITTED);
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
}

/* A statement that takes longer than statement_timeout is given more, not sent for ever. */
static void test_cut_off_statement_is_given_longer(void **state) {
    (void)state;
    (void)setenv("PGOPTIONS", "-c statement_timeout=200ms", 1);
    struct sink *sink = sink_connected(plan);
    (void)unsetenv("PGOPTIONS");
    struct progress at = acquire_surely(sink);
    struct txn_part part;
    slow_inserts("0.6");
    part_begin(&part, plan, 1, &at);
    part_upsert(&part, 1, 1, "a", "1");
    struct sink_event event = sink_commit(sink, &part);
    assert_int_equal(event.kind, SINK_AGAIN);
    assert_string_equal(event.err.sqlstate, "57014");
    assert_int_equal(sink_commit(sink, &part).kind, SINK_COMMITTED);
    step(&part); /* what comes next has the usual limit again */
    part_upsert(&part, 1, 2, "a", "1");
    assert_int_equal(sink_commit(sink, &part).kind, SINK_AGAIN);
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
}

static void *killer(void *arg) {
    _Atomic int *stop = arg;
    PGconn *conn = admin_open();
    unsigned seed = 7;
    while (!atomic_load(stop)) {
        sleep_ms(20 + rand_r(&seed) % 150);
        PQclear(PQexec(conn, BACKENDS));
    }
    PQfinish(conn);
    return NULL;
}

static void test_terminated_in_a_loop(void **state) {
    (void)state;
    struct sink *sink = sink_connected(plan);
    struct progress at = acquire_surely(sink);
    struct txn_part part;
    part_begin(&part, plan, 1, &at);
    _Atomic int stop = 0;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, killer, &stop), 0);
    int64_t end = now_ms() + rounds(5000);
    int lost = 0, i = 0;
    for (;;) {
        i++;
        next_batch(&part, i, i % 5 == 0 ? 2000 : 1);
        lost += commit_surely(sink, &part);
        if (now_ms() >= end) {
            break;
        }
        step(&part);
    }
    atomic_store(&stop, 1);
    (void)pthread_join(thread, NULL);
    print_message("%d batches, %d connections lost\n", i, lost);
    assert_true(lost > 10);
    check_log(part.after.seq, i);
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
}

static void test_idle_connection_is_watched(void **state) {
    (void)state;
    struct sink *sink = sink_connected(plan);
    assert_int_equal(sink_await(sink, 200).kind, SINK_NOTHING);
    int64_t start = now_ms();
    admin(BACKENDS);
    assert_int_equal(sink_await(sink, 5000).kind, SINK_LOST);
    assert_false(pg_sink_ops.ready(sink));
    assert_int_equal(sink_await(sink, 5000).kind, SINK_CONNECTED);
    assert_true(now_ms() - start < 1000);
    assert_int_equal(sink_await(sink, 200).kind, SINK_NOTHING); /* once only */
    pg_sink_destroy(&sink);
}

static void server_ctl(const char *how) {
    char command[1024];
    (void)snprintf(command, sizeof command,
                   "cd / && %s %s -D %s -l %s/log -m fast -w %s >/dev/null 2>&1",
                   system("test $(id -u) = 0") == 0 ? "runuser -u postgres --" : "",
                   getenv("PG_CTL"), getenv("PG_SERVER"), getenv("PG_SERVER"), how);
    assert_int_equal(system(command), 0);
}

static void test_server_restart(void **state) {
    (void)state;
    struct sink *sink = sink_connected(plan);
    struct progress at = acquire_surely(sink);
    server_ctl("stop");
    assert_int_equal(sink_await(sink, 5000).kind, SINK_LOST);
    assert_int_equal(sink_await(sink, 5000).kind, SINK_LOST); /* refused */
    server_ctl("start");
    (void)sink_until(sink, SINK_CONNECTED, 10000);
    struct txn_part part;
    part_begin(&part, plan, 1, &at);
    assert_int_equal(sink_commit(sink, &part).kind, SINK_COMMITTED);
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
}

static void test_read_only_reconnects(void **state) {
    (void)state;
    struct sink *sink = sink_connected(plan);
    struct progress at = acquire_surely(sink);
    struct txn_part part;
    part_begin(&part, plan, 1, &at);
    /* as after a failover: the session's server takes no writes any more */
    admin("CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
          "$$ BEGIN RAISE EXCEPTION 'read-only' USING ERRCODE = '25006'; END $$");
    admin("CREATE TRIGGER refuse BEFORE INSERT ON sync_progress FOR EACH STATEMENT"
          " EXECUTE FUNCTION refuse()");
    struct sink_event event = sink_commit(sink, &part);
    assert_int_equal(event.kind, SINK_AGAIN);
    assert_string_equal(event.err.sqlstate, "25006");
    assert_int_equal(sink_await(sink, 5000).kind, SINK_LOST);
    admin("DROP TRIGGER refuse ON sync_progress");
    (void)sink_until(sink, SINK_CONNECTED, 5000);
    assert_int_equal(sink_commit(sink, &part).kind, SINK_COMMITTED);
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
}

static int open_files(void) {
    DIR *dir = opendir("/proc/self/fd");
    int count = 0;
    while (readdir(dir)) {
        count++;
    }
    (void)closedir(dir);
    return count;
}

static void test_reconnects_leak_nothing(void **state) {
    (void)state;
    struct sink *sink = sink_connected(plan);
    struct progress at = acquire_surely(sink);
    struct txn_part part;
    part_begin(&part, plan, 1, &at);
    int files = 0, count = rounds(100);
    size_t bytes = 0;
    for (int i = 0; i < count; i++) {
        admin(BACKENDS);
        (void)sink_until(sink, SINK_LOST, 5000);
        (void)sink_until(sink, SINK_CONNECTED, 5000);
        next_batch(&part, i, 1);
        assert_int_equal(sink_commit(sink, &part).kind, SINK_COMMITTED);
        step(&part);
        if (i == 10) {
            files = open_files();
            bytes = mallinfo2().uordblks;
        }
    }
    print_message("%d reconnects: %d files, %+ld bytes\n", count, open_files() - files,
                  (long)mallinfo2().uordblks - (long)bytes);
    assert_int_equal(open_files(), files);
    assert_true(mallinfo2().uordblks <= bytes + 16384);
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_cut_anywhere, reset),
        cmocka_unit_test_setup(test_eaten_answer_to_commit, reset),
        cmocka_unit_test_setup(test_another_tag_is_no_commit, reset),
        cmocka_unit_test_setup(test_swallowed, reset),
        cmocka_unit_test_setup(test_long_statement_is_waited_for, reset),
        cmocka_unit_test_setup(test_cut_off_statement_is_given_longer, reset),
        cmocka_unit_test_setup(test_terminated_in_a_loop, reset),
        cmocka_unit_test_setup(test_idle_connection_is_watched, reset),
        cmocka_unit_test_setup(test_server_restart, reset),
        cmocka_unit_test_setup(test_read_only_reconnects, reset),
        cmocka_unit_test_setup(test_reconnects_leak_nothing, reset),
    };
    return cmocka_run_group_tests_name("sink_lost", tests, NULL, NULL);
}
