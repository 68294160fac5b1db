/* Which values the statements get, and what expressions call them. See draft.h. */
#include "view/expression.h"

#include <stdio.h>

int input_of(const struct draft *draft, int table, int column) {
    for (size_t i = 0; i < draft->input_count; i++) {
        const struct draft_column *of = &draft->inputs[i].column;
        if (of->table == table && of->column == column) {
            return (int)i;
        }
    }
    return -1;
}

static bool is_named(const struct draft *draft, struct str name) {
    for (size_t i = 0; i < draft->input_count; i++) {
        if (str_equal(draft->inputs[i].name, name)) {
            return true;
        }
    }
    return false;
}

/* `o_status`; a number where that would be too long for PostgreSQL, or another one's. */
static struct str input_name(struct draft *draft, struct draft_column column) {
    const struct draft_table *table = &draft->tables[column.table];
    struct str name = arena_printf(draft->arena, STR_FMT "_" STR_FMT, STR_ARG(table_label(table)),
                                   STR_ARG(table->source->columns[column.column].name));
    for (size_t n = draft->input_count + 1; name.len > IDENTIFIER_MAX || is_named(draft, name);
         n++) {
        name = arena_printf(draft->arena, "x%zu", n);
    }
    return name;
}

static enum err_kind input_add(struct draft *draft, struct draft_column column, size_t at) {
    if (draft->computes && input_of(draft, column.table, column.column) >= 0) {
        return ERR_NONE;
    }
    if (draft->input_count == DRAFT_OUTPUTS_MAX) {
        return source_refuse(&draft->source, at, NULL, draft->report,
                             "expressions use more than %d columns", DRAFT_OUTPUTS_MAX);
    }
    struct str name = draft->computes ? input_name(draft, column) : STR_NONE;
    draft->inputs[draft->input_count++] = (struct draft_input){column, name};
    return ERR_NONE;
}

static enum err_kind expression_add(struct draft *draft,
                                    const struct draft_expression *expression) {
    enum err_kind kind = ERR_NONE;
    for (size_t i = 0; expression && i < expression->use_count && kind == ERR_NONE; i++) {
        kind = input_add(draft, expression->uses[i].column, expression->uses[i].at);
    }
    return kind;
}

/* Where nothing is computed they are the outputs, even if a column is shown twice. */
enum err_kind inputs_read(struct draft *draft) {
    enum err_kind kind = ERR_NONE;
    draft->inputs = arena_alloc(draft->arena, DRAFT_OUTPUTS_MAX * sizeof *draft->inputs);
    for (size_t i = 0; i < draft->output_count && kind == ERR_NONE; i++) {
        const struct draft_output *output = &draft->outputs[i];
        struct draft_column column = {output->table, output->column};
        kind = output->expression ? expression_add(draft, output->expression)
                                  : input_add(draft, column, output->at);
    }
    return kind == ERR_NONE ? expression_add(draft, draft->where) : kind;
}
