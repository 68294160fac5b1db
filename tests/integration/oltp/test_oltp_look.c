/* Looks at a real PostgreSQL whose tables are changed in every way the watch must notice, or must
 * not mind. */
#include "oltp/history.h"
#include "oltp/watch.h"

#include "base/clock.h"

#include <libpq-fe.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define SLOT "look_slot"

struct context {
    PGconn *admin;
    struct view *view;
    struct look_names names;
    struct link *link;
    struct history *history;
    struct findings found;
};

static const char *const keywords[] = {"host", "dbname", "user", NULL};
static const char *values[] = {NULL, NULL, "watcher", NULL};
static const struct link_options reader = {keywords, values, -1};

/* ---- the source ---- */

static void sql(struct context *c, const char *text) {
    PGresult *result = PQexec(c->admin, text);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        fail_msg("%s: %s", text, PQresultErrorMessage(result));
    }
    PQclear(result);
}

static void make_tables(struct context *c) {
    sql(c, "DROP PUBLICATION IF EXISTS look_pub; DROP SCHEMA IF EXISTS \"S 1\" CASCADE; "
           "DROP TABLE IF EXISTS other, was_student; CREATE SCHEMA \"S 1\"; SET search_path = "
           "\"S 1\"");
    FILE *in = fopen("oltp.sql", "re");
    char text[4096];
    size_t len = in ? fread(text, 1, sizeof text - 1, in) : 0;
    assert_non_null(in);
    (void)fclose(in);
    text[len] = '\0';
    sql(c, text);
    sql(c, "CREATE PUBLICATION look_pub FOR TABLE student, contact;"
           "INSERT INTO student SELECT n, 'n' FROM generate_series(1, 100) n;"
           "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots;"
           "ANALYZE student");
    sql(c, "SELECT pg_create_logical_replication_slot('" SLOT "', 'pgoutput')");
}

static void write_file(const char *name, const char *text) {
    FILE *out = fopen(name, "we");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

static int begin(void **state) {
    struct context *c = calloc(1, sizeof *c);
    values[0] = getenv("PGHOST");
    values[1] = getenv("PGDATABASE");
    c->admin = PQconnectdb("");
    assert_int_equal(PQstatus(c->admin), CONNECTION_OK);
    sql(c, "SET client_min_messages = warning");
    make_tables(c);
    struct view_options options = {"oltp.sql", "view.sql", "look", 4};
    struct err err;
    if (view_load(&options, &c->view, NULL, &err) != ERR_NONE ||
        link_open(&reader, &c->link, &err) != ERR_NONE) {
        fail_msg("%s", err.message);
    }
    c->names = (struct look_names){SLOT, "look_pub"};
    c->history = history_new(c->view, &c->names);
    *state = c;
    return 0;
}

static int end(void **state) {
    struct context *c = *state;
    history_destroy(&c->history);
    link_close(&c->link);
    view_destroy(&c->view);
    PQfinish(c->admin);
    free(c);
    return 0;
}

static int set_up_files(void **state) {
    (void)state;
    static char folder[] = "/tmp/test-look-XXXXXX";
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    /* domains and arrays of quotes in names: what the questions have to survive */
    write_file("oltp.sql",
               "CREATE TABLE \"S 1\".student (student_id bigserial PRIMARY KEY, name text NOT NULL,"
               " at timestamp(3), score numeric(5), \"qu\"\"o\\te\" int);"
               "CREATE TABLE \"S 1\".contact (contact_id bigserial PRIMARY KEY, student_id bigint,"
               " contact_number varchar(40));"
               "ALTER TABLE \"S 1\".student REPLICA IDENTITY FULL;"
               "ALTER TABLE \"S 1\".contact REPLICA IDENTITY FULL;"
               "CREATE FUNCTION \"S 1\".refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE"
               " EXCEPTION 'no'; END $$;"
               "CREATE TRIGGER t BEFORE TRUNCATE ON \"S 1\".student FOR EACH STATEMENT EXECUTE"
               " FUNCTION \"S 1\".refuse();"
               "CREATE TRIGGER t BEFORE TRUNCATE ON \"S 1\".contact FOR EACH STATEMENT EXECUTE"
               " FUNCTION \"S 1\".refuse();");
    write_file("view.sql",
               "CREATE MATERIALIZED VIEW v AS SELECT s.student_id, contact_id, name, at, score,"
               " contact_number, \"qu\"\"o\\te\" FROM \"S 1\".student s JOIN \"S 1\".contact c ON "
               "s.student_id = c.student_id");
    PGconn *admin = PQconnectdb("");
    PQclear(PQexec(admin, "CREATE ROLE watcher LOGIN")); /* may connect, and nothing else */
    PQfinish(admin);
    return 0;
}

static int remove_files(void **state) {
    (void)state;
    (void)unlink("oltp.sql");
    (void)unlink("view.sql");
    return 0;
}

/* ---- looking ---- */

static void look_at(struct context *c, int64_t now_ms) {
    struct look look = {0};
    struct err err;
    if (link_look(c->link, c->view, &c->names, &look, &err) != ERR_NONE) {
        fail_msg("%s", err.message);
    }
    c->found = (struct findings){0};
    history_look(c->history, &look, now_ms, &c->found);
    look_clear(&look);
}

static void expect_none(struct context *c) {
    look_at(c, 0);
    if (c->found.count > 0) {
        fail_msg("%zu findings: %s", c->found.count, c->found.items[0].text);
    }
}

/* One finding at least that has this text; none weighs more. */
static void expect(struct context *c, enum finding_weight weight, const char *text) {
    bool found = false, heavier = false;
    look_at(c, 0);
    for (size_t i = 0; i < c->found.count; i++) {
        found |= c->found.items[i].weight == weight && strstr(c->found.items[i].text, text);
        heavier |= c->found.items[i].weight > weight;
    }
    if (!found || heavier) {
        fail_msg("wanted '%s' among %zu: %s", text, c->found.count, c->found.items[0].text);
    }
}

/* After a change that is over and stays said. */
static void expect_acknowledged(struct context *c) {
    look_at(c, 0);
    assert_true(c->found.count > 0);
    history_forget(c->history);
    expect_none(c);
}

static void as_planned(void **state) {
    struct context *c = *state;
    expect_none(c);
    sql(c, "INSERT INTO contact SELECT n, n, 'x' FROM generate_series(1, 50) n; DELETE FROM "
           "contact");
    sql(c, "VACUUM contact");
    expect_none(c);
    sql(c, "ALTER TABLE student ADD COLUMN unused int");
    sql(c, "CREATE INDEX ON student (name)");
    expect_none(c);
}

static void what_keeps_rows_is_not_minded(void **state) {
    struct context *c = *state;
    expect_none(c);
    sql(c, "VACUUM FULL student");
    expect_none(c);
    sql(c, "CLUSTER student USING student_pkey");
    expect_none(c);
    sql(c, "REINDEX TABLE student");
    expect_none(c);
    sql(c, "VACUUM FREEZE ANALYZE student");
    sql(c, "VACUUM FREEZE pg_catalog.pg_class");
    expect_none(c);
    sql(c, "GRANT SELECT ON student TO watcher; ALTER TABLE student OWNER TO watcher");
    expect_none(c);
    sql(c, "GRANT SELECT ON student TO watcher");
    expect(c, FINDING_NOTE, "altered and altered back between two looks, or a GRANT was repeated");
    expect_none(c);
    sql(c, "DROP OWNED BY watcher");
}

static void truncated(void **state) {
    struct context *c = *state;
    expect_none(c);
    sql(c, "ALTER TABLE student DISABLE TRIGGER t");
    expect(c, FINDING_NOTE, "student: no trigger refuses TRUNCATE");
    sql(c, "TRUNCATE student");
    expect(c, FINDING_LOSS, "S 1.student was emptied by TRUNCATE");
    sql(c, "ALTER TABLE student ENABLE TRIGGER t");
    expect(c, FINDING_LOSS, "S 1.student was emptied by TRUNCATE");
    expect_acknowledged(c);
}

/* As a nightly load does it: all in one transaction, and counted at once. */
static void truncated_filled_and_analysed(void **state) {
    struct context *c = *state;
    expect_none(c);
    sql(c, "BEGIN; ALTER TABLE student DISABLE TRIGGER t; TRUNCATE student; INSERT INTO student "
           "VALUES (7, 'x'); ALTER TABLE student ENABLE TRIGGER t; COMMIT");
    sql(c, "ANALYZE student");
    sql(c, "SELECT pg_stat_force_next_flush()");
    expect(c, FINDING_LOSS, "S 1.student was emptied by TRUNCATE");
}

static void rewritten(void **state) {
    struct context *c = *state;
    expect_none(c);
    sql(c, "ALTER TABLE student ALTER at TYPE timestamptz");
    expect(c, FINDING_LOSS,
           "column at is timestamp with time zone, the SQL file says timestamp(3)");
    sql(c, "ALTER TABLE student ALTER at TYPE timestamp(3)");
    expect(c, FINDING_LOSS, "(over now; ");
    expect_acknowledged(c);
}

static void renamed_away(void **state) {
    struct context *c = *state;
    expect_none(c);
    sql(c, "ALTER TABLE student RENAME TO was_student");
    expect(c, FINDING_LOSS, "S 1.student is not there (in the database postgres)");
    sql(c, "ALTER TABLE was_student RENAME TO student");
    expect(c, FINDING_LOSS, "S 1.student is not there (in the database postgres)");
    expect_acknowledged(c);
}

static void renamed_away_and_back_between_two_looks(void **state) {
    struct context *c = *state;
    expect_none(c);
    sql(c, "ALTER TABLE student RENAME TO was_student");
    sql(c, "ALTER TABLE was_student RENAME TO student");
    expect(c, FINDING_LOSS, "S 1.student was renamed (or moved to another schema) and came back");
    expect_acknowledged(c);
    sql(c, "ALTER TABLE student SET SCHEMA public");
    sql(c, "ALTER TABLE public.student SET SCHEMA \"S 1\"");
    expect(c, FINDING_LOSS, "S 1.student was renamed (or moved to another schema) and came back");
}

/* Its copy is in the publication, too: what the publication holds tells nothing. */
static void swapped(void **state) {
    struct context *c = *state;
    sql(c, "DROP PUBLICATION look_pub; CREATE PUBLICATION look_pub FOR ALL TABLES");
    expect_none(c);
    sql(c,
        "BEGIN; CREATE TABLE other (LIKE student INCLUDING ALL); INSERT INTO other SELECT * FROM "
        "student; ALTER TABLE other REPLICA IDENTITY FULL; ALTER TABLE student RENAME TO "
        "was_student; ALTER TABLE other RENAME TO student; CREATE TRIGGER t BEFORE TRUNCATE ON "
        "student FOR EACH STATEMENT EXECUTE FUNCTION refuse(); COMMIT");
    expect(c, FINDING_LOSS, "S 1.student is another table than before");
    expect_acknowledged(c);
}

static void dropped(void **state) {
    struct context *c = *state;
    expect_none(c);
    sql(c, "DROP TABLE contact");
    expect(c, FINDING_LOSS, "S 1.contact is not there");
}

static void identity_lost(void **state) {
    struct context *c = *state;
    expect_none(c);
    sql(c, "ALTER TABLE contact REPLICA IDENTITY DEFAULT");
    expect(c, FINDING_HALT, "S 1.contact: REPLICA IDENTITY is DEFAULT, must be FULL");
    sql(c, "ALTER TABLE contact REPLICA IDENTITY FULL");
    expect(c, FINDING_HALT, "REPLICA IDENTITY is DEFAULT");
    expect_acknowledged(c);
    sql(c, "ALTER TABLE contact REPLICA IDENTITY DEFAULT");
    sql(c, "ALTER TABLE contact REPLICA IDENTITY FULL");
    expect(c, FINDING_NOTE, "S 1.contact was altered and altered back between two looks");
}

static void columns_changed(void **state) {
    struct context *c = *state;
    expect_none(c);
    sql(c, "ALTER TABLE contact RENAME contact_number TO number");
    expect(c, FINDING_RED, "S 1.contact has no column contact_number");
    sql(c, "ALTER TABLE contact RENAME number TO contact_number");
    expect_none(c);
    sql(c, "ALTER TABLE contact ALTER contact_number TYPE varchar(41)");
    expect(c, FINDING_LOSS, "is character varying(41), the SQL file says character varying(40)");
    sql(c, "CREATE DOMAIN number AS varchar(40); ALTER TABLE contact ALTER contact_number TYPE "
           "number");
    history_forget(c->history);
    look_at(c, 0); /* written anew, perhaps */
    history_forget(c->history);
    expect_none(c);
    sql(c, "ALTER TABLE student ALTER name DROP NOT NULL");
    expect(c, FINDING_RED, "column name may be NULL");
}

static void primary_key_changed(void **state) {
    struct context *c = *state;
    expect_none(c);
    sql(c, "ALTER TABLE contact DROP CONSTRAINT contact_pkey");
    expect(c, FINDING_RED, "its primary key is not the one that the SQL file says (there is none)");
    sql(c, "ALTER TABLE contact ADD PRIMARY KEY (contact_id, student_id)");
    expect(c, FINDING_RED, "its primary key is not the one that the SQL file says");
}

static void unpublished(void **state) {
    struct context *c = *state;
    expect_none(c);
    sql(c, "ALTER PUBLICATION look_pub DROP TABLE contact");
    expect(c, FINDING_LOSS, "S 1.contact is not in the publication look_pub");
    sql(c, "ALTER PUBLICATION look_pub ADD TABLE contact");
    expect(c, FINDING_LOSS, "S 1.contact is not in the publication look_pub");
    expect_acknowledged(c);
    sql(c, "ALTER PUBLICATION look_pub DROP TABLE contact");
    sql(c, "ALTER PUBLICATION look_pub ADD TABLE contact");
    expect(c, FINDING_LOSS, "S 1.contact was taken out of the publication look_pub and put back");
    expect_acknowledged(c);
    sql(c, "ALTER PUBLICATION look_pub SET TABLE student, contact");
    expect_none(c); /* what Debezium does at each start */
    sql(c, "ALTER PUBLICATION look_pub SET TABLE student WHERE (student_id > 5), contact");
    expect(c, FINDING_LOSS, "S 1.student is in the publication look_pub with a WHERE");
    sql(c, "ALTER PUBLICATION look_pub SET TABLE student, contact (contact_id, student_id)");
    expect(c, FINDING_LOSS,
           "S 1.contact: the publication look_pub leaves out column contact_number");
    sql(c, "ALTER PUBLICATION look_pub SET TABLES IN SCHEMA \"S 1\"");
    history_forget(c->history);
    expect_none(c);
    sql(c, "ALTER PUBLICATION look_pub SET (publish = 'insert, update')");
    expect(c, FINDING_LOSS, "leaves out inserts, updates or deletes");
    sql(c, "DROP PUBLICATION look_pub");
    expect(c, FINDING_LOSS, "there is no publication look_pub");
}

static void slot_unread_and_lost(void **state) {
    struct context *c = *state;
    look_at(c, 1000);
    assert_int_equal(c->found.count, 0);
    look_at(c, 30999);
    assert_int_equal(c->found.count, 0);
    look_at(c, 31000);
    assert_int_equal(c->found.count, 1);
    assert_int_equal(c->found.items[0].weight, FINDING_RED);
    assert_non_null(strstr(c->found.items[0].text, "nobody reads the replication slot " SLOT));
    sql(c, "SELECT pg_drop_replication_slot('" SLOT "')");
    expect(c, FINDING_LOSS, "there is no replication slot " SLOT);
    sql(c, "SELECT pg_create_logical_replication_slot('" SLOT "', 'pgoutput')");
    expect(c, FINDING_LOSS, "there is no replication slot " SLOT);
}

/* Before the connector has made its slot nothing is lost, whatever is changed. */
static void before_the_connector(void **state) {
    struct context *c = *state;
    sql(c, "SELECT pg_drop_replication_slot('" SLOT "'); DROP PUBLICATION look_pub; ALTER TABLE "
           "student RENAME TO was_student");
    expect(c, FINDING_LOSS, "there is no replication slot");
    expect(c, FINDING_LOSS, "S 1.student is not there");
    sql(c, "ALTER TABLE was_student RENAME TO student; CREATE PUBLICATION look_pub FOR TABLE "
           "student, contact");
    sql(c, "SELECT pg_create_logical_replication_slot('" SLOT "', 'pgoutput')");
    expect_none(c);
}

/* A migration that holds its table for hours holds up no look. */
static void locks_are_not_waited_for(void **state) {
    struct context *c = *state;
    expect_none(c);
    sql(c, "BEGIN; LOCK TABLE student, contact IN ACCESS EXCLUSIVE MODE");
    expect_none(c);
    sql(c, "ROLLBACK");
}

/* ---- the thread ---- */

static void wait_for_news(struct board *board, struct board_news *news,
                          bool (*as_wanted)(const struct board_news *)) {
    for (int i = 0; i < 2000; i++) {
        if (board_take(board, news) && as_wanted(news)) {
            return;
        }
        (void)poll(NULL, 0, 5);
    }
    fail_msg("no such news in 10 s; the last: answered=%d %s", news->answered,
             news->findings.items[0].text);
}

static bool is_fine(const struct board_news *news) {
    return news->answered && news->findings.count == 0 && news->lag_bytes >= 0;
}
static bool is_renamed(const struct board_news *news) {
    return news->answered && findings_any(&news->findings, FINDING_LOSS);
}
static bool is_away(const struct board_news *news) {
    return !news->answered && news->findings.count == 1 &&
           news->findings.items[0].kind == FINDING_AWAY &&
           news->findings.items[0].weight == FINDING_NOTE;
}

static void thread_posts_and_forgets(void **state) {
    struct context *c = *state;
    struct board *board = board_new();
    struct board_news *news = calloc(1, sizeof *news);
    struct watch_options options = {reader, c->view, SLOT, "look_pub", 100, board};
    struct watch *watch = watch_start(&options);
    assert_non_null(watch);
    wait_for_news(board, news, is_fine);
    sql(c, "ALTER TABLE student RENAME TO was_student; ALTER TABLE was_student RENAME TO student");
    wait_for_news(board, news, is_renamed);
    board_acknowledge(board);
    wait_for_news(board, news, is_fine);
    sql(c, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'watcher'; "
           "ALTER ROLE watcher NOLOGIN");
    wait_for_news(board, news, is_away);
    sql(c, "ALTER ROLE watcher LOGIN");
    wait_for_news(board, news, is_fine);
    assert_true(watch_stop(&watch));
    assert_null(watch);
    board_destroy(&board);
    free(news);
}

/* A server that accepts and says nothing: the end does not wait for it. */
static void thread_ends_while_nobody_answers(void **state) {
    struct context *c = *state;
    PGresult *result = PQexec(c->admin, "SHOW port");
    PQclear(result);
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    assert_int_equal(bind(server, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(server, 5), 0);
    assert_int_equal(getsockname(server, (struct sockaddr *)&address, &size), 0);
    char port[16];
    (void)snprintf(port, sizeof port, "%d", ntohs(address.sin_port));
    const char *names[] = {"host", "port", NULL}, *texts[] = {"127.0.0.1", port, NULL};
    struct board *board = board_new();
    struct watch_options options = {{names, texts, -1}, c->view, SLOT, "look_pub", 100, board};
    struct watch *watch = watch_start(&options);
    struct pollfd fd = {server, POLLIN, 0};
    assert_int_equal(poll(&fd, 1, 10000), 1); /* it connects */
    struct clock clock = clock_real();
    int64_t before_ms = clock_mono_ms(&clock);
    assert_true(watch_stop(&watch));
    assert_true(clock_mono_ms(&clock) - before_ms < 2000);
    board_destroy(&board);
    (void)close(server);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
        CASE(as_planned),
        CASE(what_keeps_rows_is_not_minded),
        CASE(truncated),
        CASE(truncated_filled_and_analysed),
        CASE(rewritten),
        CASE(renamed_away),
        CASE(renamed_away_and_back_between_two_looks),
        CASE(swapped),
        CASE(dropped),
        CASE(identity_lost),
        CASE(columns_changed),
        CASE(primary_key_changed),
        CASE(unpublished),
        CASE(slot_unread_and_lost),
        CASE(before_the_connector),
        CASE(locks_are_not_waited_for),
        CASE(thread_posts_and_forgets),
        CASE(thread_ends_while_nobody_answers),
    };
    return cmocka_run_group_tests(tests, set_up_files, remove_files);
}
