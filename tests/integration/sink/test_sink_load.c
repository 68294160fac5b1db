/* The initial load: one transaction by COPY, or by INSERT where a column needs a conversion. */
#include "support.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const struct plan *plan;

static int by_copy(void **state) {
    (void)state;
    plan = test_view(true);
    tables_reset(plan);
    return 0;
}

static int by_insert(void **state) {
    (void)state;
    plan = test_view(false);
    tables_reset(plan);
    return 0;
}

#define NASTY "tab\there\\ back\nline\rreturn \\N \\. \x01 \xc3\xa9 'quoted' \"twice\""

/* Rows (1, 0..rows); `bad_at`: that row's date is none; `fail_at`: the source fails there. It
 * pauses before every thousandth row, and at its end. */
struct rows {
    int next, count, bad_at, fail_at, pauses;
    const char *filler;
    char id[16];
    struct str values[5];
};

static enum err_kind rows_next(void *ctx, const struct str **ret_values, bool *ret_end,
                               struct err *reterr) {
    struct rows *rows = ctx;
    if (rows->next == rows->fail_at) {
        return err_set(reterr, ERR_CACHE, "page 7 is damaged");
    }
    *ret_values = NULL;
    if ((rows->next % 1000 == 0 || rows->next == rows->count) &&
        rows->pauses <= rows->next / 1000 + (rows->next == rows->count)) {
        rows->pauses++;
        return ERR_NONE;
    }
    *ret_end = rows->next == rows->count;
    if (*ret_end) {
        return ERR_NONE;
    }
    rows->values[0] = STR("1");
    rows->values[1] =
        (struct str){rows->id, (size_t)snprintf(rows->id, sizeof rows->id, "%d", rows->next)};
    rows->values[2] = str_from(rows->filler);
    rows->values[3] = rows->next % 2 ? STR_NONE : STR("");
    rows->values[4] = rows->next == rows->bad_at ? STR("Ada's date") : STR("2001-02-03");
    *ret_values = rows->values;
    rows->next++;
    return ERR_NONE;
}

static struct rows rows_of(int count) {
    return (struct rows){.count = count, .bad_at = -1, .fail_at = -1, .filler = NASTY};
}

static struct sink_event load_part(struct sink *sink, struct txn_part *part, struct rows *rows) {
    struct load_source source = {.ctx = rows, .next = rows_next};
    struct txn_part *parts[] = {part};
    struct txn txn = {.parts = parts, .part_count = 1, .load = &source};
    pg_sink_ops.commit(sink, &txn);
    return sink_await(sink, 60000);
}

/* The same; no poll goes beyond a pause. */
static struct sink_event load_bit_by_bit(struct sink *sink, struct txn_part *part,
                                         struct rows *rows) {
    struct load_source source = {.ctx = rows, .next = rows_next};
    struct txn_part *parts[] = {part};
    struct txn txn = {.parts = parts, .part_count = 1, .load = &source};
    struct sink_event event;
    pg_sink_ops.commit(sink, &txn);
    do {
        int pauses = rows->pauses;
        pg_sink_ops.poll(sink, &event);
        assert_in_range(rows->pauses, pauses, pauses + 1);
    } while (event.kind == SINK_NOTHING);
    return event;
}

static void test_load(void **state) {
    (void)state;
    struct sink *sink = sink_connected(plan);
    struct progress at = sink_acquire(sink, 1, OWNER_A);
    struct txn_part part;
    part_begin(&part, plan, 1, &at);
    struct rows rows = rows_of(50001);
    struct dead_letter dead_letter = {.topic = STR("oltp.public.contact"),
                                      .table = 1,
                                      .partition = 1,
                                      .offset = 5,
                                      .reason = "refused"};
    txn_part_add_dead_letter(&part, &dead_letter);
    struct sink_event event = load_bit_by_bit(sink, &part, &rows);
    assert_int_equal(event.kind, SINK_COMMITTED);
    assert_int_equal(event.upserted_count, 50001);
    assert_int_equal(rows.pauses, 52);
    struct progress newest = sink_newest(sink, 1);
    assert_true(progress_equal(&newest, &part.after, 2));
    assert_int_equal(ask_number("SELECT count(*) FROM student_contact"), 50001);
    assert_int_equal(ask_number("SELECT count(*) FROM student_contact WHERE name = "
                                "E'tab\\there\\\\ back\\nline\\rreturn \\\\N \\\\. \\x01 \\u00e9 "
                                "''quoted'' \"twice\"'"),
                     50001);
    assert_int_equal(ask_number("SELECT count(*) FROM student_contact WHERE contact_number = ''"),
                     25001);
    assert_int_equal(ask_number("SELECT count(*) FROM student_contact"
                                " WHERE contact_number IS NULL"),
                     25000);
    assert_string_equal(ask("SELECT reason FROM sync_dead_letter"), "refused");
    /* the session is as it was: a batch, and another task's empty load */
    txn_part_reset(&part);
    part.before = part.after;
    part.after.seq++;
    part_upsert(&part, 1, 0, "batch", "1");
    assert_int_equal(sink_commit(sink, &part).upserted_count, 1);
    struct progress other = sink_acquire(sink, 2, OWNER_A);
    txn_part_clear(&part);
    part_begin(&part, plan, 2, &other);
    rows = rows_of(0);
    event = load_part(sink, &part, &rows);
    assert_int_equal(event.kind, SINK_COMMITTED);
    assert_int_equal(event.upserted_count, 0);
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
}

/* Loads; expects kind, and nothing left. */
static struct err expect_nothing(struct sink *sink, struct txn_part *part, struct rows rows,
                                 enum sink_event_kind kind, const char *sqlstate) {
    long count = ask_number("SELECT count(*) FROM student_contact");
    struct sink_event event = load_part(sink, part, &rows);
    assert_int_equal(event.kind, kind);
    assert_string_equal(event.err.sqlstate, sqlstate);
    assert_int_equal(ask_number("SELECT count(*) FROM student_contact"), count);
    struct progress newest = sink_newest(sink, part->task);
    assert_int_equal(newest.seq, part->before.seq);
    return event.err;
}

static void test_load_that_fails_leaves_nothing(void **state) {
    (void)state;
    struct sink *sink = sink_connected(plan);
    struct progress at = sink_acquire(sink, 1, OWNER_A);
    struct txn_part part;
    part_begin(&part, plan, 1, &at);
    struct rows rows = rows_of(20000);
    rows.bad_at = 15000;
    struct err err = expect_nothing(sink, &part, rows, SINK_REFUSED, "22007");
    assert_null(strstr(err.message, "Ada"));
    rows = rows_of(20000);
    rows.fail_at = 12000;
    err = expect_nothing(sink, &part, rows, SINK_AGAIN, "");
    assert_int_equal(err.kind, ERR_CACHE);
    assert_string_equal(err.message, "page 7 is damaged");
    rows.fail_at = 0;
    (void)expect_nothing(sink, &part, rows, SINK_AGAIN, "");
    admin("INSERT INTO student_contact VALUES (1, 700)");
    err = expect_nothing(sink, &part, rows_of(1000), SINK_HALT, "23505");
    assert_non_null(strstr(err.message, "sync_progress does not account for"));
    admin("DELETE FROM student_contact");
    part.before.seq++;
    rows = rows_of(10);
    struct sink_event event = load_part(sink, &part, &rows);
    assert_int_equal(event.kind, SINK_FENCED);
    assert_int_equal(rows.next, 0); /* no row was read for it */
    part.before.seq--;
    rows = rows_of(1000);
    assert_int_equal(load_part(sink, &part, &rows).kind, SINK_COMMITTED);
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
}

static void test_load_survives_statement_timeout(void **state) {
    (void)state;
    admin("ALTER ROLE pg SET statement_timeout = '200ms'"); /* `options` wins over it */
    (void)setenv("PGOPTIONS", "-c statement_timeout=300ms", 1);
    struct sink *sink = sink_connected(plan);
    (void)unsetenv("PGOPTIONS");
    admin("ALTER ROLE pg RESET statement_timeout");
    struct progress at = sink_acquire(sink, 1, OWNER_A);
    admin("CREATE OR REPLACE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS "
          "$$ BEGIN PERFORM pg_sleep(0.5); RETURN new; END $$");
    admin("CREATE TRIGGER slow BEFORE INSERT ON student_contact FOR EACH ROW"
          " EXECUTE FUNCTION slow()");
    struct txn_part part;
    part_begin(&part, plan, 1, &at);
    struct rows rows = rows_of(2);
    assert_int_equal(load_part(sink, &part, &rows).kind, SINK_COMMITTED);
    txn_part_reset(&part);
    part.before = part.after;
    part.after.seq++;
    part_upsert(&part, 1, 0, "batch", "1");
    struct sink_event event = sink_commit(sink, &part); /* SET LOCAL was local */
    assert_int_equal(event.kind, SINK_AGAIN);
    assert_string_equal(event.err.sqlstate, "57014");
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
}

static void test_load_killed_leaves_nothing(void **state) {
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        struct sink *sink = sink_connected(plan);
        struct progress at = sink_acquire(sink, 1, OWNER_A);
        struct txn_part part;
        part_begin(&part, plan, 1, &at);
        struct rows rows = rows_of(1000000000);
        (void)load_part(sink, &part, &rows);
        _exit(1);
    }
    sleep_ms(1500);
    (void)kill(child, SIGKILL);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    struct sink *sink = sink_connected(plan);
    struct progress at = sink_acquire(sink, 1, OWNER_B);
    assert_int_equal(at.seq, 2);
    assert_false(at.has_offsets);
    assert_int_equal(ask_number("SELECT count(*) FROM student_contact"), 0);
    struct txn_part part;
    part_begin(&part, plan, 1, &at);
    struct rows rows = rows_of(10);
    assert_int_equal(load_part(sink, &part, &rows).kind, SINK_COMMITTED);
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
}

static void test_load_memory_is_bounded(void **state) {
    (void)state;
    struct sink *sink = sink_connected(plan);
    struct progress at = sink_acquire(sink, 1, OWNER_A);
    struct txn_part part;
    part_begin(&part, plan, 1, &at);
    struct rows rows = rows_of(200000); /* 200 MB */
    char *filler = calloc(1, 1001);
    memset(filler, 'f', 1000);
    rows.filler = filler;
    struct rusage before, after;
    (void)getrusage(RUSAGE_SELF, &before);
    assert_int_equal(load_part(sink, &part, &rows).kind, SINK_COMMITTED);
    (void)getrusage(RUSAGE_SELF, &after);
    print_message("200 MB loaded, %+ld KB resident at most\n", after.ru_maxrss - before.ru_maxrss);
    assert_true(after.ru_maxrss - before.ru_maxrss < 32768);
    free(filler);
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
}

static void test_load_cut_is_lost(void **state) {
    (void)state;
    struct sink *sink = sink_connected(plan);
    struct progress at = sink_acquire(sink, 1, OWNER_A);
    struct txn_part part, *parts[] = {&part};
    part_begin(&part, plan, 1, &at);
    struct rows rows = rows_of(1000000000);
    struct load_source source = {.ctx = &rows, .next = rows_next};
    struct txn txn = {.parts = parts, .part_count = 1, .load = &source};
    pg_sink_ops.commit(sink, &txn);
    assert_int_equal(sink_await(sink, 500).kind, SINK_NOTHING);
    assert_true(rows.next > 0);
    admin("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
          " WHERE application_name = 'oltp-olap-sync'");
    assert_int_equal(sink_await(sink, 10000).kind, SINK_LOST);
    assert_int_equal(sink_await(sink, 10000).kind, SINK_CONNECTED);
    struct progress newest = sink_newest(sink, 1);
    assert_true(progress_equal(&newest, &at, 2));
    rows = rows_of(3);
    assert_int_equal(load_part(sink, &part, &rows).kind, SINK_COMMITTED);
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        {"test_load_copy", test_load, by_copy, NULL, NULL},
        {"test_load_insert", test_load, by_insert, NULL, NULL},
        {"test_load_that_fails_leaves_nothing_copy", test_load_that_fails_leaves_nothing, by_copy,
         NULL, NULL},
        {"test_load_that_fails_leaves_nothing_insert", test_load_that_fails_leaves_nothing,
         by_insert, NULL, NULL},
        {"test_load_survives_statement_timeout_copy", test_load_survives_statement_timeout, by_copy,
         NULL, NULL},
        {"test_load_survives_statement_timeout_insert", test_load_survives_statement_timeout,
         by_insert, NULL, NULL},
        {"test_load_killed_leaves_nothing_copy", test_load_killed_leaves_nothing, by_copy, NULL,
         NULL},
        {"test_load_killed_leaves_nothing_insert", test_load_killed_leaves_nothing, by_insert, NULL,
         NULL},
        {"test_load_memory_is_bounded_copy", test_load_memory_is_bounded, by_copy, NULL, NULL},
        {"test_load_memory_is_bounded_insert", test_load_memory_is_bounded, by_insert, NULL, NULL},
        {"test_load_cut_is_lost_copy", test_load_cut_is_lost, by_copy, NULL, NULL},
        {"test_load_cut_is_lost_insert", test_load_cut_is_lost, by_insert, NULL, NULL},
    };
    return cmocka_run_group_tests_name("sink_load", tests, NULL, NULL);
}
