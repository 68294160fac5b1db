/* Are the sink tables the ones that the progress belongs to?
 *
 * sync_identity says of each which table that is, in which file its rows were, and how often it was
 * filled again (its generation). Every fence compares them. The table is inspected here if they
 * differ, on every new connection, and from time to time when nothing else is going on.
 */
#include "sink/pg_internal.h"
#include "sink/statements.h"

#include <stdlib.h>

/* escaped: libpq's, NULL if out of memory; freed. */
static void append_escaped(struct buf *out, char *escaped) {
    if (!escaped) {
        abort();
    }
    buf_str(out, str_from(escaped));
    PQfreemem(escaped);
}

static void append_name(PGconn *conn, struct str name, struct buf *out) {
    append_escaped(out, PQescapeIdentifier(conn, name.ptr, name.len));
}

static void append_literal(PGconn *conn, struct str text, struct buf *out) {
    append_escaped(out, PQescapeLiteral(conn, text.ptr, text.len));
}

/* The mark's text; false: it is none. */
static bool append_mark(PGconn *conn, const struct plan *plan, const struct target *target,
                        struct str mark, struct buf *out) {
    if (str_equal(mark, STR("{table}"))) {
        append_name(conn, target->name, out);
    } else if (str_equal(mark, STR("{oid}"))) {
        struct buf name = {0};
        append_name(conn, target->name, &name);
        append_literal(conn, buf_view(&name), out);
        buf_str(out, STR("::regclass"));
        buf_clear(&name);
    } else if (str_equal(mark, STR("{view}"))) {
        append_literal(conn, target->name, out);
    } else if (str_equal(mark, STR("{plan}"))) {
        append_literal(conn, plan->name, out);
    } else {
        return false;
    }
    return true;
}

static void append_sql(PGconn *conn, const struct plan *plan, const struct target *target,
                       const char *text, struct buf *out) {
    while (*text) {
        const char *end = *text == '{' ? strchr(text, '}') : NULL;
        struct str mark = {text, end ? (size_t)(end + 1 - text) : 0};
        if (!end || !append_mark(conn, plan, target, mark, out)) {
            mark.len = 1;
            buf_append(out, text, 1);
        }
        text += mark.len;
    }
}

void table_sql(PGconn *conn, const struct plan *plan, const struct target *target, const char *text,
               struct buf *out) {
    buf_reset(out);
    append_sql(conn, plan, target, text, out);
    buf_append(out, "", 1);
}

void lock_sql(PGconn *conn, const struct plan *plan, struct buf *out) {
    buf_reset(out);
    for (size_t t = 0; t < plan->target_count; t++) {
        append_sql(conn, plan, &plan->targets[t], t > 0 ? SQL_TABLE_NEXT : SQL_TABLE, out);
    }
    buf_append(out, SQL_TABLE_END, sizeof SQL_TABLE_END);
}

void fence_sql(PGconn *conn, const struct plan *plan, struct buf *out) {
    const struct target *first = &plan->targets[0];
    buf_reset(out);
    buf_str(out, STR(SQL_FENCE_BEGIN));
    if (plan->target_count == 1) {
        append_sql(conn, plan, first, SQL_FENCE_GENERATION, out);
    } else {
        buf_str(out, STR(SQL_FENCE_SEVERAL));
        for (size_t t = 0; t < plan->target_count; t++) {
            buf_str(out, t > 0 ? STR(" + ") : STR(""));
            append_sql(conn, plan, &plan->targets[t], SQL_FENCE_EACH, out);
        }
        buf_str(out, STR(SQL_FENCE_SUM));
    }
    buf_append(out, SQL_FENCE_END, sizeof SQL_FENCE_END);
}

void target_key_names(const struct target *target, struct buf *out) {
    buf_reset(out);
    buf_str(out, STR("{"));
    for (size_t i = 0; target->key_has_nulls && i < target->key_output_count; i++) {
        struct str name = target->outputs[target->key_outputs[i]].name;
        buf_str(out, i > 0 ? STR(",\"") : STR("\""));
        for (size_t c = 0; c < name.len; c++) {
            bool special = name.ptr[c] == '"' || name.ptr[c] == '\\';
            buf_printf(out, special ? "\\%c" : "%c", name.ptr[c]);
        }
        buf_str(out, STR("\""));
    }
    buf_append(out, "}", 2); /* with its NUL */
}

bool table_verdict(const struct target *target, struct str word, struct str kind,
                   struct err *ret_err) {
    struct str table = target->name;
    if (str_equal(word, STR("kind"))) {
        (void)err_set(ret_err, ERR_HALT,
                      STR_FMT " is " STR_FMT
                              " in the OLAP database: rows can be written only to an "
                              "ordinary or partitioned table. Rename it, then plan --apply-sink",
                      STR_ARG(table), STR_ARG(kind));
    } else if (str_equal(word, STR("unlogged"))) {
        (void)err_set(
            ret_err, ERR_HALT,
            "table " STR_FMT " is UNLOGGED or temporary, or a partition of it is: a crash "
            "of the OLAP server would empty it, while its progress stays. ALTER TABLE ... "
            "SET LOGGED; then it is written to again",
            STR_ARG(table));
    } else if (str_equal(word, STR("other"))) {
        (void)err_set(
            ret_err, ERR_HALT,
            "table " STR_FMT " is not the one that was filled (it was swapped, restored "
            "by itself, or emptied and given rows by others), and it has rows. Put the "
            "one that was filled back under its name, or empty this one (TRUNCATE): then it "
            "is filled again",
            STR_ARG(table));
    } else if (str_equal(word, STR("unkept"))) {
        (void)err_set(ret_err, ERR_HALT,
                      "table " STR_FMT
                      " has rows that this plan did not write, or has not kept since its "
                      "view was taken out of the plan: some may be too many or lacking. Empty it "
                      "(TRUNCATE " STR_FMT "): then it is filled again",
                      STR_ARG(table), STR_ARG(table));
    } else {
        return true;
    }
    return false;
}

void send_inspect(struct sink *sink) {
    char name[NAME_MAX_BYTES];
    for (size_t t = 0; t < sink->plan->target_count; t++) {
        params_begin(sink);
        params_add(sink, OID_TEXT, sink->plan->targets[t].name);
        flight_prepared(sink, (struct step){STEP_REGISTER, 0, t},
                        target_statement("sync_register", t, name));
        flight_prepared(sink, (struct step){STEP_INSPECT, 0, t},
                        target_statement("sync_inspect", t, name));
    }
}

void inspect_answer(struct sink *sink, struct step step, const PGresult *result) {
    struct table_state *table = &sink->table;
    if (PQntuples(result) != 1) {
        return; /* nothing to register, or no identity yet */
    }
    if (step.kind == STEP_REGISTER) {
        bool empty = PQgetvalue(result, 0, 1)[0] != 0;
        log_line(sink->log, LOG_INFO, "sink", "table_registered", "generation=%lld why=\"%s\"",
                 (long long)read_be64(PQgetvalue(result, 0, 0)),
                 empty ? "it is empty: to be filled"
                       : "it was rewritten, or restored together with its progress");
        return;
    }
    if (!PQgetisnull(result, 0, 0)) {
        table->registered_count++;
        table->generation += read_be64(PQgetvalue(result, 0, 0));
    }
    if (sink->why.kind == ERR_NONE) {
        table->unfit = !table_verdict(step_target(sink, step), result_value(result, 0, 1),
                                      result_value(result, 0, 2), &sink->why);
    }
}

bool table_is_other(const struct sink *sink, const struct progress *progress) {
    return progress->exists && (sink->table.registered_count != sink->plan->target_count ||
                                progress->generation != sink->table.generation);
}
