#include "schema_view.h"

#include <stdio.h>

static const struct type_info {
    const char *name;
    enum scalar scalar;
    enum key_code key;
    enum form form;
} types[] = {
    [SCHEMA_BIGINT] = {"bigint", SCALAR_INTEGER, KEY_BIGINT, FORM_ANY},
    [SCHEMA_INTEGER] = {"integer", SCALAR_INTEGER, KEY_INTEGER, FORM_INTEGER},
    [SCHEMA_TEXT] = {"text", SCALAR_STRING, KEY_TEXT, FORM_ANY},
    [SCHEMA_UUID] = {"uuid", SCALAR_STRING, KEY_UUID, FORM_UUID},
};

/* ---- struct plan ---- */

static void fill_column(struct relation_column *to, const struct schema_column *column) {
    const struct type_info *type = &types[column->type];
    *to = (struct relation_column){
        .name = str_from(column->name),
        .type = str_from(type->name),
        .scalar = type->scalar,
        .key = column->role == SCHEMA_VALUE ? KEY_NONE : type->key,
        .unavailable = column->type == SCHEMA_TEXT ? STR("__not_sent") : STR_NONE,
        .form = type->form,
        .not_null = !column->nullable,
        .primary_key = column->primary,
        .tells = !column->primary,
    };
}

static void fill_table(struct schema_view *to, const struct schema *schema, int t) {
    const struct schema_table *table = &schema->tables[t];
    struct relation *of = &to->tables[t];
    (void)snprintf(to->topics[t], sizeof to->topics[t], "sim.public.%s", table->name);
    *of = (struct relation){.schema = STR("public"),
                            .name = str_from(table->name),
                            .topic = str_from(to->topics[t]),
                            .columns = to->columns[t],
                            .column_count = (size_t)table->column_count,
                            .key_count = (size_t)table->key_count,
                            .placement_count = (size_t)schema->join_count};
    to->occurrences[t] = (struct occurrence){.relation = t,
                                             .parent = -1,
                                             .reference = -1,
                                             .root = t,
                                             .key_positions = to->key_positions[t]};
    for (int c = 0; c < table->column_count; c++) {
        fill_column(&to->columns[t][c], &table->columns[c]);
        of->primary_key_count += table->columns[c].primary;
        to->key_positions[t][c] = (size_t)table->shown[c];
    }
    of->blanks_tell = of->key_count > of->primary_key_count;
}

void schema_view_fill(struct schema_view *to, const struct schema *schema, int32_t partitions) {
    for (int t = 0; t < schema->table_count; t++) {
        fill_table(to, schema, t);
        to->tables[t].partition_count = partitions;
    }
    for (int i = 0; i < schema->output_count; i++) {
        const struct schema_place *place = &schema->outputs[i];
        to->inputs[i] = (struct target_input){place->table, place->column};
        to->outputs[i] = (struct target_output){to->columns[place->table][place->column].name, i};
    }
    for (int i = 0; i < schema->key_count; i++) {
        to->key_outputs[i] = (size_t)schema->key_outputs[i];
    }
    to->target = (struct target){.name = str_from(schema->name),
                                 .occurrences = to->occurrences,
                                 .occurrence_count = (size_t)schema->table_count,
                                 .core_count = (size_t)schema->table_count,
                                 .inputs = to->inputs,
                                 .input_count = (size_t)schema->output_count,
                                 .outputs = to->outputs,
                                 .output_count = (size_t)schema->output_count,
                                 .key_outputs = to->key_outputs,
                                 .key_output_count = (size_t)schema->key_count};
    to->plan = (struct plan){.name = str_from(schema->name),
                             .relations = to->tables,
                             .relation_count = (size_t)schema->table_count,
                             .targets = &to->target,
                             .target_count = 1,
                             .partition_count = partitions};
}

void schema_view_clear(struct schema_view *view) {
    arena_clear(&view->plan.arena);
}

/* ---- SQL ---- */

void schema_sql_tables(const struct schema *schema, struct buf *out) {
    for (int t = 0; t < schema->table_count; t++) {
        const struct schema_table *table = &schema->tables[t];
        buf_printf(out, "CREATE TABLE %s (", table->name);
        for (int c = 0; c < table->column_count; c++) {
            const struct schema_column *column = &table->columns[c];
            buf_printf(out, "%s %s%s, ", column->name, types[column->type].name,
                       column->nullable || column->primary ? "" : " NOT NULL");
        }
        const char *before = "PRIMARY KEY (";
        for (int c = 0; c < table->column_count; c++) {
            if (table->columns[c].primary) {
                buf_printf(out, "%s%s", before, table->columns[c].name);
                before = ", ";
            }
        }
        buf_printf(out, "));\nALTER TABLE %s REPLICA IDENTITY FULL;\n", table->name);
    }
}

static const char *column_name(const struct schema *schema, struct schema_place place) {
    return schema->tables[place.table].columns[place.column].name;
}

void schema_sql_view(const struct schema *schema, struct buf *out) {
    buf_printf(out, "CREATE MATERIALIZED VIEW %s AS\nSELECT ", schema->name);
    for (int i = 0; i < schema->output_count; i++) {
        buf_printf(out, "%s%s.%s", i > 0 ? ", " : "", schema->tables[schema->outputs[i].table].name,
                   column_name(schema, schema->outputs[i]));
    }
    buf_printf(out, "\nFROM %s", schema->tables[0].name);
    for (int t = 1; t < schema->table_count; t++) {
        buf_printf(out, "\nINNER JOIN %s ON ", schema->tables[t].name);
        const char *before = "";
        for (int i = 0; i < schema->equal_count; i++) {
            const struct schema_equal *equal = &schema->equals[i];
            if (equal->right.table == t) {
                buf_printf(out, "%s%s.%s = %s.%s", before, schema->tables[equal->left.table].name,
                           column_name(schema, equal->left), schema->tables[t].name,
                           column_name(schema, equal->right));
                before = " AND ";
            }
        }
    }
    buf_str(out, STR(";\n"));
}

/* ---- the check ---- */

static bool column_equal(const struct relation_column *a, const struct relation_column *b) {
    return str_equal(a->name, b->name) && str_equal(a->type, b->type) && a->scalar == b->scalar &&
           a->key == b->key && !a->unavailable.ptr == !b->unavailable.ptr && a->form == b->form &&
           a->not_null == b->not_null && a->primary_key == b->primary_key && a->tells == b->tells;
}

static bool relation_equal(const struct relation *a, const struct relation *b) {
    bool equal = str_equal(a->schema, b->schema) && str_equal(a->name, b->name) &&
                 str_equal(a->topic, b->topic) && a->column_count == b->column_count &&
                 a->key_count == b->key_count && a->placement_count == b->placement_count &&
                 a->primary_key_count == b->primary_key_count && a->blanks_tell == b->blanks_tell;
    for (size_t c = 0; equal && c < a->column_count; c++) {
        equal = column_equal(&a->columns[c], &b->columns[c]);
    }
    return equal;
}

static bool occurrence_equal(const struct schema_view *ours, const struct target *theirs,
                             size_t o) {
    const struct occurrence *a = &ours->occurrences[o], *b = &theirs->occurrences[o];
    return a->relation == b->relation && a->parent == b->parent && a->root == b->root &&
           memcmp(a->key_positions, b->key_positions,
                  ours->tables[a->relation].key_count * sizeof *a->key_positions) == 0;
}

static bool target_equal(const struct schema_view *ours, const struct target *b, char *what,
                         size_t size) {
    const struct target *a = &ours->target;
    bool equal = str_equal(a->name, b->name) && a->occurrence_count == b->occurrence_count &&
                 a->core_count == b->core_count && a->input_count == b->input_count &&
                 a->output_count == b->output_count && a->key_output_count == b->key_output_count;
    (void)snprintf(what, size, "the target's counts");
    for (size_t o = 0; equal && o < a->occurrence_count; o++) {
        equal = occurrence_equal(ours, b, o);
        (void)snprintf(what, size, "occurrence %zu", o);
    }
    for (size_t i = 0; equal && i < a->output_count; i++) {
        const struct target_output *x = &a->outputs[i], *y = &b->outputs[i];
        const struct target_input *p = &a->inputs[i], *q = &b->inputs[i];
        equal = str_equal(x->name, y->name) && x->input == y->input &&
                p->occurrence == q->occurrence && p->column == q->column;
        (void)snprintf(what, size, "output %zu", i);
    }
    for (size_t i = 0; equal && i < a->key_output_count; i++) {
        equal = a->key_outputs[i] == b->key_outputs[i];
        (void)snprintf(what, size, "key output %zu", i);
    }
    return equal;
}

bool schema_view_equal(const struct schema_view *ours, const struct plan *theirs, char *what,
                       size_t size) {
    const struct plan *a = &ours->plan;
    bool equal = str_equal(a->name, theirs->name) && a->relation_count == theirs->relation_count &&
                 a->target_count == theirs->target_count &&
                 a->partition_count == theirs->partition_count;
    (void)snprintf(what, size, "the plan's counts");
    for (size_t t = 0; equal && t < a->relation_count; t++) {
        equal = relation_equal(&a->relations[t], &theirs->relations[t]);
        (void)snprintf(what, size, "table %zu", t);
    }
    return equal && target_equal(ours, &theirs->targets[0], what, size);
}
