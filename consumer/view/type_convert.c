#include "view/type.h"

#include <stdio.h>

/* Each conversion gives the same value whatever DateStyle, TimeZone and the like are set to. */

/* An infinite date, as Debezium 3.6 shows it. From the log: PostgreSQL's largest and smallest int,
 * moved from 2000 to 1970 with a wrap. From a snapshot: pgjdbc's infinity of 9223372036825200000
 * milliseconds by the worker's time zone, so a day more or less, as an int with a wrap. All of them
 * are outside of PostgreSQL's range of dates. */
#define DATE_INFINITY       "'-2147472692', '-622191233', '-622191234', '-622191235'"
#define DATE_MINUS_INFINITY "'-2147472691', '-625821271', '-625821272', '-625821273'"

static void convert_date(struct buf *out, const char *from) {
    buf_printf(out,
               "CASE WHEN %s IN (" DATE_INFINITY ") THEN date 'infinity' WHEN %s IN"
               " (" DATE_MINUS_INFINITY
               ") THEN date '-infinity' ELSE date '1970-01-01' + %s::integer END",
               from, from, from);
}

/* pgjdbc's PGStatement.DATE_POSITIVE_INFINITY and DATE_NEGATIVE_INFINITY, taken for microseconds;
 * for up to three digits of the second Debezium sends milliseconds. */
struct timestamp_unit {
    const char *infinity, *minus_infinity, *day, *interval;
};
static const struct timestamp_unit microsecond = {"9223372036825200000", "-9223372036832400000",
                                                  "86400000000", "1 microsecond"};
static const struct timestamp_unit millisecond = {"9223372036825200", "-9223372036832400",
                                                  "86400000", "1 millisecond"};

/* Days and the rest apart: an interval is made by a multiplication in floating point, which is
 * exact for the microseconds of a day and not for those of three centuries. */
static void convert_timestamp(struct buf *out, const struct type *type, const char *from) {
    const struct timestamp_unit *unit = type_has_milliseconds(type) ? &millisecond : &microsecond;
    buf_printf(out,
               "CASE %s WHEN '%s' THEN timestamp 'infinity' WHEN '%s' THEN timestamp '-infinity' "
               "ELSE date '1970-01-01' + (%s::bigint / %s)::integer + (%s::bigint %% %s) * "
               "interval '%s' END",
               from, unit->infinity, unit->minus_infinity, from, unit->day, from, unit->day,
               unit->interval);
}

/* ISO 8601's year 0000 is 1 BC and -0043 is 44 BC, which PostgreSQL writes with BC behind; it takes
 * no plus sign before a year of five digits. All of these begin with a byte below `1`: a comparison
 * costs less than two patterns. */
static void convert_timestamptz(struct buf *out, const char *from) {
    buf_printf(out,
               "CASE WHEN %s COLLATE \"C\" >= '1' THEN %s::timestamptz WHEN %s LIKE '-%%-%%' OR %s "
               "LIKE '0000-%%' THEN "
               "(lpad((split_part(ltrim(%s, '-'), '-', 1)::integer + 1)::text, 4, '0') || "
               "substr(ltrim(%s, '-'), 5) || ' BC')::timestamptz ELSE "
               "ltrim(%s, '+')::timestamptz END",
               from, from, from, from, from, from, from);
}

static void convert_numeric(struct buf *out, const struct type *type, const char *from,
                            enum convert what) {
    buf_printf(out,
               "CASE %s WHEN 'POSITIVE_INFINITY' THEN 'Infinity' WHEN 'NEGATIVE_INFINITY' THEN "
               "'-Infinity' ELSE %s END::numeric",
               from, from);
    if (what == CONVERT_CHECK) {
        type_modifiers(out, type);
    }
}

/* A cast to varchar(3) would cut; the function that an assignment calls refuses. Its modifier
 * counts the header's four bytes. */
static void convert_string(struct buf *out, const struct type *type, const char *from,
                           enum convert what) {
    const char *name = type->kind == TYPE_CHAR ? "bpchar" : "varchar";
    if (what == CONVERT_CHECK && type->modifier_count > 0) {
        buf_printf(out, "pg_catalog.\"%s\"(%s::%s, %d, false)", name, from, name,
                   type->modifiers[0] + 4);
    } else if (type->kind == TYPE_CHAR) {
        buf_printf(out, "%s::bpchar", from);
    } else {
        buf_str(out, str_from(from));
    }
}

/* 24:00 is a time of its own. */
static void convert_time(struct buf *out, const struct type *type, const char *from) {
    bool milliseconds = type_has_milliseconds(type);
    buf_printf(out,
               "CASE %s WHEN '%s' THEN time '24:00' ELSE time '00:00' + %s::bigint * interval '%s' "
               "END",
               from, milliseconds ? millisecond.day : microsecond.day, from,
               milliseconds ? millisecond.interval : microsecond.interval);
}

/* Bytes; a text, where Debezium does not know the type; EWKB, which PostGIS shows in hex. */
static void convert_base64(struct buf *out, const struct type *type, const char *from) {
    if (type->kind == TYPE_BYTEA) {
        buf_printf(out, "decode(%s, 'base64')", from);
    } else if (type_is_unknown(type)) {
        buf_printf(out, "convert_from(decode(%s, 'base64'), 'UTF8')::", from);
        type_sql(out, type);
    } else {
        buf_printf(out, "upper(encode(decode(%s, 'base64'), 'hex'))", from);
    }
}

/* The bits from the last one on, eight a byte; bytes of zeros at the end are left out. */
static void convert_bits(struct buf *out, const struct type *type, const char *from) {
    if (type_scalar(type) == SCALAR_BOOLEAN) {
        buf_printf(out, "CASE %s WHEN 'true' THEN B'1' WHEN 'false' THEN B'0' END", from);
        return;
    }
    buf_printf(out,
               "CASE WHEN %s IS NOT NULL THEN (SELECT string_agg(CASE WHEN i < 8 * octet_length(b) "
               "THEN get_bit(b, i) ELSE 0 END::text, '' ORDER BY i DESC)::bit(%d) FROM "
               "decode(%s, 'base64') AS b, generate_series(0, %d) AS i) END",
               from, type->modifiers[0], from, type->modifiers[0] - 1);
}

/* Its own text: pairs by the length of their keys, then by their bytes. */
static void convert_hstore(struct buf *out, const char *from) {
    static const char quoted[] =
        "'\"' || replace(replace(%s, E'\\\\', E'\\\\\\\\'), '\"', E'\\\\\"') || '\"'";
    char key[160], value[160];
    (void)snprintf(key, sizeof key, quoted, "k");
    (void)snprintf(value, sizeof value, quoted, "v");
    buf_printf(out,
               "CASE WHEN %s IS NOT NULL THEN (SELECT coalesce(string_agg(%s || '=>' || "
               "coalesce(%s, 'NULL'), ', ' ORDER BY octet_length(k), k COLLATE \"C\"), '') FROM "
               "json_each_text(%s::json) AS e(k, v)) END",
               from, key, value, from);
}

static void convert_one(struct buf *out, const struct type *type, const char *from,
                        enum convert what) {
    switch (type->kind) {
    case TYPE_TEXT:
    case TYPE_ENUM:
    case TYPE_CITEXT:
    case TYPE_LTREE:
        buf_str(out, str_from(from));
        return;
    case TYPE_VARCHAR:
    case TYPE_CHAR:
        convert_string(out, type, from, what);
        return;
    case TYPE_NUMERIC:
        convert_numeric(out, type, from, what);
        return;
    case TYPE_DATE:
        convert_date(out, from);
        return;
    case TYPE_TIMESTAMP:
        convert_timestamp(out, type, from);
        return;
    case TYPE_TIMESTAMPTZ:
        convert_timestamptz(out, from);
        return;
    case TYPE_TIME:
        convert_time(out, type, from);
        return;
    case TYPE_BIT:
        convert_bits(out, type, from);
        return;
    case TYPE_BYTEA:
    case TYPE_INT4MULTIRANGE ... TYPE_TSTZMULTIRANGE:
    case TYPE_GEOMETRY:
    case TYPE_GEOGRAPHY:
        convert_base64(out, type, from);
        return;
    case TYPE_XML:
        buf_printf(out, "XMLPARSE(CONTENT %s)", from);
        return;
    case TYPE_HSTORE:
        convert_hstore(out, from);
        return;
    case TYPE_SMALLINT ... TYPE_BOOLEAN:
    case TYPE_UUID:
    case TYPE_REAL:
    case TYPE_DOUBLE:
    case TYPE_JSON:
    case TYPE_JSONB:
    case TYPE_INTERVAL:
    case TYPE_INET ... TYPE_TSTZRANGE:
    case TYPE_TSVECTOR:
    case TYPE_POINT:
        break;
    }
    struct type bare = {.kind = type->kind};
    buf_printf(out, "%s::", from);
    type_sql(out, &bare);
}

/* ---- arrays ---- */

/* Debezium shows no array of more than one dimension, see decode/nested.h. */
static void convert_array(struct buf *out, const struct type *type, const char *from,
                          enum convert what) {
    struct type element = *type;
    element.array = false;
    if (type_copies(type) && (what != CONVERT_CHECK || type->modifier_count == 0)) {
        struct type bare = {.kind = type->kind};
        buf_printf(out, "%s::", from);
        type_sql(out, &bare);
        buf_str(out, STR("[]"));
        return;
    }
    buf_printf(out, "CASE WHEN %s IS NOT NULL THEN ARRAY(SELECT ", from);
    if (type->kind == TYPE_TIMESTAMPTZ) {
        /* -infinity, read as a moment of the year 292,269,055 BC whose era is lost */
        buf_str(out, STR("CASE WHEN e LIKE '+292269055-12-%' THEN timestamptz '-infinity' ELSE "));
        convert_one(out, &element, "e", what);
        buf_str(out, STR(" END"));
    } else {
        convert_one(out, &element, "e", what);
    }
    buf_printf(out, " FROM unnest(%s::text[]) WITH ORDINALITY AS u(e, n) ORDER BY n) END", from);
}

void type_convert(struct buf *out, const struct type *type, const char *from, enum convert what) {
    if (type->array) {
        convert_array(out, type, from, what);
    } else {
        convert_one(out, type, from, what);
    }
}
