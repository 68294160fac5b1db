/* Is the sink table the one that the progress belongs to?
 *
 * sync_identity says which table that is, in which file its rows were, and how often it was filled
 * again (its generation). Every fence compares them. The table is inspected here if they differ, on
 * every new connection, and from time to time when nothing else is going on.
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

void table_sql(PGconn *conn, struct str table, const char *text, struct buf *out) {
    static const char name_mark[] = "{table}", oid_mark[] = "{oid}";
    struct buf name = {0}, literal = {0};
    append_escaped(&name, PQescapeIdentifier(conn, table.ptr, table.len));
    append_escaped(&literal, PQescapeLiteral(conn, name.ptr, name.len));
    buf_reset(out);
    while (*text) {
        if (strncmp(text, name_mark, sizeof name_mark - 1) == 0) {
            buf_str(out, buf_view(&name));
            text += sizeof name_mark - 1;
        } else if (strncmp(text, oid_mark, sizeof oid_mark - 1) == 0) {
            buf_printf(out, STR_FMT "::regclass", STR_ARG(buf_view(&literal)));
            text += sizeof oid_mark - 1;
        } else {
            buf_append(out, text++, 1);
        }
    }
    buf_append(out, "", 1);
    buf_clear(&name);
    buf_clear(&literal);
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

bool table_verdict(struct str table, struct str word, struct str kind, struct err *ret_err) {
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
    } else {
        return true;
    }
    return false;
}

void send_inspect(struct sink *sink) {
    params_begin(sink);
    params_add(sink, OID_TEXT, sink->plan->name);
    flight_prepared(sink, (struct step){STEP_REGISTER, 0}, "sync_register");
    flight_prepared(sink, (struct step){STEP_INSPECT, 0}, "sync_inspect");
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
    table->has_generation = !PQgetisnull(result, 0, 0);
    table->generation = table->has_generation ? read_be64(PQgetvalue(result, 0, 0)) : 0;
    if (sink->why.kind == ERR_NONE) {
        table->unfit = !table_verdict(sink->target->name, result_value(result, 0, 1),
                                      result_value(result, 0, 2), &sink->why);
    }
}

bool table_is_other(const struct sink *sink, const struct progress *progress) {
    return progress->exists &&
           (!sink->table.has_generation || progress->generation != sink->table.generation);
}
