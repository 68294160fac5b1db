/* The sink table is the one that the progress speaks of: whatever others do to it. */
#include "support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct plan *plan;
static struct sink *sink;
static struct progress at[3]; /* of tasks 1 and 2 */

static enum err_kind apply(struct err *err) {
    struct log log = {.fd = 2, .level = LOG_ERROR, .member = "test"};
    const char *keywords[] = {"port", NULL}, *values[] = {getenv("PGPORT"), NULL};
    struct pg_sink_options options = {
        .keywords = keywords, .values = values, .log = &log, .clock = clock_real()};
    *err = (struct err){0};
    return pg_apply_ddl(plan, &options, err);
}

static void apply_well(void) {
    struct err err;
    if (apply(&err) != ERR_NONE) {
        fail_msg("%s", err.message);
    }
}

static enum sink_event_kind write_row(int32_t task) {
    struct txn_part part;
    part_begin(&part, plan, task, &at[task]);
    part_upsert(&part, task, (int)at[task].seq, "name", "1");
    struct sink_event event = sink_commit(sink, &part);
    if (event.kind == SINK_COMMITTED) {
        at[task] = part.after;
    }
    txn_part_clear(&part);
    return event.kind;
}

/* Tasks 1 and 2 have a row each. */
static int filled(void **state) {
    (void)state;
    plan = test_view(true);
    tables_drop();
    admin("DROP TABLE IF EXISTS other, was; DROP FUNCTION IF EXISTS sync_truncated");
    apply_well();
    sink = sink_connected(plan);
    for (int32_t task = 1; task <= 2; task++) {
        at[task] = sink_acquire(sink, task, OWNER_A);
        assert_int_equal(write_row(task), SINK_COMMITTED);
    }
    return 0;
}

static int clear(void **state) {
    (void)state;
    pg_sink_destroy(&sink);
    return 0;
}

/* What the newest rows' job says; results are valid until the next poll. */
static struct sink_event look(int32_t task) {
    static int32_t asked;
    asked = task;
    pg_sink_ops.newest(sink, &asked, 1);
    return sink_await(sink, 20000);
}

static void expect_good(int32_t task) {
    struct sink_event event = look(task);
    if (event.kind != SINK_NEWEST) {
        fail_msg("%s", event.err.message);
    }
    assert_false(event.results[0].other_table);
    assert_true(progress_equal(&event.results[0].newest, &at[task], 2));
    assert_int_equal(write_row(task), SINK_COMMITTED);
}

static void expect_unfit(const char *words) {
    struct sink_event event = look(1);
    assert_int_equal(event.kind, SINK_UNFIT);
    assert_non_null(strstr(event.err.message, words));
    static const int32_t task = 1;
    pg_sink_ops.acquire(sink, &task, 1, OWNER_B);
    assert_int_equal(sink_await(sink, 20000).kind, SINK_UNFIT);
    assert_int_not_equal(write_row(1), SINK_COMMITTED);
}

/* The first to notice does not make the others' progress count. */
static void expect_refilled(void) {
    for (int32_t task = 1; task <= 2; task++) {
        assert_int_equal(write_row(task), SINK_OTHER_TABLE);
        struct sink_event event = look(task);
        if (event.kind != SINK_NEWEST) {
            fail_msg("%s", event.err.message);
        }
        assert_true(event.results[0].other_table);
        assert_int_equal(write_row(task), SINK_OTHER_TABLE);
        pg_sink_ops.acquire(sink, &task, 1, OWNER_B);
        event = sink_await(sink, 20000);
        assert_int_equal(event.kind, SINK_ACQUIRED);
        assert_true(event.results[0].other_table);
        at[task] = event.results[0].newest;
        assert_false(at[task].has_offsets);
        assert_int_equal(write_row(task), SINK_COMMITTED);
        expect_good(task);
        pg_sink_ops.acquire(sink, &task, 1, OWNER_A); /* once only */
        event = sink_await(sink, 20000);
        assert_int_equal(event.kind, SINK_ACQUIRED);
        assert_false(event.results[0].other_table);
        at[task] = event.results[0].newest;
        assert_true(at[task].has_offsets);
    }
}

static void test_dropped_and_made_anew(void **state) {
    (void)state;
    admin("DROP TABLE student_contact");
    assert_int_equal(write_row(1), SINK_OTHER_TABLE);
    expect_unfit("plan --apply-sink");
    apply_well();
    expect_refilled();
}

/* Nobody ran when it was dropped, and none ran until it was made. */
static void test_dropped_while_nobody_looks(void **state) {
    (void)state;
    admin("DROP TABLE student_contact");
    apply_well();
    pg_sink_destroy(&sink);
    sink = sink_connected(plan);
    expect_refilled();
}

static void test_truncated(void **state) {
    (void)state;
    admin("TRUNCATE student_contact");
    expect_refilled();
    admin("DROP TRIGGER sync_truncated ON student_contact; TRUNCATE student_contact");
    expect_refilled();
}

/* The same table, and rows: those of an older copy. */
static void test_truncated_and_filled_by_others(void **state) {
    (void)state;
    admin("CREATE TABLE other AS TABLE student_contact");
    assert_int_equal(write_row(1), SINK_COMMITTED);
    admin("BEGIN; TRUNCATE student_contact; INSERT INTO student_contact TABLE other; COMMIT");
    expect_unfit("TRUNCATE");
    struct err err;
    assert_int_equal(apply(&err), ERR_CONFIG);
    assert_non_null(strstr(err.message, "TRUNCATE"));
    admin("TRUNCATE student_contact");
    expect_refilled();
}

static void test_truncated_by_another_role(void **state) {
    (void)state;
    admin("DROP ROLE IF EXISTS cleaner; CREATE ROLE cleaner;"
          " GRANT TRUNCATE, INSERT ON student_contact TO cleaner");
    admin("SET ROLE cleaner; SET search_path = pg_catalog; BEGIN; TRUNCATE public.student_contact;"
          " INSERT INTO public.student_contact VALUES (1, 1); COMMIT;"
          " RESET search_path; RESET ROLE");
    expect_unfit("TRUNCATE");
    admin("DROP OWNED BY cleaner; DROP ROLE cleaner");
}

static void test_swapped_by_rename(void **state) {
    (void)state;
    admin("CREATE TABLE other (LIKE student_contact INCLUDING ALL);"
          " INSERT INTO other SELECT * FROM student_contact LIMIT 1");
    admin("BEGIN; ALTER TABLE student_contact RENAME TO was;"
          " ALTER TABLE other RENAME TO student_contact; COMMIT");
    assert_int_equal(write_row(2), SINK_OTHER_TABLE);
    expect_unfit("is not the one that was filled");
    admin("BEGIN; ALTER TABLE student_contact RENAME TO other;"
          " ALTER TABLE was RENAME TO student_contact; COMMIT");
    expect_good(1);
    expect_good(2);
    assert_int_equal(ask_number("SELECT count(*) FROM student_contact"), 4);
    assert_int_equal(ask_number("SELECT count(*) FROM other"), 1);
}

static void test_swapped_and_emptied(void **state) {
    (void)state;
    admin("CREATE TABLE other (LIKE student_contact INCLUDING ALL);"
          " INSERT INTO other SELECT * FROM student_contact LIMIT 1");
    admin("DROP TABLE student_contact; ALTER TABLE other RENAME TO student_contact");
    expect_unfit("is not the one that was filled");
    admin("TRUNCATE student_contact");
    expect_refilled();
}

static void test_rewrites_are_no_alarm(void **state) {
    (void)state;
    static const char *const rewrites[] = {
        "VACUUM FULL student_contact",
        "CLUSTER student_contact USING student_contact_pkey",
        "REINDEX TABLE student_contact",
        "ALTER TABLE student_contact ADD COLUMN more uuid DEFAULT gen_random_uuid()",
        "ALTER TABLE student_contact SET UNLOGGED; ALTER TABLE student_contact SET LOGGED",
        "ANALYZE student_contact",
        "CREATE INDEX ON student_contact (name)",
        "DELETE FROM student_contact; INSERT INTO student_contact VALUES (1, 1)",
    };
    for (size_t i = 0; i < sizeof rewrites / sizeof rewrites[0]; i++) {
        admin(rewrites[i]);
        enum sink_event_kind kind = write_row(1);
        assert_true(kind == SINK_OTHER_TABLE || kind == SINK_COMMITTED);
        expect_good(1);
        admin(rewrites[0]); /* and by the way of a new connection */
        pg_sink_destroy(&sink);
        sink = sink_connected(plan);
        expect_good(1);
        expect_good(2);
    }
    admin("ALTER TABLE student_contact DROP COLUMN more");
    apply_well();
    expect_good(2);
    assert_int_equal(ask_number("SELECT max(generation) FROM sync_progress"), 0);
}

static void server_ctl(const char *how, const char *mode) {
    char command[1024];
    (void)snprintf(command, sizeof command,
                   "cd / && %s %s -D %s -l %s/log -m %s -w %s >/dev/null 2>&1",
                   system("test $(id -u) = 0") == 0 ? "runuser -u postgres --" : "",
                   getenv("PG_CTL"), getenv("PG_SERVER"), getenv("PG_SERVER"), mode, how);
    assert_int_equal(system(command), 0);
}

static void test_unlogged(void **state) {
    (void)state;
    struct err err;
    admin("ALTER TABLE student_contact SET UNLOGGED");
    assert_int_equal(write_row(1), SINK_OTHER_TABLE);
    expect_unfit("UNLOGGED");
    assert_int_equal(apply(&err), ERR_CONFIG);
    assert_non_null(strstr(err.message, "SET LOGGED"));
    admin("ALTER TABLE student_contact SET LOGGED");
    expect_good(1);
    admin("ALTER TABLE student_contact SET UNLOGGED");
    server_ctl("stop", "immediate");
    server_ctl("start", "fast");
    assert_int_equal(ask_number("SELECT count(*) FROM student_contact"), 0);
    (void)sink_until(sink, SINK_CONNECTED, 20000);
    expect_unfit("UNLOGGED");
    admin("ALTER TABLE student_contact SET LOGGED");
    expect_refilled();
}

static void test_what_is_no_table(void **state) {
    (void)state;
    struct err err;
    admin("ALTER TABLE student_contact RENAME TO was;"
          " CREATE VIEW student_contact AS SELECT * FROM was");
    assert_int_equal(write_row(1), SINK_OTHER_TABLE);
    expect_unfit("is a view");
    assert_int_equal(apply(&err), ERR_CONFIG);
    admin("DROP VIEW student_contact; ALTER TABLE was RENAME TO student_contact");
    expect_good(1);
}

/* An unlogged table that was there before anything. */
static void test_unlogged_from_the_start(void **state) {
    (void)state;
    struct err err;
    tables_drop();
    admin("CREATE UNLOGGED TABLE student_contact (student_id bigint, contact_id bigint, name text,"
          " contact_number text, born date, PRIMARY KEY (student_id, contact_id))");
    assert_int_equal(apply(&err), ERR_CONFIG);
    assert_non_null(strstr(err.message, "UNLOGGED"));
}

static void run_in(const char *database, const char *command) {
    char line[1024];
    (void)snprintf(line, sizeof line, "bin=$(dirname \"$PG_CTL\"); %s", command);
    (void)setenv("COPY", database, 1);
    assert_int_equal(system(line), 0);
}

/* Everything of a dump is another table, and all the same. */
static void test_restored_with_its_progress(void **state) {
    (void)state;
    admin("DROP DATABASE IF EXISTS copy_of_all");
    admin("CREATE DATABASE copy_of_all");
    run_in("copy_of_all", "\"$bin/pg_dump\" -Fc postgres >/tmp/sink-table.$PGPORT &&"
                          " \"$bin/pg_restore\" -d \"$COPY\" /tmp/sink-table.$PGPORT");
    const struct progress kept = at[1];
    pg_sink_destroy(&sink);
    (void)setenv("PGDATABASE", "copy_of_all", 1);
    sink = sink_connected(plan);
    expect_good(1);
    expect_good(2);
    pg_sink_destroy(&sink);
    at[1] = kept;
    (void)setenv("PGDATABASE", "postgres", 1);
    /* the table alone, under the eyes of the progress that stays */
    sink = sink_connected(plan);
    assert_int_equal(write_row(1), SINK_COMMITTED);
    run_in("postgres", "\"$bin/pg_restore\" --clean -t student_contact -d \"$COPY\""
                       " /tmp/sink-table.$PGPORT; rm /tmp/sink-table.$PGPORT");
    expect_unfit("is not the one that was filled");
}

#define OLDER                                                                                      \
    "ALTER TABLE sync_progress DROP COLUMN generation;"                                            \
    " ALTER TABLE sync_identity DROP COLUMN generation, DROP COLUMN relation, DROP COLUMN file,"   \
    " DROP COLUMN home; DROP FUNCTION sync_truncated CASCADE"

static void test_tables_of_an_older_version(void **state) {
    (void)state;
    admin(OLDER);
    pg_sink_destroy(&sink);
    sink = sink_open(plan, NULL);
    struct sink_event event = sink_await(sink, 5000);
    assert_int_equal(event.kind, SINK_HALT);
    assert_non_null(strstr(event.err.message, "plan --apply-sink"));
    apply_well();
    (void)sink_until(sink, SINK_CONNECTED, 10000);
    at[1].generation = at[2].generation = 0;
    expect_good(1);
    expect_good(2);
    admin(OLDER "; DROP TABLE student_contact");
    apply_well();
    pg_sink_destroy(&sink);
    sink = sink_connected(plan);
    expect_refilled();
}

/* While versions are replaced one by one, or taken back. */
static void test_an_older_version_writes_beside_us(void **state) {
    (void)state;
    admin("INSERT INTO sync_progress(view, task, seq, offsets, owner)"
          " SELECT view, task, max(seq) + 1, '{9,9}', 'older' FROM sync_progress"
          " WHERE task = 1 GROUP BY view, task");
    static const int32_t task = 1;
    pg_sink_ops.acquire(sink, &task, 1, OWNER_B);
    struct sink_event event = sink_await(sink, 20000);
    assert_int_equal(event.kind, SINK_ACQUIRED);
    assert_false(event.results[0].other_table);
    assert_int_equal(event.results[0].newest.offsets[0], 9);
    at[1] = event.results[0].newest;
    assert_int_equal(write_row(1), SINK_COMMITTED);
}

/* From the fence to COMMIT nobody empties or swaps it. */
static void test_locked_behind_the_fence(void **state) {
    (void)state;
    admin("CREATE OR REPLACE FUNCTION stall() RETURNS trigger LANGUAGE plpgsql AS "
          "$$ BEGIN PERFORM pg_sleep(1); RETURN NULL; END $$");
    admin("CREATE TRIGGER stall AFTER INSERT ON sync_progress FOR EACH ROW"
          " EXECUTE FUNCTION stall()");
    struct txn_part part, *parts[] = {&part};
    part_begin(&part, plan, 1, &at[1]);
    struct txn txn = {.parts = parts, .part_count = 1};
    pg_sink_ops.commit(sink, &txn);
    assert_int_equal(sink_await(sink, 300).kind, SINK_NOTHING);
    PGconn *conn = admin_open();
    PQclear(PQexec(conn, "SET lock_timeout = '100ms'"));
    PGresult *result = PQexec(conn, "TRUNCATE student_contact");
    assert_int_equal(PQresultStatus(result), PGRES_FATAL_ERROR);
    PQclear(result);
    PQfinish(conn);
    assert_int_equal(sink_await(sink, 10000).kind, SINK_COMMITTED);
    txn_part_clear(&part);
}

/* The identity was deleted, the progress was not. */
static void test_identity_lost(void **state) {
    (void)state;
    admin("DELETE FROM sync_identity");
    assert_int_equal(write_row(1), SINK_OTHER_TABLE);
    assert_true(look(1).results[0].other_table);
    at[1] = sink_acquire(sink, 1, OWNER_B);
    assert_true(at[1].has_offsets);
    expect_good(1);
}

static void test_partitioned(void **state) {
    (void)state;
    tables_drop();
    admin("CREATE TABLE student_contact (student_id bigint, contact_id bigint, name text,"
          " contact_number text, born date, PRIMARY KEY (student_id, contact_id))"
          " PARTITION BY HASH (student_id)");
    admin("CREATE TABLE part_0 PARTITION OF student_contact FOR VALUES WITH (MODULUS 2, REMAINDER"
          " 0); CREATE TABLE part_1 PARTITION OF student_contact FOR VALUES WITH (MODULUS 2,"
          " REMAINDER 1)");
    apply_well();
    pg_sink_destroy(&sink);
    sink = sink_connected(plan);
    for (int32_t task = 1; task <= 2; task++) {
        at[task] = sink_acquire(sink, task, OWNER_A);
        assert_int_equal(write_row(task), SINK_COMMITTED);
    }
    admin("VACUUM FULL part_0");
    assert_int_equal(write_row(1), SINK_OTHER_TABLE);
    expect_good(1);
    admin("ALTER TABLE part_1 SET UNLOGGED");
    expect_unfit("a partition of it is");
    admin("ALTER TABLE part_1 SET LOGGED");
    expect_good(1);
    admin("TRUNCATE student_contact");
    expect_refilled();
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, filled, clear)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(test_dropped_and_made_anew),
        CASE(test_dropped_while_nobody_looks),
        CASE(test_truncated),
        CASE(test_truncated_and_filled_by_others),
        CASE(test_truncated_by_another_role),
        CASE(test_swapped_by_rename),
        CASE(test_swapped_and_emptied),
        CASE(test_rewrites_are_no_alarm),
        CASE(test_unlogged),
        CASE(test_what_is_no_table),
        CASE(test_unlogged_from_the_start),
        CASE(test_restored_with_its_progress),
        CASE(test_tables_of_an_older_version),
        CASE(test_an_older_version_writes_beside_us),
        CASE(test_locked_behind_the_fence),
        CASE(test_identity_lost),
        CASE(test_partitioned),
    };
    return cmocka_run_group_tests_name("sink_table", tests, NULL, NULL);
}
