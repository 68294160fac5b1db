/* What must stay equal for a cache and a table to be gone on with. See fill.h. */
#include "base/hash.h"
#include "view/fill.h"
#include "view/sql_text.h"

#include <inttypes.h>

static void append_field(struct buf *out, struct str field) {
    buf_printf(out, "%zu:", field.len);
    buf_str(out, field);
}

static void append_columns(struct buf *out, const struct relation *relation) {
    buf_printf(out, "%zu %zu ", relation->key_count, relation->primary_key_count);
    for (size_t i = 0; i < relation->column_count; i++) {
        append_field(out, relation->columns[i].name);
        append_field(out, relation->columns[i].type);
        if (!str_equal(relation->columns[i].type, relation->columns[i].source_type)) {
            append_field(out, relation->columns[i].source_type);
        }
        buf_str(out, column_is_widened(&relation->columns[i]) ? STR("widened ") : STR(""));
    }
}

static struct str hash_text(struct draft *draft, struct buf *all) {
    uint64_t hash = fnv1a(FNV1A_START, buf_view(all));
    buf_clear(all);
    return arena_printf(draft->arena, "%016" PRIx64, hash);
}

/* Nothing, of a core table without references: as it was before there were others. */
static void append_role(struct buf *out, const struct relation *relation) {
    if (relation->role == ROLE_LOOKUP) {
        buf_str(out, STR("lookup "));
    }
    if (relation->filtered) {
        buf_str(out, STR("filtered "));
    }
    for (size_t i = 0; i < relation->reference_count; i++) {
        buf_str(out, STR("reference"));
        for (size_t c = 0; c < relation->references[i].column_count; c++) {
            buf_printf(out, " %zu", relation->references[i].columns[c]);
        }
        buf_str(out, STR(" "));
    }
}

struct str identity_text(struct draft *draft, const struct relation *relation) {
    struct buf all = {0};
    buf_printf(&all, "1 %" PRId32 " %zu ", relation->partition_count, relation->placement_count);
    append_field(&all, relation->topic);
    append_columns(&all, relation);
    append_role(&all, relation);
    return hash_text(draft, &all);
}

/* Nothing, of a core table that is joined INNER. */
static void append_occurrence(struct buf *out, const struct relation *relation,
                              const struct occurrence *occurrence) {
    append_role(out, relation);
    if (occurrence->parent >= 0) {
        buf_printf(out, "parent %d %d ", occurrence->parent, occurrence->reference);
    }
    if (occurrence->optional) {
        buf_str(out, STR("optional "));
    }
}

/* `1 3`: another alias of a table changes nothing. */
static void append_numbers(struct buf *out, struct draft *draft, struct draft_column column) {
    const struct draft_relation *relation = relation_of(draft, column.table);
    buf_printf(out, "%d %zu", draft->tables[column.table].occurrence,
               relation_column(relation, column.column));
    sql_collate(out, draft, column);
}

static void append_output(struct buf *out, struct draft *draft, const struct target *target,
                          size_t i) {
    int input = target->outputs[i].input;
    if (input >= 0) {
        buf_printf(out, "%d %d ", target->inputs[input].occurrence, target->inputs[input].column);
        return;
    }
    struct buf text = {0};
    expression_compared(&text, draft, draft->outputs[i].expression, append_numbers);
    append_field(out, buf_view(&text));
    buf_clear(&text);
}

/* The sink table. With expressions its DDL has aliases in it, and what else it says is said before,
 * but for the key. */
static void append_table(struct buf *out, const struct target *target) {
    bool computed = false;
    for (size_t i = 0; i < target->output_count; i++) {
        computed |= target->outputs[i].input < 0;
    }
    if (!computed) {
        append_field(out, target->sql_ddl);
        return;
    }
    for (size_t i = 0; i < target->key_output_count; i++) {
        buf_printf(out, "%zu ", target->key_outputs[i]);
    }
}

/* Over everything that decides what is written and where it comes from. The statements say names,
 * types, outputs and the sink's key; relations and columns how records are read and kept. It stands
 * beside the progress in the sink: another text would halt those who come from an earlier version.
 */
struct str fingerprint_text(struct draft *draft, const struct plan *plan,
                            const struct target *target) {
    struct buf all = {0};
    buf_printf(&all, "1 %" PRId32 " %zu ", plan->partition_count, draft->join_count);
    append_field(&all, target->name);
    for (size_t i = 0; i < target->occurrence_count; i++) {
        const struct relation *relation = &plan->relations[target->occurrences[i].relation];
        append_field(&all, relation->schema);
        append_field(&all, relation->name);
        append_field(&all, relation->topic);
        append_columns(&all, relation);
        append_occurrence(&all, relation, &target->occurrences[i]);
    }
    for (size_t i = 0; i < target->output_count; i++) {
        append_field(&all, target->outputs[i].name);
        append_output(&all, draft, target, i);
    }
    if (draft->where) {
        struct buf where = {0};
        expression_compared(&where, draft, draft->where, append_numbers);
        buf_str(&all, STR("where "));
        append_field(&all, buf_view(&where));
        buf_clear(&where);
    }
    append_table(&all, target);
    return hash_text(draft, &all);
}
