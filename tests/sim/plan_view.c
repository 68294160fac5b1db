#include "plan_view.h"

#include <stdio.h>

static const struct type_info {
    const char *name;
    enum scalar scalar;
    enum key_code key;
    enum form form;
} types[] = {
    [PLAN_BIGINT] = {"bigint", SCALAR_INTEGER, KEY_BIGINT, FORM_ANY},
    [PLAN_INTEGER] = {"integer", SCALAR_INTEGER, KEY_INTEGER, FORM_INTEGER},
    [PLAN_TEXT] = {"text", SCALAR_STRING, KEY_TEXT, FORM_ANY},
    [PLAN_UUID] = {"uuid", SCALAR_STRING, KEY_UUID, FORM_UUID},
};

/* ---- struct view ---- */

static void fill_column(struct view_column *to, const struct plan_column *column) {
    const struct type_info *type = &types[column->type];
    *to = (struct view_column){
        .name = str_from(column->name),
        .type = str_from(type->name),
        .scalar = type->scalar,
        .key = column->role == PLAN_VALUE ? KEY_NONE : type->key,
        .unavailable = column->type == PLAN_TEXT ? STR("__not_sent") : STR_NONE,
        .form = type->form,
        .not_null = !column->nullable,
        .primary_key = column->primary,
        .tells = !column->primary,
    };
}

static void fill_table(struct plan_view *to, const struct plan *plan, int t) {
    const struct plan_table *table = &plan->tables[t];
    struct view_table *of = &to->tables[t];
    (void)snprintf(to->topics[t], sizeof to->topics[t], "sim.public.%s", table->name);
    *of = (struct view_table){.schema = STR("public"),
                              .name = str_from(table->name),
                              .topic = str_from(to->topics[t]),
                              .columns = to->columns[t],
                              .column_count = (size_t)table->column_count,
                              .key_count = (size_t)table->key_count,
                              .key_positions = to->key_positions[t]};
    for (int c = 0; c < table->column_count; c++) {
        fill_column(&to->columns[t][c], &table->columns[c]);
        of->primary_key_count += table->columns[c].primary;
        to->key_positions[t][c] = (size_t)table->shown[c];
    }
    of->blanks_tell = of->key_count > of->primary_key_count;
}

void plan_view_fill(struct plan_view *to, const struct plan *plan, int32_t partitions) {
    for (int t = 0; t < plan->table_count; t++) {
        fill_table(to, plan, t);
    }
    for (int i = 0; i < plan->output_count; i++) {
        const struct plan_place *place = &plan->outputs[i];
        to->outputs[i] = (struct view_output){to->columns[place->table][place->column].name,
                                              place->table, place->column};
    }
    for (int i = 0; i < plan->key_count; i++) {
        to->key_outputs[i] = (size_t)plan->key_outputs[i];
    }
    to->view = (struct view){.name = str_from(plan->name),
                             .tables = to->tables,
                             .table_count = (size_t)plan->table_count,
                             .join_count = (size_t)plan->join_count,
                             .outputs = to->outputs,
                             .output_count = (size_t)plan->output_count,
                             .key_outputs = to->key_outputs,
                             .key_output_count = (size_t)plan->key_count,
                             .partition_count = partitions};
}

/* ---- SQL ---- */

void plan_sql_tables(const struct plan *plan, struct buf *out) {
    for (int t = 0; t < plan->table_count; t++) {
        const struct plan_table *table = &plan->tables[t];
        buf_printf(out, "CREATE TABLE %s (", table->name);
        for (int c = 0; c < table->column_count; c++) {
            const struct plan_column *column = &table->columns[c];
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

static const char *column_name(const struct plan *plan, struct plan_place place) {
    return plan->tables[place.table].columns[place.column].name;
}

void plan_sql_view(const struct plan *plan, struct buf *out) {
    buf_printf(out, "CREATE MATERIALIZED VIEW %s AS\nSELECT ", plan->name);
    for (int i = 0; i < plan->output_count; i++) {
        buf_printf(out, "%s%s.%s", i > 0 ? ", " : "", plan->tables[plan->outputs[i].table].name,
                   column_name(plan, plan->outputs[i]));
    }
    buf_printf(out, "\nFROM %s", plan->tables[0].name);
    for (int t = 1; t < plan->table_count; t++) {
        buf_printf(out, "\nINNER JOIN %s ON ", plan->tables[t].name);
        const char *before = "";
        for (int i = 0; i < plan->equal_count; i++) {
            const struct plan_equal *equal = &plan->equals[i];
            if (equal->right.table == t) {
                buf_printf(out, "%s%s.%s = %s.%s", before, plan->tables[equal->left.table].name,
                           column_name(plan, equal->left), plan->tables[t].name,
                           column_name(plan, equal->right));
                before = " AND ";
            }
        }
    }
    buf_str(out, STR(";\n"));
}

/* ---- the check ---- */

static bool column_equal(const struct view_column *a, const struct view_column *b) {
    return str_equal(a->name, b->name) && str_equal(a->type, b->type) && a->scalar == b->scalar &&
           a->key == b->key && !a->unavailable.ptr == !b->unavailable.ptr && a->form == b->form &&
           a->not_null == b->not_null && a->primary_key == b->primary_key && a->tells == b->tells;
}

static bool table_equal(const struct view_table *a, const struct view_table *b) {
    bool equal = str_equal(a->schema, b->schema) && str_equal(a->name, b->name) &&
                 str_equal(a->topic, b->topic) && a->column_count == b->column_count &&
                 a->key_count == b->key_count && a->primary_key_count == b->primary_key_count &&
                 a->blanks_tell == b->blanks_tell;
    for (size_t c = 0; equal && c < a->column_count; c++) {
        equal = column_equal(&a->columns[c], &b->columns[c]) &&
                (c >= a->key_count || a->key_positions[c] == b->key_positions[c]);
    }
    return equal;
}

bool plan_view_equal(const struct view *a, const struct view *b, char *what, size_t size) {
    bool equal = str_equal(a->name, b->name) && a->table_count == b->table_count &&
                 a->join_count == b->join_count && a->output_count == b->output_count &&
                 a->key_output_count == b->key_output_count &&
                 a->partition_count == b->partition_count;
    (void)snprintf(what, size, "the counts");
    for (size_t t = 0; equal && t < a->table_count; t++) {
        equal = table_equal(&a->tables[t], &b->tables[t]);
        (void)snprintf(what, size, "table %zu", t);
    }
    for (size_t i = 0; equal && i < a->output_count; i++) {
        const struct view_output *x = &a->outputs[i], *y = &b->outputs[i];
        equal = str_equal(x->name, y->name) && x->table == y->table && x->column == y->column;
        (void)snprintf(what, size, "output %zu", i);
    }
    for (size_t i = 0; equal && i < a->key_output_count; i++) {
        equal = a->key_outputs[i] == b->key_outputs[i];
        (void)snprintf(what, size, "key output %zu", i);
    }
    return equal;
}
