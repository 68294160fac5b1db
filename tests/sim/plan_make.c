/* Plans: the one that the project ships, and those that a seed draws. */
#include "plan.h"

#include <assert.h>
#include <string.h>

/* ---- what follows ---- */

static void finish_table(struct plan *plan, int t) {
    struct plan_table *table = &plan->tables[t];
    for (int c = 0; c < PLAN_COLUMNS_MAX && table->columns[c].role != PLAN_NONE; c++) {
        const struct plan_column *column = &table->columns[c];
        table->column_count++;
        table->key_count += column->role != PLAN_VALUE;
        table->primary |= column->primary ? cell_of(c, 15) : 0;
    }
}

static int output_of(const struct plan *plan, int table, int column) {
    int at = 0;
    while (plan->outputs[at].table != table || plan->outputs[at].column != column) {
        at++;
        assert(at < plan->output_count);
    }
    return at;
}

/* The first output that shows a join column of any table: they are the first of each. */
static int join_output(const struct plan *plan, int column) {
    int at = 0;
    while (plan->outputs[at].column != column) {
        at++;
        assert(at < plan->output_count);
    }
    return at;
}

static void finish(struct plan *plan) {
    while (plan->tables[0].columns[plan->join_count].role == PLAN_JOIN) {
        plan->join |= cell_of(plan->join_count++, 15);
    }
    for (int c = 0; c < plan->join_count; c++) {
        plan->key_outputs[plan->key_count++] = join_output(plan, c);
    }
    for (int t = 0; t < plan->table_count; t++) {
        struct plan_table *table = &plan->tables[t];
        finish_table(plan, t);
        for (int c = 0; c < table->key_count; c++) {
            table->shown[c] = c;
            if (c >= plan->join_count) {
                table->shown[c] = plan->key_count;
                plan->key_outputs[plan->key_count++] = output_of(plan, t, c);
            }
        }
        plan->unique |= table->primary != 0 && (table->primary & plan->join) == 0;
        assert(plan_primary_count(table) <= PLAN_ROWS_MAX);
    }
    assert(plan->key_count <= 16);
}

/* ---- the named case ---- */

void plan_shipped(struct plan *plan, struct rng *rng, const struct plan_knobs *knobs) {
    int joins = plan_pick(rng, knobs->joins), rows = plan_pick(rng, knobs->rows);
    *plan = (struct plan){
        .name = "student_contact",
        .tables = {{"student",
                    3,
                    {{"student_id", PLAN_JOIN, PLAN_BIGINT, true, false, joins},
                     {"name", PLAN_VALUE, PLAN_TEXT}}},
                   {"contact",
                    5,
                    {{"student_id", PLAN_JOIN, PLAN_BIGINT, false, true, joins},
                     {"contact_id", PLAN_OWN, PLAN_BIGINT, true, false, rows},
                     {"contact_number", PLAN_VALUE, PLAN_TEXT}}}},
        .table_count = 2,
        .equals = {{{0, 0}, {1, 0}}},
        .equal_count = 1,
        .outputs = {{0, 0}, {1, 1}, {0, 1}, {1, 2}},
        .output_count = 4,
    };
    finish(plan);
}
