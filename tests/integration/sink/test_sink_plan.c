/* A plan that gets another view, or loses one: student_contact, and student_name beside it, which
 * also reads a table that nothing read before. */
#include "second.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define FIRST  ((target_set)1)
#define SECOND ((target_set)1 << 1)

static struct plan one, two;
static struct target targets[2];
static struct relation relations[3];
static struct occurrence first_occurrences[2], second_occurrences[2];
static struct sink *old, *young; /* members of the plans one and two */
static struct progress at[3];    /* of tasks 1 and 2 */

/* The new table comes first: the others' entries move. */
static void make_plans(void) {
    one = *test_view(true);
    two = one;
    relations[0] = one.relations[0];
    relations[0].name = STR("school");
    relations[0].slot = relations[0].topic = STR("oltp.public.school");
    relations[1] = one.relations[0];
    relations[2] = one.relations[1];
    targets[0] = one.targets[0];
    targets[1] = *test_second();
    for (int o = 0; o < 2; o++) {
        first_occurrences[o] = targets[0].occurrences[o];
        first_occurrences[o].relation++;
        second_occurrences[o] = targets[1].occurrences[0];
        second_occurrences[o].relation = !o;
    }
    targets[0].occurrences = first_occurrences;
    targets[1].occurrences = second_occurrences;
    targets[1].occurrence_count = 2;
    two.relations = relations;
    two.relation_count = 3;
    two.targets = targets;
    two.target_count = 2;
}

static enum err_kind apply(const struct plan *plan, struct err *err) {
    struct log log = {.fd = 2, .level = LOG_ERROR, .member = "test"};
    const char *keywords[] = {"port", NULL}, *values[] = {getenv("PGPORT"), NULL};
    struct pg_sink_options options = {
        .keywords = keywords, .values = values, .log = &log, .clock = clock_real()};
    *err = (struct err){0};
    return pg_apply_ddl(plan, &options, err);
}

static void apply_well(const struct plan *plan) {
    struct err err;
    if (apply(plan, &err) != ERR_NONE) {
        fail_msg("%s", err.message);
    }
}

/* Tasks 1 and 2 have written a row each by the first plan; a member of the second one begins. */
static int begin(void **state) {
    (void)state;
    make_plans();
    tables_drop();
    apply_well(&one);
    old = sink_connected(&one);
    for (int32_t task = 1; task <= 2; task++) {
        struct txn_part part;
        at[task] = sink_acquire(old, task, OWNER_A);
        part_begin(&part, &one, task, &at[task]);
        part.after.offsets[0] = 10 * task;
        part.after.offsets[1] = 10 * task + 1;
        part.after.anchors[1] = (struct log_anchor){10 * task, 1000 + task};
        part_upsert(&part, task, task, "Al", "1");
        assert_int_equal(sink_commit(old, &part).kind, SINK_COMMITTED);
        at[task] = part.after;
        txn_part_clear(&part);
    }
    apply_well(&two);
    young = sink_connected(&two);
    return 0;
}

static int end(void **state) {
    (void)state;
    pg_sink_destroy(&old);
    pg_sink_destroy(&young);
    return 0;
}

static struct sink_event ask_for(struct sink *sink, int32_t task) {
    static int32_t asked;
    asked = task;
    pg_sink_ops.acquire(sink, &asked, 1, sink == old ? OWNER_A : OWNER_B);
    return sink_await(sink, 30000);
}

static void expect_acquired(struct sink *sink, int32_t task, target_set to_fill) {
    struct sink_event event = ask_for(sink, task);
    if (event.kind != SINK_ACQUIRED) {
        fail_msg("%d %s", (int)event.kind, event.err.message);
    }
    assert_int_equal(event.results[0].to_fill, to_fill);
    at[task] = event.results[0].newest;
}

static void expect_refused(struct sink *sink, enum sink_event_kind kind, const char *words) {
    struct sink_event event = ask_for(sink, 1);
    assert_int_equal(event.kind, kind);
    if (!strstr(event.err.message, words)) {
        fail_msg("%s", event.err.message);
    }
}

/* A row for the second target, of a member of plan two. */
static enum sink_event_kind write_name(int32_t task, const char *id, target_set filled) {
    struct txn_part part;
    struct str values[] = {str_from(id), STR("Al")};
    part_begin(&part, &two, task, &at[task]);
    row_array_add(&part.targets[1].upserts, values);
    part.filled = filled;
    enum sink_event_kind kind = sink_commit(young, &part).kind;
    at[task] = kind == SINK_COMMITTED ? part.after : at[task];
    txn_part_clear(&part);
    return kind;
}

static void restart(struct sink **sink) {
    const struct plan *plan = *sink == old ? &one : &two;
    pg_sink_destroy(sink);
    *sink = sink_connected(plan);
}

static const char *progress_of(int task) {
    char sql[300];
    (void)snprintf(sql, sizeof sql,
                   "SELECT concat_ws(' ', offsets, marks, generation) FROM sync_progress"
                   " WHERE view = 'student_contact' AND task = %d ORDER BY seq DESC LIMIT 1",
                   task);
    return ask(sql);
}

/* All tasks' progress, whoever has them: an entry for the new table, of which nothing is read. */
static void test_view_is_added(void **state) {
    (void)state;
    struct progress before = at[1];
    expect_acquired(young, 1, SECOND);
    assert_int_equal(at[1].seq, before.seq + 2);
    static const int64_t offsets[] = {0, 10, 11};
    assert_memory_equal(at[1].offsets, offsets, sizeof offsets);
    assert_int_equal(at[1].anchors[0].timestamp_ms, 0);
    assert_int_equal(at[1].anchors[2].offset, 10);
    assert_int_equal(at[1].anchors[2].timestamp_ms, 1001);
    assert_string_equal(progress_of(2), "{0,20,21} {0,0,0,0,20,1002} 1");
    assert_string_equal(ask("SELECT string_agg(concat_ws(' ', view, topics, plan, version), '; '"
                            " ORDER BY view) FROM sync_identity"),
                        "student_contact {oltp.public.school,oltp.public.student,"
                        "oltp.public.contact,+student_contact,+student_name} student_contact 0; "
                        "student_name {oltp.public.school,oltp.public.student,"
                        "oltp.public.contact,+student_contact,+student_name} student_contact 0");
    assert_int_equal(write_name(1, "1", 0), SINK_COMMITTED);
    expect_acquired(young, 1, SECOND);
    assert_int_equal(write_name(1, "1", SECOND), SINK_COMMITTED);
    expect_acquired(young, 1, 0);
    expect_acquired(young, 2, SECOND);
    assert_int_equal(ask_number("SELECT count(*) FROM student_contact"), 2);
}

/* It has a task, and is told so; it does not take the plan back. */
static void test_members_of_before_halt(void **state) {
    (void)state;
    expect_acquired(young, 1, SECOND);
    struct txn_part part;
    part_begin(&part, &one, 2, &at[2]);
    part_upsert(&part, 2, 2, "Bo", "1");
    assert_int_equal(sink_commit(old, &part).kind, SINK_FENCED);
    txn_part_clear(&part);
    static const int32_t task = 2;
    pg_sink_ops.newest(old, &task, 1);
    struct sink_event event = sink_await(old, 20000);
    assert_int_equal(event.kind, SINK_NEWEST);
    assert_string_equal(event.results[0].newest.owner, OWNER_B);
    expect_refused(old, SINK_HALT, "Restart this member with the same SQL files");
    expect_acquired(young, 2, SECOND);
    assert_int_equal(write_name(2, "2", SECOND), SINK_COMMITTED);
}

/* The operator takes the view out again, and back in: what was filled meanwhile, or half filled, is
 * neither whole nor empty. */
static void test_out_and_in_again(void **state) {
    (void)state;
    for (int whole = 0; whole < 2; whole++) {
        expect_acquired(young, 1, SECOND);
        assert_int_equal(write_name(1, "1", whole ? SECOND : 0), SINK_COMMITTED);
        restart(&old);
        expect_acquired(old, 1, 0);
        assert_int_equal(at[1].offsets[0], 11 + whole);
        assert_int_equal(at[1].offsets[1], 12 + whole);
        expect_refused(young, SINK_UNFIT, "TRUNCATE student_name");
        assert_int_equal(ask_number("SELECT count(*) FROM sync_filled"), 0);
        restart(&young);
        expect_refused(young, SINK_UNFIT, "TRUNCATE student_name");
        struct err err;
        assert_int_equal(apply(&two, &err), ERR_CONFIG);
        assert_non_null(strstr(err.message, "TRUNCATE student_name"));
        expect_acquired(old, 1, 0); /* goes on as it was */
        admin("TRUNCATE student_name");
        apply_well(&two);
    }
    expect_acquired(young, 1, SECOND);
    expect_acquired(young, 2, SECOND);
}

static void test_added_table_is_empty(void **state) {
    (void)state;
    admin("INSERT INTO student_name VALUES (7, 'Carla')");
    struct err err;
    assert_int_equal(apply(&two, &err), ERR_CONFIG);
    assert_non_null(strstr(err.message, "TRUNCATE student_name"));
    expect_refused(young, SINK_UNFIT, "TRUNCATE student_name");
    assert_string_equal(progress_of(2), "{20,21} {0,0,20,1002} 0");
    admin("TRUNCATE student_name");
    expect_acquired(young, 1, SECOND);
}

/* Of two, one is left, which some task had not filled. */
static void test_the_last_one_is_filled_in_part(void **state) {
    (void)state;
    expect_acquired(young, 1, SECOND);
    expect_acquired(young, 2, SECOND);
    admin("TRUNCATE student_contact");
    expect_acquired(young, 1, FIRST | SECOND);
    assert_int_equal(write_name(1, "1", FIRST), SINK_COMMITTED);
    expect_acquired(young, 2, FIRST | SECOND);
    admin("INSERT INTO student_contact VALUES (2, 2)"); /* as its fill would */
    restart(&old);
    expect_refused(old, SINK_UNFIT, "TRUNCATE student_contact");
    admin("TRUNCATE student_contact");
    expect_acquired(old, 2, 0);
    assert_false(at[2].has_offsets);
}

static void test_the_last_one_is_whole(void **state) {
    (void)state;
    expect_acquired(young, 1, SECOND);
    restart(&old);
    for (int32_t task = 1; task <= 2; task++) {
        expect_acquired(old, task, 0);
        assert_true(at[task].has_offsets);
        assert_int_equal(at[task].offsets[1], 10 * task + 1);
    }
}

/* Its `kept` has the columns of the views of before. */
static void test_dead_letters_come_first(void **state) {
    (void)state;
    admin("INSERT INTO sync_dead_letter(view, task, topic, \"table\", partition, \"offset\", kept,"
          " reason, checksum) VALUES ('student_contact', 1, 'oltp.public.student', 'student', 1, 5,"
          " 'a', 'why', 1)");
    expect_refused(young, SINK_HALT, "Settle them with the former SQL files");
    assert_string_equal(progress_of(2), "{20,21} {0,0,20,1002} 0");
    admin("UPDATE sync_dead_letter SET kept = NULL");
    expect_acquired(young, 1, SECOND);
}

static void test_what_is_not_the_plans(void **state) {
    (void)state;
    relations[2].slot = STR("other.public.contact");
    expect_refused(young, SINK_HALT, "was filled with the topics");
    relations[2].slot = STR("oltp.public.contact");
    two.name = STR("student_name");
    restart(&young);
    expect_refused(young, SINK_HALT, "belongs to the progress of the plan student_contact");
    assert_string_equal(progress_of(2), "{20,21} {0,0,20,1002} 0");
}

/* What was read of a table that no view reads any more counts for nothing. */
static void test_an_entry_comes_back_at_the_start(void **state) {
    (void)state;
    expect_acquired(young, 1, SECOND);
    at[1].offsets[0] = 4;
    assert_int_equal(write_name(1, "1", 0), SINK_FENCED); /* not what is there */
    at[1].offsets[0] = 0;
    assert_int_equal(write_name(1, "1", SECOND), SINK_COMMITTED);
    assert_string_equal(progress_of(1), "{1,11,12} {0,0,0,0,10,1001} 1");
    admin(
        "INSERT INTO sync_dead_letter(view, task, topic, \"table\", partition, \"offset\", reason,"
        " checksum) VALUES ('student_contact', 1, 'oltp.public.school', 'school', 1, 0, 'why', 1),"
        " ('student_contact', 1, 'oltp.public.student', 'student', 1, 5, 'why', 1)");
    targets[1].name = STR("other");
    targets[1].sql_ddl = STR("CREATE TABLE other (student_id bigint PRIMARY KEY, name text,"
                             " share int)");
    admin("DROP TABLE IF EXISTS other");
    apply_well(&two);
    restart(&young);
    expect_acquired(young, 1, SECOND);
    static const int64_t offsets[] = {0, 11, 12};
    assert_memory_equal(at[1].offsets, offsets, sizeof offsets);
    assert_string_equal(ask("SELECT string_agg(topic, ' ') FROM sync_dead_letter"),
                        "oltp.public.student"); /* the other is read, and judged, again */
    assert_string_equal(ask("SELECT plan || '.' || file FROM sync_identity"
                            " WHERE view = 'student_name'"),
                        ".-1");
    assert_int_equal(ask_number("SELECT count(*) FROM sync_filled WHERE target = 'student_name'"),
                     0);
    admin("DROP TABLE other");
}

/* Another member converts the progress between the two looks of an acquisition. */
static void test_converted_meanwhile(void **state) {
    (void)state;
    PGconn *conn = admin_open();
    PQclear(PQexec(conn, "BEGIN; SELECT pg_advisory_xact_lock(hashtextextended("
                         "'sync:student_contact', 0) + 1)"));
    static const int32_t task = 1;
    pg_sink_ops.acquire(old, &task, 1, OWNER_B);
    for (long waits = 0; waits == 0;) {
        assert_int_equal(sink_await(old, 10).kind, SINK_NOTHING);
        waits = ask_number("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
                           " AND NOT granted");
    }
    PQclear(PQexec(conn, "UPDATE sync_identity SET topics = topics || '{+student_name}'; COMMIT"));
    PQfinish(conn);
    assert_int_equal(sink_await(old, 20000).kind, SINK_AGAIN);
    assert_int_equal(sink_newest(old, 1).seq, at[1].seq);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_view_is_added, begin, end),
        cmocka_unit_test_setup_teardown(test_members_of_before_halt, begin, end),
        cmocka_unit_test_setup_teardown(test_out_and_in_again, begin, end),
        cmocka_unit_test_setup_teardown(test_added_table_is_empty, begin, end),
        cmocka_unit_test_setup_teardown(test_the_last_one_is_filled_in_part, begin, end),
        cmocka_unit_test_setup_teardown(test_the_last_one_is_whole, begin, end),
        cmocka_unit_test_setup_teardown(test_dead_letters_come_first, begin, end),
        cmocka_unit_test_setup_teardown(test_what_is_not_the_plans, begin, end),
        cmocka_unit_test_setup_teardown(test_an_entry_comes_back_at_the_start, begin, end),
        cmocka_unit_test_setup_teardown(test_converted_meanwhile, begin, end),
    };
    return cmocka_run_group_tests_name("sink_plan", tests, NULL, NULL);
}
