/* view.h: what the two SQL files say, as data. Everything else follows from it.
 *
 * What:    source tables, their keys and used columns, the sink's columns, and the SQL that writes.
 * Owns:    a struct view owns all it points to, until view_destroy.
 * Threads: read-only after view_load: may be shared.
 * Errors:  ERR_CONFIG with file, line, column, a caret under the place, and what is supported.
 * Limits:  VIEW_TABLES_MAX tables, VIEW_COLUMNS_MAX used columns a table.
 *
 * The only room with pg_query.h. Nothing in C knows a table by name.
 */
#ifndef VIEW_VIEW_H
#define VIEW_VIEW_H

#include "base/err.h"
#include "base/str.h"
#include "view/form.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VIEW_TABLES_MAX  16
#define VIEW_COLUMNS_MAX 256
#define IDENTIFIER_MAX   63 /* bytes of a name: PostgreSQL's */

/* How Debezium's JSON shows a value of the column's type. */
enum scalar {
    SCALAR_INTEGER, /* a JSON integer */
    SCALAR_NUMBER,  /* a JSON number, or a string ("NaN", "Infinity") */
    SCALAR_BOOLEAN, /* true, false */
    SCALAR_STRING,  /* a JSON string */
};

/* How a key part is written into a state key, see row.h; and hashed by the connector, see
 * decode/route.h. */
enum key_code {
    KEY_NONE,    /* not part of a key */
    KEY_INTEGER, /* smallint, integer: hash is the value */
    KEY_BIGINT,  /* bigint: hash is (int)(v ^ v >>> 32) */
    KEY_UUID,    /* 16 bytes; hashed as its text */
    KEY_TEXT,    /* any other type by its text, bytes 0x00 can't occur; hashed over UTF-16 units */
};

/* A column of a source table that the view uses. */
struct view_column {
    struct str name;    /* as in the source table and the row image */
    struct str type;    /* for the sink's DDL, normalised: "bigint", "character varying(40)" */
    enum scalar scalar; /* what the row image must hold, beside null */
    enum key_code key;
    /* What the connector sends in place of a long value that it doesn't have; absent (ptr NULL): of
     * this type it has all. */
    struct str unavailable;
    enum form form;   /* and what that looks like */
    bool not_null;    /* declared so, or part of the primary key */
    bool primary_key; /* part of the source's primary key */
    bool tells;       /* a value that isn't its type's 0, "" or false shows a whole old row */
};

struct view_table {
    struct str schema, name; /* "public", "orders" */
    struct str topic;        /* "<prefix>.public.orders" */
    /* The key first: the join key (view.join_count columns, the same order in every table), then
     * the rest of the primary key; then the other used columns. */
    struct view_column *columns;
    size_t column_count;
    size_t key_count;
    /* How many of the key's columns are the source's primary key: all of them where it holds the
     * join key in full. */
    size_t primary_key_count;
    /* Which column of the sink's key shows each key column: indexes into view.key_outputs. */
    size_t *key_positions;
    /* Without REPLICA IDENTITY FULL the connector sends an old row with NULL, 0 and "" in place of
     * all but the primary key (or with the columns' defaults), the join key too: of this table it
     * can be seen, see decode/blank.h. */
    bool blanks_tell;
    /* Deletes the sink rows of $1..$key_count: one text[] for each key column. */
    struct str sql_delete;
    /* Converts $1..$column_count (text[] of every used column) without writing: a row's own values
     * are refused by its own statement, whatever its partners. Gives one row, one column. */
    struct str sql_check;
};

/* A column of the sink table: a column of a source table under a name. */
struct view_output {
    struct str name;
    int table;
    int column;
};

struct view {
    struct str name; /* of the view and the sink table */
    struct view_table *tables;
    size_t table_count;
    size_t join_count; /* columns of the join key */
    struct view_output *outputs;
    size_t output_count;
    size_t *key_outputs; /* the sink's primary key, indexes into outputs: the join key first */
    size_t key_output_count;
    int32_t partition_count; /* N of every topic */
    struct str unavailable;  /* the connector's unavailable.value.placeholder, of this prefix */
    struct str fingerprint;  /* 16 hex digits over everything that decides what is written */
    struct str definition;   /* the same for people, see definition.h */
    struct str sql_ddl;      /* CREATE TABLE IF NOT EXISTS of the sink table */
    struct str sql_upsert;   /* of $1..$output_count, one text[] for each output */
    struct str sql_refuse;   /* deletes the rows of $1..$key_output_count, one text[] for each */
    struct str sql_insert;   /* the same without ON CONFLICT, for an initial load that can't COPY */
    /* COPY ... FROM STDIN of every output in text format, where every column's JSON scalar is its
     * type's own input text; absent (ptr NULL) where a column needs a conversion. */
    struct str sql_copy;
    void *memory; /* view.c's own */
};

/* What view_load needs beside the files. */
struct view_options {
    const char *oltp_path; /* schemas/oltp.sql */
    const char *view_path; /* the CREATE MATERIALIZED VIEW */
    const char *topic_prefix;
    int32_t partition_count;
};

/* Reads and checks both files. The error's message holds the first line; the full text with the
 * caret goes to ret_report (malloc'ed, caller frees; may be NULL), set on failure only. Caller owns
 * *ret_view. */
MUST_CHECK enum err_kind view_load(const struct view_options *options, struct view **ret_view,
                                   char **ret_report, struct err *reterr);
void view_destroy(struct view **view);

#endif
