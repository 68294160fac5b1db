/* A schema as SQL. */
#include "schema_view.h"

#include <stdio.h>

const char *schema_type_name(enum schema_type type) {
    static const char *const names[] = {[SCHEMA_BIGINT] = "bigint",
                                        [SCHEMA_INTEGER] = "integer",
                                        [SCHEMA_TEXT] = "text",
                                        [SCHEMA_UUID] = "uuid"};
    return names[type];
}

static const char *occurrence_name(const struct schema_target *target, int occurrence) {
    return occurrence < target->core_count ? schema_table_of(target, occurrence)->name
                                           : target->nodes[occurrence - target->core_count].name;
}

static const char *column_name(const struct schema_target *target, struct schema_place place) {
    return schema_table_of(target, place.occurrence)->columns[place.column].name;
}

/* A table may have several nodes: their columns need names of their own. */
void schema_output_name(const struct schema_target *target, int output, char out[SCHEMA_NAME_MAX]) {
    struct schema_place place = target->outputs[output];
    bool own = place.occurrence < target->core_count;
    (void)snprintf(out, SCHEMA_NAME_MAX, "%s%s%s",
                   own ? "" : occurrence_name(target, place.occurrence), own ? "" : "_",
                   column_name(target, place));
}

void schema_sql_tables(const struct schema *schema, struct buf *out) {
    for (int t = 0; t < schema->table_count; t++) {
        const struct schema_table *table = &schema->tables[t];
        if (table->filtered) {
            continue; /* its other role says it all */
        }
        buf_printf(out, "CREATE TABLE %s (", table->name);
        for (int c = 0; c < table->column_count; c++) {
            const struct schema_column *column = &table->columns[c];
            buf_printf(out, "%s %s%s, ", column->name, schema_type_name(column->type),
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

static void select_list(const struct schema_target *target, struct buf *out) {
    for (int i = 0; i < target->output_count; i++) {
        struct schema_place place = target->outputs[i];
        char name[SCHEMA_NAME_MAX];
        schema_output_name(target, i, name);
        buf_printf(out, "%s%s.%s", i > 0 ? ", " : "", occurrence_name(target, place.occurrence),
                   column_name(target, place));
        if (place.occurrence >= target->core_count) {
            buf_printf(out, " AS %s", name);
        }
    }
    const char *before = ", upper(";
    for (int o = 0; o < target->occurrence_count && target->computed; o++) {
        int value = schema_table_of(target, o)->column_count - 1;
        if (!target->hides[o]) {
            buf_printf(out, "%s%s.%s", before, occurrence_name(target, o),
                       column_name(target, (struct schema_place){o, value}));
            before = " || ";
        }
    }
    buf_str(out, target->computed ? STR(") AS computed") : STR(""));
}

static void join_core(const struct schema_target *target, int o, struct buf *out) {
    const char *name = occurrence_name(target, o);
    buf_printf(out, "\n%s JOIN %s ON ", target->cores[o].optional ? "LEFT" : "INNER", name);
    const char *before = "";
    for (int i = 0; i < target->equal_count; i++) {
        const struct schema_equal *equal = &target->equals[i];
        if (equal->right.occurrence == o) {
            buf_printf(out, "%s%s.%s = %s.%s", before,
                       occurrence_name(target, equal->left.occurrence),
                       column_name(target, equal->left), name, column_name(target, equal->right));
            before = " AND ";
        }
    }
}

static void join_node(const struct schema_target *target, const struct schema_node *node,
                      struct buf *out) {
    const struct schema_table *table = &target->tables[node->table];
    buf_printf(out, "\n%s JOIN %s AS %s ON ", node->optional ? "LEFT" : "INNER", table->name,
               node->name);
    for (int c = 0; c < table->key_count; c++) {
        buf_printf(out, "%s%s.%s = %s.%s", c > 0 ? " AND " : "",
                   occurrence_name(target, node->parent),
                   column_name(target, (struct schema_place){node->parent, node->columns[c]}),
                   node->name, table->columns[c].name);
    }
}

static void where(const struct schema_target *target, struct buf *out) {
    const char *before = "\nWHERE ";
    for (int o = 0; o < target->occurrence_count && target->filtered; o++) {
        int value = schema_table_of(target, o)->column_count - 1;
        if (!target->hides[o]) {
            buf_printf(out, "%scoalesce(%s.%s, '') <> 'v8'", before, occurrence_name(target, o),
                       column_name(target, (struct schema_place){o, value}));
            before = " AND ";
        }
    }
}

void schema_sql_view(const struct schema_target *target, bool says_key, struct buf *out) {
    const struct schema_table *first = schema_table_of(target, 0);
    says_key |= target->core_count == 1 || target->node_count > 0;
    buf_printf(out, "CREATE MATERIALIZED VIEW %s", target->name);
    for (int c = 0; c < first->join_count && says_key; c++) {
        buf_printf(out, "%s%s.%s", c == 0 ? " WITH (partition_by = '" : ", ", first->name,
                   first->columns[c].name);
    }
    buf_str(out, says_key ? STR("') AS\nSELECT ") : STR(" AS\nSELECT "));
    select_list(target, out);
    buf_printf(out, "\nFROM %s", first->name);
    int node = 0;
    for (int o = 0; o < target->core_count; o++) {
        if (o > 0) {
            join_core(target, o, out);
        }
        bool end = o + 1 == target->core_count;
        while (node < target->node_count &&
               (end || (target->mixed && target->nodes[node].root <= o))) {
            join_node(target, &target->nodes[node++], out);
        }
    }
    where(target, out);
    buf_str(out, STR(";\n"));
}

void schema_sql_views(const struct schema *schema, struct buf *out) {
    for (int i = 0; i < schema->target_count; i++) {
        schema_sql_view(&schema->targets[i], schema->target_count > 1, out);
    }
}
