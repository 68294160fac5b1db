/* schema.h: what a run is about: which tables, how views join them, how many rows there may be.
 *
 * What:    tables, keys and views as arrays that are filled anew for each seed. Source, log,
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
#define SCHEMA_TARGETS_MAX     3
#define SCHEMA_OCCURRENCES_MAX 8
#define SCHEMA_COLUMNS_MAX     14 /* of a table */
#define SCHEMA_KEY_MAX         2  /* columns of a lookup table's primary key */
#define SCHEMA_EQUALS_MAX      9  /* three join columns of every core table but the first */
#define SCHEMA_OUTPUTS_MAX     64
#define SCHEMA_CELL_MAX        15
#define SCHEMA_ROWS_MAX        64        /* different primary keys of a table */
#define SCHEMA_HIDDEN          (1 << 30) /* in place of a version: some row that is there */

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
    bool filtered; /* a core table that is a lookup, too: of its one topic a task takes its own rows
                    */
    int twin;      /* 1 + the table in the other role; 0: it has one role */
    /* Of schema_finish: */
    int feed; /* whose rows and log it has: of a filtered one its twin's */
    int column_count;
    int join_count;     /* columns that place a row, its first */
    int key_count;      /* its key in the log: join columns and primary key */
    cells_t join;       /* mask: the join columns */
    cells_t primary;    /* mask: the primary key */
    cells_t references; /* mask */
};

/* A lookup table's place in FROM. */
struct schema_node {
    const char *name; /* AS ... */
    int table;
    int parent;                  /* an occurrence before it */
    int columns[SCHEMA_KEY_MAX]; /* of the parent: they hold the lookup row's key */
    bool optional;               /* LEFT JOIN */
    int root;                    /* of schema_finish: the core occurrence above it */
};

/* A core table's place in FROM: which columns of the sink's key show its own. */
struct schema_core {
    int table;
    bool optional; /* LEFT JOIN */
    /* Of schema_finish: */
    bool adds_key;                 /* an optional one with columns of its own in the sink's key */
    int shown[SCHEMA_COLUMNS_MAX]; /* where the sink's key shows a key column, or one equal to it */
};

/* A column of an occurrence: core tables are the first ones, lookups' nodes follow. */
struct schema_place {
    int occurrence, column;
};

/* A view, and the sink table that is to be equal to it. */
struct schema_target {
    const char *name;
    struct schema_core cores[SCHEMA_CORE_MAX];
    int core_count;
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
    bool computed; /* ... and an expression over versions of all tables, which the sink may refuse
                    */
    bool hides[SCHEMA_OCCURRENCES_MAX]; /* the occurrence's version is not selected: its row shows
                                           SCHEMA_HIDDEN instead */
    /* Of schema_finish: */
    const struct schema_table *tables; /* the schema's, which must not be moved */
    int number;                        /* which target it is */
    int occurrence_count;
    int key_outputs[SCHEMA_OUTPUTS_MAX]; /* the sink's key: join columns, then primary keys */
    int key_count;
    cells_t join;      /* mask over the sink's key, and over that of each of its core tables */
    bool has_optional; /* core tables */
    bool unique;   /* one table's own columns determine the join columns: a unique index on all that
                      the sink's key has beside them never refuses what stands in the source */
    bool is_plain; /* core tables joined INNER: what was true stays so as long as nothing is deleted
                    */
};

struct schema {
    struct schema_table tables[SCHEMA_TABLES_MAX];
    int table_count;
    struct schema_target targets[SCHEMA_TARGETS_MAX];
    int target_count;
    /* Of schema_finish: */
    int parted_count; /* of the tables: the first ones, whose topics have a partition for each task
                       */
    bool has_lookups;
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
/* ... and several views over such tables, which share some, or none. */
void schema_several(struct schema *schema, struct rng *rng, const struct schema_knobs *knobs);
/* One of the named shapes: knobs->shape. */
void schema_shape(struct schema *schema, struct rng *rng, const struct schema_knobs *knobs);
int schema_pick(struct rng *rng, struct range range);

/* Different primary keys of a table, and the nth of them. */
int schema_primary_count(const struct schema_table *table);
cells_t schema_primary(const struct schema_table *table, int nth);
/* Different join keys of a target, and the nth of them. */
int schema_join_count(const struct schema_target *target);
cells_t schema_join(const struct schema_target *target, int nth);
/* The row is in some state: no join column is NULL. */
bool schema_places(const struct schema_table *table, cells_t cells);
/* The table of an occurrence. */
static inline int schema_occurrence(const struct schema_target *target, int occurrence) {
    return occurrence < target->core_count ? target->cores[occurrence].table
                                           : target->nodes[occurrence - target->core_count].table;
}
static inline const struct schema_table *schema_table_of(const struct schema_target *target,
                                                         int occurrence) {
    return &target->tables[schema_occurrence(target, occurrence)];
}
bool schema_is_optional(const struct schema_target *target, int occurrence);

/* References for a row of the table. */
cells_t schema_references(const struct schema *schema, struct rng *rng, int table);
/* The key of the lookup row that a node's parent refers to: cells of the parent's row, references
 * too; 0: a part is NULL. */
cells_t schema_referred(const struct schema_target *target, const struct schema_node *node,
                        cells_t parent);
/* WHERE lets a row of these versions pass (0: NULL), one for each occurrence. */
bool schema_passes(const struct schema_target *target, const int *versions);

/* The part of a sink row's key that shows a core occurrence's row, and which part that is. */
cells_t schema_sink_key(const struct schema_target *target, int occurrence, cells_t cells);
cells_t schema_sink_mask(const struct schema_target *target, int occurrence);
/* ... without the join columns: 0: the table adds none. */
cells_t schema_own_mask(const struct schema_target *target, int occurrence);
/* The core occurrence's row that a sink row shows. */
cells_t schema_row(const struct schema_target *target, int occurrence, cells_t sink_key);
/* Where Debezium's PartitionRouting puts a row: its own reading of it (decode/route.h has the
 * product's). cells: of a core table with all its join columns. */
int schema_partition(const struct schema_table *table, cells_t cells, int partitions);
/* The task may have the row: it does not belong to another one. */
static inline bool schema_is_of(const struct schema_table *table, cells_t cells, int32_t task,
                                int partitions) {
    return !table->filtered || task < 0 || schema_partition(table, cells, partitions) == task;
}

#define SCHEMA_TEXT_MAX 40
/* A cell as the column's type shows it, and back. */
struct str schema_text(const struct schema_column *column, int cell, char out[SCHEMA_TEXT_MAX]);
int schema_parse(struct str text);
/* All key columns of a row; scratch: one for each. */
void schema_texts(const struct schema_table *table, cells_t cells, char (*scratch)[SCHEMA_TEXT_MAX],
                  struct str *texts);
/* `table(1,2)`, for people; in one of four static buffers. */
const char *schema_show(const struct schema *schema, int table, cells_t cells);
const char *schema_show_sink(const struct schema_target *target, cells_t sink_key);

#endif
