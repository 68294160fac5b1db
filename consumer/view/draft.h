/* draft.h: the view while it is read: what the statement says, by the catalog's columns. Private.
 *
 * What:    from.c fills tables and what ON says, select.c the statement's other parts and outputs,
 *          roles.c finds the key that places rows and what each table is under it, keys.c puts each
 *          table's columns in order and checks keys and types. view.c makes a struct plan of it.
 * Owns:    nothing: borrows catalog and source; everything else lives in the arena.
 * Units:   places are byte offsets into the view's file. Tables are counted as FROM names them.
 * Errors:  ERR_CONFIG with the place, see source_refuse.
 * Limits:  OCCURRENCES_MAX tables, EQUALITIES_MAX comparisons.
 */
#ifndef VIEW_DRAFT_H
#define VIEW_DRAFT_H

#include "plan/plan.h"
#include "view/catalog.h"
#include "view/type.h"

/* Columns of one PostgreSQL index, and of one table. */
#define DRAFT_KEY_MAX     32
#define DRAFT_OUTPUTS_MAX 1600

/* Of a table, over all views of a plan. */
#define DRAFT_REFERENCES_MAX ((size_t)2 * OCCURRENCES_MAX)

#define EQUALITIES_MAX ((size_t)256)
/* Optional tables in the sink's key: the deletes by it have a part for each set of them. */
#define ADDS_KEY_MAX 4
#define CLASSES_MAX  (2 * EQUALITIES_MAX)

#define SUPPORTED_FROM                                                                             \
    "FROM table [AS alias] [[INNER | LEFT] JOIN table [AS alias] ON column = column [AND "         \
    "column = column ...] ...]"
#define SUPPORTED_VIEW                                                                             \
    "CREATE MATERIALIZED VIEW name [WITH (partition_by = 'table.column, ...', own_plan)] AS "      \
    "SELECT column "                                                                               \
    "[AS name] | expression AS name, ... " SUPPORTED_FROM " [WHERE condition]"

/* A column of a table in FROM. */
struct draft_column {
    int table;
    int column; /* index into the table's source->columns */
};

struct draft_reference {
    size_t columns[DRAFT_KEY_MAX]; /* in the order of the lookup's key: indexes as below */
    size_t column_count;
};

/* A source table in one role, however often FROM names it. */
struct draft_relation {
    const struct catalog_table *source;
    enum role role;
    bool filtered; /* core, and the source is a lookup, too */
    bool keyed;    /* in either role: records have K and the primary key as their key, though one
                      partition has all */
    int first;     /* the first table of FROM that is this */
    /* In the order of struct relation's columns, each an index into source->columns. */
    int columns[COLUMNS_MAX];
    struct type types[COLUMNS_MAX];
    size_t column_count, key_count;
    struct draft_reference references[DRAFT_REFERENCES_MAX];
    size_t reference_count;
    struct draft_relation *shared; /* of a view's: the plan's, see share.h */
};

/* A table of FROM. */
struct draft_table {
    const struct catalog_table *source;
    struct str alias; /* absent: none */
    size_t at;
    bool left;       /* LEFT JOIN; not, where a table behind it is joined INNER on it */
    bool made_inner; /* so */
    /* Of roles.c: */
    enum role role;
    bool filtered, keyed;              /* as its relation */
    int parent;                        /* whose columns refer to this one's row; -1: core */
    int parent_columns[DRAFT_KEY_MAX]; /* in the order of source->key */
    int relation, reference, occurrence;
    bool adds_key; /* LEFT and core, with a primary key beyond K */
};

/* ON: a column of the joined table = one of a table before it. */
struct draft_equality {
    struct draft_column joined, other;
    size_t at;
};

/* Columns that are equal in every row of the join, at most one of a table; none of a LEFT JOIN. */
struct draft_class {
    int columns[OCCURRENCES_MAX]; /* by table, an index into source->columns; -1: none */
    size_t at;
};

struct draft_expression; /* expression.h */
struct share;            /* share.h */
struct shares;

struct draft_output {
    struct str name;
    int table;  /* -1: an expression */
    int column; /* index into the table's source->columns */
    const struct draft_expression *expression;
    size_t at;
};

/* A value that the statements get. */
struct draft_input {
    struct draft_column column;
    struct str name; /* what expressions call it */
};

struct draft {
    struct arena *arena;
    const struct report *report;
    struct catalog catalog; /* the same for all views */
    struct source source;   /* of the file, which may hold others */
    size_t statement;       /* number in the file */
    json_t *select;         /* SelectStmt's members */
    struct str name;
    size_t name_at;
    struct str partition_by; /* WITH (partition_by = ...); absent: not said */
    size_t partition_by_at;
    bool own_plan; /* WITH (own_plan): it shares with no other view */
    struct draft_table tables[OCCURRENCES_MAX];
    size_t table_count;
    struct draft_equality equalities[EQUALITIES_MAX];
    size_t equality_count;
    struct draft_class classes[CLASSES_MAX];
    size_t class_count;
    /* The columns that place a row, one of every core table each. */
    struct draft_class join[DRAFT_KEY_MAX];
    size_t join_count;
    const char *key_origin; /* why it is they, for people */
    struct str *other_keys; /* what became of others, a line each */
    size_t other_key_count;
    struct str *apart; /* why it is in none of the plans before, one for each */
    size_t apart_count;
    int order[OCCURRENCES_MAX]; /* the tables as the target has them: core ones, then lookups */
    size_t core_count;
    struct draft_relation relations[RELATIONS_MAX];
    size_t relation_count;
    struct draft_output *outputs;
    size_t output_count;
    const struct draft_expression *where; /* NULL: there is none */
    bool computes;                        /* there are expressions, or a WHERE */
    struct draft_input *inputs;
    size_t input_count;
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
MUST_CHECK enum err_kind classes_read(struct draft *draft);   /* classes.c */
/* *ret_share: the plan that the view fits into; NULL: none. */
MUST_CHECK enum err_kind roles_read(struct draft *draft, const struct shares *shares,
                                    struct share **ret_share); /* candidates.c */
MUST_CHECK enum err_kind keys_read(struct draft *draft);       /* keys.c */
MUST_CHECK enum err_kind inputs_read(struct draft *draft);     /* inputs.c */

/* Finds what a ColumnRef node names. */
MUST_CHECK enum err_kind column_find(struct draft *draft, json_t *node, struct scope scope,
                                     int *ret_table, int *ret_column); /* column.c */
/* The type of a table's column; false: not supported, and *ret_why says so (in the arena). */
bool column_type(struct draft *draft, int table, int column, struct type *ret_type,
                 const char **ret_why); /* column.c */
/* "orders.status", for messages: the table as the statement calls it. Lives in the arena. */
const char *column_show(struct draft *draft, int table, int column); /* column.c */
/* The same of several, with commas between them: a table's primary key. */
const char *key_show(struct draft *draft, int table); /* column.c */
/* What the statement calls the table. */
struct str table_label(const struct draft_table *table); /* column.c */
/* Whether the column is never NULL: declared so, part of the primary key, or serial. */
bool column_not_null(struct draft *draft, int table, int column); /* column.c */

/* Whether PostgreSQL calls no different bytes equal in the column; *ret_other: its collation. */
bool column_collation_exact(const struct draft *draft, int table, int column,
                            struct str *ret_other); /* column.c */
#define COLLATIONS "\"C\", \"POSIX\", \"default\", \"ucs_basic\""
#define COLLATION_REFUSED                                                                          \
    "key column %s has COLLATE \"" STR_FMT "\", under which different texts may be equal"

/* How the source orders a column's texts: as its column, or its domain, declares. */
enum collating {
    COLLATING_DEFAULT, /* as its database does */
    COLLATING_BYTES,   /* by their bytes: COLLATE "C" and the like */
    COLLATING_OTHER,
};
/* *ret_names: the collation's, a list; NULL: none. */
enum collating column_collating(const struct draft *draft, struct draft_column column,
                                json_t **ret_names); /* column.c */

/* The class of a column; -1: nothing is equal to it. */
int class_of(const struct draft *draft, int table, int column); /* classes.c */
/* The same, and makes one of its own where there is none. -1: no room. */
int class_make(struct draft *draft, int table, int column, size_t at); /* classes.c */

/* Whether a column of the sink's key may be NULL. */
static inline bool key_has_nulls(const struct draft *draft) {
    bool has = false;
    for (size_t t = 0; t < draft->table_count; t++) {
        has |= draft->tables[t].adds_key;
    }
    return has;
}

/* Whether a core table's column of this part of K is a bigint. */
static inline bool draft_places_bigint(const struct draft *draft, size_t part) {
    bool has = false;
    for (size_t r = 0; r < draft->relation_count; r++) {
        const struct draft_relation *relation = &draft->relations[r];
        has |= relation->role == ROLE_CORE && type_key(&relation->types[part]) == KEY_BIGINT;
    }
    return has;
}

/* The input with the values of a column; -1: there is none. */
int input_of(const struct draft *draft, int table, int column); /* inputs.c */

/* Index among a relation's columns; column_count: it is not there. */
size_t relation_column(const struct draft_relation *relation, int column); /* keys.c */
static inline struct draft_relation *relation_of(struct draft *draft, int table) {
    return &draft->relations[draft->tables[table].relation];
}

#endif
