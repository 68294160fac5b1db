/* plan.h: what a run is about: which tables, how the view joins them, how many rows there may be.
 *
 * What:    tables, keys and the view as arrays that are filled anew for each seed. Source, log,
 *          sink and oracle follow them and know no table; a new table is one line of a plan.
 * Owns:    nothing: names are static.
 * Threads: plain data.
 * Units:   a cell is the value of a column that is no version: 1, 2, ... , 0 for NULL.
 * Errors:  none.
 * Limits:  the constants below; PLAN_CELL_MAX is the value of no source row.
 *
 * Rows are packed: four bits a column, the first column lowest.
 */
#ifndef SIM_PLAN_H
#define SIM_PLAN_H

#include "base/buf.h"
#include "rng.h"

#define PLAN_TABLES_MAX  4
#define PLAN_COLUMNS_MAX 8  /* of a table */
#define PLAN_EQUALS_MAX  9  /* three join columns of every table but the first */
#define PLAN_OUTPUTS_MAX 24 /* every column of every table */
#define PLAN_CELL_MAX    15
#define PLAN_ROWS_MAX    64 /* different primary keys of a table */

typedef uint64_t cells_t;

enum plan_type { PLAN_BIGINT, PLAN_INTEGER, PLAN_TEXT, PLAN_UUID };

enum plan_role {
    PLAN_NONE,  /* behind the last column */
    PLAN_JOIN,  /* joins the tables, and places the row in a partition */
    PLAN_OWN,   /* the rest of the primary key */
    PLAN_VALUE, /* a version, of its own for every change */
};

struct plan_column {
    const char *name;
    enum plan_role role;
    enum plan_type type;
    bool primary;  /* part of the primary key */
    bool nullable; /* only of columns outside it */
    int values;    /* cells: 1 .. values */
};

struct plan_table {
    const char *name;
    int weight; /* how often its rows change, against the others' */
    struct plan_column columns[PLAN_COLUMNS_MAX]; /* PLAN_JOIN first, PLAN_VALUE last */
    /* Of plan_finish: */
    int column_count;
    int key_count;               /* its key in the log: all but the version */
    cells_t primary;             /* mask: the primary key */
    int shown[PLAN_COLUMNS_MAX]; /* where the sink's key shows a key column, or one equal to it */
};

struct plan_place {
    int table, column;
};

struct plan {
    const char *name; /* of the view */
    struct plan_table tables[PLAN_TABLES_MAX];
    int table_count;
    /* FROM all tables INNER JOIN ... ON these are equal. */
    struct plan_equal {
        struct plan_place left, right;
    } equals[PLAN_EQUALS_MAX];
    int equal_count;
    struct plan_place outputs[PLAN_OUTPUTS_MAX]; /* SELECT these */
    int output_count;
    /* Of plan_finish: */
    int join_count;                    /* columns that place a row, the first of every table */
    int key_outputs[PLAN_OUTPUTS_MAX]; /* the sink's key: join columns, then primary keys */
    int key_count;
    cells_t join; /* mask over the sink's key, and over every table's */
    bool unique;  /* one table's own columns determine the join columns: a unique index on all that
                     the sink's key has beside them never refuses what stands in the source */
};

/* How many there may be of what; inclusive. */
struct range {
    int low, high;
};
struct plan_knobs {
    struct range joins; /* values of the join key */
    struct range rows;  /* of a table that moves under other join keys */
};

static inline int cell_at(cells_t cells, int column) {
    return (int)(cells >> (4 * column) & 15);
}

static inline cells_t cell_of(int column, int value) {
    return (cells_t)value << (4 * column);
}

/* The named case: the view that the project ships (schemas/). */
void plan_shipped(struct plan *plan, struct rng *rng, const struct plan_knobs *knobs);
/* Any number of tables and keys that the product can keep. */
void plan_random(struct plan *plan, struct rng *rng, const struct plan_knobs *knobs);
int plan_pick(struct rng *rng, struct range range);

/* Different primary keys of a table, and the nth of them. */
int plan_primary_count(const struct plan_table *table);
cells_t plan_primary(const struct plan_table *table, int nth);
/* Different join keys, and the nth of them. */
int plan_join_count(const struct plan *plan);
cells_t plan_join(const struct plan *plan, int nth);
/* No join column is NULL. */
bool plan_joins(const struct plan *plan, cells_t cells);

/* The part of a sink row's key that shows a table's row, and which part that is. */
cells_t plan_sink_key(const struct plan *plan, int table, cells_t cells);
cells_t plan_sink_mask(const struct plan *plan, int table);
/* The table's row that a sink row shows. */
cells_t plan_row(const struct plan *plan, int table, cells_t sink_key);
/* Where Debezium's PartitionRouting puts a row: its own reading of it (decode/route.h has the
 * product's). cells: of a table or of the sink's key; all join columns are there. */
int plan_partition(const struct plan *plan, cells_t cells, int partitions);

#define PLAN_TEXT_MAX 40
/* A cell as the column's type shows it, and back. */
struct str plan_text(const struct plan_column *column, int cell, char out[PLAN_TEXT_MAX]);
int plan_parse(struct str text);
/* All key columns of a row; scratch: one for each. */
void plan_texts(const struct plan_table *table, cells_t cells, char (*scratch)[PLAN_TEXT_MAX],
                struct str *texts);
/* `table(1,2)`, for people; in one of four static buffers. */
const char *plan_show(const struct plan *plan, int table, cells_t cells);
const char *plan_show_sink(const struct plan *plan, cells_t sink_key);

#endif
