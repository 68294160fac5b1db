/* looking.h: what the tests of oltp/ share.
 *
 * What:    a source database on a real PostgreSQL, and looks at it.
 * Owns:    everything, from begin to end.
 * Threads: belongs to one thread.
 * Units:   milliseconds.
 * Errors:  fail the test.
 * Limits:  the server is that of PGHOST, PGPORT, PGUSER, PGDATABASE in the environment.
 */
#ifndef TESTS_LOOKING_H
#define TESTS_LOOKING_H

#include "oltp/history.h"
#include "view/view.h"

#include <libpq-fe.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define SLOT "look_slot"

struct context {
    PGconn *admin;
    struct plan *plan;
    struct look_names names;
    struct link *link;
    struct history *history;
    struct findings found;
};

static const char *const keywords[] = {"host", "dbname", "user", NULL};
static const char *values[] = {NULL, NULL, "watcher", NULL};
static const struct link_options reader = {keywords, values, -1};

/* ---- the source ---- */

static inline void sql(struct context *c, const char *text) {
    PGresult *result = PQexec(c->admin, text);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        fail_msg("%s: %s", text, PQresultErrorMessage(result));
    }
    PQclear(result);
}

static inline void make_tables(struct context *c) {
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

static inline void write_file(const char *name, const char *text) {
    FILE *out = fopen(name, "we");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

static inline int begin(void **state) {
    struct context *c = calloc(1, sizeof *c);
    values[0] = getenv("PGHOST");
    values[1] = getenv("PGDATABASE");
    c->admin = PQconnectdb("");
    assert_int_equal(PQstatus(c->admin), CONNECTION_OK);
    sql(c, "SET client_min_messages = warning");
    make_tables(c);
    struct view_options options = {"oltp.sql", "view.sql", "look", 4, NULL};
    struct err err;
    if (view_load(&options, &c->plan, NULL, &err) != ERR_NONE ||
        link_open(&reader, &c->link, &err) != ERR_NONE) {
        fail_msg("%s", err.message);
    }
    c->names = (struct look_names){SLOT, "look_pub"};
    c->history = history_new(c->plan, &c->names);
    *state = c;
    return 0;
}

static inline int end(void **state) {
    struct context *c = *state;
    history_destroy(&c->history);
    link_close(&c->link);
    plan_destroy(&c->plan);
    PQfinish(c->admin);
    free(c);
    return 0;
}

static inline int set_up_files(void **state) {
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

static inline int remove_files(void **state) {
    (void)state;
    (void)unlink("oltp.sql");
    (void)unlink("view.sql");
    return 0;
}

/* ---- looking ---- */

static inline void look_at(struct context *c, int64_t now_ms) {
    struct look look = {0};
    struct err err;
    if (link_look(c->link, c->plan, &c->names, &look, &err) != ERR_NONE) {
        fail_msg("%s", err.message);
    }
    c->found = (struct findings){0};
    history_look(c->history, &look, now_ms, &c->found);
    look_clear(&look);
}

static inline void expect_none(struct context *c) {
    look_at(c, 0);
    if (c->found.count > 0) {
        fail_msg("%zu findings: %s", c->found.count, c->found.items[0].text);
    }
}

/* One finding at least that has this text; none weighs more. */
static inline void expect(struct context *c, enum finding_weight weight, const char *text) {
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
static inline void expect_acknowledged(struct context *c) {
    look_at(c, 0);
    assert_true(c->found.count > 0);
    history_forget(c->history);
    expect_none(c);
}

/* One test alone, for tests/sim/mutations.py. */
static inline void choose_test(void) {
    cmocka_set_test_filter(getenv("ONLY_TEST"));
}

#endif
