/* schema_view.h: a schema as the product's plan, and as the SQL that says the same.
 *
 * What:    struct plan is what view_load would make of the SQL; checked where view_load can.
 * Owns:    nothing outside itself; its view points into it: it must not be moved.
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

#define SCHEMA_NAME_MAX       32
#define SCHEMA_REFERENCES_MAX 12 /* of a table */

/* One target, and what it points to. */
struct schema_view_target {
    struct occurrence occurrences[SCHEMA_OCCURRENCES_MAX];
    size_t key_positions[SCHEMA_CORE_MAX][SCHEMA_COLUMNS_MAX];
    struct target_input inputs[SCHEMA_OUTPUTS_MAX];
    struct target_output outputs[SCHEMA_OUTPUTS_MAX + 1];
    char output_names[SCHEMA_OUTPUTS_MAX][SCHEMA_NAME_MAX];
    size_t key_outputs[SCHEMA_OUTPUTS_MAX];
};

struct schema_view {
    struct plan plan;
    unsigned chosen; /* 1 << target, of the schema's: the others are not in the plan */
    int tables[SCHEMA_TABLES_MAX];      /* the schema's, by the plan's relation */
    int relations[SCHEMA_TABLES_MAX];   /* the plan's, by the schema's table; -1: not in the plan */
    int numbers[SCHEMA_TARGETS_MAX];    /* the schema's targets, by the plan's */
    int targets_of[SCHEMA_TARGETS_MAX]; /* the plan's, by the schema's; -1 */
    char identity[256];                 /* of its caches */
    struct target targets[SCHEMA_TARGETS_MAX];
    struct schema_view_target of[SCHEMA_TARGETS_MAX];
    struct relation of_tables[SCHEMA_TABLES_MAX];
    struct relation_column columns[SCHEMA_TABLES_MAX][SCHEMA_COLUMNS_MAX];
    struct reference references[SCHEMA_TABLES_MAX][SCHEMA_REFERENCES_MAX];
    size_t reference_columns[SCHEMA_TABLES_MAX][SCHEMA_REFERENCES_MAX][SCHEMA_KEY_MAX];
    char topics[SCHEMA_TABLES_MAX][64], slots[SCHEMA_TABLES_MAX][72];
};

/* The plan of some of the schema's targets (1 << target). Borrows the schema's names. */
void schema_view_fill(struct schema_view *to, const struct schema *schema, unsigned chosen,
                      int32_t partitions);
static inline bool schema_view_has(const struct schema_view *view, int target) {
    return view->chosen >> target & 1;
}
/* schema_sql.c */
const char *schema_type_name(enum schema_type type);
void schema_output_name(const struct schema_target *target, int output, char out[SCHEMA_NAME_MAX]);
/* CREATE TABLE of every table; CREATE MATERIALIZED VIEW of every target. Appended. */
void schema_sql_tables(const struct schema *schema, struct buf *out);
void schema_sql_views(const struct schema *schema, struct buf *out);
/* says_key: with its key, also where it goes without saying. */
void schema_sql_view(const struct schema_target *target, bool says_key, struct buf *out);
/* schema_view.c */
/* Whether both say the same of what the pipeline reads; false: what differs is in `what`. */
bool schema_view_equal(const struct schema_view *ours, const struct plan *theirs, char *what,
                       size_t size);

#endif
