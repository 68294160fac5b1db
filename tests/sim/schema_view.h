/* schema_view.h: a schema as the product's view, and as the SQL that says the same.
 *
 * What:    struct plan is what view_load would make of the SQL; checked where view_load can.
 * Owns:    a struct schema_view owns what its view points to; it must not be moved.
 * Threads: plain data.
 * Units:   none.
 * Errors:  of the check: a text.
 * Limits:  schema.h's.
 */
#ifndef SIM_SCHEMA_VIEW_H
#define SIM_SCHEMA_VIEW_H

#include "plan/plan.h"
#include "schema.h"
#include "view/view.h"

struct schema_view {
    struct plan plan;
    struct target target;
    struct relation tables[SCHEMA_TABLES_MAX];
    struct relation_column columns[SCHEMA_TABLES_MAX][SCHEMA_COLUMNS_MAX];
    struct occurrence occurrences[SCHEMA_TABLES_MAX];
    size_t key_positions[SCHEMA_TABLES_MAX][SCHEMA_COLUMNS_MAX];
    struct target_input inputs[SCHEMA_OUTPUTS_MAX];
    struct target_output outputs[SCHEMA_OUTPUTS_MAX];
    size_t key_outputs[SCHEMA_OUTPUTS_MAX];
    char topics[SCHEMA_TABLES_MAX][64];
};

/* Borrows the schema's names. */
void schema_view_fill(struct schema_view *to, const struct schema *schema, int32_t partitions);
void schema_view_clear(struct schema_view *view);
/* CREATE TABLE of every table; CREATE MATERIALIZED VIEW. Appended. */
void schema_sql_tables(const struct schema *schema, struct buf *out);
void schema_sql_view(const struct schema *schema, struct buf *out);
/* Whether both say the same of what the pipeline reads; false: what differs is in `what`. */
bool schema_view_equal(const struct schema_view *ours, const struct plan *theirs, char *what,
                       size_t size);

#endif
