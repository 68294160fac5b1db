#include "view/sql_text.h"

#include "view/identifier.h"

#include <stdio.h>

#define PARAMETER_MAX 32 /* "x.c1600" */

struct str sql_take(struct draft *draft, struct buf *text) {
    struct str copy = arena_copy(draft->arena, buf_view(text));
    buf_clear(text);
    return copy;
}

void sql_comma(struct buf *out, bool first) {
    buf_str(out, first ? STR("") : STR(", "));
}

void sql_rows(struct buf *out, size_t count) {
    buf_str(out, STR("unnest("));
    for (size_t i = 0; i < count; i++) {
        buf_printf(out, "%s$%zu::text[]", i > 0 ? ", " : "", i + 1);
    }
    buf_str(out, STR(") AS x("));
    for (size_t i = 0; i < count; i++) {
        buf_printf(out, "%sc%zu", i > 0 ? ", " : "", i + 1);
    }
    buf_str(out, STR(")"));
}

/* The same rows: arrays of one length are walked in step, where in FROM each becomes a table first.
 */
static void append_walk(struct buf *out, size_t count) {
    buf_str(out, STR("(SELECT "));
    for (size_t i = 0; i < count; i++) {
        buf_printf(out, "%sunnest($%zu::text[]) AS c%zu", i > 0 ? ", " : "", i + 1, i + 1);
    }
    buf_str(out, STR(") AS x"));
}

void sql_converted(struct buf *out, const struct type *type, size_t index, enum convert what) {
    char from[PARAMETER_MAX];
    (void)snprintf(from, sizeof from, "x.c%zu", index + 1);
    type_convert(out, type, from, what);
}

const struct type *sql_output_type(struct draft *draft, size_t output) {
    const struct draft_output *o = &draft->outputs[output];
    const struct draft_relation *relation = relation_of(draft, o->table);
    return &relation->types[relation_column(relation, o->column)];
}

/* Text is text to begin with: what a function makes of varchar may be another one's. */
void sql_typed(struct buf *out, const struct type *type, size_t index) {
    sql_converted(out, type, index, CONVERT_CHECK);
    if (type->kind == TYPE_VARCHAR && type->modifier_count == 0) {
        buf_str(out, STR("::"));
        type_sql(out, type);
    }
}

void sql_collate(struct buf *out, const struct draft *draft, struct draft_column column) {
    json_t *names;
    if (column_collating(draft, column, &names) == COLLATING_BYTES) {
        buf_str(out, STR(" COLLATE \"C\""));
    }
}

const struct type *sql_input_type(struct draft *draft, size_t input) {
    const struct draft_column *column = &draft->inputs[input].column;
    const struct draft_relation *relation = relation_of(draft, column->table);
    return &relation->types[relation_column(relation, column->column)];
}

void sql_input_name(struct buf *out, struct draft *draft, struct draft_column column) {
    buf_str(out, STR("s."));
    identifier_append(out, draft->inputs[input_of(draft, column.table, column.column)].name);
}

void sql_inputs(struct buf *out, struct draft *draft) {
    buf_str(out, STR("SELECT "));
    for (size_t i = 0; i < draft->input_count; i++) {
        sql_comma(out, i == 0);
        sql_typed(out, sql_input_type(draft, i), i);
        sql_collate(out, draft, draft->inputs[i].column);
        buf_str(out, STR(" AS "));
        identifier_append(out, draft->inputs[i].name);
    }
    buf_str(out, STR("\nFROM "));
    append_walk(out, draft->input_count);
}

void sql_key_name(struct buf *out, const struct draft *draft, size_t position) {
    buf_str(out, STR("t."));
    identifier_append(out, draft->outputs[draft->key_outputs[position]].name);
}

void sql_key(struct buf *out, const struct draft *draft) {
    for (size_t i = 0; i < draft->key_output_count; i++) {
        sql_comma(out, i == 0);
        identifier_append(out, draft->outputs[draft->key_outputs[i]].name);
    }
}
