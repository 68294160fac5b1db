/* schema.h: what a run is about: which tables, how the view joins them, how many rows there may be.
 *
 * What:    tables, keys and the view as arrays that are filled anew for each seed. Source, log,
 *          sink and oracle follow them and know no table; a new table is one line of a schema.
 * Owns:    nothing: names are static.
 * Threads: plain data.
 * Units:   a cell is the value of a column that is no version: 1, 2, ... , 0 for NULL.
 * Errors:  none.
 * Limits:  the constants below; SCHEMA_CELL_MAX is the value of no source row.
 *
 * Rows are packed: four bits a column, the first column lowest.
 */
#ifndef SIM_SCHEMA_H
#define SIM_SCHEMA_H

#include "base/buf.h"
#include "rng.h"

#define SCHEMA_CORE_MAX        4
#define SCHEMA_LOOKUPS_MAX     4 /* tables, and occurrences of them */
#define SCHEMA_TABLES_MAX      8
#define SCHEMA_OCCURRENCES_MAX 8
#define SCHEMA_COLUMNS_MAX     14 /* of a table */
#define SCHEMA_KEY_MAX         2  /* columns of a lookup table's primary key */
#define SCHEMA_EQUALS_MAX      9  /* three join columns of every core table but the first */
#define SCHEMA_OUTPUTS_MAX     64
#define SCHEMA_CELL_MAX        15
#define SCHEMA_ROWS_MAX        64 /* different primary keys of a table */

typedef uint64_t cells_t;

enum schema_type { SCHEMA_BIGINT, SCHEMA_INTEGER, SCHEMA_TEXT, SCHEMA_UUID };

enum schema_role {
    SCHEMA_NONE,      /* behind the last column */
    SCHEMA_JOIN,      /* joins the core tables, and places the row in a partition */
    SCHEMA_OWN,       /* the rest of the primary key */
    SCHEMA_REFERENCE, /* part of a lookup row's key; like the version, it may change */
    SCHEMA_VALUE,     /* a version, of its own for every change */
};

struct schema_column {
    const char *name;
    enum schema_role role;
    enum schema_type type;
    bool primary;  /* part of the primary key */
    bool nullable; /* only of columns outside it */
    int values;    /* cells: 1 .. values */
};

struct schema_table {
    const char *name;
    int weight; /* how often its rows change, against the others' */
    /* In the order of their roles. */
    struct schema_column columns[SCHEMA_COLUMNS_MAX];
    bool lookup;   /* it has no join columns, and one partition that every task reads */
    bool optional; /* a core table that is joined LEFT */
    /* Of schema_finish: */
    int column_count;
    int key_count;                 /* its key in the log: join columns and primary key */
    cells_t primary;               /* mask: the primary key */
    cells_t references;            /* mask */
    bool adds_key;                 /* an optional one with columns of its own in the sink's key */
    int shown[SCHEMA_COLUMNS_MAX]; /* where the sink's key shows a key column, or one equal to it;
                                      of core tables */
};

/* A lookup table's place in FROM. */
struct schema_node {
    const char *name; /* AS ... */
    int table;
    int parent;                  /* an occurrence before it */
    int columns[SCHEMA_KEY_MAX]; /* of the parent: they hold the lookup row's key */
    bool optional;               /* LEFT JOIN */
    int root;                    /* of schema_finish: the core table above it */
};

/* A column of an occurrence: core tables are the first ones, lookups' nodes follow. */
struct schema_place {
    int occurrence, column;
};

struct schema {
    const char *name;                              /* of the view */
    struct schema_table tables[SCHEMA_TABLES_MAX]; /* core ones first */
    int table_count, core_count;
    struct schema_node nodes[SCHEMA_LOOKUPS_MAX];
    int node_count;
    /* FROM all core tables JOIN ... ON these are equal, then the nodes. */
    struct schema_equal {
        struct schema_place left, right;
    } equals[SCHEMA_EQUALS_MAX];
    int equal_count;
    struct schema_place outputs[SCHEMA_OUTPUTS_MAX]; /* SELECT these */
    int output_count;
    bool mixed;    /* as SQL, nodes stand between core tables */
    bool filtered; /* WHERE: schema_passes */
    bool
        computed; /* ... and an expression over versions of all tables, which the sink may refuse */
    /* Of schema_finish: */
    int occurrence_count;
    int join_count;                      /* columns that place a row, the first of every table */
    int key_outputs[SCHEMA_OUTPUTS_MAX]; /* the sink's key: join columns, then primary keys */
    int key_count;
    cells_t join;      /* mask over the sink's key, and over every core table's */
    bool has_optional; /* core tables */
    bool unique;   /* one table's own columns determine the join columns: a unique index on all that
                      the sink's key has beside them never refuses what stands in the source */
    bool is_plain; /* core tables joined INNER: what was true stays so as long as nothing is deleted
                    */
};

/* How many there may be of what; inclusive. */
struct range {
    int low, high;
};
struct schema_knobs {
    struct range joins; /* values of the join key */
    struct range rows;  /* of a table that moves under other join keys */
    const char *shape;  /* of schema_shape */
};

static inline int cell_at(cells_t cells, int column) {
    return (int)(cells >> (4 * column) & 15);
}

static inline cells_t cell_of(int column, int value) {
    return (cells_t)value << (4 * column);
}

/* The named case: the view that the project ships (schemas/). */
void schema_shipped(struct schema *schema, struct rng *rng, const struct schema_knobs *knobs);
/* Any number of core tables and keys that the product can keep. */
void schema_random(struct schema *schema, struct rng *rng, const struct schema_knobs *knobs);
/* ... and of lookups, INNER and LEFT, with or without WHERE. */
void schema_random_view(struct schema *schema, struct rng *rng, const struct schema_knobs *knobs);
/* One of the named shapes: knobs->shape. */
void schema_shape(struct schema *schema, struct rng *rng, const struct schema_knobs *knobs);
int schema_pick(struct rng *rng, struct range range);

/* Different primary keys of a table, and the nth of them. */
int schema_primary_count(const struct schema_table *table);
cells_t schema_primary(const struct schema_table *table, int nth);
/* Different join keys, and the nth of them. */
int schema_join_count(const struct schema *schema);
cells_t schema_join(const struct schema *schema, int nth);
/* The row is in some state: no join column is NULL. */
bool schema_places(const struct schema *schema, int table, cells_t cells);
/* The table of an occurrence. */
static inline int schema_occurrence(const struct schema *schema, int occurrence) {
    return occurrence < schema->core_count ? occurrence
                                           : schema->nodes[occurrence - schema->core_count].table;
}
bool schema_is_optional(const struct schema *schema, int occurrence);

/* References for a row of the table. */
cells_t schema_references(const struct schema *schema, struct rng *rng, int table);
/* The key of the lookup row that a node's parent refers to: cells of the parent's row, references
 * too; 0: a part is NULL. */
cells_t schema_referred(const struct schema *schema, const struct schema_node *node,
                        cells_t parent);
/* WHERE lets a row of these versions pass (0: NULL), one for each occurrence. */
bool schema_passes(const struct schema *schema, const int *versions);

/* The part of a sink row's key that shows a core table's row, and which part that is. */
cells_t schema_sink_key(const struct schema *schema, int table, cells_t cells);
cells_t schema_sink_mask(const struct schema *schema, int table);
/* ... without the join columns: 0: the table adds none. */
cells_t schema_own_mask(const struct schema *schema, int table);
/* The core table's row that a sink row shows. */
cells_t schema_row(const struct schema *schema, int table, cells_t sink_key);
/* Where Debezium's PartitionRouting puts a row: its own reading of it (decode/route.h has the
 * product's). cells: of a core table or of the sink's key; all join columns are there. */
int schema_partition(const struct schema *schema, cells_t cells, int partitions);

#define SCHEMA_TEXT_MAX 40
/* A cell as the column's type shows it, and back. */
struct str schema_text(const struct schema_column *column, int cell, char out[SCHEMA_TEXT_MAX]);
int schema_parse(struct str text);
/* All key columns of a row; scratch: one for each. */
void schema_texts(const struct schema_table *table, cells_t cells, char (*scratch)[SCHEMA_TEXT_MAX],
                  struct str *texts);
/* `table(1,2)`, for people; in one of four static buffers. */
const char *schema_show(const struct schema *schema, int table, cells_t cells);
const char *schema_show_sink(const struct schema *schema, cells_t sink_key);

#endif
