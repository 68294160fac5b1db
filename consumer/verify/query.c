/* The queries. Values stand in them as literals: COPY takes no parameters. */
#include "base/safeguard.h"
#include "verify/impl.h"

#define BYTES SAFEGUARD_SQL("both sides give their rows in the order of bytes", " COLLATE \"C\"")

void query_identifier(struct buf *out, struct str name) {
    buf_str(out, STR("\""));
    for (size_t i = 0; i < name.len; i++) {
        buf_str(out, name.ptr[i] == '"' ? STR("\"\"") : (struct str){name.ptr + i, 1});
    }
    buf_str(out, STR("\""));
}

/* standard_conforming_strings is on. */
void query_literal(struct buf *out, struct str value) {
    if (!value.ptr) {
        buf_str(out, STR("NULL"));
        return;
    }
    buf_str(out, STR("'"));
    for (size_t i = 0; i < value.len; i++) {
        buf_str(out, value.ptr[i] == '\'' ? STR("''") : (struct str){value.ptr + i, 1});
    }
    buf_str(out, STR("'"));
}

void query_and(struct buf *out) {
    buf_str(out, out->len > 0 ? STR(" AND ") : STR(""));
}

/* A key as it is ordered. */
static void append_ordered(struct buf *out, const struct verify *verify, size_t key,
                           struct str name) {
    switch (verify->order.keys[key].kind) {
    case ORDER_INTEGER:
    case ORDER_NATIVE:
        buf_str(out, name);
        return;
    case ORDER_TEXT:
    case ORDER_PADDED:
        buf_printf(out, STR_FMT "%s", STR_ARG(name), BYTES);
        return;
    case ORDER_SHOWN:
        /* concat() shows a value as COPY does, which a cast to text need not. */
        buf_printf(out, "(CASE WHEN " STR_FMT " IS NOT NULL THEN concat(" STR_FMT ") END)%s",
                   STR_ARG(name), STR_ARG(name), BYTES);
        return;
    }
}

static void append_output(struct buf *out, const struct verify *verify, enum side side, size_t i) {
    buf_str(out, STR("v."));
    query_identifier(out, verify->target->outputs[i].name);
    if (side == SOURCE && verify->casts && verify->casts[i].ptr) {
        buf_printf(out, "::" STR_FMT, STR_ARG(verify->casts[i]));
    }
}

/* A list cut off by the end of a WHERE lets expressions see only the rows that it leaves. */
static void append_source(struct buf *out, const struct verify *verify, struct str condition) {
    const struct source_query *query = &verify->target->source;
    bool excluded = verify->excluded.ptr != NULL;
    buf_printf(out, "(" STR_FMT STR_FMT, STR_ARG(query->select), STR_ARG(query->from));
    if (condition.len > 0 || excluded) {
        buf_printf(out, "\nWHERE " STR_FMT "%s" STR_FMT, STR_ARG(condition),
                   condition.len > 0 && excluded ? " AND " : "", STR_ARG(verify->excluded));
    }
    buf_printf(out, "%s" STR_FMT ") AS v", excluded && query->computes ? "\nOFFSET 0" : "",
               STR_ARG(query->rest));
}

void query_text(struct buf *out, const struct verify *verify, enum side side,
                struct str condition) {
    buf_str(out, STR("SELECT "));
    for (size_t i = 0; i < verify->target->output_count; i++) {
        buf_str(out, i > 0 ? STR(", ") : STR(""));
        append_output(out, verify, side, i);
    }
    buf_str(out, STR(" FROM "));
    if (side == SOURCE) {
        append_source(out, verify, condition);
        return;
    }
    query_identifier(out, verify->target->name);
    buf_printf(out, " AS v%s" STR_FMT, condition.len > 0 ? " WHERE " : "", STR_ARG(condition));
}

void query_copy(struct buf *out, const struct verify *verify, enum side side,
                struct str condition) {
    buf_str(out, STR("COPY ("));
    query_text(out, verify, side, condition);
    buf_str(out, STR("\nORDER BY "));
    for (size_t i = 0; i < verify->order.key_count; i++) {
        struct buf name = {0};
        append_output(&name, verify, side, verify->order.keys[i].column);
        buf_str(out, i > 0 ? STR(", ") : STR(""));
        append_ordered(out, verify, i, buf_view(&name));
        buf_clear(&name);
    }
    buf_str(out, STR(") TO STDOUT"));
    buf_append(out, "", 1);
    out->len--;
}

/* ---- conditions ---- */

static struct str key_of(const struct verify *verify, const struct str *row, size_t key) {
    return row[verify->order.keys[key].column];
}

static void append_typed(struct buf *out, const struct verify *verify, size_t key,
                         struct str value) {
    query_literal(out, value);
    buf_printf(out, "::" STR_FMT, STR_ARG(verify->types[key]));
}

/* `(a, b) IN (VALUES ('1'::bigint, 'x'::text), ...)`: the names ... */
static void append_names(struct buf *out, const struct verify *verify, enum side side,
                         const size_t *keys, size_t key_count) {
    for (size_t i = 0; i < key_count; i++) {
        buf_printf(out, "%s" STR_FMT, i == 0 ? "(" : ", ", STR_ARG(verify->names[side][keys[i]]));
    }
    buf_str(out, key_count > 1 ? STR(") IN (VALUES ") : STR(") IN ("));
}

/* ... and a row. */
static void append_row(struct buf *out, const struct verify *verify, const size_t *keys,
                       size_t key_count, const struct str *row) {
    buf_str(out, key_count > 1 ? STR("(") : STR(""));
    for (size_t i = 0; i < key_count; i++) {
        buf_str(out, i > 0 ? STR(", ") : STR(""));
        append_typed(out, verify, keys[i], key_of(verify, row, keys[i]));
    }
    buf_str(out, key_count > 1 ? STR(")") : STR(""));
}

void query_keys(struct buf *out, const struct verify *verify, enum side side, size_t parts,
                const struct str *const *rows, size_t count) {
    size_t keys[ORDER_KEY_MAX], key_count = 0;
    query_and(out);
    buf_str(out, STR("("));
    for (size_t i = 0; i < parts; i++) {
        if (key_of(verify, rows[0], i).ptr) {
            keys[key_count++] = i;
        } else {
            buf_printf(out, STR_FMT " IS NULL AND ", STR_ARG(verify->names[side][i]));
        }
    }
    append_names(out, verify, side, keys, key_count);
    for (size_t r = 0; r < count; r++) {
        buf_str(out, r > 0 ? STR(", ") : STR(""));
        append_row(out, verify, keys, key_count, rows[r]);
    }
    buf_str(out, STR("))"));
}

/* `k > 'v'`, or `>=` in the last place; NULLs come last. */
static void append_after(struct buf *out, const struct verify *verify, enum side side, size_t key,
                         struct str value, bool last) {
    struct str name = verify->names[side][key];
    if (!value.ptr) {
        buf_printf(out, "%s" STR_FMT "%s", last ? "" : "false AND ", STR_ARG(name), " IS NULL");
        return;
    }
    buf_str(out, STR("("));
    append_ordered(out, verify, key, name);
    buf_str(out, last ? STR(" >= ") : STR(" > "));
    query_literal(out, value);
    buf_printf(out, " OR " STR_FMT " IS NULL)", STR_ARG(name));
}

static void append_same(struct buf *out, const struct verify *verify, enum side side, size_t key,
                        struct str value) {
    append_ordered(out, verify, key, verify->names[side][key]);
    buf_str(out, value.ptr ? STR(" = ") : STR(" IS NULL"));
    if (value.ptr) {
        query_literal(out, value);
    }
}

/* a > 1 OR a = 1 AND (b > 2 OR b = 2 AND c >= 3), behind a >= 1, which an index can use. */
void query_from(struct buf *out, const struct verify *verify, enum side side,
                const struct str *row) {
    query_and(out);
    buf_str(out, STR("("));
    append_ordered(out, verify, 0, verify->names[side][0]);
    buf_str(out, STR(" >= "));
    query_literal(out, key_of(verify, row, 0));
    size_t count = verify->order.key_count;
    for (size_t i = 0; i < count; i++) {
        struct str value = key_of(verify, row, i);
        buf_str(out, STR(" AND ("));
        append_after(out, verify, side, i, value, i + 1 == count);
        if (i + 1 < count) {
            buf_str(out, STR(" OR "));
            append_same(out, verify, side, i, value);
        }
    }
    for (size_t i = 0; i <= count; i++) {
        buf_str(out, STR(")"));
    }
}

void query_given(struct buf *out, const struct verify *verify, enum side side) {
    const struct verify_options *options = verify->options;
    for (size_t k = 0; k < options->key_count; k++) {
        for (size_t i = 0; i < verify->order.key_count; i++) {
            size_t output = verify->target->key_outputs[i];
            if (str_is(verify->target->outputs[output].name, options->keys[k].name)) {
                query_and(out);
                buf_printf(out, STR_FMT " = ", STR_ARG(verify->names[side][i]));
                append_typed(out, verify, i, str_from(options->keys[k].value));
            }
        }
    }
}
