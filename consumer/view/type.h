/* type.h: the SQL types that go through, and how each is written. Private to view/.
 *
 * What:    a column's declared type; its name for the sink's DDL; the SQL that makes a value of
 *          it from the text of what Debezium sends (decimal.handling.mode=string, adaptive times).
 * Units:   modifiers as they are written: char(5) is 5, numeric(20,4) is 20 and 4.
 * Errors:  a type that is not supported is false: who asked says so with its name.
 */
#ifndef VIEW_TYPE_H
#define VIEW_TYPE_H

#include "base/buf.h"
#include "plan/plan.h"
#include "view/source.h"

enum type_kind {
    TYPE_SMALLINT,
    TYPE_INTEGER,
    TYPE_BIGINT,
    TYPE_BOOLEAN,
    TYPE_TEXT,
    TYPE_VARCHAR,
    TYPE_CHAR,
    TYPE_UUID,
    TYPE_NUMERIC,
    TYPE_REAL,
    TYPE_DOUBLE,
    TYPE_DATE,
    TYPE_TIMESTAMP,
    TYPE_TIMESTAMPTZ,
    TYPE_JSON,
    TYPE_JSONB,
};

struct type {
    enum type_kind kind;
    int modifiers[2];
    int modifier_count;
    bool serial; /* so NOT NULL, too */
};

/* What a refusal says is possible. */
#define TYPE_SUPPORTED                                                                             \
    "smallint, integer, bigint, boolean, text, varchar, char, uuid, numeric, real, "               \
    "double precision, date, timestamp, timestamptz, json, jsonb"

/* Reads a TypeName's members; text is the file they are from. False: not a supported type. */
bool type_read(json_t *members, struct str text, struct type *ret_type);
/* Appends the name of any type, supported or not, for messages. */
void type_name(struct buf *out, json_t *members, struct str text);

/* Appends "bigint", "character varying(40)". */
void type_sql(struct buf *out, const struct type *type);
enum scalar type_scalar(const struct type *type);
/* How a key part of this type is written; KEY_NONE: it can't be one. */
enum key_code type_key(const struct type *type);
/* Whether both tables' sides of a join may have it: Debezium hashes it as SQL compares it. */
bool type_joins(const struct type *type);
/* What its text looks like. */
enum form type_form(const struct type *type);
/* Whether Debezium may leave a long value out. */
bool type_toastable(const struct type *type);
/* Whether the JSON scalar's text is the type's own input text, so that COPY can take it. */
bool type_copies(const struct type *type);

/* What the SQL is for. */
enum convert {
    CONVERT_ASSIGN,  /* a value that INSERT assigns to a column of the type */
    CONVERT_CHECK,   /* the same value with all that the assignment would refuse */
    CONVERT_COMPARE, /* a value to compare with a column: nothing is refused that is of the type */
};
/* Appends an expression over the text `from` ("x.c1"). NULL stays NULL. */
void type_convert(struct buf *out, const struct type *type, const char *from, enum convert what);

#endif
