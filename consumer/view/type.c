#include "view/type.h"

#include "view/identifier.h"

#include <stdlib.h>

enum {
    JOINS = 1,
    TOASTABLE = 2,
    COPIES = 4,
    TELLS = 8,
    UNKNOWN = 16,
    ARRAYS = 32,
    PLAIN = COPIES | TELLS | ARRAYS,
    LONG = COPIES | TELLS | TOASTABLE | ARRAYS,
};

struct type_info {
    const char *sql, *sql_after; /* before the modifiers, and behind them */
    enum scalar scalar;
    enum key_code key;
    enum form form;
    unsigned is;
    const char *source; /* its name there, where the sink's is another */
};

static const struct type_info infos[] = {
    [TYPE_SMALLINT] = {"smallint", "", SCALAR_INTEGER, KEY_INTEGER, FORM_SMALLINT, JOINS | PLAIN,
                       NULL},
    [TYPE_INTEGER] = {"integer", "", SCALAR_INTEGER, KEY_INTEGER, FORM_INTEGER, JOINS | PLAIN,
                      NULL},
    [TYPE_BIGINT] = {"bigint", "", SCALAR_INTEGER, KEY_BIGINT, FORM_ANY, JOINS | PLAIN, NULL},
    [TYPE_BOOLEAN] = {"boolean", "", SCALAR_BOOLEAN, KEY_TEXT, FORM_ANY, PLAIN, NULL},
    [TYPE_TEXT] = {"text", "", SCALAR_STRING, KEY_TEXT, FORM_ANY, JOINS | LONG, NULL},
    [TYPE_VARCHAR] = {"character varying", "", SCALAR_STRING, KEY_TEXT, FORM_ANY, JOINS | LONG,
                      NULL},
    [TYPE_CHAR] = {"character", "", SCALAR_STRING, KEY_TEXT, FORM_ANY, LONG, NULL},
    [TYPE_UUID] = {"uuid", "", SCALAR_STRING, KEY_UUID, FORM_UUID, JOINS | PLAIN, NULL},
    [TYPE_NUMERIC] = {"numeric", "", SCALAR_STRING, KEY_TEXT, FORM_DECIMAL,
                      TELLS | TOASTABLE | ARRAYS, NULL},
    [TYPE_REAL] = {"real", "", SCALAR_NUMBER, KEY_NONE, FORM_REAL, PLAIN, NULL},
    [TYPE_DOUBLE] = {"double precision", "", SCALAR_NUMBER, KEY_NONE, FORM_REAL, PLAIN, NULL},
    [TYPE_DATE] = {"date", "", SCALAR_INTEGER, KEY_TEXT, FORM_DATE, TELLS | ARRAYS, NULL},
    [TYPE_TIMESTAMP] = {"timestamp", " without time zone", SCALAR_INTEGER, KEY_TEXT,
                        FORM_MICROSECONDS, TELLS | ARRAYS, NULL},
    [TYPE_TIMESTAMPTZ] = {"timestamp", " with time zone", SCALAR_STRING, KEY_TEXT, FORM_ZONED,
                          TELLS | ARRAYS, NULL},
    [TYPE_JSON] = {"json", "", SCALAR_STRING, KEY_NONE, FORM_ANY, LONG, NULL},
    [TYPE_JSONB] = {"jsonb", "", SCALAR_STRING, KEY_NONE, FORM_ANY, LONG, NULL},
    [TYPE_BYTEA] = {"bytea", "", SCALAR_STRING, KEY_NONE, FORM_BASE64, TOASTABLE | TELLS | ARRAYS,
                    NULL},
    [TYPE_TIME] = {"time", " without time zone", SCALAR_INTEGER, KEY_TEXT, FORM_DAY_MICROSECONDS,
                   TELLS, NULL},
    [TYPE_INTERVAL] = {"interval", "", SCALAR_STRING, KEY_NONE, FORM_INTERVAL, COPIES, NULL},
    [TYPE_BIT] = {"bit", "", SCALAR_STRING, KEY_NONE, FORM_BASE64, TOASTABLE | TELLS, NULL},
    [TYPE_INET] = {"inet", "", SCALAR_STRING, KEY_TEXT, FORM_ANY, PLAIN, NULL},
    [TYPE_CIDR] = {"cidr", "", SCALAR_STRING, KEY_TEXT, FORM_ANY, PLAIN, NULL},
    [TYPE_MACADDR] = {"macaddr", "", SCALAR_STRING, KEY_TEXT, FORM_ANY, PLAIN, NULL},
    [TYPE_MACADDR8] = {"macaddr8", "", SCALAR_STRING, KEY_TEXT, FORM_ANY, PLAIN, NULL},
    [TYPE_INT4RANGE] = {"int4range", "", SCALAR_STRING, KEY_NONE, FORM_ANY, LONG, NULL},
    [TYPE_INT8RANGE] = {"int8range", "", SCALAR_STRING, KEY_NONE, FORM_ANY, LONG, NULL},
    [TYPE_NUMRANGE] = {"numrange", "", SCALAR_STRING, KEY_NONE, FORM_ANY, LONG, NULL},
    [TYPE_DATERANGE] = {"daterange", "", SCALAR_STRING, KEY_NONE, FORM_ANY, LONG, NULL},
    [TYPE_TSRANGE] = {"tsrange", "", SCALAR_STRING, KEY_NONE, FORM_ANY, LONG, NULL},
    [TYPE_TSTZRANGE] = {"tstzrange", "", SCALAR_STRING, KEY_NONE, FORM_ANY, LONG, NULL},
    [TYPE_INT4MULTIRANGE] = {"int4multirange", "", SCALAR_STRING, KEY_NONE, FORM_BASE64,
                             TOASTABLE | UNKNOWN, NULL},
    [TYPE_INT8MULTIRANGE] = {"int8multirange", "", SCALAR_STRING, KEY_NONE, FORM_BASE64,
                             TOASTABLE | UNKNOWN, NULL},
    [TYPE_NUMMULTIRANGE] = {"nummultirange", "", SCALAR_STRING, KEY_NONE, FORM_BASE64,
                            TOASTABLE | UNKNOWN, NULL},
    [TYPE_DATEMULTIRANGE] = {"datemultirange", "", SCALAR_STRING, KEY_NONE, FORM_BASE64,
                             TOASTABLE | UNKNOWN, NULL},
    [TYPE_TSMULTIRANGE] = {"tsmultirange", "", SCALAR_STRING, KEY_NONE, FORM_BASE64,
                           TOASTABLE | UNKNOWN, NULL},
    [TYPE_TSTZMULTIRANGE] = {"tstzmultirange", "", SCALAR_STRING, KEY_NONE, FORM_BASE64,
                             TOASTABLE | UNKNOWN, NULL},
    [TYPE_XML] = {"xml", "", SCALAR_STRING, KEY_NONE, FORM_ANY, TOASTABLE | TELLS, NULL},
    [TYPE_TSVECTOR] = {"tsvector", "", SCALAR_STRING, KEY_NONE, FORM_ANY, LONG & ~ARRAYS, NULL},
    [TYPE_POINT] = {"point", "", SCALAR_POINT, KEY_NONE, FORM_ANY, COPIES, NULL},
    [TYPE_ENUM] = {"text", "", SCALAR_STRING, KEY_TEXT, FORM_ANY, PLAIN, ""},
    [TYPE_CITEXT] = {"text", "", SCALAR_STRING, KEY_NONE, FORM_ANY, LONG, "citext"},
    [TYPE_LTREE] = {"text", "", SCALAR_STRING, KEY_TEXT, FORM_ANY, LONG & ~ARRAYS, "ltree"},
    [TYPE_HSTORE] = {"text", "", SCALAR_STRING, KEY_NONE, FORM_ANY, TOASTABLE | ARRAYS, "hstore"},
    [TYPE_GEOMETRY] = {"text", "", SCALAR_WKB, KEY_NONE, FORM_BASE64, TOASTABLE, "geometry"},
    [TYPE_GEOGRAPHY] = {"text", "", SCALAR_WKB, KEY_NONE, FORM_BASE64, TOASTABLE, "geography"},
};

static bool has(const struct type *type, unsigned what) {
    return (infos[type->kind].is & what) != 0;
}

/* bit alone is bit(1), which comes as true or false. */
static bool is_one_bit(const struct type *type) {
    return type->kind == TYPE_BIT && (type->modifier_count == 0 || type->modifiers[0] == 1);
}

bool type_has_milliseconds(const struct type *type) {
    return type->modifier_count > 0 && type->modifiers[0] <= 3;
}

/* ---- names ---- */

void type_modifiers(struct buf *out, const struct type *type) {
    for (int i = 0; i < type->modifier_count; i++) {
        buf_printf(out, "%s%d", i == 0 ? "(" : ",", type->modifiers[i]);
    }
    buf_str(out, type->modifier_count > 0 ? STR(")") : STR(""));
}

static void append_sql(struct buf *out, const struct type *type, const char *sql) {
    /* "character" alone would be character(1). */
    bool unlimited = type->kind == TYPE_CHAR && type->modifier_count == 0;
    buf_str(out, unlimited ? STR("bpchar") : str_from(sql));
    type_modifiers(out, type);
    buf_str(out, str_from(infos[type->kind].sql_after));
    buf_str(out, type->array ? STR("[]") : STR(""));
}

void type_sql(struct buf *out, const struct type *type) {
    append_sql(out, type, infos[type->kind].sql);
}

void type_source(struct buf *out, const struct type *type) {
    const struct type_info *info = &infos[type->kind];
    if (type->kind == TYPE_ENUM) {
        identifier_append(out, type->named);
        buf_str(out, type->array ? STR("[]") : STR(""));
    } else {
        append_sql(out, type, info->source ? info->source : info->sql);
    }
}

/* ---- what it is ---- */

bool type_is_replaced(const struct type *type) {
    return infos[type->kind].source != NULL;
}

enum scalar type_scalar(const struct type *type) {
    return is_one_bit(type) ? SCALAR_BOOLEAN : infos[type->kind].scalar;
}

enum key_code type_key(const struct type *type) {
    return type->array ? KEY_NONE : infos[type->kind].key;
}

/* Of text the UTF-8 of the longest one, and the NUL behind it. */
static size_t text_key_bytes(const struct type *type) {
    size_t first = type->modifier_count > 0 ? (size_t)type->modifiers[0] : 0;
    int scale = type->modifier_count > 1 ? type->modifiers[1] : 0;
    if (type->kind == TYPE_VARCHAR || type->kind == TYPE_CHAR) {
        return first > 0 ? 4 * first + 1 : 0;
    }
    if (type->kind == TYPE_NUMERIC) { /* sign, dot, a zero before it and the NUL */
        return first > 0 ? first + (size_t)abs(scale) + 4 : 0;
    }
    /* The longest of the others is an enum's name. */
    return type->kind == TYPE_TEXT || type->kind == TYPE_LTREE ? 0 : IDENTIFIER_MAX + 1;
}

size_t type_key_bytes(const struct type *type) {
    switch (type_key(type)) {
    case KEY_INTEGER:
    case KEY_BIGINT:
        return 8;
    case KEY_UUID:
        return 16;
    case KEY_TEXT:
        return text_key_bytes(type);
    case KEY_NONE:
        break;
    }
    return 0;
}

bool type_joins(const struct type *type) {
    return !type->array && has(type, JOINS);
}

enum form type_form(const struct type *type) {
    if (type->kind == TYPE_NUMERIC && type->modifiers[1] > 0) {
        return FORM_FRACTION;
    }
    if (type->kind == TYPE_TIMESTAMP && type_has_milliseconds(type)) {
        return FORM_MILLISECONDS;
    }
    if (type->kind == TYPE_TIME && type_has_milliseconds(type)) {
        return FORM_DAY_MILLISECONDS;
    }
    return is_one_bit(type) ? FORM_ANY : infos[type->kind].form;
}

bool type_tells(const struct type *type) {
    return type->array || has(type, TELLS);
}

bool type_has_arrays(const struct type *type) {
    return has(type, ARRAYS);
}

bool type_is_unknown(const struct type *type) {
    return has(type, UNKNOWN);
}

bool type_copies(const struct type *type) {
    /* With modifiers it holds no infinity, and NAN is an input text. */
    return has(type, COPIES) || (type->kind == TYPE_NUMERIC && type->modifier_count > 0);
}

/* ---- values that aren't there ---- */

static void append_base64(struct buf *out, struct str text) {
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < text.len; i += 3) {
        size_t count = text.len - i < 3 ? text.len - i : 3;
        uint32_t bits = 0;
        for (size_t b = 0; b < 3; b++) {
            bits = bits << 8 | (b < count ? (unsigned char)text.ptr[i + b] : 0U);
        }
        for (size_t c = 0; c < 4; c++) {
            char letter = letters[bits >> (18 - 6 * c) & 63];
            buf_append(out, c <= count ? &letter : "=", 1);
        }
    }
}

/* Of arrays that aren't texts' it sends its bytes, each a number. */
static void append_numbers(struct buf *out, struct str text) {
    for (size_t i = 0; i < text.len; i++) {
        buf_printf(out, "%s%d", i > 0 ? "," : "", (unsigned char)text.ptr[i]);
    }
}

struct str type_unavailable(const struct type *type, struct str text, struct arena *arena) {
    struct buf out = {0};
    if (!type->array && !has(type, TOASTABLE)) {
        return STR_NONE;
    }
    if (!type->array && type_form(type) != FORM_BASE64 && type->kind != TYPE_HSTORE) {
        return text;
    }
    if (type->kind == TYPE_HSTORE && !type->array) {
        buf_printf(&out, "{\"" STR_FMT "\":\"" STR_FMT "\"}", STR_ARG(text), STR_ARG(text));
    } else if (!type->array) {
        append_base64(&out, text);
    } else if (type_scalar(type) == SCALAR_INTEGER) {
        buf_str(&out, STR("{"));
        append_numbers(&out, text);
        buf_str(&out, STR("}"));
    } else {
        buf_str(&out, STR("{\""));
        if (type->kind == TYPE_BYTEA) {
            append_base64(&out, text);
        } else {
            buf_str(&out, text);
        }
        buf_str(&out, STR("\"}"));
    }
    struct str copy = arena_copy(arena, buf_view(&out));
    buf_clear(&out);
    return copy;
}
