/* How both sides are to be read: the key's order, its names in conditions, the columns' types. */
#include "decode/route.h"
#include "verify/impl.h"

#include <stdlib.h>

/* pg_type.oid of types that are ordered in another way than by their text, or need no detour. */
enum {
    TYPE_BOOL = 16,
    TYPE_INT8 = 20,
    TYPE_INT2 = 21,
    TYPE_INT4 = 23,
    TYPE_TEXT = 25,
    TYPE_BPCHAR = 1042,
    TYPE_VARCHAR = 1043,
    TYPE_UUID = 2950,
    TYPE_OWN_FIRST = 16384, /* from here on they are a database's own */
};

static enum order_kind order_of(Oid type) {
    switch (type) {
    case TYPE_INT2:
    case TYPE_INT4:
    case TYPE_INT8:
        return ORDER_INTEGER;
    case TYPE_BOOL:
    case TYPE_UUID:
        return ORDER_NATIVE;
    case TYPE_TEXT:
    case TYPE_VARCHAR:
        return ORDER_TEXT;
    case TYPE_BPCHAR:
        return ORDER_PADDED;
    default:
        return ORDER_SHOWN;
    }
}

static enum err_kind describe(struct verify *verify, enum side side, PGresult **ret_result,
                              struct err *reterr) {
    struct buf sql = {0};
    query_text(&sql, verify, side, STR("false"));
    buf_append(&sql, "", 1);
    enum err_kind kind = session_ask(&verify->look[side], sql.ptr, ret_result, reterr);
    buf_clear(&sql);
    return kind;
}

/* *ret_name: the type as SQL writes it. */
static enum err_kind type_name(struct verify *verify, Oid type, int modifier, struct str *ret_name,
                               struct err *reterr) {
    char sql[100];
    (void)snprintf(sql, sizeof sql, "SELECT pg_catalog.format_type(%u, %d)", type, modifier);
    PGresult *result = NULL;
    enum err_kind kind = session_ask(&verify->look[SINK], sql, &result, reterr);
    if (kind == ERR_NONE) {
        *ret_name = arena_copy(&verify->arena, result_value(result, 0, 0));
    }
    PQclear(result);
    return kind;
}

/* What the operator made of a column's type in the table is what its values are. */
static enum err_kind casts_read(struct verify *verify, const PGresult *source, const PGresult *sink,
                                struct err *reterr) {
    size_t count = verify->target->output_count;
    struct str *casts = arena_alloc(&verify->arena, count * sizeof *casts);
    enum err_kind kind = ERR_NONE;
    for (size_t i = 0; i < count && kind == ERR_NONE; i++) {
        casts[i] = STR_NONE;
        Oid type = PQftype(sink, (int)i);
        int modifier = PQfmod(sink, (int)i);
        if (type < TYPE_OWN_FIRST && (type != PQftype(source, (int)i) ||
                                      (modifier >= 0 && modifier != PQfmod(source, (int)i)))) {
            kind = type_name(verify, type, modifier, &casts[i], reterr);
        }
    }
    verify->casts = casts;
    return kind;
}

static const struct relation_column *key_column(const struct verify *verify, size_t key) {
    const struct target *target = verify->target;
    const struct target_input *input = &target->inputs[key_input(target, key)];
    return &occurrence_relation(verify->plan, target, input->occurrence)->columns[input->column];
}

static void keys_fill(struct verify *verify, const PGresult *sink) {
    const struct target *target = verify->target;
    size_t count = target->key_output_count;
    verify->order.column_count = target->output_count;
    verify->order.key_count = count;
    verify->types = arena_alloc(&verify->arena, count * sizeof *verify->types);
    verify->names[SOURCE] = target->source.keys;
    verify->names[SINK] = arena_alloc(&verify->arena, count * sizeof *verify->names[SINK]);
    for (size_t i = 0; i < count; i++) {
        size_t output = target->key_outputs[i];
        struct buf name = {0};
        buf_str(&name, STR("v."));
        query_identifier(&name, target->outputs[output].name);
        verify->names[SINK][i] = arena_copy(&verify->arena, buf_view(&name));
        buf_clear(&name);
        verify->types[i] = key_column(verify, i)->type;
        verify->order.keys[i] = (struct order_key){output, order_of(PQftype(sink, (int)output))};
    }
}

/* Of types whose text here is what the connector hashes. */
static bool places(const struct relation_column *column) {
    return column->key == KEY_INTEGER || column->key == KEY_BIGINT || column->key == KEY_UUID ||
           (column->key == KEY_TEXT && column->scalar == SCALAR_STRING &&
            (str_is(column->type, "text") || str_starts(column->type, STR("character varying"))));
}

static void placed_fill(struct verify *verify) {
    const struct relation *root = occurrence_relation(verify->plan, verify->target, 0);
    verify->placed = root->placement_count <= verify->target->key_output_count;
    for (size_t i = 0; i < root->placement_count && verify->placed; i++) {
        verify->placed = places(&root->columns[i]);
    }
}

int32_t row_task(const struct verify *verify, const struct str *row) {
    struct str values[ORDER_KEY_MAX];
    const struct relation *root = occurrence_relation(verify->plan, verify->target, 0);
    if (!verify->placed) {
        return -1;
    }
    for (size_t i = 0; i < root->placement_count; i++) {
        values[i] = row[verify->target->key_outputs[i]];
        if (!values[i].ptr) {
            return -1;
        }
    }
    return route_partition(root, values, verify->plan->partition_count);
}

static enum err_kind task_check(const struct verify *verify, struct err *reterr) {
    const struct relation *root = occurrence_relation(verify->plan, verify->target, 0);
    return verify->placed || verify->options->task < 0
               ? ERR_NONE
               : err_set(
                     reterr, ERR_CONFIG,
                     "--task: which task has a row can't be computed from a key of type " STR_FMT
                     "; leave it out",
                     STR_ARG(root->columns[0].type));
}

/* About so many rows there are, as VACUUM and ANALYZE have counted. */
static enum err_kind expected_read(struct verify *verify, struct err *reterr) {
    struct buf sql = {0}, name = {0};
    query_identifier(&name, verify->target->name);
    buf_str(&sql, STR("SELECT greatest(reltuples, 0) FROM pg_catalog.pg_class WHERE oid = "));
    query_literal(&sql, buf_view(&name));
    buf_str(&sql, STR("::regclass"));
    buf_append(&sql, "", 1);
    PGresult *result = NULL;
    enum err_kind kind = session_ask(&verify->look[SINK], sql.ptr, &result, reterr);
    if (kind == ERR_NONE && PQntuples(result) == 1) {
        verify->progress.expected = strtod(PQgetvalue(result, 0, 0), NULL);
    }
    PQclear(result);
    buf_clear(&sql);
    buf_clear(&name);
    return kind;
}

enum err_kind shape_read(struct verify *verify, struct err *reterr) {
    if (verify->target->key_output_count > ORDER_KEY_MAX) {
        return err_set(reterr, ERR_CONFIG, "the table's key has more than %d columns",
                       ORDER_KEY_MAX);
    }
    PGresult *source = NULL, *sink = NULL;
    enum err_kind kind = describe(verify, SOURCE, &source, reterr);
    if (kind == ERR_NONE) {
        kind = describe(verify, SINK, &sink, reterr);
    }
    if (kind == ERR_NONE) {
        keys_fill(verify, sink);
        placed_fill(verify);
        kind = casts_read(verify, source, sink, reterr);
    }
    PQclear(source);
    PQclear(sink);
    if (kind == ERR_NONE) {
        kind = task_check(verify, reterr);
    }
    return kind == ERR_NONE ? expected_read(verify, reterr) : kind;
}
