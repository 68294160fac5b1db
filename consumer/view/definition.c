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

static void append_outputs(struct buf *out, const struct plan *plan, const struct target *target) {
    buf_str(out, STR("column list of the view:"));
    for (size_t i = 0; i < target->output_count; i++) {
        buf_str(out, i == 0 ? STR(" ") : STR(", "));
        identifier_append(out, target->outputs[i].name);
    }
    for (size_t i = 0; i < target->output_count; i++) {
        const struct target_input *input = &target->inputs[i];
        buf_str(out, STR("\ncolumn "));
        identifier_append(out, target->outputs[i].name);
        buf_str(out, STR(" of the view: "));
        append_column(out, occurrence_relation(plan, target, input->occurrence),
                      (size_t)input->column);
    }
    buf_str(out, STR("\nprimary key of the view: ("));
    for (size_t i = 0; i < target->key_output_count; i++) {
        buf_str(out, i == 0 ? STR("") : STR(", "));
        identifier_append(out, target->outputs[target->key_outputs[i]].name);
    }
    buf_str(out, STR(")\n"));
}

struct str definition_text(struct arena *arena, const struct plan *plan,
                           const struct target *target) {
    struct buf out = {0};
    for (size_t t = 0; t < plan->relation_count; t++) {
        append_table(&out, &plan->relations[t]);
    }
    for (size_t i = 0; i < plan->relations[0].placement_count; i++) {
        const char *what = target->occurrence_count > 1 ? "join condition" : "partition key";
        buf_printf(&out, "%s %zu: ", what, i + 1);
        for (size_t o = 0; o < target->occurrence_count; o++) {
            buf_str(&out, o == 0 ? STR("") : STR(" = "));
            append_column(&out, occurrence_relation(plan, target, (int)o), i);
        }
        buf_str(&out, STR("\n"));
    }
    append_outputs(&out, plan, target);
    buf_printf(&out, "partitions: %d\n", (int)plan->partition_count);
    struct str text = arena_copy(arena, buf_view(&out));
    buf_clear(&out);
    return text;
}
