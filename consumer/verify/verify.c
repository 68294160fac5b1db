/* The course of a verification. */
#include "verify/impl.h"

#include <stdlib.h>

static enum err_kind sessions_open(struct verify *verify, struct err *reterr) {
    const struct verify_options *options = verify->options;
    const struct verify_database *databases[SIDES] = {&options->oltp, &options->olap};
    enum err_kind kind = ERR_NONE;
    for (enum side side = 0; side < SIDES && kind == ERR_NONE; side++) {
        kind = session_open(&verify->stream[side], databases[side], options, reterr);
        if (kind == ERR_NONE) {
            kind = session_open(&verify->look[side], databases[side], options, reterr);
        }
    }
    return kind;
}

static void note(const struct verify *verify, const char *text) {
    if (verify->options->note) {
        verify->options->note(verify->options->ctx, text);
    }
}

/* Of texts without a COLLATE of their own, expressions see what the database has. */
static enum err_kind collation_read(struct verify *verify, enum side side, char *out, size_t size,
                                    struct err *reterr) {
    PGresult *result = NULL;
    enum err_kind kind =
        session_ask(&verify->look[side],
                    "SELECT coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale', "
                    "datcollate) FROM pg_catalog.pg_database d WHERE datname "
                    "= pg_catalog.current_database()",
                    &result, reterr);
    if (kind == ERR_NONE && PQntuples(result) == 1) {
        (void)snprintf(out, size, "%s", PQgetvalue(result, 0, 0));
    }
    PQclear(result);
    return kind;
}

static enum err_kind collations_compare(struct verify *verify, struct err *reterr) {
    char names[SIDES][100] = {"", ""};
    enum err_kind kind = ERR_NONE;
    for (enum side side = 0; side < SIDES && kind == ERR_NONE; side++) {
        kind = collation_read(verify, side, names[side], sizeof names[side], reterr);
    }
    if (kind == ERR_NONE && verify->target->source.computes &&
        strcmp(names[SOURCE], names[SINK]) != 0 && verify_differs(verify->result)) {
        char text[400];
        (void)snprintf(text, sizeof text,
                       "the OLTP database's collation is %s, the OLAP database's %s: where the "
                       "view's WHERE or expressions order texts without COLLATE, they may differ",
                       names[SOURCE], names[SINK]);
        note(verify, text);
    }
    return kind;
}

/* Rows for which an expression fails would end the query: the service has recorded them. */
static enum err_kind excluded_read(struct verify *verify, struct err *reterr) {
    enum err_kind kind = known_read(verify, reterr);
    if (kind == ERR_NONE && verify->target->source.computes) {
        verify->excluded = known_condition(verify, false, &verify->result->excluded);
    }
    return kind;
}

static enum err_kind rows_read(struct verify *verify, struct err *reterr) {
    return verify->options->sample_ms > 0 ? read_sample(verify, reterr) : read_all(verify, reterr);
}

static bool is_of_value(enum err_kind kind, const struct err *err) {
    return kind != ERR_NONE && strncmp(err->sqlstate, "22", 2) == 0;
}

/* From the beginning, without the rows of dead letters: the table has earlier versions of them, for
 * which the expressions did not fail. */
static enum err_kind read_without_letters(struct verify *verify, struct err *reterr) {
    differences_clear(&verify->pending);
    *verify->result = (struct verify_result){0};
    verify->excluded = known_condition(verify, true, &verify->result->excluded);
    enum err_kind kind = reading_renew(verify, reterr);
    return kind == ERR_NONE ? rows_read(verify, reterr) : kind;
}

static enum err_kind compare(struct verify *verify, struct err *reterr) {
    enum err_kind kind = rows_read(verify, reterr);
    if (is_of_value(kind, reterr) && verify->target->source.computes && verify->known.count > 0) {
        kind = read_without_letters(verify, reterr);
    }
    if (is_of_value(kind, reterr)) {
        struct err why = *reterr;
        return err_set(reterr, ERR_RETRY,
                       "%.700s: the view's query fails for a row that is not in sync_refused, nor "
                       "its record in sync_dead_letter. If it has changed just now, run verify "
                       "again",
                       why.message);
    }
    verify->progress.settling = true;
    return kind == ERR_NONE ? settle(verify, reterr) : kind;
}

static void clear(struct verify *verify) {
    for (enum side side = 0; side < SIDES; side++) {
        session_close(&verify->stream[side]);
        session_close(&verify->look[side]);
    }
    differences_clear(&verify->pending);
    arena_clear(&verify->known.arena);
    free(verify->known.items);
    arena_clear(&verify->arena);
}

static void notes(struct verify *verify) {
    struct buf text = {0};
    if (verify->result->behind > 0) {
        path_show(verify, &text);
        buf_append(&text, "", 1);
        note(verify, text.len > 1 ? text.ptr : "the connector has not sent all changes yet");
    }
    buf_clear(&text);
}

enum err_kind verify_run(const struct plan *plan, const struct target *target,
                         const struct verify_options *options, struct verify_result *ret_result,
                         struct err *reterr) {
    *ret_result = (struct verify_result){0};
    struct verify verify = {.plan = plan,
                            .target = target,
                            .options = options,
                            .result = ret_result,
                            .path = {.settle_ms = options->settle_ms},
                            .started_ms = verify_now()};
    enum err_kind kind = sessions_open(&verify, reterr);
    if (kind == ERR_NONE) {
        kind = shape_read(&verify, reterr);
    }
    if (kind == ERR_NONE) {
        kind = excluded_read(&verify, reterr);
    }
    if (kind == ERR_NONE) {
        kind = compare(&verify, reterr);
    }
    if (kind == ERR_NONE) {
        notes(&verify);
        kind = collations_compare(&verify, reterr);
    }
    ret_result->took_ms = verify_now() - verify.started_ms;
    clear(&verify);
    return kind;
}
