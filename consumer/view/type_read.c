/* A declaration → a type, or why it can't be one. */
#include "view/type.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
/* Domains over domains: more than anybody has, and an end for a file in which they go in circles.
 */
#define DOMAINS_MAX 16

/* As the parser calls them, and as people do where it does not translate. */
static const struct {
    const char *name;
    enum type_kind kind;
    int modifiers_max;
} names[] = {
    {"int2", TYPE_SMALLINT, 0},
    {"int4", TYPE_INTEGER, 0},
    {"int8", TYPE_BIGINT, 0},
    {"bool", TYPE_BOOLEAN, 0},
    {"text", TYPE_TEXT, 0},
    {"varchar", TYPE_VARCHAR, 1},
    {"bpchar", TYPE_CHAR, 1},
    {"uuid", TYPE_UUID, 0},
    {"numeric", TYPE_NUMERIC, 2},
    {"float4", TYPE_REAL, 0},
    {"float8", TYPE_DOUBLE, 0},
    {"date", TYPE_DATE, 0},
    {"timestamp", TYPE_TIMESTAMP, 1},
    {"timestamptz", TYPE_TIMESTAMPTZ, 1},
    {"json", TYPE_JSON, 0},
    {"jsonb", TYPE_JSONB, 0},
    {"bytea", TYPE_BYTEA, 0},
    {"time", TYPE_TIME, 1},
    {"interval", TYPE_INTERVAL, 2},
    {"bit", TYPE_BIT, 1},
    {"inet", TYPE_INET, 0},
    {"cidr", TYPE_CIDR, 0},
    {"macaddr", TYPE_MACADDR, 0},
    {"macaddr8", TYPE_MACADDR8, 0},
    {"int4range", TYPE_INT4RANGE, 0},
    {"int8range", TYPE_INT8RANGE, 0},
    {"numrange", TYPE_NUMRANGE, 0},
    {"daterange", TYPE_DATERANGE, 0},
    {"tsrange", TYPE_TSRANGE, 0},
    {"tstzrange", TYPE_TSTZRANGE, 0},
    {"int4multirange", TYPE_INT4MULTIRANGE, 0},
    {"int8multirange", TYPE_INT8MULTIRANGE, 0},
    {"nummultirange", TYPE_NUMMULTIRANGE, 0},
    {"datemultirange", TYPE_DATEMULTIRANGE, 0},
    {"tsmultirange", TYPE_TSMULTIRANGE, 0},
    {"tstzmultirange", TYPE_TSTZMULTIRANGE, 0},
    {"xml", TYPE_XML, 0},
    {"tsvector", TYPE_TSVECTOR, 0},
    {"point", TYPE_POINT, 0},
};
/* Of extensions, which may be in any schema. */
static const struct {
    const char *name;
    enum type_kind kind;
} extensions[] = {
    {"citext", TYPE_CITEXT},     {"ltree", TYPE_LTREE},         {"hstore", TYPE_HSTORE},
    {"geometry", TYPE_GEOMETRY}, {"geography", TYPE_GEOGRAPHY},
};
static const struct {
    const char *name;
    enum type_kind kind;
} serials[] = {
    {"smallserial", TYPE_SMALLINT}, {"serial2", TYPE_SMALLINT}, {"serial", TYPE_INTEGER},
    {"serial4", TYPE_INTEGER},      {"bigserial", TYPE_BIGINT}, {"serial8", TYPE_BIGINT},
};

/* ---- names ---- */

/* A type's name as it is declared: [schema.]name, of pg_catalog without it. */
struct type_names {
    struct str schema, name; /* no schema: ptr NULL */
    bool qualified;
};

static struct type_names names_of(json_t *members) {
    json_t *list = json_object_get(members, "names");
    size_t count = json_array_size(list);
    struct type_names found = {.name = ast_name(list, count - 1), .qualified = count > 1};
    if (count > 1 && !str_is(ast_name(list, count - 2), "pg_catalog")) {
        found.schema = ast_name(list, count - 2);
    }
    return found;
}

static bool builtin_find(struct type_names declared, enum type_kind *ret_kind, int *ret_modifiers) {
    for (size_t i = 0; i < COUNT(names) && !declared.schema.ptr; i++) {
        if (str_is(declared.name, names[i].name)) {
            *ret_kind = names[i].kind;
            *ret_modifiers = names[i].modifiers_max;
            return true;
        }
    }
    return false;
}

/* The file's own types stand before the extensions'. */
static const struct catalog_type *declared_type(const struct catalog *catalog,
                                                struct type_names declared) {
    bool of_postgres = declared.qualified && !declared.schema.ptr;
    return of_postgres ? NULL : catalog_type(catalog, declared.schema, declared.name);
}

static bool extension_find(struct type_names declared, enum type_kind *ret_kind) {
    bool of_postgres = declared.qualified && !declared.schema.ptr;
    for (size_t i = 0; i < COUNT(extensions) && !of_postgres; i++) {
        if (str_is(declared.name, extensions[i].name)) {
            *ret_kind = extensions[i].kind;
            return true;
        }
    }
    return false;
}

static bool serial_find(struct type_names declared, struct type *type) {
    for (size_t i = 0; i < COUNT(serials) && !declared.qualified; i++) {
        if (str_is(declared.name, serials[i].name)) {
            type->kind = serials[i].kind;
            type->serial = true;
            return true;
        }
    }
    return false;
}

/* ---- modifiers ---- */

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
    if (type->modifier_count == 0) {
        return true;
    }
    if (type->kind == TYPE_VARCHAR || type->kind == TYPE_CHAR) {
        return m[0] >= 1 && m[0] <= 10485760;
    }
    if (type->kind == TYPE_BIT) {
        return m[0] >= 1 && m[0] <= 83886080;
    }
    if (type->kind == TYPE_NUMERIC) {
        return m[0] >= 1 && m[0] <= 1000 && m[1] >= 0 && m[1] <= 1000;
    }
    return m[0] >= 0 && m[0] <= 6; /* digits of a second */
}

/* interval(3) has the mask of all fields before its digits; interval year to month has another. */
static bool interval_fit(struct type *type) {
    const int all_fields = 0x7fff;
    if (type->modifier_count == 0) {
        return true;
    }
    if (type->modifier_count != 2 || type->modifiers[0] != all_fields) {
        return false;
    }
    type->modifiers[0] = type->modifiers[1];
    type->modifier_count = 1;
    return true;
}

static bool modifiers_read(json_t *members, struct str text, int max, struct type *type) {
    json_t *modifiers = json_object_get(members, "typmods");
    if (json_array_size(modifiers) > (size_t)max) {
        return false;
    }
    for (size_t i = 0; i < json_array_size(modifiers); i++) {
        if (!modifier_read(json_array_get(modifiers, i), text, &type->modifiers[i])) {
            return false;
        }
        type->modifier_count++;
    }
    return (type->kind != TYPE_INTERVAL || interval_fit(type)) && modifiers_fit(type);
}

static size_t dimensions(json_t *members) {
    return json_array_size(json_object_get(members, "arrayBounds"));
}

/* ---- reading ---- */

static bool one_read(const struct catalog *catalog, json_t *members, struct type *type,
                     json_t **ret_base) {
    struct type_names declared = names_of(members);
    struct str text = buf_view(&catalog->source.text);
    const struct catalog_type *own = NULL;
    int modifiers_max = 0;
    *ret_base = NULL;
    if (builtin_find(declared, &type->kind, &modifiers_max) || serial_find(declared, type)) {
        return modifiers_read(members, text, modifiers_max, type);
    }
    own = declared_type(catalog, declared);
    if (own) {
        *ret_base = own->base;
        type->kind = TYPE_ENUM;
        type->named = own->name;
        return own->kind == CATALOG_ENUM || own->kind == CATALOG_DOMAIN;
    }
    /* geometry(Point,4326): its text says that, too. */
    return extension_find(declared, &type->kind) &&
           (type->kind == TYPE_GEOMETRY || type->kind == TYPE_GEOGRAPHY ||
            json_array_size(json_object_get(members, "typmods")) == 0);
}

bool type_read(const struct catalog *catalog, json_t *members, struct type *ret_type) {
    for (int domains = 0; domains <= DOMAINS_MAX; domains++) {
        struct type type = {0};
        json_t *base = NULL;
        size_t dims = dimensions(members);
        if (ast_flag(members, "setof") || ast_flag(members, "pct_type") ||
            !one_read(catalog, members, &type, &base)) {
            return false;
        }
        if (!base) {
            type.array = dims > 0;
            bool fits = dims == 0 || (dims == 1 && type_has_arrays(&type) && !type.serial);
            /* Debezium can't even start on a database with a domain over an enum. */
            fits &= domains == 0 || (type.kind != TYPE_ENUM && !type.serial);
            *ret_type = fits ? type : *ret_type;
            return fits;
        }
        if (dims > 0) {
            return false;
        }
        members = base;
    }
    return false;
}

json_t *type_collate(const struct catalog *catalog, json_t *members) {
    for (int domains = 0; domains <= DOMAINS_MAX && members; domains++) {
        struct type_names declared = names_of(members);
        enum type_kind kind;
        int modifiers_max;
        if (builtin_find(declared, &kind, &modifiers_max)) {
            return NULL;
        }
        const struct catalog_type *own = declared_type(catalog, declared);
        if (!own || own->collate) {
            return own ? own->collate : NULL;
        }
        members = own->base;
    }
    return NULL;
}

/* ---- messages ---- */

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
    for (size_t i = 0; i < dimensions(members); i++) {
        buf_str(out, STR("[]"));
    }
}

#define NOT_SENT "Debezium does not send it. "

static const struct {
    const char *name, *why;
} reasons[] = {
    {"money", "its text depends on lc_monetary. Use numeric"},
    {"timetz", "Debezium sends it in UTC, without its zone. Use timestamptz, or time and a column "
               "for the zone"},
    {"varbit", "Debezium leaves out the zeros it begins with. Use bit(n) or text"},
    {"oid", "it numbers what only its own database has. Use bigint"},
    {"name", "Debezium sends NULL for its changes. Use text"},
    {"char", "Debezium knows it as a number. Use char(1) or text"},
    {"box", NOT_SENT "Use points"},
    {"circle", NOT_SENT "Use a point and a number"},
    {"line", NOT_SENT "Use points"},
    {"lseg", NOT_SENT "Use points"},
    {"path", NOT_SENT "Use points, or PostGIS's geometry"},
    {"polygon", NOT_SENT "Use points, or PostGIS's geometry"},
    {"vector", "Debezium sends other numbers than it holds. Use real[]"},
};

static const char *builtin_why(struct str name) {
    for (size_t i = 0; i < COUNT(reasons); i++) {
        if (str_is(name, reasons[i].name)) {
            return reasons[i].why;
        }
    }
    return NULL;
}

static const char *array_why(const struct catalog_type *own, bool known, enum type_kind kind,
                             size_t dims) {
    if (dims > 1) {
        return "Debezium sends NULLs for the elements of nested arrays. Use jsonb";
    }
    if (own) {
        return "Debezium does not send arrays of it. Use an array of its base type";
    }
    if (known && kind == TYPE_TIME) {
        return "Debezium cuts the microseconds of its elements. Use timestamp[] or text[]";
    }
    return "Debezium does not send arrays of this type. Use text[] or jsonb";
}

static const char *own_why(const struct catalog_type *own) {
    switch (own->kind) {
    case CATALOG_COMPOSITE:
        return "Debezium does not send composite types. Use columns of their own, or jsonb";
    case CATALOG_RANGE:
        return "Debezium does not send ranges but PostgreSQL's own. Use two columns";
    case CATALOG_DOMAIN:
        return "it is a domain over a type that is not supported, or over an enum, with which "
               "Debezium can't start";
    case CATALOG_ENUM:
        break;
    }
    return NULL;
}

void type_why(struct buf *out, const struct catalog *catalog, json_t *members) {
    struct type_names declared = names_of(members);
    enum type_kind kind = TYPE_TEXT;
    int modifiers_max = 0;
    bool known = builtin_find(declared, &kind, &modifiers_max);
    const struct catalog_type *own = known ? NULL : declared_type(catalog, declared);
    const char *why = NULL;
    size_t dims = dimensions(members);
    if (own && (dims == 0 || own->kind == CATALOG_COMPOSITE || own->kind == CATALOG_RANGE)) {
        why = own_why(own);
    } else if (dims > 0 && (known || own || extension_find(declared, &kind))) {
        why = array_why(own, known, kind, dims);
    } else if (!declared.schema.ptr) {
        why = builtin_why(declared.name);
    }
    if (!why && !known && !own && !extension_find(declared, &kind)) {
        why = "it is none of PostgreSQL's that are, and the file does not declare it: CREATE TYPE "
              "and CREATE DOMAIN belong into it";
    }
    if (why) {
        buf_printf(out, ": %s", why);
    }
}
