/* Who may write: retries, stale writers, groups, zombies. The cases are those of design.md 4. */
#include "support.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const struct plan *plan;

static int reset(void **state) {
    (void)state;
    plan = test_view(true);
    tables_reset(plan);
    return 0;
}

/* Commits one row for task; the event's kind. `at` moves on when it is committed. */
static enum sink_event_kind write_one(struct sink *sink, int32_t task, struct progress *at,
                                      const char *name) {
    struct txn_part part;
    part_begin(&part, plan, task, at);
    part_upsert(&part, task, 1, name, "1");
    struct sink_event event = sink_commit(sink, &part);
    if (event.kind == SINK_COMMITTED) {
        *at = part.after;
    }
    txn_part_clear(&part);
    return event.kind;
}

static const char *name_of(int student) {
    char sql[100];
    (void)snprintf(sql, sizeof sql, "SELECT name FROM student_contact WHERE student_id = %d",
                   student);
    return ask(sql);
}

static void test_retry_of_a_committed_batch_is_fenced(void **state) {
    (void)state;
    struct sink *sink = sink_connected(plan);
    struct progress first = sink_acquire(sink, 1, OWNER_A), at = first;
    assert_int_equal(write_one(sink, 1, &at, "once"), SINK_COMMITTED);
    struct progress again = first;
    assert_int_equal(write_one(sink, 1, &again, "twice"), SINK_FENCED);
    assert_string_equal(name_of(1), "once");
    /* the aborted session is usable at once */
    assert_int_equal(write_one(sink, 1, &at, "next"), SINK_COMMITTED);
    assert_string_equal(name_of(1), "next");
    struct progress newest = sink_newest(sink, 1);
    assert_true(progress_equal(&newest, &at, 2));
    pg_sink_destroy(&sink);
}

static void test_any_stale_field_is_fenced(void **state) {
    (void)state;
    struct sink *sink = sink_connected(plan);
    struct progress at = sink_acquire(sink, 1, OWNER_A), wrong;
    wrong = at;
    wrong.has_offsets = true; /* {0,0} is not {} */
    assert_int_equal(write_one(sink, 1, &wrong, "zeros"), SINK_FENCED);
    assert_int_equal(write_one(sink, 1, &at, "good"), SINK_COMMITTED);
    wrong = at;
    wrong.owner[0] = 'b';
    assert_int_equal(write_one(sink, 1, &wrong, "owner"), SINK_FENCED);
    wrong = at;
    wrong.seq--;
    assert_int_equal(write_one(sink, 1, &wrong, "old seq"), SINK_FENCED);
    wrong = at;
    wrong.seq++;
    assert_int_equal(write_one(sink, 1, &wrong, "gap"), SINK_FENCED);
    wrong = at;
    wrong.offsets[1]++;
    assert_int_equal(write_one(sink, 1, &wrong, "offset"), SINK_FENCED);
    wrong = at;
    wrong.has_offsets = false;
    assert_int_equal(write_one(sink, 1, &wrong, "no offsets"), SINK_FENCED);
    wrong = at;
    assert_int_equal(write_one(sink, 2, &wrong, "never acquired"), SINK_FENCED);
    assert_string_equal(ask("SELECT string_agg(name, ',') FROM student_contact"), "good");
    pg_sink_destroy(&sink);
}

static void test_group_with_one_fenced_task_writes_nothing(void **state) {
    (void)state;
    struct sink *a = sink_connected(plan), *b = sink_connected(plan);
    struct txn_part parts[3], *pointers[] = {&parts[0], &parts[1], &parts[2]};
    for (int i = 0; i < 3; i++) {
        struct progress at = sink_acquire(a, i + 1, OWNER_A);
        part_begin(&parts[i], plan, i + 1, &at);
        part_upsert(&parts[i], i + 1, 1, "group", "1");
    }
    struct progress taken = sink_acquire(b, 2, OWNER_B);
    assert_int_equal(taken.seq, 2);
    assert_int_equal(sink_commit_all(a, pointers, 3).kind, SINK_FENCED);
    assert_int_equal(ask_number("SELECT count(*) FROM student_contact"), 0);
    assert_int_equal(ask_number("SELECT count(*) FROM sync_progress"), 4);
    pointers[1] = &parts[2];
    assert_int_equal(sink_commit_all(a, pointers, 2).kind, SINK_COMMITTED);
    assert_int_equal(ask_number("SELECT count(*) FROM student_contact"), 2);
    for (int i = 0; i < 3; i++) {
        txn_part_clear(&parts[i]);
    }
    pg_sink_destroy(&a);
    pg_sink_destroy(&b);
}

/* Drives both until both have an event. */
static void await_both(struct sink *a, struct sink *b, struct sink_event *ret_a,
                       struct sink_event *ret_b) {
    int64_t end = now_ms() + 30000;
    *ret_a = *ret_b = (struct sink_event){.kind = SINK_NOTHING};
    while ((ret_a->kind == SINK_NOTHING || ret_b->kind == SINK_NOTHING) && now_ms() < end) {
        if (ret_a->kind == SINK_NOTHING) {
            *ret_a = sink_await(a, 1);
        }
        if (ret_b->kind == SINK_NOTHING) {
            *ret_b = sink_await(b, 1);
        }
    }
}

static void test_two_acquire_at_once(void **state) {
    (void)state;
    struct sink *a = sink_connected(plan), *b = sink_connected(plan);
    static const int32_t up[] = {1, 2, 3}, down[] = {3, 2, 1};
    for (int i = 0; i < 20; i++) {
        struct sink_event from_a, from_b;
        pg_sink_ops.acquire(a, up, 3, OWNER_A);
        pg_sink_ops.acquire(b, down, 3, OWNER_B);
        await_both(a, b, &from_a, &from_b);
        assert_int_equal(from_a.kind, SINK_ACQUIRED);
        assert_int_equal(from_b.kind, SINK_ACQUIRED);
        assert_true(from_a.result_count == 3 && from_b.result_count == 3);
        if (!from_a.results || !from_b.results) {
            fail();
            return;
        }
        assert_int_equal(from_b.results[0].task, 3); /* in the order asked for */
        for (int t = 0; t < 3; t++) {
            int64_t seq_a = from_a.results[t].newest.seq, seq_b = from_b.results[2 - t].newest.seq;
            assert_true(seq_a == seq_b + 1 || seq_b == seq_a + 1);
        }
    }
    assert_int_equal(ask_number("SELECT max(seq) - count(*) FROM sync_progress WHERE task = 2"), 0);
    pg_sink_destroy(&a);
    pg_sink_destroy(&b);
}

/* A transaction of another session that holds task 1's lock. */
static PGconn *hold(const char *then) {
    PGconn *conn = admin_open();
    PQclear(PQexec(conn, "BEGIN"));
    PQclear(PQexec(conn, "SELECT pg_advisory_xact_lock("
                         "hashtextextended('sync:student_contact', 0) + 1)"));
    PGresult *result = PQexec(conn, then);
    assert_int_not_equal(PQresultStatus(result), PGRES_FATAL_ERROR);
    PQclear(result);
    return conn;
}

#define APPEND_B                                                                                   \
    "INSERT INTO sync_progress SELECT view, task, seq + 1, offsets, '" OWNER_B "'"                 \
    " FROM sync_progress WHERE task = 1 ORDER BY seq DESC LIMIT 1"

static void release(PGconn *conn, const char *how) {
    PQclear(PQexec(conn, how));
    PQfinish(conn);
}

static void test_successor_waits_for_an_open_transaction(void **state) {
    (void)state;
    struct sink *a = sink_connected(plan), *b = sink_connected(plan);
    static const int32_t task = 1;
    static const char *const how[] = {"COMMIT", "ROLLBACK"};
    static const int64_t seq[] = {3, 4};
    (void)sink_acquire(a, 1, OWNER_A);
    for (int i = 0; i < 2; i++) {
        PGconn *open = hold(APPEND_B);
        pg_sink_ops.acquire(b, &task, 1, OWNER_B);
        assert_int_equal(sink_await(b, 400).kind, SINK_NOTHING);
        release(open, how[i]);
        struct sink_event event = sink_await(b, 5000);
        assert_int_equal(event.kind, SINK_ACQUIRED);
        assert_int_equal(event.results[0].newest.seq, seq[i]);
    }
    pg_sink_destroy(&a);
    pg_sink_destroy(&b);
}

static void test_batch_waits_for_an_acquirer(void **state) {
    (void)state;
    static const char *const how[] = {"ROLLBACK", "COMMIT"};
    static const enum sink_event_kind kinds[] = {SINK_COMMITTED, SINK_FENCED};
    struct sink *sink = sink_connected(plan);
    struct progress at = sink_acquire(sink, 1, OWNER_A);
    for (int i = 0; i < 2; i++) {
        PGconn *open = hold(APPEND_B);
        struct txn_part part, *parts[] = {&part};
        part_begin(&part, plan, 1, &at);
        part_upsert(&part, 1, 1, how[i], "1");
        struct txn txn = {.parts = parts, .part_count = 1};
        pg_sink_ops.commit(sink, &txn);
        assert_int_equal(sink_await(sink, 300).kind, SINK_NOTHING);
        release(open, how[i]);
        assert_int_equal(sink_await(sink, 5000).kind, kinds[i]);
        at = part.after;
        txn_part_clear(&part);
    }
    assert_string_equal(name_of(1), "ROLLBACK");
    pg_sink_destroy(&sink);
}

/* OWNER_A's fences take a second, between their snapshot and their insert. */
static void stall_a(void) {
    admin("CREATE OR REPLACE FUNCTION stall() RETURNS trigger LANGUAGE plpgsql AS "
          "$$ BEGIN PERFORM pg_sleep(1); RETURN new; END $$");
    admin("CREATE TRIGGER stall BEFORE INSERT ON sync_progress FOR EACH ROW"
          " WHEN (new.owner = '" OWNER_A "') EXECUTE FUNCTION stall()");
}

/* A writer stalls inside the fence's statement, between its snapshot and its insert, while a
 * successor acquires, goes on and trims: only the lock keeps its rows out. */
static void test_stalled_fence_keeps_the_successor_out(void **state) {
    (void)state;
    struct sink *a = sink_connected(plan), *b = sink_connected(plan);
    static const int32_t task = 1;
    struct progress at = sink_acquire(a, 1, OWNER_A);
    stall_a();
    struct txn_part part, *parts[] = {&part};
    part_begin(&part, plan, 1, &at);
    part_upsert(&part, 1, 1, "stalled", "1");
    struct txn txn = {.parts = parts, .part_count = 1};
    pg_sink_ops.commit(a, &txn);
    assert_int_equal(sink_await(a, 300).kind, SINK_NOTHING);
    pg_sink_ops.acquire(b, &task, 1, OWNER_B);
    struct sink_event acquired = sink_await(b, 10000);
    assert_int_equal(acquired.kind, SINK_ACQUIRED);
    int64_t seq = acquired.results[0].newest.seq;
    admin("INSERT INTO sync_progress SELECT 'student_contact', 1, g, '{500,500}', '" OWNER_B "'"
          " FROM generate_series((SELECT max(seq) + 1 FROM sync_progress), 300) g");
    admin("DELETE FROM sync_progress WHERE seq <= 200");
    struct sink_event event = sink_await(a, 10000);
    assert_true(event.kind == SINK_FENCED || seq == part.after.seq + 1);
    assert_int_equal(ask_number("SELECT min(seq) FROM sync_progress"), 201);
    txn_part_clear(&part);
    pg_sink_destroy(&a);
    pg_sink_destroy(&b);
}

/* A role whose transactions are REPEATABLE READ: the fence would read what was true before the lock
 * was had, when the new owner's rows beside it are trimmed already. */
static void test_fence_reads_after_the_lock_whatever_the_role(void **state) {
    (void)state;
    static const char *const levels[] = {"repeatable read", "serializable"};
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        char sql[100];
        (void)reset(NULL);
        (void)snprintf(sql, sizeof sql, "ALTER ROLE pg SET default_transaction_isolation = '%s'",
                       levels[i]);
        admin(sql);
        struct sink *sink = sink_connected(plan);
        admin("ALTER ROLE pg RESET default_transaction_isolation");
        struct progress at = sink_acquire(sink, 1, OWNER_A);
        PGconn *open = hold("INSERT INTO sync_progress SELECT 'student_contact', 1, g, '{500,500}',"
                            " '" OWNER_B "' FROM generate_series(2, 300) g");
        struct txn_part part, *parts[] = {&part};
        part_begin(&part, plan, 1, &at);
        part_upsert(&part, 1, 1, "stale", "1");
        struct txn txn = {.parts = parts, .part_count = 1};
        pg_sink_ops.commit(sink, &txn);
        assert_int_equal(sink_await(sink, 300).kind, SINK_NOTHING);
        PQclear(PQexec(open, "DELETE FROM sync_progress WHERE seq BETWEEN 2 AND 200"));
        release(open, "COMMIT");
        assert_int_equal(sink_await(sink, 5000).kind, SINK_FENCED);
        assert_int_equal(ask_number("SELECT count(*) FROM student_contact"), 0);
        txn_part_clear(&part);
        pg_sink_destroy(&sink);
    }
}

/* The same seq from somebody who does not hold the lock: 23505, which is no record's fault. */
static void test_unique_violation_at_the_fence_is_fenced(void **state) {
    (void)state;
    struct sink *sink = sink_connected(plan);
    struct progress at = sink_acquire(sink, 1, OWNER_A);
    stall_a();
    struct txn_part part, *parts[] = {&part};
    part_begin(&part, plan, 1, &at);
    part_upsert(&part, 1, 1, "late", "1");
    struct txn txn = {.parts = parts, .part_count = 1};
    pg_sink_ops.commit(sink, &txn);
    assert_int_equal(sink_await(sink, 300).kind, SINK_NOTHING);
    admin(APPEND_B);
    struct sink_event event = sink_await(sink, 5000);
    assert_int_equal(event.kind, SINK_FENCED);
    assert_string_equal(event.err.sqlstate, "23505");
    assert_int_equal(ask_number("SELECT count(*) FROM student_contact"), 0);
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
}

/* Two that lock the same tasks in different orders would wait for each other. */
static void test_locks_are_taken_in_ascending_order(void **state) {
    (void)state;
    static const int32_t tasks[] = {3, 1, 2};
    struct sink *sink = sink_connected(plan);
    PGconn *open = hold("SELECT 1"); /* task 1 */
    pg_sink_ops.acquire(sink, tasks, 3, OWNER_A);
    assert_int_equal(sink_await(sink, 500).kind, SINK_NOTHING);
    assert_int_equal(ask_number("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
                                " AND NOT granted"),
                     1);
    assert_int_equal(ask_number("SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)"
                                " WHERE locktype = 'advisory' AND granted"
                                " AND application_name = 'oltp-olap-sync'"),
                     0);
    release(open, "COMMIT");
    assert_int_equal(sink_await(sink, 5000).kind, SINK_ACQUIRED);
    open = hold("SELECT pg_advisory_xact_lock(hashtextextended('sync:student_contact', 0) + 2)");
    pg_sink_ops.acquire(sink, tasks, 3, OWNER_A);
    assert_int_equal(sink_await(sink, 500).kind, SINK_NOTHING);
    release(open, "COMMIT");
    assert_int_equal(sink_await(sink, 5000).kind, SINK_ACQUIRED);
    pg_sink_destroy(&sink);
}

/* A member writes through two sessions: what each of them sends is fenced by itself, and a task
 * that went over to the other one is lost to the first. */
static void test_each_of_two_sessions_is_fenced(void **state) {
    (void)state;
    struct sink *sinks[] = {sink_connected(plan), sink_connected(plan)};
    struct sink *stranger = sink_connected(plan);
    for (int i = 0; i < 2; i++) {
        struct progress at[3];
        at[1] = sink_acquire(sinks[0], 1, OWNER_A);
        at[2] = sink_acquire(sinks[1], 2, OWNER_A);
        assert_int_equal(write_one(sinks[0], 1, &at[1], "mine"), SINK_COMMITTED);
        assert_int_equal(write_one(sinks[1], 2, &at[2], "mine"), SINK_COMMITTED);
        (void)sink_acquire(stranger, i + 1, OWNER_B);
        for (int s = 0; s < 2; s++) {
            assert_int_equal(write_one(sinks[s], s + 1, &at[s + 1], "again"),
                             s == i ? SINK_FENCED : SINK_COMMITTED);
        }
    }
    pg_sink_destroy(&sinks[0]);
    pg_sink_destroy(&sinks[1]);
    pg_sink_destroy(&stranger);
}

/* ---- a frozen process ---- */

/* In a child: acquires task 1, sends a part of a large transaction and stops; woken, it reports
 * what became of it. */
static void zombie(int out) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* not left behind by a failing test */
    struct sink *sink = sink_connected(plan);
    struct progress at = sink_acquire(sink, 1, OWNER_A);
    struct txn_part part, *parts[] = {&part};
    char *filler = calloc(1, 2000);
    memset(filler, 'z', 1999);
    part_begin(&part, plan, 1, &at);
    for (int i = 0; i < 20000; i++) {
        part_upsert(&part, 1, i, filler, "1");
    }
    struct txn txn = {.parts = parts, .part_count = 1};
    pg_sink_ops.commit(sink, &txn);
    struct sink_event event;
    pg_sink_ops.poll(sink, &event);
    char kind = (char)event.kind;
    (void)!write(out, &kind, 1);
    (void)raise(SIGSTOP);
    event = event.kind == SINK_NOTHING ? sink_await(sink, 30000) : event;
    kind = (char)event.kind;
    (void)!write(out, &kind, 1);
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
    free(filler);
    _exit(0);
}

static void test_frozen_holder_is_ended(void **state) {
    (void)state;
    int fds[2];
    char kind = -1;
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    if (child == 0) {
        zombie(fds[1]);
    }
    assert_int_equal(read(fds[0], &kind, 1), 1);
    assert_int_equal(kind, SINK_NOTHING); /* stopped in the middle of its transaction */
    int status = 0;
    assert_int_equal(waitpid(child, &status, WUNTRACED), child);
    assert_true(WIFSTOPPED(status));
    struct sink *sink = sink_connected(plan);
    int64_t start = now_ms();
    struct progress at = sink_acquire(sink, 1, OWNER_B);
    int64_t took = now_ms() - start;
    print_message("acquired from a frozen holder after %ld ms\n", (long)took);
    assert_in_range(took, 1900, 4000);
    assert_int_equal(at.seq, 2);
    assert_int_equal(write_one(sink, 1, &at, "successor"), SINK_COMMITTED);
    (void)kill(child, SIGCONT);
    assert_int_equal(read(fds[0], &kind, 1), 1);
    assert_int_equal(kind, SINK_LOST);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_string_equal(ask("SELECT string_agg(name, ',') FROM student_contact"), "successor");
    (void)close(fds[0]);
    (void)close(fds[1]);
    pg_sink_destroy(&sink);
}

static void test_commit_ends_a_holder_that_wrote_nothing(void **state) {
    (void)state;
    struct sink *sink = sink_connected(plan);
    struct progress at = sink_acquire(sink, 1, OWNER_A);
    PGconn *open = hold("SELECT 1");
    assert_int_equal(write_one(sink, 1, &at, "first"), SINK_AGAIN);
    assert_int_equal(write_one(sink, 1, &at, "again"), SINK_COMMITTED);
    PGresult *result = PQexec(open, "SELECT 1");
    assert_int_equal(PQresultStatus(result), PGRES_FATAL_ERROR);
    PQclear(result);
    PQfinish(open);
    assert_string_equal(name_of(1), "again");
    pg_sink_destroy(&sink);
}

static void test_commit_spares_the_new_owner(void **state) {
    (void)state;
    struct sink *sink = sink_connected(plan);
    struct progress at = sink_acquire(sink, 1, OWNER_A);
    admin(APPEND_B);
    PGconn *open = hold("SELECT 1"); /* its initial load, say */
    assert_int_equal(write_one(sink, 1, &at, "stale"), SINK_FENCED);
    PGresult *result = PQexec(open, "SELECT 1");
    assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
    PQclear(result);
    PQfinish(open);
    assert_int_equal(ask_number("SELECT count(*) FROM student_contact"), 0);
    pg_sink_destroy(&sink);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_retry_of_a_committed_batch_is_fenced, reset),
        cmocka_unit_test_setup(test_any_stale_field_is_fenced, reset),
        cmocka_unit_test_setup(test_group_with_one_fenced_task_writes_nothing, reset),
        cmocka_unit_test_setup(test_two_acquire_at_once, reset),
        cmocka_unit_test_setup(test_successor_waits_for_an_open_transaction, reset),
        cmocka_unit_test_setup(test_batch_waits_for_an_acquirer, reset),
        cmocka_unit_test_setup(test_stalled_fence_keeps_the_successor_out, reset),
        cmocka_unit_test_setup(test_fence_reads_after_the_lock_whatever_the_role, reset),
        cmocka_unit_test_setup(test_unique_violation_at_the_fence_is_fenced, reset),
        cmocka_unit_test_setup(test_locks_are_taken_in_ascending_order, reset),
        cmocka_unit_test_setup(test_each_of_two_sessions_is_fenced, reset),
        cmocka_unit_test_setup(test_frozen_holder_is_ended, reset),
        cmocka_unit_test_setup(test_commit_ends_a_holder_that_wrote_nothing, reset),
        cmocka_unit_test_setup(test_commit_spares_the_new_owner, reset),
    };
    return cmocka_run_group_tests_name("sink_fence", tests, NULL, NULL);
}
