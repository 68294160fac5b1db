/* Looks at a real PostgreSQL whose tables are changed in every way the watch must notice, or must
 * not mind. */
#include "looking.h"

#include "base/clock.h"
#include "oltp/watch.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

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
    expect(c, FINDING_LOSS, "S 1.student does not exist (in the database postgres)");
    sql(c, "ALTER TABLE was_student RENAME TO student");
    expect(c, FINDING_LOSS, "S 1.student does not exist (in the database postgres)");
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
    expect(c, FINDING_LOSS, "S 1.contact does not exist");
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

/* What it has besides in its index is no part of it. */
static void primary_key_that_includes(void **state) {
    struct context *c = *state;
    sql(c, "ALTER TABLE contact DROP CONSTRAINT contact_pkey, ADD PRIMARY KEY (contact_id) INCLUDE"
           " (contact_number)");
    expect_none(c);
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
    struct watch_options options = {reader, c->plan, SLOT, "look_pub", 100, board};
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
    struct watch_options options = {{names, texts, -1}, c->plan, SLOT, "look_pub", 100, board};
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
        CASE(primary_key_that_includes),
        CASE(primary_key_changed),
        CASE(unpublished),
        CASE(locks_are_not_waited_for),
        CASE(thread_posts_and_forgets),
        CASE(thread_ends_while_nobody_answers),
    };
    choose_test();
    return cmocka_run_group_tests(tests, set_up_files, remove_files);
}
