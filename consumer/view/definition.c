#include "view/definition.h"

#include "base/buf.h"
#include "view/identifier.h"

#include <stdio.h>

static void append_name(struct buf *out, const struct relation *table) {
    identifier_append(out, table->schema);
    buf_str(out, STR("."));
    identifier_append(out, table->name);
}

static void append_column(struct buf *out, const struct relation *table, size_t column) {
    append_name(out, table);
    buf_str(out, STR("."));
    identifier_append(out, table->columns[column].name);
}

static void append_table(struct buf *out, const struct relation *table) {
    buf_str(out, STR("source table "));
    append_name(out, table);
    buf_str(out, table->filtered ? STR(" as core") : STR(""));
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

/* `public.customers.name by public.orders.customer_id`: which lookup row, where there may be more
 * than one of a table. */
static void append_place(struct buf *out, const struct plan *plan, const struct target *target,
                         int occurrence, size_t column) {
    append_column(out, occurrence_relation(plan, target, occurrence), column);
    const struct occurrence *of = &target->occurrences[occurrence];
    while (of->parent >= 0) {
        const struct relation *parent = occurrence_relation(plan, target, of->parent);
        const struct reference *reference = &parent->references[of->reference];
        for (size_t i = 0; i < reference->column_count; i++) {
            buf_str(out, i == 0 ? STR(" by ") : STR(", "));
            append_column(out, parent, reference->columns[i]);
        }
        of = &target->occurrences[of->parent];
    }
}

/* `lookup 1: public.customers.customer_id = public.orders.customer_id, LEFT` */
static void append_lookup(struct buf *out, const struct plan *plan, const struct target *target,
                          size_t o) {
    const struct occurrence *of = &target->occurrences[o];
    const struct relation *parent = occurrence_relation(plan, target, of->parent);
    const struct relation *relation = occurrence_relation(plan, target, (int)o);
    const struct reference *reference = &parent->references[of->reference];
    buf_printf(out, "lookup %zu: ", o - target->core_count + 1);
    for (size_t i = 0; i < reference->column_count; i++) {
        buf_str(out, i == 0 ? STR("") : STR(" and "));
        append_column(out, relation, i);
        buf_str(out, STR(" = "));
        append_place(out, plan, target, of->parent, reference->columns[i]);
    }
    buf_str(out, of->optional ? STR(", LEFT\n") : STR("\n"));
}

static void append_outputs(struct buf *out, struct draft *draft, const struct plan *plan,
                           const struct target *target) {
    buf_str(out, STR("column list of the view:"));
    for (size_t i = 0; i < target->output_count; i++) {
        buf_str(out, i == 0 ? STR(" ") : STR(", "));
        identifier_append(out, target->outputs[i].name);
    }
    for (size_t i = 0; i < target->output_count; i++) {
        int input = target->outputs[i].input;
        buf_str(out, STR("\ncolumn "));
        identifier_append(out, target->outputs[i].name);
        buf_str(out, STR(" of the view: "));
        if (input < 0) {
            expression_show(out, draft, draft->outputs[i].expression);
        } else {
            append_place(out, plan, target, target->inputs[input].occurrence,
                         (size_t)target->inputs[input].column);
        }
    }
    buf_printf(out, "\n%s key of the view: (", target->key_has_nulls ? "unique" : "primary");
    for (size_t i = 0; i < target->key_output_count; i++) {
        buf_str(out, i == 0 ? STR("") : STR(", "));
        identifier_append(out, target->outputs[target->key_outputs[i]].name);
    }
    buf_str(out, STR(")\n"));
}

struct str definition_text(struct draft *draft, const struct plan *plan,
                           const struct target *target) {
    struct buf out = {0};
    for (size_t t = 0; t < plan->relation_count; t++) {
        append_table(&out, &plan->relations[t]);
    }
    for (size_t i = 0; i < plan->relations[0].placement_count; i++) {
        const char *what = target->core_count > 1 ? "join condition" : "partition key";
        buf_printf(&out, "%s %zu: ", what, i + 1);
        for (size_t o = 0; o < target->core_count; o++) {
            buf_str(&out, o == 0 ? STR("") : STR(" = "));
            append_column(&out, occurrence_relation(plan, target, (int)o), i);
        }
        buf_str(&out, STR("\n"));
    }
    for (size_t o = 0; o < target->core_count; o++) {
        if (target->occurrences[o].optional) {
            buf_str(&out, STR("join of "));
            append_name(&out, occurrence_relation(plan, target, (int)o));
            buf_str(&out, STR(": LEFT\n"));
        }
    }
    for (size_t o = target->core_count; o < target->occurrence_count; o++) {
        append_lookup(&out, plan, target, o);
    }
    append_outputs(&out, draft, plan, target);
    if (draft->where) {
        buf_str(&out, STR("WHERE of the view: "));
        expression_show(&out, draft, draft->where);
        buf_str(&out, STR("\n"));
    }
    buf_printf(&out, "partitions: %d\n", (int)plan->partition_count);
    struct str text = arena_copy(draft->arena, buf_view(&out));
    buf_clear(&out);
    return text;
}
