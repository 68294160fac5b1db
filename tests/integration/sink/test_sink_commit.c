/* Committing: what is written, counted, fenced and refused. */
#include "support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct plan *plan;

static int reset(void **state) {
    (void)state;
    plan = test_view(true);
    tables_reset(plan);
    return 0;
}

static void test_commit(void **state) {
    (void)state;
    struct sink *sink = sink_connected(plan);
    struct progress at = sink_acquire(sink, 3, OWNER_A);
    assert_int_equal(at.seq, 1);
    assert_false(at.has_offsets);
    struct txn_part part;
    part_begin(&part, plan, 3, &at);
    part_upsert(&part, 7, 1, "Ada", "123");
    part_upsert(&part, 7, 2, "Ada", NULL);
    struct sink_event event = sink_commit(sink, &part);
    assert_int_equal(event.kind, SINK_COMMITTED);
    assert_int_equal(event.upserted_count, 2);
    assert_int_equal(event.deleted_count, 0);
    struct progress newest = sink_newest(sink, 3);
    assert_true(progress_equal(&newest, &part.after, 2));
    assert_string_equal(ask("SELECT string_agg(t::text, ';' ORDER BY t) FROM student_contact t"),
                        "(7,1,Ada,123,2001-02-03);(7,2,Ada,,2001-02-03)");
    assert_false(sink_newest(sink, 4).exists);
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
}

static void test_acquisition_keeps_offsets(void **state) {
    (void)state;
    struct sink *sink = sink_connected(plan);
    struct progress at = sink_acquire(sink, 1, OWNER_A);
    struct txn_part part;
    part_begin(&part, plan, 1, &at);
    assert_int_equal(sink_commit(sink, &part).kind, SINK_COMMITTED); /* only offsets move */
    struct progress taken = sink_acquire(sink, 1, OWNER_B);
    assert_int_equal(taken.seq, part.after.seq + 1);
    assert_true(taken.has_offsets);
    assert_memory_equal(taken.offsets, part.after.offsets, 2 * sizeof(int64_t));
    assert_string_equal(ask("SELECT string_agg(offsets::text, ' ' ORDER BY seq)"
                            " FROM sync_progress WHERE task = 1"),
                        "{} {1,1} {1,1}");
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
}

static void test_anchors_are_kept(void **state) {
    (void)state;
    struct sink *sink = sink_connected(plan);
    struct progress at = sink_acquire(sink, 1, OWNER_A);
    struct txn_part part;
    part_begin(&part, plan, 1, &at);
    part.after.anchors[0] = (struct log_anchor){41, INT64_C(1790000000123)};
    assert_int_equal(sink_commit(sink, &part).kind, SINK_COMMITTED);
    struct progress newest = sink_newest(sink, 1);
    assert_memory_equal(newest.anchors, part.after.anchors, 2 * sizeof *newest.anchors);
    struct progress taken = sink_acquire(sink, 1, OWNER_B);
    assert_memory_equal(taken.anchors, part.after.anchors, 2 * sizeof *taken.anchors);
    admin("UPDATE sync_progress SET marks = NULL"); /* rows of an older version */
    taken = sink_acquire(sink, 1, OWNER_A);
    assert_true(taken.has_offsets);
    assert_int_equal(taken.anchors[0].timestamp_ms, 0);
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
}

static void test_deletes_go_before_upserts(void **state) {
    (void)state;
    struct sink *sink = sink_connected(plan);
    struct progress at = sink_acquire(sink, 1, OWNER_A);
    struct txn_part part;
    part_begin(&part, plan, 1, &at);
    part_upsert(&part, 7, 1, "old", "1");
    part_upsert(&part, 7, 2, "old", "2");
    part_upsert(&part, 8, 1, "other", "3");
    assert_int_equal(sink_commit(sink, &part).upserted_count, 3);
    txn_part_reset(&part);
    part.before = part.after;
    part.after.seq++;
    part_upsert(&part, 7, 1, "new", "1");
    part_delete_student(&part, 7);
    part_delete_contact(&part, 8, 1);
    part_delete_contact(&part, 9, 1); /* is not there */
    struct sink_event event = sink_commit(sink, &part);
    assert_int_equal(event.kind, SINK_COMMITTED);
    assert_int_equal(event.deleted_count, 3);
    assert_int_equal(event.upserted_count, 1);
    assert_string_equal(ask("SELECT string_agg(name, ',') FROM student_contact"), "new");
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
}

static void test_unchanged_rows_are_left_alone(void **state) {
    (void)state;
    struct sink *sink = sink_connected(plan);
    struct progress at = sink_acquire(sink, 1, OWNER_A);
    struct txn_part part;
    part_begin(&part, plan, 1, &at);
    part_upsert(&part, 7, 1, "same", NULL);
    part_upsert(&part, 7, 2, "changes", "2");
    assert_int_equal(sink_commit(sink, &part).upserted_count, 2);
    long xmin = ask_number("SELECT xmin FROM student_contact WHERE contact_id = 1");
    txn_part_reset(&part);
    part.before = part.after;
    part.after.seq++;
    part_upsert(&part, 7, 1, "same", NULL);
    part_upsert(&part, 7, 2, "changed", "2");
    assert_int_equal(sink_commit(sink, &part).upserted_count, 1);
    assert_int_equal(ask_number("SELECT xmin FROM student_contact WHERE contact_id = 1"), xmin);
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
}

/* Commits part and expects kind with sqlstate; nothing may be written, the session goes on. */
static struct err expect_nothing(struct sink *sink, struct txn_part *part,
                                 enum sink_event_kind kind, const char *sqlstate) {
    long rows = ask_number("SELECT count(*) FROM student_contact");
    struct sink_event event = sink_commit(sink, part);
    assert_int_equal(event.kind, kind);
    assert_string_equal(event.err.sqlstate, sqlstate);
    assert_int_equal(ask_number("SELECT count(*) FROM student_contact"), rows);
    assert_int_equal(ask_number("SELECT max(seq) FROM sync_progress"), part->before.seq);
    return event.err;
}

static void test_data_errors_are_refused(void **state) {
    (void)state;
    struct sink *sink = sink_connected(plan);
    struct progress at = sink_acquire(sink, 1, OWNER_A);
    struct txn_part part;
    part_begin(&part, plan, 1, &at);
    struct str bad[] = {STR("7"), STR("1"), STR("Ada"), STR("1"), STR("Ada's birthday")};
    part_upsert(&part, 1, 1, "good", "1");
    row_array_add(&part.targets[0].upserts, bad);
    struct err err = expect_nothing(sink, &part, SINK_REFUSED, "22007");
    assert_int_equal(err.kind, ERR_RECORD);
    assert_null(strstr(err.message, "Ada"));
    txn_part_reset(&part);
    part_check_contact(&part, 7, 1, "1", "no date");
    err = expect_nothing(sink, &part, SINK_REFUSED, "22007");
    assert_non_null(strstr(err.message, "public.contact"));
    txn_part_reset(&part);
    struct str key[] = {STR("99999999999999999999")};
    row_array_add(&part.targets[0].deletes[DELETE_KEY][0], key);
    (void)expect_nothing(sink, &part, SINK_REFUSED, "22003");
    txn_part_reset(&part);
    part_upsert(&part, 1, 1, "a", "1");
    part_upsert(&part, 1, 1, "b", "1");
    (void)expect_nothing(sink, &part, SINK_REFUSED, "21000");
    txn_part_reset(&part);
    part_upsert(&part, 1, 1, "\xff", "1");
    (void)expect_nothing(sink, &part, SINK_REFUSED, "22021");
    txn_part_reset(&part);
    part_upsert(&part, 1, 1, "good", "1");
    part_check_contact(&part, 7, 1, NULL, "2001-01-01");
    assert_int_equal(sink_commit(sink, &part).kind, SINK_COMMITTED);
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
}

static void test_deferred_constraint_is_a_data_error(void **state) {
    (void)state;
    admin("ALTER TABLE student_contact ADD CONSTRAINT once UNIQUE (contact_number)"
          " DEFERRABLE INITIALLY DEFERRED");
    struct sink *sink = sink_connected(plan);
    struct progress at = sink_acquire(sink, 1, OWNER_A);
    struct txn_part part;
    part_begin(&part, plan, 1, &at);
    part_upsert(&part, 1, 1, "a", "1");
    part_upsert(&part, 1, 2, "b", "1");
    (void)expect_nothing(sink, &part, SINK_REFUSED, "23505");
    txn_part_reset(&part);
    part_upsert(&part, 1, 1, "a", "1");
    assert_int_equal(sink_commit(sink, &part).kind, SINK_COMMITTED);
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
}

static void test_check_alone(void **state) {
    (void)state;
    struct sink *sink = sink_connected(plan);
    struct txn_part part;
    struct progress at = {.exists = true};
    part_begin(&part, plan, 1, &at);
    for (int i = 0; i < 4001; i++) {
        part_check_contact(&part, 1, i, "1", "2001-01-01");
    }
    pg_sink_ops.check(sink, 1, &part.checks[1]);
    assert_int_equal(sink_await(sink, 5000).kind, SINK_CHECKED);
    part_check_contact(&part, 1, 1, "1", "2001-02-30");
    pg_sink_ops.check(sink, 1, &part.checks[1]);
    struct sink_event event = sink_await(sink, 5000);
    assert_int_equal(event.kind, SINK_REFUSED);
    assert_string_equal(event.err.sqlstate, "22008");
    txn_part_reset(&part);
    pg_sink_ops.check(sink, 0, &part.checks[0]);
    assert_int_equal(sink_await(sink, 5000).kind, SINK_CHECKED);
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
}

static void test_progress_is_trimmed(void **state) {
    (void)state;
    struct sink *sink = sink_connected(plan);
    struct txn_part part;
    struct progress at = sink_acquire(sink, 1, OWNER_A);
    (void)sink_acquire(sink, 2, OWNER_A);
    part_begin(&part, plan, 1, &at);
    long most = 0;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(sink_commit(sink, &part).kind, SINK_COMMITTED);
        part.before = part.after;
        part.after.seq++;
        part.after.offsets[0]++;
        if (i % 50 == 0) {
            long rows = ask_number("SELECT count(*) FROM sync_progress WHERE task = 1");
            most = rows > most ? rows : most;
        }
    }
    assert_in_range(most, 150, 200);
    assert_int_equal(ask_number("SELECT max(seq) - min(seq) + 1 - count(*) FROM sync_progress"
                                " WHERE task = 1"),
                     0);
    assert_int_equal(ask_number("SELECT count(*) FROM sync_progress WHERE task = 2"), 1);
    /* A batch does not look far below: unbounded, it walks all that an old snapshot keeps from
     * being cleaned up. */
    admin("INSERT INTO sync_progress SELECT view, task, -5, '{}', '' FROM sync_progress"
          " WHERE task = 1 LIMIT 1");
    for (int i = 0; i < 100; i++) {
        assert_int_equal(sink_commit(sink, &part).kind, SINK_COMMITTED);
        part.before = part.after;
        part.after.seq++;
        part.after.offsets[0]++;
    }
    assert_int_equal(ask_number("SELECT min(seq) FROM sync_progress WHERE task = 1"), -5);
    /* an acquisition leaves only the newest hundred, whatever was skipped */
    (void)sink_acquire(sink, 1, OWNER_B);
    assert_int_equal(ask_number("SELECT count(*) FROM sync_progress WHERE task = 1"), 100);
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
}

static void test_large_values_and_many_rows(void **state) {
    (void)state;
    struct sink *sink = sink_connected(plan);
    struct progress at = sink_acquire(sink, 1, OWNER_A);
    struct txn_part part;
    part_begin(&part, plan, 1, &at);
    const size_t len = (size_t)1024 * 1024;
    char *big = calloc(1, len + 1);
    memset(big, 'x', len);
    for (int i = 0; i < 50; i++) { /* more than one statement's bytes */
        part_upsert(&part, 1, i, big, "1");
    }
    struct sink_event event = sink_commit(sink, &part);
    assert_int_equal(event.kind, SINK_COMMITTED);
    assert_int_equal(event.upserted_count, 50);
    assert_int_equal(ask_number("SELECT min(length(name)) FROM student_contact"), len);
    txn_part_reset(&part);
    part.before = part.after;
    part.after.seq++;
    part_delete_student(&part, 1);
    for (int i = 0; i < 20000; i++) {
        part_upsert(&part, 2, i, "many", "1");
        part_delete_contact(&part, 3, i);
        part_check_contact(&part, 4, i, NULL, NULL);
    }
    event = sink_commit(sink, &part);
    assert_int_equal(event.kind, SINK_COMMITTED);
    assert_int_equal(event.upserted_count, 20000);
    assert_int_equal(event.deleted_count, 50);
    assert_int_equal(ask_number("SELECT count(*) FROM student_contact"), 20000);
    /* an error in the middle of many statements */
    part_upsert(&part, 5, 1, "x", "1");
    part.before = part.after;
    part.after.seq++;
    part.targets[0].upserts.columns[0].ptr[4] = 'x';
    (void)expect_nothing(sink, &part, SINK_REFUSED, "22P02");
    free(big);
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
}

static void test_environment_errors(void **state) {
    (void)state;
    struct sink *sink = sink_connected(plan);
    struct progress at = sink_acquire(sink, 1, OWNER_A);
    struct txn_part part;
    part_begin(&part, plan, 1, &at);
    part_upsert(&part, 1, 1, "a", "1");
    admin("ALTER TABLE student_contact RENAME COLUMN name TO nom");
    struct err err = expect_nothing(sink, &part, SINK_HALT, "42703");
    assert_non_null(strstr(err.message, "--apply-sink"));
    admin("ALTER TABLE student_contact RENAME COLUMN nom TO name");
    PGconn *blocker = admin_open();
    PQclear(PQexec(blocker, "BEGIN; LOCK TABLE student_contact"));
    struct txn_part *parts[] = {&part};
    struct txn txn = {.parts = parts, .part_count = 1};
    pg_sink_ops.commit(sink, &txn);
    struct sink_event event = sink_await(sink, 8000); /* lock_timeout is 5 s */
    assert_int_equal(event.kind, SINK_AGAIN);
    assert_string_equal(event.err.sqlstate, "55P03");
    PQfinish(blocker);
    assert_int_equal(sink_commit(sink, &part).kind, SINK_COMMITTED);
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
}

/* The role's default must not reach the fence: its snapshot has to be newer than the lock. */
static void test_isolation_is_ours(void **state) {
    (void)state;
    admin("ALTER DATABASE postgres SET default_transaction_isolation = 'serializable'");
    struct sink *a = sink_connected(plan), *b = sink_connected(plan);
    admin("ALTER DATABASE postgres RESET default_transaction_isolation");
    struct progress at = sink_acquire(a, 1, OWNER_A);
    for (int i = 0; i < 20; i++) {
        struct txn_part part;
        part_begin(&part, plan, 1, &at);
        part_upsert(&part, 1, 1, "a", "1");
        assert_int_equal(sink_commit(a, &part).kind, SINK_COMMITTED);
        txn_part_clear(&part);
        at = sink_acquire(b, 1, OWNER_B);
        at = sink_acquire(a, 1, OWNER_A);
    }
    pg_sink_destroy(&a);
    pg_sink_destroy(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_commit, reset),
        cmocka_unit_test_setup(test_acquisition_keeps_offsets, reset),
        cmocka_unit_test_setup(test_anchors_are_kept, reset),
        cmocka_unit_test_setup(test_deletes_go_before_upserts, reset),
        cmocka_unit_test_setup(test_unchanged_rows_are_left_alone, reset),
        cmocka_unit_test_setup(test_data_errors_are_refused, reset),
        cmocka_unit_test_setup(test_deferred_constraint_is_a_data_error, reset),
        cmocka_unit_test_setup(test_check_alone, reset),
        cmocka_unit_test_setup(test_progress_is_trimmed, reset),
        cmocka_unit_test_setup(test_large_values_and_many_rows, reset),
        cmocka_unit_test_setup(test_environment_errors, reset),
        cmocka_unit_test_setup(test_isolation_is_ours, reset),
    };
    return cmocka_run_group_tests_name("sink_commit", tests, NULL, NULL);
}
