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

static const char *occurrence_name(const struct schema *schema, int occurrence) {
    return occurrence < schema->core_count ? schema->tables[occurrence].name
                                           : schema->nodes[occurrence - schema->core_count].name;
}

static const char *column_name(const struct schema *schema, struct schema_place place) {
    return schema->tables[schema_occurrence(schema, place.occurrence)].columns[place.column].name;
}

/* A table may have several nodes: their columns need names of their own. */
void schema_output_name(const struct schema *schema, int output, char out[SCHEMA_NAME_MAX]) {
    struct schema_place place = schema->outputs[output];
    bool own = place.occurrence < schema->core_count;
    (void)snprintf(out, SCHEMA_NAME_MAX, "%s%s%s",
                   own ? "" : occurrence_name(schema, place.occurrence), own ? "" : "_",
                   column_name(schema, place));
}

void schema_sql_tables(const struct schema *schema, struct buf *out) {
    for (int t = 0; t < schema->table_count; t++) {
        const struct schema_table *table = &schema->tables[t];
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

static void select_list(const struct schema *schema, struct buf *out) {
    for (int i = 0; i < schema->output_count; i++) {
        struct schema_place place = schema->outputs[i];
        char name[SCHEMA_NAME_MAX];
        schema_output_name(schema, i, name);
        buf_printf(out, "%s%s.%s", i > 0 ? ", " : "", occurrence_name(schema, place.occurrence),
                   column_name(schema, place));
        if (place.occurrence >= schema->core_count) {
            buf_printf(out, " AS %s", name);
        }
    }
    for (int o = 0; o < schema->occurrence_count && schema->computed; o++) {
        int value = schema->tables[schema_occurrence(schema, o)].column_count - 1;
        buf_printf(out, "%s%s.%s", o == 0 ? ", upper(" : " || ", occurrence_name(schema, o),
                   column_name(schema, (struct schema_place){o, value}));
    }
    buf_str(out, schema->computed ? STR(") AS computed") : STR(""));
}

static void join_core(const struct schema *schema, int t, struct buf *out) {
    const struct schema_table *table = &schema->tables[t];
    buf_printf(out, "\n%s JOIN %s ON ", table->optional ? "LEFT" : "INNER", table->name);
    const char *before = "";
    for (int i = 0; i < schema->equal_count; i++) {
        const struct schema_equal *equal = &schema->equals[i];
        if (equal->right.occurrence == t) {
            buf_printf(
                out, "%s%s.%s = %s.%s", before, occurrence_name(schema, equal->left.occurrence),
                column_name(schema, equal->left), table->name, column_name(schema, equal->right));
            before = " AND ";
        }
    }
}

static void join_node(const struct schema *schema, const struct schema_node *node,
                      struct buf *out) {
    const struct schema_table *table = &schema->tables[node->table];
    buf_printf(out, "\n%s JOIN %s AS %s ON ", node->optional ? "LEFT" : "INNER", table->name,
               node->name);
    for (int c = 0; c < table->key_count; c++) {
        buf_printf(out, "%s%s.%s = %s.%s", c > 0 ? " AND " : "",
                   occurrence_name(schema, node->parent),
                   column_name(schema, (struct schema_place){node->parent, node->columns[c]}),
                   node->name, table->columns[c].name);
    }
}

void schema_sql_view(const struct schema *schema, struct buf *out) {
    bool says_key = schema->core_count == 1 || schema->node_count > 0;
    buf_printf(out, "CREATE MATERIALIZED VIEW %s", schema->name);
    for (int c = 0; c < schema->join_count && says_key; c++) {
        buf_printf(out, "%s%s.%s", c == 0 ? " WITH (partition_by = '" : ", ",
                   schema->tables[0].name, schema->tables[0].columns[c].name);
    }
    buf_str(out, says_key ? STR("') AS\nSELECT ") : STR(" AS\nSELECT "));
    select_list(schema, out);
    buf_printf(out, "\nFROM %s", schema->tables[0].name);
    int node = 0;
    for (int t = 0; t < schema->core_count; t++) {
        if (t > 0) {
            join_core(schema, t, out);
        }
        bool end = t + 1 == schema->core_count;
        while (node < schema->node_count &&
               (end || (schema->mixed && schema->nodes[node].root <= t))) {
            join_node(schema, &schema->nodes[node++], out);
        }
    }
    for (int o = 0; o < schema->occurrence_count && schema->filtered; o++) {
        int value = schema->tables[schema_occurrence(schema, o)].column_count - 1;
        buf_printf(out, "%scoalesce(%s.%s, '') <> 'v8'", o == 0 ? "\nWHERE " : " AND ",
                   occurrence_name(schema, o),
                   column_name(schema, (struct schema_place){o, value}));
    }
    buf_str(out, STR(";\n"));
}
