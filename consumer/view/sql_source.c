/* See sql_source.h. The FROM is written anew, with names of our own for its tables: what the view
 * calls them may be ambiguous without the order in which it names them. */
#include "view/sql_source.h"

#include "view/expression.h"
#include "view/identifier.h"
#include "view/sql_text.h"

static void append_column(struct buf *out, struct draft *draft, struct draft_column column) {
    buf_printf(out, "t%d.", column.table + 1);
    identifier_append(out, draft->tables[column.table].source->columns[column.column].name);
}

/* A column as the sink has it. An array's lower bound is not sent; `[:]` leaves it out. */
static void append_value(struct buf *out, struct draft *draft, struct draft_column column) {
    const struct draft_relation *relation = relation_of(draft, column.table);
    const struct type *type = &relation->types[relation_column(relation, column.column)];
    struct buf name = {0};
    append_column(&name, draft, column);
    if (type->array) {
        struct buf bare = {0};
        type_sql(&bare, type);
        buf_printf(out, "(" STR_FMT "::" STR_FMT ")[:]", STR_ARG(buf_view(&name)),
                   STR_ARG(buf_view(&bare)));
        buf_clear(&bare);
    } else {
        buf_printf(out, STR_FMT "::", STR_ARG(buf_view(&name)));
        type_sql(out, type);
    }
    buf_clear(&name);
}

/* Rows of tables that inherit from it come in topics of their own. */
static void append_table(struct buf *out, const struct draft_table *table, size_t number) {
    buf_str(out, table->source->partitioned ? STR("") : STR("ONLY "));
    identifier_append(out, table->source->schema);
    buf_str(out, STR("."));
    identifier_append(out, table->source->name);
    buf_printf(out, " AS t%zu", number + 1);
}

static struct str from_text(struct draft *draft) {
    struct buf out = {0};
    buf_str(&out, STR("\nFROM "));
    append_table(&out, &draft->tables[0], 0);
    for (size_t t = 1; t < draft->table_count; t++) {
        buf_str(&out, draft->tables[t].left ? STR("\nLEFT JOIN ") : STR("\nJOIN "));
        append_table(&out, &draft->tables[t], t);
        bool first = true;
        for (size_t e = 0; e < draft->equality_count; e++) {
            if (draft->equalities[e].joined.table == (int)t) {
                buf_str(&out, first ? STR(" ON ") : STR(" AND "));
                append_column(&out, draft, draft->equalities[e].joined);
                buf_str(&out, STR(" = "));
                append_column(&out, draft, draft->equalities[e].other);
                first = false;
            }
        }
    }
    return sql_take(draft, &out);
}

static struct str value_text(struct draft *draft, struct draft_column column) {
    struct buf out = {0};
    append_value(&out, draft, column);
    return sql_take(draft, &out);
}

/* Expressions see the same names and types as in the sink. */
static void append_inputs(struct buf *out, struct draft *draft) {
    buf_str(out, STR("\nFROM (SELECT "));
    for (size_t i = 0; i < draft->input_count; i++) {
        sql_comma(out, i == 0);
        append_value(out, draft, draft->inputs[i].column);
        sql_collate(out, draft, draft->inputs[i].column);
        buf_str(out, STR(" AS "));
        identifier_append(out, draft->inputs[i].name);
    }
}

static struct str select_text(struct draft *draft) {
    struct buf out = {0};
    buf_str(&out, STR("SELECT "));
    for (size_t i = 0; i < draft->output_count; i++) {
        const struct draft_output *output = &draft->outputs[i];
        struct draft_column column = {output->table, output->column};
        sql_comma(&out, i == 0);
        if (output->expression) {
            expression_append(&out, draft, output->expression, sql_input_name);
        } else if (draft->computes) {
            sql_input_name(&out, draft, column);
        } else {
            append_value(&out, draft, column);
        }
        buf_str(&out, STR(" AS "));
        identifier_append(&out, output->name);
    }
    if (draft->computes) {
        append_inputs(&out, draft);
    }
    return sql_take(draft, &out);
}

static struct str rest_text(struct draft *draft) {
    struct buf out = {0};
    if (draft->computes) {
        buf_str(&out, STR(") AS s"));
    }
    if (draft->where) {
        buf_str(&out, STR("\nWHERE ("));
        expression_append(&out, draft, draft->where, sql_input_name);
        buf_str(&out, STR(")"));
    }
    return sql_take(draft, &out);
}

static void parts_fill(struct draft *draft, struct source_query *query) {
    query->parts = arena_alloc(draft->arena, draft->table_count * sizeof(struct str *));
    for (size_t o = 0; o < draft->table_count; o++) {
        int table = draft->order[o];
        const struct draft_relation *relation = relation_of(draft, table);
        query->parts[o] = arena_alloc(draft->arena, relation->key_count * sizeof(struct str));
        for (size_t i = 0; i < relation->key_count; i++) {
            query->parts[o][i] =
                value_text(draft, (struct draft_column){table, relation->columns[i]});
        }
    }
}

struct source_query sql_source(struct draft *draft) {
    struct source_query query = {.select = select_text(draft),
                                 .from = from_text(draft),
                                 .rest = rest_text(draft),
                                 .computes = draft->computes};
    query.keys = arena_alloc(draft->arena, draft->key_output_count * sizeof *query.keys);
    for (size_t i = 0; i < draft->key_output_count; i++) {
        const struct draft_output *output = &draft->outputs[draft->key_outputs[i]];
        query.keys[i] = value_text(draft, (struct draft_column){output->table, output->column});
    }
    parts_fill(draft, &query);
    return query;
}
