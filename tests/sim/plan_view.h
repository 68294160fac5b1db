/* plan_view.h: a plan as the product's view, and as the SQL that says the same.
 *
 * What:    struct view is what view_load would make of the SQL; checked where view_load can.
 * Owns:    a struct plan_view owns what its view points to; it must not be moved.
 * Threads: plain data.
 * Units:   none.
 * Errors:  of the check: a text.
 * Limits:  plan.h's.
 */
#ifndef SIM_PLAN_VIEW_H
#define SIM_PLAN_VIEW_H

#include "plan.h"
#include "view/view.h"

struct plan_view {
    struct view view;
    struct view_table tables[PLAN_TABLES_MAX];
    struct view_column columns[PLAN_TABLES_MAX][PLAN_COLUMNS_MAX];
    size_t key_positions[PLAN_TABLES_MAX][PLAN_COLUMNS_MAX];
    struct view_output outputs[PLAN_OUTPUTS_MAX];
    size_t key_outputs[PLAN_OUTPUTS_MAX];
    char topics[PLAN_TABLES_MAX][64];
};

/* Borrows the plan's names. */
void plan_view_fill(struct plan_view *to, const struct plan *plan, int32_t partitions);
/* CREATE TABLE of every table; CREATE MATERIALIZED VIEW. Appended. */
void plan_sql_tables(const struct plan *plan, struct buf *out);
void plan_sql_view(const struct plan *plan, struct buf *out);
/* Whether both say the same of what the pipeline reads; false: what differs is in `what`. */
bool plan_view_equal(const struct view *a, const struct view *b, char *what, size_t size);

#endif
