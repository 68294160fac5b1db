/* What the operator must solve: identity, missing or foreign tables, refused connections. */
#include "support.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static const struct plan *plan;

static int nothing(void **state) {
    (void)state;
    plan = test_view(true);
    tables_drop();
    return 0;
}

static int reset(void **state) {
    (void)nothing(state);
    tables_reset(plan);
    return 0;
}

static enum err_kind apply_as(const char *keyword, const char *value, int log_fd, struct err *err) {
    struct log log = {.fd = log_fd, .level = LOG_INFO, .member = "test"};
    const char *keywords[] = {keyword, NULL}, *values[] = {value, NULL};
    struct pg_sink_options options = {
        .keywords = keywords, .values = values, .log = &log, .clock = clock_real()};
    *err = (struct err){0};
    return pg_apply_ddl(plan, &options, err);
}

static enum err_kind apply(struct err *err) {
    return apply_as("port", getenv("PGPORT"), 2, err);
}

static void expect_config(const char *part) {
    struct err err;
    assert_int_equal(apply(&err), ERR_CONFIG);
    assert_int_equal(err.kind, ERR_CONFIG);
    if (!strstr(err.message, part)) {
        fail_msg("%s", err.message);
    }
}

static void test_ddl_is_idempotent(void **state) {
    (void)state;
    struct err err;
    for (int i = 0; i < 3; i++) {
        if (apply(&err) != ERR_NONE) {
            fail_msg("%s", err.message);
        }
    }
    struct sink *sink = sink_connected(plan);
    struct progress at = sink_acquire(sink, 1, OWNER_A);
    struct txn_part part;
    part_begin(&part, plan, 1, &at);
    part_upsert(&part, 1, 1, "a", "1");
    assert_int_equal(sink_commit(sink, &part).kind, SINK_COMMITTED);
    assert_int_equal(apply(&err), ERR_NONE); /* rows, and progress that accounts for them */
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
}

static void test_ddl_names_differences(void **state) {
    (void)state;
    admin("CREATE TABLE student_contact (student_id bigint, contact_id integer, name varchar(9)"
          " NOT NULL, born date GENERATED ALWAYS AS (NULL::date) STORED, extra text NOT NULL,"
          " PRIMARY KEY (student_id))");
    expect_config("column contact_id is integer, should be bigint NOT NULL");
    expect_config("column contact_number is missing, should be text");
    expect_config("column extra is text NOT NULL, should be absent, nullable, or have a default");
    expect_config("column born is date GENERATED, should be date");
    expect_config("column name is character varying(9) NOT NULL, should be text");
    expect_config("PRIMARY KEY (student_id), should be PRIMARY KEY (student_id, contact_id)");
    assert_string_equal(ask("SELECT coalesce(to_regclass('sync_progress')::text, 'none')"), "none");
    admin("DROP TABLE student_contact; CREATE VIEW student_contact AS SELECT 1 AS a");
    expect_config("it is no table");
    admin("DROP VIEW student_contact; CREATE TABLE sync_progress (view text)");
    expect_config("table sync_progress already exists");
    admin("DROP TABLE sync_progress");
}

static void test_ddl_refuses_rows_without_progress(void **state) {
    (void)state;
    struct err err;
    assert_int_equal(apply(&err), ERR_NONE);
    admin("INSERT INTO student_contact VALUES (1, 1)");
    expect_config("sync_progress knows of none");
}

/* apply's log. */
static const char *apply_logged(void) {
    static char text[16384];
    struct err err;
    char path[] = "/tmp/sink-warnings.XXXXXX";
    int fd = mkstemp(path);
    memset(text, 0, sizeof text);
    if (apply_as("port", getenv("PGPORT"), fd, &err) != ERR_NONE) {
        fail_msg("%s", err.message);
    }
    (void)!pread(fd, text, sizeof text - 1, 0);
    (void)close(fd);
    (void)unlink(path);
    return text;
}

static void test_ddl_accepts_harmless_additions(void **state) {
    (void)state;
    (void)apply_logged();
    admin("ALTER TABLE student_contact ADD seen timestamptz DEFAULT now() NOT NULL,"
          " ADD remark text, ADD length int GENERATED ALWAYS AS (length(name)) STORED,"
          " ADD serial bigint GENERATED ALWAYS AS IDENTITY");
    admin("CREATE INDEX by_name ON student_contact (name);"
          " CREATE VIEW names AS SELECT name FROM student_contact");
    admin("ALTER TABLE sync_progress ADD later_version text");
    assert_null(strstr(apply_logged(), "by_name"));
    struct sink *sink = sink_connected(plan);
    struct progress at = sink_acquire(sink, 1, OWNER_A);
    struct txn_part part;
    part_begin(&part, plan, 1, &at);
    part_upsert(&part, 1, 1, "name", "1");
    assert_int_equal(sink_commit(sink, &part).kind, SINK_COMMITTED);
    assert_string_equal(ask("SELECT length || ' ' || serial || ' ' || (seen <= now())"
                            " FROM student_contact"),
                        "4 1 true");
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
}

static void test_ddl_accepts_partitions(void **state) {
    (void)state;
    (void)apply_logged();
    admin(
        "DROP TABLE student_contact; CREATE TABLE student_contact (student_id bigint, contact_id"
        " bigint, name text, contact_number text, born date, PRIMARY KEY (student_id, contact_id))"
        " PARTITION BY RANGE (student_id);"
        " CREATE TABLE low PARTITION OF student_contact FOR VALUES FROM (0) TO (100)");
    const char *text = apply_logged();
    assert_non_null(strstr(text, "kind=\"partitions without a default\" name=student_contact"));
    assert_null(strstr(text, "low"));
    admin("CREATE TABLE rest PARTITION OF student_contact DEFAULT");
    assert_null(strstr(apply_logged(), "sink_table_extra"));
    struct sink *sink = sink_connected(plan);
    struct progress at = sink_acquire(sink, 1, OWNER_A);
    struct txn_part part;
    part_begin(&part, plan, 1, &at);
    part_upsert(&part, 1, 1, "name", "1");
    part_upsert(&part, 200, 1, "name", "1");
    assert_int_equal(sink_commit(sink, &part).kind, SINK_COMMITTED);
    assert_int_equal(ask_number("SELECT count(*) FROM rest"), 1);
    txn_part_clear(&part);
    pg_sink_destroy(&sink);
}

static void test_ddl_warns_of_extras(void **state) {
    (void)state;
    assert_null(strstr(apply_logged(), "sink_table_extra"));
    admin("CREATE TABLE IF NOT EXISTS seen (id bigint PRIMARY KEY)");
    admin("ALTER TABLE student_contact ADD CONSTRAINT to_seen FOREIGN KEY (contact_id)"
          " REFERENCES seen, ADD CONSTRAINT short CHECK (length(name) < 9),"
          " ADD CONSTRAINT apart EXCLUDE (born WITH =), ALTER born SET NOT NULL");
    admin("CREATE UNIQUE INDEX one_number ON student_contact (contact_number)");
    admin("CREATE OR REPLACE FUNCTION nop() RETURNS trigger LANGUAGE plpgsql AS"
          " $$ BEGIN RETURN new; END $$");
    admin("CREATE TRIGGER audit BEFORE INSERT ON student_contact FOR EACH ROW"
          " EXECUTE FUNCTION nop()");
    admin("CREATE RULE quiet AS ON DELETE TO student_contact WHERE old.student_id = 0 DO INSTEAD"
          " NOTHING; ALTER TABLE student_contact ENABLE ROW LEVEL SECURITY");
    const char *text = apply_logged();
    static const char *const parts[] = {
        "event=sink_table_extra kind=\"foreign key\" name=to_seen effect=\"members may wait for",
        "kind=\"unique index\" name=one_number effect=\"members may wait for each other's rows; "
        "what"
        " it refuses is tried again for conflict.halt.ms, then its task halts\"",
        "kind=trigger name=audit",
        "kind=\"exclusion constraint\" name=apart",
        "kind=check name=short effect=\"rows that it refuses are left out and noted in"
        " sync_refused\"",
        "kind=\"not null\" name=born",
        "kind=rule name=quiet effect=\"rows may be changed or left out without a word",
        "kind=\"row security\" name=student_contact",
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (!strstr(text, parts[i])) {
            fail_msg("%s is not in %s", parts[i], text);
        }
    }
}

static void test_ddl_brings_older_tables_up_to_date(void **state) {
    (void)state;
    struct err err;
    assert_int_equal(apply(&err), ERR_NONE);
    admin("ALTER TABLE sync_progress DROP COLUMN marks;"
          " ALTER TABLE sync_identity DROP COLUMN definition;"
          " ALTER TABLE sync_dead_letter DROP COLUMN pending, DROP COLUMN checksum");
    admin("INSERT INTO sync_dead_letter VALUES"
          " ('student_contact', 1, 'oltp.public.student', 'public.student', 1, 3, NULL, NULL, "
          "NULL, NULL, 'r')");
    admin("INSERT INTO sync_progress VALUES ('student_contact', 1, 5, '{1,2}', 'x')");
    assert_int_equal(apply(&err), ERR_NONE);
    assert_int_equal(apply(&err), ERR_NONE);
    assert_string_equal(ask("SELECT coalesce(marks::text, 'none') FROM sync_progress"), "none");
    assert_string_equal(
        ask("SELECT pending || coalesce(checksum::text, ' none') FROM sync_dead_letter"),
        "false none");
}

static void test_ddl_without_a_server(void **state) {
    (void)state;
    struct err err;
    assert_int_equal(apply_as("port", "1", 2, &err), ERR_RETRY);
    assert_non_null(strstr(err.message, "refused"));
    assert_int_equal(apply_as("dbname", "nowhere", 2, &err), ERR_CONFIG);
    assert_string_equal(err.sqlstate, "3D000");
}

static void test_ddl_of_a_role_without_rights(void **state) {
    (void)state;
    struct err err;
    admin("DROP ROLE IF EXISTS poor; CREATE ROLE poor LOGIN");
    assert_int_equal(apply_as("user", "poor", 2, &err), ERR_CONFIG);
    assert_string_equal(err.sqlstate, "42501");
    assert_int_equal(apply(&err), ERR_NONE);
    admin("GRANT ALL ON student_contact, sync_progress, sync_identity, sync_dead_letter, "
          "sync_refused TO poor");
    assert_int_equal(apply_as("user", "poor", 2, &err), ERR_NONE); /* nothing is left to make */
    admin("DROP OWNED BY poor; DROP ROLE poor");
}

static struct sink_event acquire_with(const struct plan *with) {
    struct sink *sink = sink_connected(with);
    static const int32_t task = 1;
    pg_sink_ops.acquire(sink, &task, 1, OWNER_B);
    struct sink_event event = sink_await(sink, 5000);
    assert_true(pg_sink_ops.ready(sink));
    pg_sink_destroy(&sink);
    return event;
}

static void test_identity_must_be_equal(void **state) {
    (void)state;
    struct sink *sink = sink_connected(plan);
    (void)sink_acquire(sink, 1, OWNER_A);
    (void)sink_acquire(sink, 1, OWNER_A);
    struct target target = plan->targets[0];
    struct plan other = *plan;
    other.targets = &target;
    target.fingerprint = STR("ffffffffffffffff");
    target.definition = STR("partitions: 8\nsource column public.student.name: varchar\n");
    struct sink_event event = acquire_with(&other);
    assert_int_equal(event.kind, SINK_HALT);
    assert_int_equal(event.err.kind, ERR_HALT);
    assert_non_null(strstr(event.err.message,
                           "have changed since table student_contact was filled: source column "
                           "public.student.name was text, is now varchar. Undo that"));
    admin("UPDATE sync_identity SET definition = NULL"); /* a row of an earlier version */
    event = acquire_with(&other);
    assert_non_null(
        strstr(event.err.message, "fingerprint 0123456789abcdef, now ffffffffffffffff"));
    assert_string_equal(ask("SELECT coalesce(definition, 'none') FROM sync_identity"), "none");
    (void)sink_acquire(sink, 1, OWNER_A); /* one that fits brings it up to date */
    event = acquire_with(&other);
    assert_non_null(strstr(event.err.message, "public.student.name was text, is now varchar"));
    other = *plan;
    other.partition_count = 9;
    event = acquire_with(&other);
    assert_non_null(strstr(event.err.message, "topic.partitions 8, and this member has 9"));
    admin("UPDATE sync_identity SET cluster_id = 'cluster-0'");
    event = acquire_with(plan);
    assert_non_null(
        strstr(event.err.message, "the Kafka cluster cluster-0, and this member has cluster-1"));
    admin("UPDATE sync_identity SET cluster_id = 'cluster-1', topics = '{a,b}'");
    event = acquire_with(plan);
    assert_non_null(strstr(event.err.message, "the topics a, b, and this member has oltp.public."));
    assert_int_equal(ask_number("SELECT count(*) FROM sync_progress"), 3);
    pg_sink_destroy(&sink);
}

static void test_progress_of_another_shape_halts(void **state) {
    (void)state;
    admin("INSERT INTO sync_progress VALUES ('student_contact', 1, 5, '{1,2,3}', 'x')");
    struct sink_event event = acquire_with(plan);
    assert_int_equal(event.kind, SINK_HALT);
    assert_int_equal(ask_number("SELECT max(seq) FROM sync_progress"), 5);
}

static void test_missing_tables_halt_until_made(void **state) {
    (void)state;
    struct sink *sink = sink_open(plan, NULL);
    struct sink_event event = sink_await(sink, 5000);
    assert_int_equal(event.kind, SINK_HALT);
    assert_string_equal(event.err.sqlstate, "42P01");
    assert_non_null(strstr(event.err.message, "plan --apply-sink"));
    assert_int_equal(sink_await(sink, 5000).kind, SINK_HALT); /* tried again */
    struct err err;
    assert_int_equal(apply(&err), ERR_NONE);
    (void)sink_until(sink, SINK_CONNECTED, 5000);
    pg_sink_destroy(&sink);
}

static void test_refused_connections(void **state) {
    (void)state;
    struct sink *sink = sink_open(plan, "1");
    struct sink_event event = sink_await(sink, 5000);
    assert_int_equal(event.kind, SINK_LOST);
    assert_non_null(strstr(event.err.message, "refused"));
    pg_sink_destroy(&sink);
    (void)setenv("PGDATABASE", "nowhere", 1);
    sink = sink_open(plan, NULL);
    event = sink_await(sink, 5000);
    (void)setenv("PGDATABASE", "postgres", 1);
    assert_int_equal(event.kind, SINK_HALT);
    assert_string_equal(event.err.sqlstate, "3D000");
    pg_sink_destroy(&sink);
    (void)setenv("PGUSER", "nobody", 1);
    sink = sink_open(plan, NULL);
    event = sink_await(sink, 5000);
    (void)setenv("PGUSER", "pg", 1);
    assert_int_equal(event.kind, SINK_HALT);
    assert_string_equal(event.err.sqlstate, "28000");
    assert_non_null(strstr(event.err.message, "olap.user"));
    pg_sink_destroy(&sink);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_ddl_is_idempotent, nothing),
        cmocka_unit_test_setup(test_ddl_names_differences, nothing),
        cmocka_unit_test_setup(test_ddl_refuses_rows_without_progress, nothing),
        cmocka_unit_test_setup(test_ddl_warns_of_extras, nothing),
        cmocka_unit_test_setup(test_ddl_accepts_harmless_additions, nothing),
        cmocka_unit_test_setup(test_ddl_accepts_partitions, nothing),
        cmocka_unit_test_setup(test_ddl_brings_older_tables_up_to_date, nothing),
        cmocka_unit_test_setup(test_ddl_without_a_server, nothing),
        cmocka_unit_test_setup(test_ddl_of_a_role_without_rights, nothing),
        cmocka_unit_test_setup(test_identity_must_be_equal, reset),
        cmocka_unit_test_setup(test_progress_of_another_shape_halts, reset),
        cmocka_unit_test_setup(test_missing_tables_halt_until_made, nothing),
        cmocka_unit_test_setup(test_refused_connections, reset),
    };
    return cmocka_run_group_tests_name("sink_halt", tests, NULL, NULL);
}
