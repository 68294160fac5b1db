/* What is on its way, what the service has recorded, and what the roles may do. */
#include "verifying.h"

#include <pthread.h>

#define TABLES                                                                                     \
    "CREATE TABLE student (id int PRIMARY KEY, name text, n int);"                                 \
    "CREATE TABLE contact (id int PRIMARY KEY, student_id int, number text);"                      \
    "ALTER TABLE student REPLICA IDENTITY FULL; ALTER TABLE contact REPLICA IDENTITY FULL;"
#define ROWS                                                                                       \
    "INSERT INTO student SELECT g, 's' || g, g FROM generate_series(1, 50) g;"                     \
    "INSERT INTO contact SELECT g, 1 + g % 50, 'n' || g FROM generate_series(1, 200) g;"
#define VIEW                                                                                       \
    "CREATE MATERIALIZED VIEW v AS SELECT s.id AS student_id, c.id AS contact_id, s.name, "        \
    "c.number FROM student s JOIN contact c ON c.student_id = s.id"

static void students(struct context *c) {
    make(c, TABLES, VIEW);
    sql(c->oltp, ROWS);
    fill(c);
}

/* ---- on its way ---- */

/* What another process does after a while. */
struct later {
    pthread_t thread;
    unsigned after_ms;
    const char *database, *text;
};

static void *later_run(void *arg) {
    struct later *later = arg;
    (void)usleep(later->after_ms * 1000);
    PGconn *conn = connect_to(later->database);
    sql(conn, later->text);
    PQfinish(conn);
    return NULL;
}

static void begin_later(struct later *later) {
    assert_int_equal(pthread_create(&later->thread, NULL, later_run, later), 0);
}

static void end_later(struct later *later) {
    assert_int_equal(pthread_join(later->thread, NULL), 0);
}

/* The changes of four rows arrive within the time that they may take, after several looks. */
static void on_its_way(void **state) {
    struct context *c = *state;
    students(c);
    sql(c->oltp, "UPDATE student SET name = 'new' WHERE id = 7;"
                 "INSERT INTO contact VALUES (1000, 9, 'late'); DELETE FROM contact WHERE id = 20");
    struct later later = {.after_ms = 1500,
                          .database = olap_name,
                          .text = "UPDATE v SET name = 'new' WHERE student_id = 7;"
                                  "INSERT INTO v VALUES (9, 1000, 's9', 'late');"
                                  "DELETE FROM v WHERE contact_id = 20"};
    c->options.settle_ms = 6000;
    begin_later(&later);
    expect(c, "");
    end_later(&later);
    assert_int_equal(c->result.arrived, 6);
    assert_true(c->result.took_ms >= 1000 && c->result.took_ms < 6000);
}

static void only_some_arrive(void **state) {
    struct context *c = *state;
    students(c);
    sql(c->oltp, "UPDATE student SET name = 'new' WHERE id = 7");
    sql(c->olap, "DELETE FROM v WHERE contact_id = 100");
    struct later later = {.after_ms = 500,
                          .database = olap_name,
                          .text = "UPDATE v SET name = 'new' WHERE student_id = 7"};
    c->options.settle_ms = 2000;
    begin_later(&later);
    expect(c, "missing 1 100\n");
    end_later(&later);
    assert_int_equal(c->result.arrived, 4);
}

static void make_slot(struct context *c) {
    sql_named(c->oltp, "SELECT pg_create_logical_replication_slot('%s', 'pgoutput')", slot_name);
}

static void drop_slot(struct context *c) {
    sql_named(c->oltp, "SELECT pg_drop_replication_slot('%s')", slot_name);
}

/* As a connector with a heartbeat; a transaction of its own each. */
static const char *read_slot(void) {
    static char text[200];
    (void)snprintf(text, sizeof text,
                   "SELECT pg_logical_emit_message(true, 'heartbeat', 'x'); COMMIT;"
                   "SELECT pg_replication_slot_advance('%s', pg_current_wal_lsn())",
                   slot_name);
    return text;
}

/* The connector sends it later than all that follows may take. */
static void not_sent_yet(void **state) {
    struct context *c = *state;
    students(c);
    make_slot(c);
    sql(c->oltp, "UPDATE student SET name = 'new' WHERE id = 7");
    struct later sent = {.after_ms = 2500, .database = oltp_name, .text = read_slot()};
    struct later arrived = {.after_ms = 3500,
                            .database = olap_name,
                            .text = "UPDATE v SET name = 'new' WHERE student_id = 7"};
    c->options.settle_ms = 1500;
    begin_later(&sent);
    begin_later(&arrived);
    expect(c, "");
    end_later(&sent);
    end_later(&arrived);
    drop_slot(c);
    assert_int_equal(c->result.arrived, 4);
}

/* Once all is sent, it is a difference. */
static void sent_and_lost(void **state) {
    struct context *c = *state;
    students(c);
    make_slot(c);
    sql(c->oltp, "UPDATE contact SET number = 'new' WHERE id = 7");
    struct later sent = {.after_ms = 700, .database = oltp_name, .text = read_slot()};
    begin_later(&sent);
    expect(c, "different 8 7 number=new>n7\n");
    end_later(&sent);
    drop_slot(c);
    assert_int_equal(c->result.behind, 0);
}

static void never_sent(void **state) {
    struct context *c = *state;
    students(c);
    make_slot(c);
    sql(c->olap, "DELETE FROM v WHERE contact_id = 7");
    c->options.wait_ms = 1000;
    expect(c, "missing 8 7\n");
    drop_slot(c);
    assert_true(c->result.behind == 1 && verify_differs(&c->result));
    buf_append(&c->notes, "", 1);
    assert_non_null(strstr(c->notes.ptr, " is not read by any connector and "));
}

/* More than are kept at a time. */
static void many(void **state) {
    struct context *c = *state;
    students(c);
    sql(c->oltp, "INSERT INTO contact SELECT g, 1, repeat('x', 100) FROM generate_series(1000, "
                 "241000) g");
    c->options.settle_ms = 1;
    c->options.finding = NULL;
    assert_int_equal(run(c), ERR_NONE);
    assert_true(c->result.missing == 240001 && c->result.snapshots >= 3);
    c->options.stop_after = 50000;
    assert_int_equal(run(c), ERR_NONE);
    assert_true(c->result.stopped_early && c->result.missing >= 50000 &&
                c->result.missing < 240001);
}

/* ---- what the service has recorded ---- */

#define COMPUTED                                                                                   \
    "CREATE MATERIALIZED VIEW v AS SELECT s.id AS student_id, c.id AS contact_id, s.name, "        \
    "100 / (n - c.id) AS share FROM student s JOIN contact c ON c.student_id = s.id"

static void refused(void **state) {
    struct context *c = *state;
    students(c);
    sql(c->olap, "DELETE FROM v WHERE contact_id IN (7, 8); UPDATE v SET number = 'x' WHERE "
                 "contact_id = 9;"
                 "INSERT INTO sync_refused(view, task, row_key, key, sqlstate, message) VALUES "
                 "('v', 1, convert_to('8', 'UTF8') || '\\x00' || convert_to('7', 'UTF8') || "
                 "'\\x00', 'student_id=8 contact_id=7', '23514', 'too long'),"
                 "('v', 1, convert_to('10', 'UTF8') || '\\x00' || convert_to('9', 'UTF8') || "
                 "'\\x00', 'student_id=10 contact_id=9', '23514', 'too long')");
    expect(c, "known missing 8 7 (refused row: SQLSTATE 23514, too long (sync_refused: task 1, key "
              "student_id=8 contact_id=7))\nmissing 9 8\ndifferent 10 9 number=n9>x\n");
    assert_true(c->result.known == 1 && c->result.missing == 1 && c->result.different == 1);
}

/* The expression fails in the OLTP database, too. */
static void fails_there_too(void **state) {
    struct context *c = *state;
    make(c, TABLES, COMPUTED);
    sql(c->oltp, "INSERT INTO student SELECT g, 's', g + 1000 FROM generate_series(1, 50) g;"
                 "INSERT INTO contact SELECT g, 1 + g % 50, 'n' FROM generate_series(1, 200) g");
    fill(c);
    sql(c->oltp, "UPDATE student SET n = 57 WHERE id = 8");
    sql(c->olap, "DELETE FROM v WHERE student_id = 8 AND contact_id = 57;"
                 "UPDATE v SET share = 100 / (57 - contact_id) WHERE student_id = 8");
    expect_failure(c, ERR_RETRY, "division by zero");
    expect_failure(c, ERR_RETRY, "a row that is not in sync_refused");
    sql(c->olap, "INSERT INTO sync_refused(view, task, row_key, key, sqlstate, message) VALUES "
                 "('v', 1, convert_to('8', 'UTF8') || '\\x00' || convert_to('57', 'UTF8') || "
                 "'\\x00', 'student_id=8 contact_id=57', '22012', 'division by zero')");
    expect_equal(c, 199);
    assert_int_equal(c->result.excluded, 1);
    sql(c->olap, "DELETE FROM v WHERE contact_id = 58");
    expect(c, "missing 9 58\n");
}

/* Of a core table and of a lookup. */
static void dead_letters(void **state) {
    struct context *c = *state;
    make(c,
         TABLES "CREATE TABLE kind (id int PRIMARY KEY, label text);"
                "ALTER TABLE kind REPLICA IDENTITY FULL",
         "CREATE MATERIALIZED VIEW v AS SELECT s.id AS student_id, c.id AS contact_id, c.number, "
         "k.label FROM student s JOIN contact c ON c.student_id = s.id LEFT JOIN kind k ON k.id = "
         "s.n");
    sql(c->oltp, ROWS "INSERT INTO kind SELECT g, 'k' || g FROM generate_series(1, 50) g");
    fill(c);
    sql(c->oltp, "UPDATE contact SET number = 'new' WHERE id IN (7, 8);"
                 "UPDATE kind SET label = 'new' WHERE id IN (20, 21)");
    /* keys as plan/row.h writes them: the placement, then the primary key */
    sql(c->olap,
        "INSERT INTO sync_dead_letter(view, task, topic, \"table\", partition, \"offset\", "
        "reason, row_key) VALUES ('v', 0, 'p.public.contact', 'contact', 0, 11, 'bad', "
        "'\\x80000000000000088000000000000007'),"
        "('v', 0, 'p.public.contact', 'contact', 0, 12, 'worse', "
        "'\\x80000000000000088000000000000007'),"
        "('v', 2, 'p.public.kind', 'kind', 0, 13, 'odd', '\\x8000000000000014')");
    expect(c, "known different 8 7 number=new>n7 (dead letter: topic p.public.contact partition 0 "
              "offset 12, worse)\n"
              "different 9 8 number=new>n8\n"
              "known different 20 19 label=new>k20 (dead letter: topic p.public.kind partition 0 "
              "offset 13, odd)\n"
              "known different 20 69 label=new>k20 (dead letter: topic p.public.kind partition 0 "
              "offset 13, odd)\n"
              "known different 20 119 label=new>k20 (dead letter: topic p.public.kind partition 0 "
              "offset 13, odd)\n"
              "known different 20 169 label=new>k20 (dead letter: topic p.public.kind partition 0 "
              "offset 13, odd)\n"
              "different 21 20 label=new>k21\ndifferent 21 70 label=new>k21\n"
              "different 21 120 label=new>k21\ndifferent 21 170 label=new>k21\n");
    assert_true(c->result.known == 5 && c->result.different == 5);
}

/* Beside expressions they are compared, too; if one of them fails in the OLTP database, all of them
 * are left out. */
static void dead_letters_beside_expressions(void **state) {
    struct context *c = *state;
    make(c,
         TABLES "CREATE TABLE kind (id int PRIMARY KEY, label text);"
                "ALTER TABLE kind REPLICA IDENTITY FULL",
         "CREATE MATERIALIZED VIEW v AS SELECT s.id AS student_id, c.id AS contact_id, 100 / "
         "c.number::int AS share, k.label FROM student s JOIN contact c ON c.student_id = s.id "
         "LEFT JOIN kind k ON k.id = s.n WHERE s.id > 0");
    sql(c->oltp, "INSERT INTO student SELECT g, 's', g FROM generate_series(1, 50) g;"
                 "INSERT INTO contact SELECT g, g, '5' FROM generate_series(1, 50) g;"
                 "INSERT INTO kind SELECT g, 'k' || g FROM generate_series(1, 50) g");
    fill(c);
    sql(c->oltp, "UPDATE kind SET label = 'new' WHERE id = 20");
    sql(c->olap,
        "UPDATE v SET share = 0 WHERE contact_id = 9;"
        "INSERT INTO sync_dead_letter(view, task, topic, \"table\", partition, \"offset\", "
        "reason, row_key) VALUES ('v', 0, 'p.public.contact', 'contact', 0, 11, 'bad', "
        "'\\x80000000000000078000000000000007'),"
        "('v', 2, 'p.public.kind', 'kind', 0, 13, 'odd', '\\x8000000000000014')");
    expect(c, "different 9 9 share=20>0\nknown different 20 20 label=new>k20 (dead letter: topic "
              "p.public.kind partition 0 offset 13, odd)\n");
    assert_int_equal(c->result.excluded, 0);
    sql(c->oltp, "UPDATE contact SET number = '0' WHERE id = 7");
    expect(c, "known extra 7 7 (dead letter: topic p.public.contact partition 0 offset 11, bad)\n"
              "different 9 9 share=20>0\nknown extra 20 20 (dead letter: topic p.public.kind "
              "partition 0 offset 13, odd)\n");
    assert_int_equal(c->result.excluded, 2);
    assert_int_equal(c->result.source_rows, 48);
}

/* ---- roles ---- */

static void grant(PGconn *conn, const char *tables) {
    char text[200];
    (void)snprintf(text, sizeof text, "GRANT SELECT ON %s TO %s", tables, reader_name);
    sql(conn, text);
}

static void read_only(void **state) {
    struct context *c = *state;
    students(c);
    sql_named(c->admin, "CREATE ROLE %s LOGIN", reader_name);
    oltp_values[2] = olap_values[2] = reader_name;
    expect_failure(c, ERR_CONFIG, "OLTP database: permission denied for table");
    expect_failure(c, ERR_CONFIG, "); GRANT SELECT ON the view's tables");
    grant(c->oltp, "student, contact");
    expect_failure(c, ERR_CONFIG, "OLAP database: permission denied for table v");
    grant(c->olap, "v, sync_refused");
    expect_failure(c, ERR_CONFIG, "permission denied for table sync_dead_letter");
    grant(c->olap, "sync_dead_letter");
    sql_named(c->admin, "REVOKE TEMPORARY ON DATABASE %s FROM PUBLIC", oltp_name);
    sql_named(c->admin, "REVOKE TEMPORARY ON DATABASE %s FROM PUBLIC", olap_name);
    expect_equal(c, 200);
    /* a policy that shows no rows is no empty table */
    sql(c->olap, "ALTER TABLE v ENABLE ROW LEVEL SECURITY");
    expect_failure(c, ERR_CONFIG, "use a role with BYPASSRLS");
    sql(c->olap, "ALTER TABLE v DISABLE ROW LEVEL SECURITY");
    sql(c->oltp, "ALTER TABLE contact ENABLE ROW LEVEL SECURITY");
    expect_failure(c, ERR_CONFIG, "OLTP database: query would be affected by row-level security");
    sql_named(c->oltp, "DROP OWNED BY %s", reader_name);
    sql_named(c->olap, "DROP OWNED BY %s", reader_name);
    sql_named(c->admin, "DROP ROLE %s", reader_name);
}

static void what_is_not_there(void **state) {
    struct context *c = *state;
    students(c);
    sql(c->olap, "ALTER TABLE v RENAME TO w");
    expect_failure(c, ERR_CONFIG, "relation \"v\" does not exist; `plan --apply-sink` makes");
    sql(c->olap, "ALTER TABLE w RENAME TO v; ALTER TABLE v DROP COLUMN number");
    expect_failure(c, ERR_CONFIG, "the table is not this view's");
    sql(c->oltp, "ALTER TABLE contact RENAME TO contacts");
    expect_failure(c, ERR_CONFIG, "`plan --check-source` compares the tables");
    oltp_values[3] = "nowhere";
    expect_failure(c, ERR_CONFIG, "database \"nowhere\" does not exist");
    oltp_values[3] = oltp_name;
    olap_values[1] = "1";
    expect_failure(c, ERR_RETRY, "OLAP database: connection to server");
}

static bool stop(void *ctx) {
    return ((struct context *)ctx)->result.source_rows > 0;
}

static void told_to_stop(void **state) {
    struct context *c = *state;
    students(c);
    sql(c->olap, "DELETE FROM v WHERE contact_id = 7");
    c->options.settle_ms = 1000000;
    c->options.stopped = stop;
    expect_failure(c, ERR_RETRY, "stopped");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(on_its_way, begin, end),
        cmocka_unit_test_setup_teardown(only_some_arrive, begin, end),
        cmocka_unit_test_setup_teardown(not_sent_yet, begin, end),
        cmocka_unit_test_setup_teardown(sent_and_lost, begin, end),
        cmocka_unit_test_setup_teardown(never_sent, begin, end),
        cmocka_unit_test_setup_teardown(many, begin, end),
        cmocka_unit_test_setup_teardown(refused, begin, end),
        cmocka_unit_test_setup_teardown(fails_there_too, begin, end),
        cmocka_unit_test_setup_teardown(dead_letters, begin, end),
        cmocka_unit_test_setup_teardown(dead_letters_beside_expressions, begin, end),
        cmocka_unit_test_setup_teardown(read_only, begin, end),
        cmocka_unit_test_setup_teardown(what_is_not_there, begin, end),
        cmocka_unit_test_setup_teardown(told_to_stop, begin, end),
    };
    return cmocka_run_group_tests(tests, set_up_files, remove_files);
}
