/* Compares the rows of keys by chance: some of pages of the table, so that rows are found that are
 * too many or wrong, and some of pages of the view's first table, so that rows are found that are
 * missing. They are found by equality of the columns that place a row, which every index on them
 * can be used for, whatever its collation. */
#include "verify/impl.h"

#include <stdlib.h>

#define PAGES     8 /* of each side, about, in a round */
#define KEYS_MAX  300
#define SHARE_MAX 100.0

/* How large a share of the table about PAGES pages are, in per cent. */
static enum err_kind share_read(struct verify *verify, enum side side, struct str table,
                                double *ret_share, struct err *reterr) {
    struct buf sql = {0};
    buf_printf(&sql,
               "SELECT least(100, greatest(0.0001, %d * 100.0 / greatest(1, (SELECT "
               "sum(pg_catalog.pg_relation_size(relid)) / 8192 FROM "
               "pg_catalog.pg_partition_tree(",
               PAGES);
    query_literal(&sql, table);
    buf_str(&sql, STR("::regclass)))))"));
    buf_append(&sql, "", 1);
    PGresult *result = NULL;
    enum err_kind kind = session_ask(&verify->look[side], sql.ptr, &result, reterr);
    *ret_share = SHARE_MAX;
    if (kind == ERR_NONE && PQntuples(result) == 1) {
        *ret_share = strtod(PQgetvalue(result, 0, 0), NULL);
    }
    PQclear(result);
    buf_clear(&sql);
    return kind;
}

static void append_table(struct buf *out, const struct verify *verify, enum side side) {
    if (side == SINK) {
        query_identifier(out, verify->target->name);
        return;
    }
    const struct relation *root = occurrence_relation(verify->plan, verify->target, 0);
    query_identifier(out, root->schema);
    buf_str(out, STR("."));
    query_identifier(out, root->name);
}

/* The columns that place a row, of rows on some pages. */
static void append_keys(struct buf *out, const struct verify *verify, enum side side,
                        double share) {
    const struct relation *root = occurrence_relation(verify->plan, verify->target, 0);
    const struct target *target = verify->target;
    struct buf columns = {0};
    for (size_t i = 0; i < root->placement_count; i++) {
        buf_str(&columns, i > 0 ? STR(", ") : STR(""));
        query_identifier(&columns, side == SINK ? target->outputs[target->key_outputs[i]].name
                                                : root->columns[i].name);
        buf_printf(&columns, "::" STR_FMT, STR_ARG(verify->types[i]));
    }
    buf_printf(out, "SELECT " STR_FMT " FROM %s", STR_ARG(buf_view(&columns)),
               side == SOURCE && !root->partitioned ? "ONLY " : "");
    append_table(out, verify, side);
    buf_printf(out, " TABLESAMPLE SYSTEM (%f) GROUP BY " STR_FMT " ORDER BY random() LIMIT %d",
               share, STR_ARG(buf_view(&columns)), KEYS_MAX);
    buf_clear(&columns);
}

/* Keys as rows by outputs, of which only the columns that place them are set. */
struct keys {
    struct arena arena;
    struct str *rows[2 * KEYS_MAX];
    size_t count;
    bool all; /* there are no others */
};

static void take_keys(const struct verify *verify, const PGresult *result, struct keys *keys) {
    const struct relation *root = occurrence_relation(verify->plan, verify->target, 0);
    for (int r = 0; r < PQntuples(result); r++) {
        struct str *row = arena_alloc(&keys->arena, verify->target->output_count * sizeof *row);
        bool whole = true;
        for (size_t i = 0; i < root->placement_count; i++) {
            struct str value = arena_copy(&keys->arena, result_value(result, r, (int)i));
            row[verify->target->key_outputs[i]] = value;
            whole &= value.ptr != NULL;
        }
        if (whole) {
            keys->rows[keys->count++] = row;
        }
    }
}

static enum err_kind keys_of(struct verify *verify, enum side side, double share, struct keys *keys,
                             struct err *reterr) {
    struct buf sql = {0};
    append_keys(&sql, verify, side, share);
    buf_append(&sql, "", 1);
    PGresult *result = NULL;
    enum err_kind kind = session_ask(&verify->look[side], sql.ptr, &result, reterr);
    if (kind == ERR_NONE) {
        take_keys(verify, result, keys);
        keys->all &= share >= SHARE_MAX && PQntuples(result) < KEYS_MAX;
    }
    PQclear(result);
    buf_clear(&sql);
    return kind;
}

/* *ret_all: it had all keys there are. */
static enum err_kind round_read(struct verify *verify, const double shares[SIDES], bool *ret_all,
                                struct err *reterr) {
    const struct relation *root = occurrence_relation(verify->plan, verify->target, 0);
    struct keys keys = {.all = true};
    enum err_kind kind = ERR_NONE;
    for (enum side side = 0; side < SIDES && kind == ERR_NONE; side++) {
        kind = keys_of(verify, side, shares[side], &keys, reterr);
    }
    struct buf conditions[SIDES] = {0};
    for (enum side side = 0; side < SIDES && kind == ERR_NONE && keys.count > 0; side++) {
        query_keys(&conditions[side], verify, side, root->placement_count,
                   (const struct str *const *)keys.rows, keys.count);
    }
    if (kind == ERR_NONE && keys.count > 0) {
        verify->result->snapshots++;
        kind = read_some(verify, verify->stream, conditions, &verify->pending, true, reterr);
    }
    *ret_all = keys.all;
    for (enum side side = 0; side < SIDES; side++) {
        buf_clear(&conditions[side]);
    }
    arena_clear(&keys.arena);
    return kind;
}

enum err_kind read_sample(struct verify *verify, struct err *reterr) {
    int64_t end_ms = verify_now() + verify->options->sample_ms;
    double shares[SIDES] = {0};
    enum err_kind kind = ERR_NONE;
    for (enum side side = 0; side < SIDES && kind == ERR_NONE; side++) {
        struct buf table = {0};
        append_table(&table, verify, side);
        kind = share_read(verify, side, buf_view(&table), &shares[side], reterr);
        buf_clear(&table);
    }
    bool all = false;
    while (kind == ERR_NONE && verify_now() < end_ms && !all &&
           verify->pending.count < DIFFERENCES_MAX / 10) {
        kind = round_read(verify, shares, &all, reterr);
        verify_progress(verify);
    }
    return kind;
}
