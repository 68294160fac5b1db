/* draft.h: the view while it is read: what the statement says, by the catalog's columns. Private.
 *
 * What:    from.c fills tables and join, select.c the statement's other parts and outputs, keys.c
 *          puts each table's columns in order and checks keys and types. view.c makes a struct
 *          view of it.
 * Owns:    catalog and source; everything else lives in the arena.
 * Units:   places are byte offsets into the view's file.
 * Errors:  ERR_CONFIG with the place, see source_refuse.
 * Limits:  RELATIONS_MAX tables.
 */
#ifndef VIEW_DRAFT_H
#define VIEW_DRAFT_H

#include "plan/plan.h"
#include "view/catalog.h"
#include "view/type.h"

/* Columns of one PostgreSQL index, and of one table. */
#define DRAFT_KEY_MAX     32
#define DRAFT_OUTPUTS_MAX 1600

#define SUPPORTED_FROM                                                                             \
    "FROM table [AS alias] [[INNER] JOIN table [AS alias] ON column = column [AND column = "       \
    "column ...] ...]"
#define SUPPORTED_VIEW                                                                             \
    "CREATE MATERIALIZED VIEW name AS SELECT column [AS name], ... " SUPPORTED_FROM

struct draft_table {
    const struct catalog_table *source;
    struct str alias; /* absent: none */
    size_t at;
    /* In the order of struct relation's columns, each an index into source->columns. */
    int columns[COLUMNS_MAX];
    struct type types[COLUMNS_MAX];
    size_t column_count, key_count;
};

/* One part of the join key: a column in every table. Of one table alone: of its primary key. */
struct draft_join {
    int columns[RELATIONS_MAX]; /* by table, an index into source->columns; -1: none yet */
    size_t at;
};

struct draft_output {
    struct str name;
    int table;
    int column; /* index into the table's source->columns */
    size_t at;
};

struct draft {
    struct arena *arena;
    const struct report *report;
    struct catalog catalog;
    struct source source;
    json_t *select; /* SelectStmt's members */
    struct str name;
    size_t name_at;
    struct draft_table tables[RELATIONS_MAX];
    size_t table_count;
    struct draft_join join[DRAFT_KEY_MAX];
    size_t join_count;
    struct draft_output *outputs;
    size_t output_count;
    int key_outputs[DRAFT_KEY_MAX]; /* the sink's primary key, each an index into outputs */
    size_t key_output_count;
};

/* The tables first .. last - 1: what a name may refer to. */
struct scope {
    size_t first, last;
};

MUST_CHECK enum err_kind statement_read(struct draft *draft); /* select.c */
MUST_CHECK enum err_kind from_read(struct draft *draft);      /* from.c */
MUST_CHECK enum err_kind outputs_read(struct draft *draft);   /* select.c */
MUST_CHECK enum err_kind keys_read(struct draft *draft);      /* keys.c */

/* Finds what a ColumnRef node names. */
MUST_CHECK enum err_kind column_find(struct draft *draft, json_t *node, struct scope scope,
                                     int *ret_table, int *ret_column); /* column.c */
/* The type of a table's column; refused at `at` if it isn't supported. */
MUST_CHECK enum err_kind column_type(struct draft *draft, int table, int column, size_t at,
                                     struct type *ret_type); /* column.c */
/* "orders.status", for messages: the table as the statement calls it. Lives in the arena. */
const char *column_show(struct draft *draft, int table, int column); /* column.c */
/* What the statement calls the table. */
struct str table_label(const struct draft_table *table); /* column.c */

#endif
