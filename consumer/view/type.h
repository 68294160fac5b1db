/* type.h: the SQL types that go through, and how each is written. Private to view/.
 *
 * What:    a column's declared type; its name for the sink's DDL; the SQL that makes a value of
 *          it from the text of what Debezium sends (decimal.handling.mode=string, adaptive times).
 * Owns:    nothing; names point into the catalog's source.
 * Units:   modifiers as they are written: char(5) is 5, numeric(20,4) is 20 and 4.
 * Errors:  a type that is not supported is false: who asked says so with its name and the reason.
 */
#ifndef VIEW_TYPE_H
#define VIEW_TYPE_H

#include "base/buf.h"
#include "plan/plan.h"
#include "view/catalog.h"

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
    TYPE_BYTEA,
    TYPE_TIME,
    TYPE_INTERVAL,
    TYPE_BIT,
    TYPE_INET,
    TYPE_CIDR,
    TYPE_MACADDR,
    TYPE_MACADDR8,
    TYPE_INT4RANGE,
    TYPE_INT8RANGE,
    TYPE_NUMRANGE,
    TYPE_DATERANGE,
    TYPE_TSRANGE,
    TYPE_TSTZRANGE,
    TYPE_INT4MULTIRANGE,
    TYPE_INT8MULTIRANGE,
    TYPE_NUMMULTIRANGE,
    TYPE_DATEMULTIRANGE,
    TYPE_TSMULTIRANGE,
    TYPE_TSTZMULTIRANGE,
    TYPE_XML,
    TYPE_TSVECTOR,
    TYPE_POINT,
    /* text in the sink, which then needs neither the type nor the extension */
    TYPE_ENUM,
    TYPE_CITEXT,
    TYPE_LTREE,
    TYPE_HSTORE,
    TYPE_GEOMETRY,
    TYPE_GEOGRAPHY,
};

struct type {
    enum type_kind kind;
    int modifiers[2];
    int modifier_count;
    bool array;       /* of these, of one dimension */
    bool serial;      /* so NOT NULL, too */
    struct str named; /* an enum's name */
};

/* What a refusal says is possible. */
#define TYPE_SUPPORTED                                                                             \
    "smallint, integer, bigint, boolean, text, varchar, char, uuid, numeric, real, "               \
    "double precision, date, timestamp, timestamptz, json, jsonb, bytea, inet, cidr, macaddr, "    \
    "macaddr8, ranges, citext, hstore, enums, and arrays of these; time, interval, bit, "          \
    "multiranges, xml, tsvector, point, ltree, geometry, geography; domains over these"

/* ---- reading: type_read.c ---- */

/* Reads a TypeName's members, a declaration in the catalog's file. False: not a supported type. */
bool type_read(const struct catalog *catalog, json_t *members, struct type *ret_type);
/* Appends the name of any type, supported or not, for messages. */
void type_name(struct buf *out, json_t *members, struct str text);
/* Appends why it isn't supported and what to do, from the colon on; nothing where the list of those
 * that are says all. */
void type_why(struct buf *out, const struct catalog *catalog, json_t *members);

/* The COLLATE of the domain that members are, a list of names; NULL: none. */
json_t *type_collate(const struct catalog *catalog, json_t *members);

/* ---- what it is: type.c ---- */

/* Appends "bigint", "character varying(40)". */
void type_sql(struct buf *out, const struct type *type);
/* Appends the same as PostgreSQL calls it in the source, without a schema: an enum by its name. */
void type_source(struct buf *out, const struct type *type);
/* Whether the sink has text in its place, which is compared and computed otherwise. */
bool type_is_replaced(const struct type *type);
enum scalar type_scalar(const struct type *type);
/* How a key part of this type is written; KEY_NONE: it can't be one. */
enum key_code type_key(const struct type *type);
/* How many bytes such a part takes at most (see plan/row.h); 0: nothing limits it. */
size_t type_key_bytes(const struct type *type);
/* Whether both tables' sides of a join may have it: Debezium hashes it as SQL compares it. */
bool type_joins(const struct type *type);
/* What its text, or its elements' looks like. */
enum form type_form(const struct type *type);
/* What comes in place of a long value that Debezium doesn't have, where the connector's placeholder
 * is `text`; absent (ptr NULL): it has all. Lives in the arena. */
struct str type_unavailable(const struct type *type, struct str text, struct arena *arena);
/* Whether what stands for a value of an old row that Debezium doesn't have is known. */
bool type_tells(const struct type *type);
/* Whether Debezium has an exact form for arrays of it. */
bool type_has_arrays(const struct type *type);
/* Whether Debezium leaves the column out unless include.unknown.datatypes is set. */
bool type_is_unknown(const struct type *type);
/* Whether the value's text is the type's own input text, so that COPY can take it. */
bool type_copies(const struct type *type);
/* Appends (20,4), or nothing. */
void type_modifiers(struct buf *out, const struct type *type);
/* Debezium sends milliseconds instead of microseconds, in adaptive mode. */
bool type_has_milliseconds(const struct type *type);

/* ---- conversion: type_convert.c ---- */

/* What the SQL is for. */
enum convert {
    CONVERT_ASSIGN,  /* a value that INSERT assigns to a column of the type */
    CONVERT_CHECK,   /* the same value with all that the assignment would refuse */
    CONVERT_COMPARE, /* a value to compare with a column: nothing is refused that is of the type */
};
/* Appends an expression over the text `from` ("x.c1"). NULL stays NULL. */
void type_convert(struct buf *out, const struct type *type, const char *from, enum convert what);

#endif
