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
