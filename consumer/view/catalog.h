/* catalog.h: the source tables as oltp.sql declares them. Private to view/.
 *
 * What:    CREATE TABLE, primary keys, replica identity, enums and domains; other statements are
 *          passed over.
 * Owns:    a struct catalog owns its source; names and nodes point into the source's tree.
 * Units:   places are byte offsets into the source.
 * Errors:  ERR_CONFIG for what makes the file as a whole unreadable. What makes one table unfit
 *          for a view (`unfit`) is kept with it: a table no view uses may be as it likes.
 */
#ifndef VIEW_CATALOG_H
#define VIEW_CATALOG_H

#include "base/arena.h"
#include "view/source.h"

struct catalog_column {
    struct str name;
    json_t *type;      /* TypeName's members */
    json_t *collate;   /* list of names; NULL: none */
    const char *unfit; /* why no view can use it; NULL: it can */
    bool not_null;     /* declared so: the primary key's columns need not be */
    bool has_default;  /* declared so, or an identity; a serial's is its type's */
    size_t at;
};

struct catalog_table {
    struct str schema, name;
    size_t at; /* of its name in CREATE TABLE */
    struct catalog_column *columns;
    size_t column_count, column_room;
    struct str *key; /* the primary key's columns */
    size_t key_count;
    bool replica_identity_full;
    bool partitioned;
    const char *unfit; /* why no view can use it; NULL: it can */
    size_t unfit_at;
    struct catalog_table *next;
};

enum catalog_type_kind {
    CATALOG_ENUM,
    CATALOG_DOMAIN,
    CATALOG_COMPOSITE,
    CATALOG_RANGE,
};

/* What CREATE TYPE or CREATE DOMAIN declares. */
struct catalog_type {
    struct str schema, name;
    enum catalog_type_kind kind;
    json_t *base;    /* a domain's: TypeName's members */
    json_t *collate; /* a domain's: list of names; NULL: none */
    struct catalog_type *next;
};

struct catalog {
    struct source source;
    struct catalog_table *first; /* in the file's order */
    struct catalog_type *types;
};

/* What the catalog hands out lives in arena and source. catalog_clear after failure too. */
MUST_CHECK enum err_kind catalog_read(const char *path, struct arena *arena,
                                      struct catalog *catalog, const struct report *report);
void catalog_clear(struct catalog *catalog);
/* NULL: there is none. */
const struct catalog_table *catalog_table(const struct catalog *catalog, struct str schema,
                                          struct str name);
/* A declared type, NULL: there is none. No schema (ptr NULL) means public. */
const struct catalog_type *catalog_type(const struct catalog *catalog, struct str schema,
                                        struct str name);
/* Index of a column, -1: there is none. */
int catalog_column(const struct catalog_table *table, struct str name);
/* Whether the column is part of the primary key. */
bool catalog_in_key(const struct catalog_table *table, struct str name);

#endif
