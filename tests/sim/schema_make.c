/* What follows from a schema's arrays, and the named case: the view that the project ships. */
#include "schema_draw.h"

#include <assert.h>
#include <string.h>

/* ---- what follows ---- */

static void finish_table(struct schema *schema, int t) {
    struct schema_table *table = &schema->tables[t];
    for (int c = 0; c < SCHEMA_COLUMNS_MAX && table->columns[c].role != SCHEMA_NONE; c++) {
        const struct schema_column *column = &table->columns[c];
        table->column_count++;
        table->key_count += column->role == SCHEMA_JOIN || column->role == SCHEMA_OWN;
        table->primary |= column->primary ? cell_of(c, 15) : 0;
        table->references |= column->role == SCHEMA_REFERENCE ? cell_of(c, 15) : 0;
    }
    assert(table->columns[table->column_count - 1].role == SCHEMA_VALUE);
    assert(schema_primary_count(table) <= SCHEMA_ROWS_MAX);
}

static int output_of(const struct schema *schema, int table, int column) {
    int at = 0;
    while (schema->outputs[at].occurrence != table || schema->outputs[at].column != column) {
        at++;
        assert(at < schema->output_count);
    }
    return at;
}

/* The first output that shows a join column: they are the first of each core table. One that is
 * joined LEFT does not always have it. */
static int join_output(const struct schema *schema, int column) {
    int at = 0;
    while (schema->outputs[at].column != column ||
           schema->outputs[at].occurrence >= schema->core_count ||
           schema->tables[schema->outputs[at].occurrence].optional) {
        at++;
        assert(at < schema->output_count);
    }
    return at;
}

/* Its columns in the sink's key. */
static void finish_core(struct schema *schema, int t) {
    struct schema_table *table = &schema->tables[t];
    for (int c = 0; c < table->key_count; c++) {
        table->shown[c] = c;
        if (c >= schema->join_count) {
            table->shown[c] = schema->key_count;
            schema->key_outputs[schema->key_count++] = output_of(schema, t, c);
            table->adds_key = table->optional;
        }
    }
    schema->has_optional |= table->optional;
    schema->unique |= table->primary != 0 && (table->primary & schema->join) == 0;
}

void schema_finish(struct schema *schema) {
    while (schema->tables[0].columns[schema->join_count].role == SCHEMA_JOIN) {
        schema->join |= cell_of(schema->join_count++, 15);
    }
    for (int c = 0; c < schema->join_count; c++) {
        schema->key_outputs[schema->key_count++] = join_output(schema, c);
    }
    for (int t = 0; t < schema->table_count; t++) {
        finish_table(schema, t);
    }
    for (int t = 0; t < 2 * schema->core_count; t++) { /* what may be NULL comes last */
        if (schema->tables[t % schema->core_count].optional == (t >= schema->core_count)) {
            finish_core(schema, t % schema->core_count);
        }
    }
    for (int n = 0; n < schema->node_count; n++) {
        struct schema_node *node = &schema->nodes[n];
        int above = node->parent - schema->core_count;
        node->root = above < 0 ? node->parent : schema->nodes[above].root;
    }
    schema->occurrence_count = schema->core_count + schema->node_count;
    schema->unique &= !schema->has_optional;
    schema->is_plain = !schema->has_optional && schema->node_count == 0 && !schema->filtered;
    assert(schema->key_count <= 16);
}

/* ---- the named case ---- */

void schema_shipped(struct schema *schema, struct rng *rng, const struct schema_knobs *knobs) {
    int joins = schema_pick(rng, knobs->joins), rows = schema_pick(rng, knobs->rows);
    *schema = (struct schema){
        .name = "student_contact",
        .tables = {{"student",
                    3,
                    {{"student_id", SCHEMA_JOIN, SCHEMA_BIGINT, true, false, joins},
                     {"name", SCHEMA_VALUE, SCHEMA_TEXT}}},
                   {"contact",
                    5,
                    {{"student_id", SCHEMA_JOIN, SCHEMA_BIGINT, false, true, joins},
                     {"contact_id", SCHEMA_OWN, SCHEMA_BIGINT, true, false, rows},
                     {"contact_number", SCHEMA_VALUE, SCHEMA_TEXT}}}},
        .table_count = 2,
        .core_count = 2,
        .equals = {{{0, 0}, {1, 0}}},
        .equal_count = 1,
        .outputs = {{0, 0}, {1, 1}, {0, 1}, {1, 2}},
        .output_count = 4,
    };
    schema_finish(schema);
}
