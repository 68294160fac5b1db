/* verifying.h: what the tests of verify/ share.
 *
 * What:    two databases on a real PostgreSQL, with different collations; a view, its table as the
 *          view has it, and what verify finds there.
 * Owns:    everything, from begin to end.
 * Errors:  fail the test.
 * Limits:  the server is that of PGHOST, PGPORT, PGUSER, PGDATABASE in the environment.
 */
#ifndef TESTS_VERIFYING_H
#define TESTS_VERIFYING_H

#include "base/buf.h"
#include "sink/pg_sink.h"
#include "verify/verify.h"
#include "view/view.h"

#include <libpq-fe.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct context {
    PGconn *admin, *oltp, *olap;
    struct plan *plan;
    struct verify_options options;
    struct verify_result result;
    struct buf found; /* a line each */
    struct buf notes;
    struct err err;
};

/* Of this process: others may run at the same time on the server. */
static char oltp_name[40], olap_name[40], slot_name[40], reader_name[40];

static const char *keywords[] = {"host", "port", "user", "dbname", NULL};
static const char *oltp_values[] = {NULL, NULL, "pg", oltp_name, NULL};
static const char *olap_values[] = {NULL, NULL, "pg", olap_name, NULL};

static inline void sql(PGconn *conn, const char *text) {
    PGresult *result = PQexec(conn, text);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        fail_msg("%s: %s", text, PQresultErrorMessage(result));
    }
    PQclear(result);
}

/* With names in it. */
__attribute__((format(printf, 2, 3))) static inline void sql_named(PGconn *conn, const char *format,
                                                                   ...) {
    char text[400];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    sql(conn, text);
}

static inline PGconn *connect_to(const char *database) {
    char text[100];
    (void)snprintf(text, sizeof text, "dbname=%s", database);
    PGconn *conn = PQconnectdb(text);
    if (PQstatus(conn) != CONNECTION_OK) {
        fail_msg("%s", PQerrorMessage(conn));
    }
    sql(conn, "SET client_min_messages = warning");
    return conn;
}

static inline void write_file(const char *name, const char *text) {
    FILE *out = fopen(name, "we");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

/* ---- what verify says ---- */

static inline void append_value(struct buf *out, struct str value) {
    buf_str(out, value.ptr ? value : STR("NULL"));
}

/* "missing 7 NULL", "different 7 1 name=a>b", with "known " before it. */
static inline void on_finding(void *ctx, const struct verify_finding *finding) {
    struct context *c = ctx;
    const struct target *target = &c->plan->targets[0];
    static const char *const kinds[] = {"missing", "extra", "different"};
    const struct str *row = finding->source ? finding->source : finding->sink;
    assert_true((finding->source != NULL) == (finding->kind != VERIFY_EXTRA));
    assert_true((finding->sink != NULL) == (finding->kind != VERIFY_MISSING));
    buf_printf(&c->found, "%s%s", finding->known ? "known " : "", kinds[finding->kind]);
    for (size_t i = 0; i < target->key_output_count; i++) {
        buf_str(&c->found, STR(" "));
        append_value(&c->found, row[target->key_outputs[i]]);
    }
    for (size_t i = 0; finding->columns && i < target->output_count; i++) {
        if (finding->columns[i]) {
            buf_printf(&c->found, " " STR_FMT "=", STR_ARG(target->outputs[i].name));
            append_value(&c->found, finding->source[i]);
            buf_str(&c->found, STR(">"));
            append_value(&c->found, finding->sink[i]);
        }
    }
    if (finding->known) {
        buf_printf(&c->found, " (" STR_FMT ")", STR_ARG(finding->why));
    }
    buf_str(&c->found, STR("\n"));
}

static inline void on_note(void *ctx, const char *text) {
    struct context *c = ctx;
    buf_printf(&c->notes, "%s\n", text);
}

static inline enum err_kind run(struct context *c) {
    buf_reset(&c->found);
    buf_reset(&c->notes);
    return verify_run(c->plan, &c->plan->targets[0], &c->options, &c->result, &c->err);
}

static inline const char *found_text(struct context *c) {
    buf_append(&c->found, "", 1);
    c->found.len--;
    return c->found.ptr;
}

static inline void expect(struct context *c, const char *want) {
    if (run(c) != ERR_NONE) {
        fail_msg("%s", c->err.message);
    }
    assert_string_equal(found_text(c), want);
}

/* Nothing, and nothing that had to be looked at again. */
static inline void expect_equal(struct context *c, uint64_t rows) {
    expect(c, "");
    assert_int_equal(c->result.source_rows, rows);
    assert_int_equal(c->result.sink_rows, rows);
    assert_int_equal(c->result.arrived, 0);
}

static inline void expect_failure(struct context *c, enum err_kind kind, const char *part) {
    assert_int_equal(run(c), kind);
    if (!strstr(c->err.message, part)) {
        fail_msg("\"%s\" does not say \"%s\"", c->err.message, part);
    }
}

/* ---- tables ---- */

static inline char *text_of(struct str text) {
    char *copy = calloc(1, text.len + 1);
    memcpy(copy, text.ptr, text.len);
    return copy;
}

/* Both databases are empty before. */
static inline void make(struct context *c, const char *tables, const char *view) {
    struct view_options options = {.oltp_path = "oltp.sql",
                                   .view_path = "view.sql",
                                   .topic_prefix = "p",
                                   .partition_count = 4};
    plan_destroy(&c->plan);
    write_file("oltp.sql", tables);
    write_file("view.sql", view);
    if (view_load(&options, &c->plan, NULL, &c->err) != ERR_NONE) {
        fail_msg("%s", c->err.message);
    }
    char *ddl = text_of(c->plan->targets[0].sql_ddl);
    sql(c->oltp, tables);
    sql(c->olap, ddl);
    sql(c->olap, pg_sink_ddl(c->plan));
    free(ddl);
}

/* The table gets what the view has. */
static inline void fill(struct context *c) {
    const struct source_query *query = &c->plan->targets[0].source;
    struct buf out = {0}, in = {0};
    buf_printf(&out, "COPY (" STR_FMT STR_FMT STR_FMT ") TO STDOUT", STR_ARG(query->select),
               STR_ARG(query->from), STR_ARG(query->rest));
    buf_append(&out, "", 1);
    buf_printf(&in, "COPY " STR_FMT " FROM STDIN", STR_ARG(c->plan->targets[0].name));
    buf_append(&in, "", 1);
    PQclear(PQexec(c->olap, in.ptr));
    PGresult *result = PQexec(c->oltp, out.ptr);
    if (PQresultStatus(result) != PGRES_COPY_OUT) {
        fail_msg("%s", PQerrorMessage(c->oltp));
    }
    PQclear(result);
    char *line = NULL;
    for (int len; (len = PQgetCopyData(c->oltp, &line, 0)) > 0; PQfreemem(line)) {
        assert_int_equal(PQputCopyData(c->olap, line, len), 1);
    }
    assert_int_equal(PQputCopyEnd(c->olap, NULL), 1);
    while ((result = PQgetResult(c->oltp))) {
        PQclear(result);
    }
    while ((result = PQgetResult(c->olap))) {
        if (PQresultStatus(result) != PGRES_COMMAND_OK) {
            fail_msg("%s", PQresultErrorMessage(result));
        }
        PQclear(result);
    }
    buf_clear(&out);
    buf_clear(&in);
}

/* ---- begin and end ---- */

static inline int begin(void **state) {
    struct context *c = calloc(1, sizeof *c);
    oltp_values[0] = olap_values[0] = getenv("PGHOST");
    oltp_values[1] = olap_values[1] = getenv("PGPORT");
    oltp_values[2] = olap_values[2] = "pg";
    oltp_values[3] = oltp_name;
    c->admin = connect_to(getenv("PGDATABASE"));
    (void)snprintf(oltp_name, sizeof oltp_name, "verify_oltp_%d", (int)getpid());
    (void)snprintf(olap_name, sizeof olap_name, "verify_olap_%d", (int)getpid());
    (void)snprintf(slot_name, sizeof slot_name, "verify_slot_%d", (int)getpid());
    (void)snprintf(reader_name, sizeof reader_name, "verify_reader_%d", (int)getpid());
    sql_named(c->admin, "DROP DATABASE IF EXISTS %s WITH (FORCE)", oltp_name);
    sql_named(c->admin, "DROP DATABASE IF EXISTS %s WITH (FORCE)", olap_name);
    sql_named(c->admin,
              "CREATE DATABASE %s TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C' "
              "LOCALE_PROVIDER icu ICU_LOCALE 'en-US'",
              oltp_name);
    sql_named(c->admin, "CREATE DATABASE %s TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'",
              olap_name);
    c->oltp = connect_to(oltp_name);
    c->olap = connect_to(olap_name);
    c->options = (struct verify_options){
        .oltp = {keywords, oltp_values, "OLTP database", "oltp"},
        .olap = {keywords, olap_values, "OLAP database", "olap"},
        .slot = slot_name,
        .task = -1,
        .settle_ms = 200,
        .wait_ms = 10000,
        .snapshot_ms = 60000,
        .ctx = c,
        .finding = on_finding,
        .note = on_note,
    };
    *state = c;
    return 0;
}

static inline int end(void **state) {
    struct context *c = *state;
    plan_destroy(&c->plan);
    PQfinish(c->oltp);
    PQfinish(c->olap);
    sql_named(c->admin, "DROP DATABASE %s WITH (FORCE)", oltp_name);
    sql_named(c->admin, "DROP DATABASE %s WITH (FORCE)", olap_name);
    PQfinish(c->admin);
    buf_clear(&c->found);
    buf_clear(&c->notes);
    free(c);
    return 0;
}

static inline int set_up_files(void **state) {
    (void)state;
    static char folder[] = "/tmp/test-verify-XXXXXX";
    assert_non_null(mkdtemp(folder));
    return chdir(folder);
}

static inline int remove_files(void **state) {
    (void)state;
    (void)unlink("oltp.sql");
    (void)unlink("view.sql");
    char folder[100];
    return getcwd(folder, sizeof folder) && chdir("/") == 0 ? rmdir(folder) : -1;
}

#endif
