#include "view/definition.h"

#include "base/buf.h"
#include "view/identifier.h"

#include <stdio.h>

static void append_column(struct buf *out, const struct relation *table, size_t column) {
    identifier_append(out, table->schema);
    buf_str(out, STR("."));
    identifier_append(out, table->name);
    buf_str(out, STR("."));
    identifier_append(out, table->columns[column].name);
}

static void append_table(struct buf *out, const struct relation *table) {
    buf_str(out, STR("source table "));
    identifier_append(out, table->schema);
    buf_str(out, STR("."));
    identifier_append(out, table->name);
    buf_printf(out, ": topic " STR_FMT ", columns in use", STR_ARG(table->topic));
    for (size_t i = 0; i < table->column_count; i++) {
        buf_str(out, i == 0 ? STR(" ") : STR(", "));
        identifier_append(out, table->columns[i].name);
    }
    buf_printf(out, " (key %zu, primary key %zu)\n", table->key_count, table->primary_key_count);
    for (size_t i = 0; i < table->column_count; i++) {
        buf_str(out, STR("source column "));
        append_column(out, table, i);
        buf_printf(out, ": " STR_FMT "\n", STR_ARG(table->columns[i].type));
    }
}

static void append_outputs(struct buf *out, const struct plan *plan) {
    buf_str(out, STR("column list of the view:"));
    for (size_t i = 0; i < plan->output_count; i++) {
        buf_str(out, i == 0 ? STR(" ") : STR(", "));
        identifier_append(out, plan->outputs[i].name);
    }
    for (size_t i = 0; i < plan->output_count; i++) {
        buf_str(out, STR("\ncolumn "));
        identifier_append(out, plan->outputs[i].name);
        buf_str(out, STR(" of the view: "));
        append_column(out, &plan->relations[plan->outputs[i].table],
                      (size_t)plan->outputs[i].column);
    }
    buf_str(out, STR("\nprimary key of the view: ("));
    for (size_t i = 0; i < plan->key_output_count; i++) {
        buf_str(out, i == 0 ? STR("") : STR(", "));
        identifier_append(out, plan->outputs[plan->key_outputs[i]].name);
    }
    buf_str(out, STR(")\n"));
}

struct str definition_text(struct arena *arena, const struct plan *plan) {
    struct buf out = {0};
    for (size_t t = 0; t < plan->relation_count; t++) {
        append_table(&out, &plan->relations[t]);
    }
    for (size_t i = 0; i < plan->join_count; i++) {
        buf_printf(&out, "join condition %zu: ", i + 1);
        for (size_t t = 0; t < plan->relation_count; t++) {
            buf_str(&out, t == 0 ? STR("") : STR(" = "));
            append_column(&out, &plan->relations[t], i);
        }
        buf_str(&out, STR("\n"));
    }
    append_outputs(&out, plan);
    buf_printf(&out, "partitions: %d\n", (int)plan->partition_count);
    struct str text = arena_copy(arena, buf_view(&out));
    buf_clear(&out);
    return text;
}
