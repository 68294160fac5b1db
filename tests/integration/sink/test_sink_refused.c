/* What the user put on the sink table refuses: rows by their own values are left out and noted;
 * what depends on other rows or on code is told apart. */
#include "support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct plan *plan;
static struct sink *sink;
static struct txn_part part;

static int begin_with(bool with_copy) {
    plan = test_view(with_copy);
    tables_reset(plan);
    sink = sink_connected(plan);
    struct progress at = sink_acquire(sink, 1, OWNER_A);
    part_begin(&part, plan, 1, &at);
    return 0;
}

static int begin(void **state) {
    (void)state;
    return begin_with(true);
}

static int begin_insert(void **state) {
    (void)state;
    return begin_with(false);
}

static int end(void **state) {
    (void)state;
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
    return 0;
}

static struct sink_event with_savepoints(size_t max) {
    part.savepoints = true;
    part.refused_max = max;
    return sink_commit(sink, &part);
}

/* part as it is: refused for its rows; with savepoints it is committed, without `count` rows. */
static struct sink_event expect_rows(const char *sqlstate, size_t count) {
    struct sink_event event = sink_commit(sink, &part);
    assert_int_equal(event.kind, SINK_REFUSED);
    assert_int_equal(event.blame, BLAME_ROW);
    assert_string_equal(event.err.sqlstate, sqlstate);
    event = with_savepoints(100);
    if (event.kind != SINK_COMMITTED) {
        fail_msg("%d %s", (int)event.kind, event.err.message);
    }
    assert_int_equal(event.refusal_count, count);
    assert_string_equal(event.refusals[0].sqlstate, sqlstate);
    return event;
}

/* part as it is is refused, with savepoints, too, and nothing of it is written. */
static struct err expect_others(const char *sqlstate, const char *key) {
    long rows = ask_number("SELECT count(*) FROM student_contact");
    struct sink_event event = sink_commit(sink, &part);
    assert_int_equal(event.kind, SINK_REFUSED);
    assert_int_equal(event.blame, BLAME_OTHERS);
    event = with_savepoints(100);
    assert_int_equal(event.kind, SINK_REFUSED);
    assert_int_equal(event.blame, BLAME_OTHERS);
    assert_string_equal(event.err.sqlstate, sqlstate);
    assert_int_equal(event.refusal_count, key ? 1 : 0);
    if (key) {
        assert_true(str_is(event.refusals[0].key, key));
    }
    assert_int_equal(ask_number("SELECT count(*) FROM student_contact"), rows);
    assert_int_equal(ask_number("SELECT count(*) FROM sync_refused"), 0);
    assert_int_equal(ask_number("SELECT max(seq) FROM sync_progress"), part.before.seq);
    return event.err;
}

static void test_rows_are_left_out(void **state) {
    (void)state;
    admin("ALTER TABLE student_contact ADD CONSTRAINT no_bad CHECK (name <> 'bad')");
    part_upsert(&part, 7, 3, "older", "1");
    assert_int_equal(sink_commit(sink, &part).kind, SINK_COMMITTED);
    part_go_on(&part);
    for (int c = 0; c < 100; c++) {
        part_upsert(&part, 7, c, c % 33 == 3 ? "bad" : "good", "1");
    }
    struct sink_event event = expect_rows("23514", 3);
    assert_int_equal(event.upserted_count, 97);
    assert_true(str_is(event.refusals[0].key, "student_id=7 contact_id=3"));
    assert_true(str_is(event.refusals[0].constraint, "no_bad"));
    assert_int_equal(ask_number("SELECT count(*) FROM student_contact"), 97);
    assert_int_equal(ask_number("SELECT count(*) FROM student_contact WHERE contact_id = 3"), 0);
    assert_string_equal(ask("SELECT string_agg(task || ' ' || key || ' ' || sqlstate || ' ' ||"
                            " constraint_name, '; ' ORDER BY key) FROM sync_refused"),
                        "1 student_id=7 contact_id=3 23514 no_bad; "
                        "1 student_id=7 contact_id=36 23514 no_bad; "
                        "1 student_id=7 contact_id=69 23514 no_bad");
    struct progress newest = sink_newest(sink, 1);
    assert_true(progress_equal(&newest, &part.after, 2));
}

static void test_entries_go_and_are_read(void **state) {
    (void)state;
    admin("ALTER TABLE student_contact ADD CHECK (name <> 'bad')");
    part_upsert(&part, 7, 1, "bad", "1");
    part_upsert(&part, 7, 2, "bad", "1");
    part_upsert(&part, 7, 3, "bad", "1");
    (void)expect_rows("23514", 3);
    part_go_on(&part);
    part_upsert(&part, 7, 1, "good", "1"); /* passes; 2 fails again; 3 is deleted */
    part_upsert(&part, 7, 2, "bad", "2");
    part_delete_contact(&part, 7, 3);
    txn_part_add_cleared(&part, STR("7\0"
                                    "1\0"));
    txn_part_add_cleared(&part, STR("7\0"
                                    "2\0"));
    txn_part_add_cleared(&part, STR("7\0"
                                    "3\0"));
    assert_int_equal(with_savepoints(100).refusal_count, 1);
    assert_string_equal(ask("SELECT string_agg(key, ';') FROM sync_refused"),
                        "student_id=7 contact_id=2");
    static const int32_t tasks[] = {2, 1};
    pg_sink_ops.acquire(sink, tasks, 2, OWNER_B);
    struct sink_event event = sink_await(sink, 5000);
    assert_int_equal(event.kind, SINK_ACQUIRED);
    assert_int_equal(event.results[0].refused_count, 0);
    assert_int_equal(event.results[1].refused_count, 1);
    assert_true(str_equal(event.results[1].refused[0], STR("7\0"
                                                           "2\0")));
    part.before = event.results[1].newest;
    txn_part_reset(&part);
    part.after = part.before;
    part.after.seq++;
    part_upsert(&part, 7, 2, "good", "2"); /* an entry is also deleted without savepoints */
    txn_part_add_cleared(&part, STR("7\0"
                                    "2\0"));
    assert_int_equal(sink_commit(sink, &part).kind, SINK_COMMITTED);
    assert_int_equal(ask_number("SELECT count(*) FROM sync_refused"), 0);
}

static void test_own_values_of_every_kind(void **state) {
    (void)state;
    struct {
        const char *sql, *undo, *sqlstate;
    } cases[] = {
        {"ALTER TABLE student_contact ALTER contact_number SET NOT NULL",
         "ALTER TABLE student_contact ALTER contact_number DROP NOT NULL", "23502"},
        {"ALTER TABLE student_contact ALTER name TYPE varchar(2)",
         "ALTER TABLE student_contact ALTER name TYPE text", "22001"},
        {"ALTER TABLE student_contact ADD fraction int GENERATED ALWAYS AS (1 / (length(name) - 4))"
         " STORED",
         "ALTER TABLE student_contact DROP fraction", "22012"},
        {"ALTER TABLE student_contact ADD CONSTRAINT doc CHECK (name::json IS NOT NULL)",
         "ALTER TABLE student_contact DROP CONSTRAINT doc", "22P02"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        admin("DELETE FROM student_contact; TRUNCATE sync_refused");
        admin(cases[i].sql);
        table_register();
        part_upsert(&part, 1, 1, "1", "1");
        part_upsert(&part, 1, 2, "name", NULL);
        part_upsert(&part, 1, 3, "2", "1");
        struct sink_event event = expect_rows(cases[i].sqlstate, 1);
        assert_true(str_is(event.refusals[0].key, "student_id=1 contact_id=2"));
        assert_int_equal(ask_number("SELECT count(*) FROM student_contact"), 2);
        admin(cases[i].undo);
        part_go_on(&part);
    }
    admin("DELETE FROM student_contact; TRUNCATE sync_refused");
    table_register();
    admin("CREATE INDEX by_name ON student_contact (name)");
    char *big = calloc(1, 400001);
    for (int i = 0; i < 400000; i++) {
        big[i] = (char)('a' + rand() % 26); /* not to be compressed */
    }
    part_upsert(&part, 1, 1, "1", "1");
    part_upsert(&part, 1, 2, big, "1");
    (void)expect_rows("54000", 1);
    free(big);
}

static void test_partition_that_is_missing(void **state) {
    (void)state;
    admin(
        "DROP TABLE student_contact; CREATE TABLE student_contact (student_id bigint, contact_id"
        " bigint, name text, contact_number text, born date, PRIMARY KEY (student_id, contact_id))"
        " PARTITION BY RANGE (student_id);"
        " CREATE TABLE low PARTITION OF student_contact FOR VALUES FROM (0) TO (100)");
    table_register();
    part_upsert(&part, 1, 1, "a", "1");
    part_upsert(&part, 100, 1, "b", "1");
    (void)expect_rows("23514", 1);
    assert_int_equal(ask_number("SELECT count(*) FROM low"), 1);
}

static void test_no_more_than_allowed(void **state) {
    (void)state;
    admin("ALTER TABLE student_contact ADD CHECK (name <> 'bad')");
    for (int c = 0; c < 10; c++) {
        part_upsert(&part, 1, c, "bad", "1");
    }
    struct sink_event event = with_savepoints(9);
    assert_int_equal(event.kind, SINK_REFUSED);
    assert_int_equal(event.blame, BLAME_ROW);
    assert_int_equal(event.refusal_count, 1);
    assert_int_equal(ask_number("SELECT count(*) FROM sync_refused"), 0);
    assert_int_equal(with_savepoints(10).kind, SINK_COMMITTED);
}

/* An own check stands before all: it tells a record's fault from a row's. */
static void test_records_are_told_first(void **state) {
    (void)state;
    admin("ALTER TABLE student_contact ADD CHECK (name <> 'bad')");
    part_upsert(&part, 1, 1, "bad", "1");
    part_check_contact(&part, 2, 1, "1", "no date");
    struct sink_event event = with_savepoints(100);
    assert_int_equal(event.kind, SINK_REFUSED);
    assert_int_equal(event.blame, BLAME_RECORD);
    assert_string_equal(event.err.sqlstate, "22007");
    txn_part_reset(&part);
    struct str key[] = {STR("99999999999999999999")};
    row_array_add(&part.targets[0].deletes[DELETE_KEY][0], key);
    event = with_savepoints(100);
    assert_int_equal(event.blame, BLAME_RECORD);
}

static void test_other_rows(void **state) {
    (void)state;
    part_upsert(&part, 1, 1, "a", "1");
    part_upsert(&part, 1, 9, "b", "9");
    assert_int_equal(sink_commit(sink, &part).kind, SINK_COMMITTED);
    part_go_on(&part);
    part_upsert(&part, 2, 5, "x", "5");
    part_upsert(&part, 2, 1, "x", "1");
    admin("CREATE UNIQUE INDEX one_contact ON student_contact (contact_id)");
    struct err err = expect_others("23505", "student_id=2 contact_id=1");
    assert_non_null(strstr(err.message, "one_contact"));
    admin("DROP INDEX one_contact");
    admin("ALTER TABLE student_contact ADD CONSTRAINT apart EXCLUDE (contact_number WITH =)");
    err = expect_others("23P01", "student_id=2 contact_id=1");
    assert_non_null(strstr(err.message, "apart"));
    admin("ALTER TABLE student_contact DROP CONSTRAINT apart");
    admin("DROP TABLE IF EXISTS seen; CREATE TABLE seen (id bigint PRIMARY KEY);"
          " INSERT INTO seen VALUES (1), (9)");
    admin("ALTER TABLE student_contact ADD CONSTRAINT to_seen FOREIGN KEY (contact_id) REFERENCES"
          " seen");
    err = expect_others("23503", "student_id=2 contact_id=5");
    assert_non_null(strstr(err.message, "to_seen"));
    admin("ALTER TABLE student_contact DROP CONSTRAINT to_seen");
    admin("DROP TABLE seen; CREATE TABLE seen (s bigint, c bigint, FOREIGN KEY (s, c) REFERENCES"
          " student_contact); INSERT INTO seen VALUES (1, 1)");
    txn_part_reset(&part);
    part_delete_student(&part, 1);
    (void)expect_others("23503", NULL);
    admin("DROP TABLE seen");
}

/* The trigger raises `sqlstate` for contact 5. */
static void raise_with(const char *sqlstate, const char *when) {
    char sql[800];
    (void)snprintf(sql, sizeof sql,
                   "CREATE OR REPLACE FUNCTION look_at() RETURNS trigger LANGUAGE plpgsql AS"
                   " $$ DECLARE t student_contact; BEGIN IF tg_op = 'DELETE' THEN t := old;"
                   " ELSE t := new; END IF; IF t.contact_id = 5 THEN RAISE 'not five' USING"
                   " ERRCODE = '%s'; END IF; RETURN t; END $$;"
                   " DROP TRIGGER IF EXISTS looks ON student_contact;"
                   " CREATE %s ON student_contact %s FOR EACH ROW EXECUTE FUNCTION look_at()",
                   sqlstate, when,
                   strstr(when, "CONSTRAINT") ? "DEFERRABLE INITIALLY DEFERRED" : "");
    admin(sql);
}

static void test_triggers(void **state) {
    (void)state;
    static const char *const sqlstates[] = {"P0001", "23514", "22012", "42P01", "XX000"};
    for (size_t i = 0; i < sizeof sqlstates / sizeof *sqlstates; i++) {
        raise_with(sqlstates[i], "TRIGGER looks BEFORE INSERT OR UPDATE");
        txn_part_reset(&part);
        part_upsert(&part, 2, 1, "x", "1");
        part_upsert(&part, 2, 5, "x", "5");
        struct err err = expect_others(sqlstates[i], "student_id=2 contact_id=5");
        assert_non_null(strstr(err.message, "not five (raised by the trigger looks of the OLAP"));
        assert_non_null(strstr(err.message, "look_at()"));
    }
    raise_with("P0001", "CONSTRAINT TRIGGER looks AFTER INSERT");
    (void)expect_others("P0001", NULL);
    admin("DROP TRIGGER looks ON student_contact");
    assert_int_equal(sink_commit(sink, &part).kind, SINK_COMMITTED);
    part_go_on(&part);
    raise_with("22012", "TRIGGER looks BEFORE DELETE");
    part_delete_student(&part, 2);
    (void)expect_others("22012", NULL);
    raise_with("40001", "TRIGGER looks BEFORE DELETE"); /* asks for another try itself */
    assert_int_equal(sink_commit(sink, &part).kind, SINK_AGAIN);
}

struct rows {
    int next, count, pauses;
    char id[16];
    struct str values[5];
};

/* Rows (1, 0 ..); the name of every thousandth is "bad". It pauses twice before every 700th. */
static enum err_kind rows_next(void *ctx, const struct str **ret_values, bool *ret_end,
                               struct err *reterr) {
    (void)reterr;
    struct rows *rows = ctx;
    *ret_values = NULL;
    if (rows->next % 700 == 0 && rows->pauses < 2 * (rows->next / 700 + 1)) {
        rows->pauses++;
        return ERR_NONE;
    }
    *ret_end = rows->next == rows->count;
    rows->values[0] = STR("1");
    rows->values[1] =
        (struct str){rows->id, (size_t)snprintf(rows->id, sizeof rows->id, "%d", rows->next)};
    rows->values[2] = rows->next % 1000 == 999 ? STR("bad") : STR("good");
    rows->values[3] = STR_NONE;
    rows->values[4] = STR("2001-02-03");
    *ret_values = rows->values;
    rows->next++;
    return ERR_NONE;
}

static struct sink_event load(bool savepoints, int count) {
    struct rows rows = {.count = count};
    struct load_source source = {.ctx = &rows, .next = rows_next};
    return sink_load(sink, &part, &source, savepoints);
}

static void test_load(void **state) {
    (void)state;
    admin("ALTER TABLE student_contact ADD CHECK (name <> 'bad')");
    struct sink_event event = load(false, 20000);
    assert_int_equal(event.kind, SINK_REFUSED);
    assert_int_equal(event.blame, BLAME_ROW);
    event = load(true, 20000);
    assert_int_equal(event.kind, SINK_COMMITTED);
    assert_int_equal(event.refusal_count, 20);
    assert_int_equal(ask_number("SELECT count(*) FROM student_contact"), 19980);
    assert_int_equal(ask_number("SELECT count(*) FROM sync_refused"), 20);
    part_go_on(&part);
    part_upsert(&part, 2, 1, "batch", "1"); /* the session goes on */
    assert_int_equal(sink_commit(sink, &part).kind, SINK_COMMITTED);
}

static void test_load_beside_other_rows(void **state) {
    (void)state;
    admin("INSERT INTO student_contact VALUES (2, 700)");
    admin("CREATE UNIQUE INDEX one_contact ON student_contact (contact_id)");
    struct sink_event event = load(false, 900);
    assert_int_equal(event.kind, SINK_REFUSED); /* may pass when its other row has gone */
    assert_int_equal(event.blame, BLAME_OTHERS);
    event = load(true, 900);
    assert_int_equal(event.blame, BLAME_OTHERS);
    assert_true(str_is(event.refusals[0].key, "student_id=1 contact_id=700"));
    admin("UPDATE student_contact SET student_id = 1; DROP INDEX one_contact");
    for (int way = 0; way < 2; way++) { /* rows of nobody's: the operator's matter */
        event = load(way == 1, 900);
        assert_int_equal(event.kind, SINK_HALT);
        assert_non_null(strstr(event.err.message, "sync_progress does not account for"));
    }
    admin("DELETE FROM student_contact");
    assert_int_equal(load(true, 900).kind, SINK_COMMITTED);
}

/* With savepoints, too, the fence comes first. */
static void test_bisection_is_fenced(void **state) {
    (void)state;
    struct sink *other = sink_connected(plan);
    (void)sink_acquire(other, 1, OWNER_B);
    part_upsert(&part, 1, 1, "a", "1");
    assert_int_equal(with_savepoints(1).kind, SINK_FENCED);
    assert_int_equal(ask_number("SELECT count(*) FROM student_contact"), 0);
    pg_sink_destroy(&other);
}

static void test_many(void **state) {
    (void)state;
    admin("ALTER TABLE student_contact ADD CHECK (name <> 'bad')");
    for (int c = 0; c < 20000; c++) {
        part_upsert(&part, 1, c, c % 400 == 7 ? "bad" : "good", "1");
    }
    int64_t from = now_ms();
    assert_int_equal(with_savepoints(50).refusal_count, 50);
    print_message("20,000 rows, 50 of them refused: %ld ms\n", (long)(now_ms() - from));
    assert_int_equal(ask_number("SELECT count(*) FROM student_contact"), 19950);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows_are_left_out, begin, end),
        cmocka_unit_test_setup_teardown(test_entries_go_and_are_read, begin, end),
        cmocka_unit_test_setup_teardown(test_own_values_of_every_kind, begin, end),
        cmocka_unit_test_setup_teardown(test_partition_that_is_missing, begin, end),
        cmocka_unit_test_setup_teardown(test_no_more_than_allowed, begin, end),
        cmocka_unit_test_setup_teardown(test_records_are_told_first, begin, end),
        cmocka_unit_test_setup_teardown(test_other_rows, begin, end),
        cmocka_unit_test_setup_teardown(test_triggers, begin, end),
        {"test_load_copy", test_load, begin, end, NULL},
        {"test_load_insert", test_load, begin_insert, end, NULL},
        {"test_load_beside_other_rows_copy", test_load_beside_other_rows, begin, end, NULL},
        {"test_load_beside_other_rows_insert", test_load_beside_other_rows, begin_insert, end,
         NULL},
        cmocka_unit_test_setup_teardown(test_bisection_is_fenced, begin, end),
        cmocka_unit_test_setup_teardown(test_many, begin, end),
    };
    return cmocka_run_group_tests_name("sink_refused", tests, NULL, NULL);
}
