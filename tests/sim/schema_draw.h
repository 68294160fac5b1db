/* schema_draw.h: how schemas are put together, by what a seed draws and by named shapes.
 *
 * What:    core tables first, then lookups with their nodes, of one target after the other; then
 *          schema_draw_rest.
 * Owns:    nothing.
 * Threads: plain data.
 * Units:   none.
 * Errors:  none.
 * Limits:  schema.h's.
 */
#ifndef SIM_SCHEMA_DRAW_H
#define SIM_SCHEMA_DRAW_H

#include "schema.h"

#define SCHEMA_JOINS_MAX 3

/* How much of the join key is in a core table's primary key, and how many columns it has beside it.
 */
enum schema_part { PART_NONE, PART_SOME, PART_ALL };
struct schema_kind {
    enum schema_part joins;
    int own;
};

/* The join columns' types and values are those of all core tables that are drawn with them. */
struct schema_draw {
    struct rng *rng;
    struct schema *schema;
    struct schema_target *target; /* what is drawn belongs to it */
    int joins;
    enum schema_type types[SCHEMA_JOINS_MAX];
    int values[SCHEMA_JOINS_MAX];
    int room; /* sink rows under one join key */
};

/* Begins: another target is the present one from now on. Returns it. */
struct schema_target *schema_draw_target(struct schema_draw *draw, const char *name);
/* At most so many join columns, and join keys: rows must meet. */
void schema_draw_joins(struct schema_draw *draw, const struct schema_knobs *knobs, int joins,
                       int most);
/* The next core table, of at most so many rows. */
void schema_draw_core(struct schema_draw *draw, const struct schema_kind *kind, int rows,
                      bool optional);
/* The target joins a core table that is there. */
void schema_draw_shared(struct schema_draw *draw, int table, bool optional);
/* The next lookup table. Returns which it is. */
int schema_draw_lookup(struct schema_draw *draw, int key_columns, int rows);
/* The core table that was drawn last, whose primary key holds the join key, is a lookup, too.
 * Returns which it is. */
int schema_draw_twin(struct schema_draw *draw);
/* A node of a lookup table. anew: by columns of its own; else by whatever its parent has, where the
 * types are the same. */
void schema_draw_node(struct schema_draw *draw, int table, int parent, bool optional, bool anew);
/* Core tables of some kinds; where optional is above 0, some are joined LEFT. */
void schema_draw_cores(struct schema_draw *draw, const struct schema_knobs *knobs, int count,
                       double optional);
/* Nodes, some of them of new lookup tables. */
void schema_draw_nodes(struct schema_draw *draw, int count);
/* ON and SELECT of every target, and all that follows. */
void schema_draw_rest(struct schema_draw *draw);
/* schema_make.c */
void schema_finish(struct schema *schema);

#endif
