/* What follows from a schema's arrays, and the named case: the view that the project ships. */
#include "schema_draw.h"

#include <assert.h>
#include <string.h>

/* ---- what follows ---- */

static void finish_table(struct schema_table *table) {
    for (int c = 0; c < SCHEMA_COLUMNS_MAX && table->columns[c].role != SCHEMA_NONE; c++) {
        const struct schema_column *column = &table->columns[c];
        table->column_count++;
        table->key_count += column->role == SCHEMA_JOIN || column->role == SCHEMA_OWN;
        table->join_count += column->role == SCHEMA_JOIN;
        table->join |= column->role == SCHEMA_JOIN ? cell_of(c, 15) : 0;
        table->primary |= column->primary ? cell_of(c, 15) : 0;
        table->references |= column->role == SCHEMA_REFERENCE ? cell_of(c, 15) : 0;
    }
    assert(table->columns[table->column_count - 1].role == SCHEMA_VALUE);
    assert(schema_primary_count(table) <= SCHEMA_ROWS_MAX);
}

static int output_of(const struct schema_target *target, int occurrence, int column) {
    int at = 0;
    while (target->outputs[at].occurrence != occurrence || target->outputs[at].column != column) {
        at++;
        assert(at < target->output_count);
    }
    return at;
}

/* The first output that shows a join column: they are the first of each core table. One that is
 * joined LEFT does not always have it. */
static int join_output(const struct schema_target *target, int column) {
    int at = 0;
    while (target->outputs[at].column != column ||
           target->outputs[at].occurrence >= target->core_count ||
           target->cores[target->outputs[at].occurrence].optional) {
        at++;
        assert(at < target->output_count);
    }
    return at;
}

/* Its columns in the sink's key. */
static void finish_core(struct schema_target *target, int o) {
    const struct schema_table *table = schema_table_of(target, o);
    struct schema_core *core = &target->cores[o];
    for (int c = 0; c < table->key_count; c++) {
        core->shown[c] = c;
        if (c >= table->join_count) {
            core->shown[c] = target->key_count;
            target->key_outputs[target->key_count++] = output_of(target, o, c);
            core->adds_key = core->optional;
        }
    }
    target->has_optional |= core->optional;
    target->unique |= table->primary != 0 && (table->primary & table->join) == 0;
}

static void finish_target(struct schema_target *target) {
    const struct schema_table *first = schema_table_of(target, 0);
    target->join = first->join;
    for (int c = 0; c < first->join_count; c++) {
        target->key_outputs[target->key_count++] = join_output(target, c);
    }
    for (int o = 0; o < 2 * target->core_count; o++) { /* what may be NULL comes last */
        if (target->cores[o % target->core_count].optional == (o >= target->core_count)) {
            finish_core(target, o % target->core_count);
        }
    }
    for (int n = 0; n < target->node_count; n++) {
        struct schema_node *node = &target->nodes[n];
        int above = node->parent - target->core_count;
        node->root = above < 0 ? node->parent : target->nodes[above].root;
    }
    target->occurrence_count = target->core_count + target->node_count;
    target->unique &= !target->has_optional;
    target->is_plain = !target->has_optional && target->node_count == 0 && !target->filtered;
    assert(target->key_count <= 16);
}

/* Where a table stands in a plan. */
static int rank(const struct schema_table *table) {
    return table->lookup ? 2 : table->filtered;
}

static void sort_tables(struct schema *schema) {
    struct schema_table sorted[SCHEMA_TABLES_MAX];
    int at[SCHEMA_TABLES_MAX], count = 0;
    for (int turn = 0; turn < 3; turn++) {
        for (int t = 0; t < schema->table_count; t++) {
            if (rank(&schema->tables[t]) == turn) {
                sorted[count] = schema->tables[t];
                at[t] = count++;
            }
        }
    }
    memcpy(schema->tables, sorted, (size_t)count * sizeof *sorted);
    for (int t = 0; t < count; t++) {
        struct schema_table *table = &schema->tables[t];
        table->twin = table->twin > 0 ? at[table->twin - 1] + 1 : 0;
    }
    for (int i = 0; i < schema->target_count; i++) {
        struct schema_target *target = &schema->targets[i];
        for (int o = 0; o < target->core_count; o++) {
            target->cores[o].table = at[target->cores[o].table];
        }
        for (int n = 0; n < target->node_count; n++) {
            target->nodes[n].table = at[target->nodes[n].table];
        }
    }
}

void schema_finish(struct schema *schema) {
    sort_tables(schema);
    for (int t = 0; t < schema->table_count; t++) {
        finish_table(&schema->tables[t]);
        schema->has_lookups |= schema->tables[t].lookup;
        schema->parted_count += !schema->tables[t].lookup && !schema->tables[t].filtered;
        schema->tables[t].feed = schema->tables[t].filtered ? schema->tables[t].twin - 1 : t;
    }
    for (int i = 0; i < schema->target_count; i++) {
        schema->targets[i].tables = schema->tables;
        schema->targets[i].number = i;
        finish_target(&schema->targets[i]);
    }
}

/* ---- the named case ---- */

void schema_shipped(struct schema *schema, struct rng *rng, const struct schema_knobs *knobs) {
    int joins = schema_pick(rng, knobs->joins), rows = schema_pick(rng, knobs->rows);
    *schema = (struct schema){
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
        .targets = {{.name = "student_contact",
                     .cores = {{.table = 0}, {.table = 1}},
                     .core_count = 2,
                     .equals = {{{0, 0}, {1, 0}}},
                     .equal_count = 1,
                     .outputs = {{0, 0}, {1, 1}, {0, 1}, {1, 2}},
                     .output_count = 4}},
        .target_count = 1,
    };
    schema_finish(schema);
}
