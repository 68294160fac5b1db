#include "view/type.h"

#include <stdio.h>

struct type_info {
    const char *sql; /* before the modifiers */
    const char *sql_after;
    enum scalar scalar;
    enum key_code key;
    bool joins, toastable;
    int modifiers_max;
};

static const struct type_info infos[] = {
    [TYPE_SMALLINT] = {"smallint", "", SCALAR_INTEGER, KEY_INTEGER, true, false, 0},
    [TYPE_INTEGER] = {"integer", "", SCALAR_INTEGER, KEY_INTEGER, true, false, 0},
    [TYPE_BIGINT] = {"bigint", "", SCALAR_INTEGER, KEY_BIGINT, true, false, 0},
    [TYPE_BOOLEAN] = {"boolean", "", SCALAR_BOOLEAN, KEY_TEXT, false, false, 0},
    [TYPE_TEXT] = {"text", "", SCALAR_STRING, KEY_TEXT, true, true, 0},
    [TYPE_VARCHAR] = {"character varying", "", SCALAR_STRING, KEY_TEXT, true, true, 1},
    [TYPE_CHAR] = {"character", "", SCALAR_STRING, KEY_TEXT, false, true, 1},
    [TYPE_UUID] = {"uuid", "", SCALAR_STRING, KEY_UUID, true, false, 0},
    [TYPE_NUMERIC] = {"numeric", "", SCALAR_STRING, KEY_TEXT, false, true, 2},
    [TYPE_REAL] = {"real", "", SCALAR_NUMBER, KEY_NONE, false, false, 0},
    [TYPE_DOUBLE] = {"double precision", "", SCALAR_NUMBER, KEY_NONE, false, false, 0},
    [TYPE_DATE] = {"date", "", SCALAR_INTEGER, KEY_TEXT, false, false, 0},
    [TYPE_TIMESTAMP] = {"timestamp", " without time zone", SCALAR_INTEGER, KEY_TEXT, false, false,
                        1},
    [TYPE_TIMESTAMPTZ] = {"timestamp", " with time zone", SCALAR_STRING, KEY_TEXT, false, false, 1},
    [TYPE_JSON] = {"json", "", SCALAR_STRING, KEY_NONE, false, true, 0},
    [TYPE_JSONB] = {"jsonb", "", SCALAR_STRING, KEY_NONE, false, true, 0},
};

/* As the parser calls them, and as people do where it does not translate. */
static const struct {
    const char *name;
    enum type_kind kind;
    bool serial;
} names[] = {
    {"int2", TYPE_SMALLINT, false},       {"int4", TYPE_INTEGER, false},
    {"int8", TYPE_BIGINT, false},         {"bool", TYPE_BOOLEAN, false},
    {"text", TYPE_TEXT, false},           {"varchar", TYPE_VARCHAR, false},
    {"bpchar", TYPE_CHAR, false},         {"uuid", TYPE_UUID, false},
    {"numeric", TYPE_NUMERIC, false},     {"float4", TYPE_REAL, false},
    {"float8", TYPE_DOUBLE, false},       {"date", TYPE_DATE, false},
    {"timestamp", TYPE_TIMESTAMP, false}, {"timestamptz", TYPE_TIMESTAMPTZ, false},
    {"json", TYPE_JSON, false},           {"jsonb", TYPE_JSONB, false},
};
static const struct {
    const char *name;
    enum type_kind kind;
} serials[] = {
    {"smallserial", TYPE_SMALLINT}, {"serial2", TYPE_SMALLINT}, {"serial", TYPE_INTEGER},
    {"serial4", TYPE_INTEGER},      {"bigserial", TYPE_BIGINT}, {"serial8", TYPE_BIGINT},
};
#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- reading ---- */

/* The name without pg_catalog; absent for a type of another schema. */
static struct str plain_name(json_t *members, bool *ret_qualified) {
    json_t *list = json_object_get(members, "names");
    size_t count = json_array_size(list);
    *ret_qualified = count > 1;
    if (count == 1) {
        return ast_name(list, 0);
    }
    return count == 2 && str_is(ast_name(list, 0), "pg_catalog") ? ast_name(list, 1) : STR_NONE;
}

static bool kind_read(json_t *members, struct type *type) {
    bool qualified;
    struct str name = plain_name(members, &qualified);
    for (size_t i = 0; i < COUNT(names); i++) {
        if (str_is(name, names[i].name)) {
            type->kind = names[i].kind;
            return true;
        }
    }
    for (size_t i = 0; i < COUNT(serials) && !qualified; i++) {
        if (str_is(name, serials[i].name)) {
            type->kind = serials[i].kind;
            type->serial = true;
            return true;
        }
    }
    return false;
}

/* The tree leaves out zeros and, 15-4.0.0, negative numbers as well: numeric(10,-2). */
static bool modifier_read(json_t *node, struct str text, int *ret_value) {
    json_t *constant = ast_is(node, "A_Const");
    size_t at = ast_own_place(constant);
    json_t *integer = json_object_get(constant, "ival");
    json_t *value = json_object_get(integer, "ival");
    if (!json_is_object(integer) || (value && !json_is_integer(value))) {
        return false;
    }
    if (!value && at < text.len && text.ptr[at] == '-') {
        return false;
    }
    *ret_value = value ? (int)json_integer_value(value) : 0;
    return true;
}

/* What PostgreSQL itself would refuse as a modifier. */
static bool modifiers_fit(const struct type *type) {
    const int *m = type->modifiers;
    switch (type->kind) {
    case TYPE_VARCHAR:
    case TYPE_CHAR:
        return type->modifier_count == 0 || (m[0] >= 1 && m[0] <= 10485760);
    case TYPE_NUMERIC:
        return type->modifier_count == 0 ||
               (m[0] >= 1 && m[0] <= 1000 && m[1] >= 0 && m[1] <= 1000);
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        return m[0] >= 0 && m[0] <= 6;
    case TYPE_SMALLINT:
    case TYPE_INTEGER:
    case TYPE_BIGINT:
    case TYPE_BOOLEAN:
    case TYPE_TEXT:
    case TYPE_UUID:
    case TYPE_REAL:
    case TYPE_DOUBLE:
    case TYPE_DATE:
    case TYPE_JSON:
    case TYPE_JSONB:
        break;
    }
    return true;
}

bool type_read(json_t *members, struct str text, struct type *ret_type) {
    struct type type = {0};
    if (json_array_size(json_object_get(members, "arrayBounds")) > 0 ||
        ast_flag(members, "setof") || ast_flag(members, "pct_type") || !kind_read(members, &type)) {
        return false;
    }
    json_t *modifiers = json_object_get(members, "typmods");
    if (json_array_size(modifiers) > (size_t)infos[type.kind].modifiers_max) {
        return false;
    }
    for (size_t i = 0; i < json_array_size(modifiers); i++) {
        if (!modifier_read(json_array_get(modifiers, i), text, &type.modifiers[i])) {
            return false;
        }
        type.modifier_count++;
    }
    if (!modifiers_fit(&type)) {
        return false;
    }
    *ret_type = type;
    return true;
}

static void modifiers_append(struct buf *out, const struct type *type) {
    for (int i = 0; i < type->modifier_count; i++) {
        buf_printf(out, "%s%d", i == 0 ? "(" : ",", type->modifiers[i]);
    }
    buf_str(out, type->modifier_count > 0 ? STR(")") : STR(""));
}

void type_name(struct buf *out, json_t *members, struct str text) {
    json_t *list = json_object_get(members, "names");
    size_t first = json_array_size(list) == 2 && str_is(ast_name(list, 0), "pg_catalog");
    for (size_t i = first; i < json_array_size(list); i++) {
        buf_str(out, i > first ? STR(".") : STR(""));
        buf_str(out, ast_name(list, i));
    }
    json_t *modifiers = json_object_get(members, "typmods");
    for (size_t i = 0; i < json_array_size(modifiers); i++) {
        int value = 0;
        if (modifier_read(json_array_get(modifiers, i), text, &value)) {
            buf_printf(out, "%s%d", i == 0 ? "(" : ",", value);
        } else {
            buf_printf(out, "%s...", i == 0 ? "(" : ",");
        }
    }
    buf_str(out, json_array_size(modifiers) > 0 ? STR(")") : STR(""));
    for (size_t i = 0; i < json_array_size(json_object_get(members, "arrayBounds")); i++) {
        buf_str(out, STR("[]"));
    }
}

/* ---- what it is ---- */

/* What Debezium sends of a timestamp without zone, in adaptive mode. */
static bool has_milliseconds(const struct type *type) {
    return type->modifier_count > 0 && type->modifiers[0] <= 3;
}

void type_sql(struct buf *out, const struct type *type) {
    const struct type_info *info = &infos[type->kind];
    /* "character" alone would be character(1). */
    bool unlimited = type->kind == TYPE_CHAR && type->modifier_count == 0;
    buf_str(out, unlimited ? STR("bpchar") : str_from(info->sql));
    modifiers_append(out, type);
    buf_str(out, str_from(info->sql_after));
}

enum scalar type_scalar(const struct type *type) {
    return infos[type->kind].scalar;
}

enum key_code type_key(const struct type *type) {
    return infos[type->kind].key;
}

bool type_joins(const struct type *type) {
    return infos[type->kind].joins;
}

bool type_toastable(const struct type *type) {
    return infos[type->kind].toastable;
}

enum form type_form(const struct type *type) {
    switch (type->kind) {
    case TYPE_SMALLINT:
        return FORM_SMALLINT;
    case TYPE_INTEGER:
        return FORM_INTEGER;
    case TYPE_NUMERIC:
        return type->modifiers[1] > 0 ? FORM_FRACTION : FORM_DECIMAL;
    case TYPE_REAL:
    case TYPE_DOUBLE:
        return FORM_REAL;
    case TYPE_UUID:
        return FORM_UUID;
    case TYPE_DATE:
        return FORM_DATE;
    case TYPE_TIMESTAMP:
        return has_milliseconds(type) ? FORM_MILLISECONDS : FORM_MICROSECONDS;
    case TYPE_TIMESTAMPTZ:
        return FORM_ZONED;
    case TYPE_BIGINT:
    case TYPE_BOOLEAN:
    case TYPE_TEXT:
    case TYPE_VARCHAR:
    case TYPE_CHAR:
    case TYPE_JSON:
    case TYPE_JSONB:
        break;
    }
    return FORM_ANY;
}

bool type_copies(const struct type *type) {
    switch (type->kind) {
    case TYPE_NUMERIC: /* with modifiers it holds no infinity, and NAN is an input text */
        return type->modifier_count > 0;
    case TYPE_DATE:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        return false;
    case TYPE_SMALLINT:
    case TYPE_INTEGER:
    case TYPE_BIGINT:
    case TYPE_BOOLEAN:
    case TYPE_TEXT:
    case TYPE_VARCHAR:
    case TYPE_CHAR:
    case TYPE_UUID:
    case TYPE_REAL:
    case TYPE_DOUBLE:
    case TYPE_JSON:
    case TYPE_JSONB:
        break;
    }
    return true;
}

/* ---- conversions ----
 *
 * Each gives the same value whatever DateStyle, TimeZone and the like are set to. */

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
    const struct timestamp_unit *unit = has_milliseconds(type) ? &millisecond : &microsecond;
    buf_printf(out,
               "CASE %s WHEN '%s' THEN timestamp 'infinity' WHEN '%s' THEN timestamp '-infinity' "
               "ELSE date '1970-01-01' + (%s::bigint / %s)::integer + (%s::bigint %% %s) * "
               "interval '%s' END",
               from, unit->infinity, unit->minus_infinity, from, unit->day, from, unit->day,
               unit->interval);
}

/* ISO 8601's year 0000 is 1 BC and -0043 is 44 BC, which PostgreSQL writes with BC behind; it takes
 * no plus sign before a year of five digits. */
static void convert_timestamptz(struct buf *out, const char *from) {
    buf_printf(out,
               "CASE WHEN %s LIKE '-%%-%%' OR %s LIKE '0000-%%' THEN "
               "(lpad((split_part(ltrim(%s, '-'), '-', 1)::integer + 1)::text, 4, '0') || "
               "substr(ltrim(%s, '-'), 5) || ' BC')::timestamptz ELSE "
               "ltrim(%s, '+')::timestamptz END",
               from, from, from, from, from);
}

static void convert_numeric(struct buf *out, const struct type *type, const char *from,
                            enum convert what) {
    buf_printf(out,
               "CASE %s WHEN 'POSITIVE_INFINITY' THEN 'Infinity' WHEN 'NEGATIVE_INFINITY' THEN "
               "'-Infinity' ELSE %s END::numeric",
               from, from);
    if (what == CONVERT_CHECK) {
        modifiers_append(out, type);
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

void type_convert(struct buf *out, const struct type *type, const char *from, enum convert what) {
    switch (type->kind) {
    case TYPE_TEXT:
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
    case TYPE_SMALLINT:
    case TYPE_INTEGER:
    case TYPE_BIGINT:
    case TYPE_BOOLEAN:
    case TYPE_UUID:
    case TYPE_REAL:
    case TYPE_DOUBLE:
    case TYPE_JSON:
    case TYPE_JSONB:
        break;
    }
    buf_printf(out, "%s::%s", from, infos[type->kind].sql);
}
