/* Types, NULLs and the sink's key under a choice of K. See roles.h. */
#include "base/safeguard.h"
#include "view/roles.h"

#define JOIN_TYPES "smallint, integer, bigint, text, varchar, uuid"

static struct str type_text(struct draft *draft, const struct type *type) {
    struct buf text = {0};
    type_source(&text, type);
    struct str copy = arena_copy(draft->arena, buf_view(&text));
    buf_clear(&text);
    return copy;
}

/* The type of a column that is compared; false with a misfit: it can't be. */
static bool compared_type(struct draft *draft, struct roles *roles, struct draft_column use,
                          size_t at, struct type *ret_type) {
    const char *why;
    if (!column_type(draft, use.table, use.column, ret_type, &why)) {
        roles->supported = TYPE_SUPPORTED;
        return roles_misfit(draft, roles, FIT_NO_TYPE, at, "%s", why);
    }
    return true;
}

/* Keys are compared byte by byte here, so PostgreSQL must not call different bytes equal. */
static bool check_collation(struct draft *draft, struct roles *roles, struct draft_column use,
                            size_t at) {
    struct str other;
    if (column_collation_exact(draft, use.table, use.column, &other)) {
        return true;
    }
    roles->supported = COLLATIONS;
    return roles_misfit(draft, roles, FIT_NO_TYPE, at, COLLATION_REFUSED,
                        column_show(draft, use.table, use.column), STR_ARG(other));
}

/* Which types are written alike in a key, so that one finds the other; 0: none but itself.
 */
static int type_group(const struct type *type) {
    switch (type_key(type)) {
    case KEY_INTEGER:
    case KEY_BIGINT:
        return 1;
    case KEY_UUID:
        return 2;
    case KEY_TEXT:
        return type_joins(type) ? 3 : 0;
    case KEY_NONE:
        break;
    }
    return 0;
}

/* ---- K ---- */

/* partition.payload.fields is a list with commas, of paths with dots. */
static bool check_join_name(struct draft *draft, struct roles *roles, struct draft_column use,
                            size_t at) {
    struct str name = draft->tables[use.table].source->columns[use.column].name;
    bool dots = memchr(name.ptr, '.', name.len) || memchr(name.ptr, ',', name.len);
    bool blanks = (unsigned char)name.ptr[0] <= ' ' || (unsigned char)name.ptr[name.len - 1] <= ' ';
    return (!dots && !blanks) ||
           roles_misfit(draft, roles, FIT_NO_TYPE, at,
                        "join column %s: Debezium's setting partition.payload.fields can't name a "
                        "column with a dot, a comma or a blank at an end",
                        column_show(draft, use.table, use.column));
}

static bool check_key_column(struct draft *draft, struct roles *roles, size_t p,
                             struct draft_column first, struct draft_column use) {
    struct type type, before;
    size_t at = draft->classes[roles->key[p]].at;
    if (!compared_type(draft, roles, use, at, &type)) {
        return false;
    }
    if (!type_joins(&type)) {
        roles->supported = JOIN_TYPES;
        return roles_misfit(draft, roles, FIT_NO_TYPE, at,
                            "join column %s is of type " STR_FMT
                            ", which Debezium does not hash as SQL compares it",
                            column_show(draft, use.table, use.column),
                            STR_ARG(type_text(draft, &type)));
    }
    if (!compared_type(draft, roles, first, at, &before)) {
        return false;
    }
    roles->mixed |= before.kind != type.kind; /* the lengths of varchar may differ */
    if (type_group(&before) != type_group(&type)) {
        return roles_misfit(
            draft, roles, FIT_NO_TYPE, at,
            "the join key's types differ: %s is " STR_FMT ", %s is " STR_FMT
            ": change one of them in the OLTP database",
            column_show(draft, first.table, first.column), STR_ARG(type_text(draft, &before)),
            column_show(draft, use.table, use.column), STR_ARG(type_text(draft, &type)));
    }
    return check_collation(draft, roles, use, at) && check_join_name(draft, roles, use, at);
}

enum key_code roles_key_code(struct draft *draft, const struct roles *roles, int table, size_t p) {
    struct type type;
    const char *why;
    return column_type(draft, table, roles->tables[table].key_columns[p], &type, &why)
               ? type_key(&type)
               : KEY_NONE;
}

bool roles_place_bigint(struct draft *draft, const struct roles *roles, size_t p) {
    bool has = false;
    for (int t = 0; t < (int)draft->table_count; t++) {
        has |= roles->tables[t].core && roles_key_code(draft, roles, t, p) == KEY_BIGINT;
    }
    return has;
}

/* An integer that is compared with a bigint is cast on its way (see connector.c), by `name:int64`;
 * but the records of a table in two roles are not routed. */
static bool check_casts(struct draft *draft, struct roles *roles, size_t p) {
    bool has_bigint = roles_place_bigint(draft, roles, p);
    for (int t = 0; has_bigint && t < (int)draft->table_count; t++) {
        const struct table_role *role = &roles->tables[t];
        int column = role->key_columns[p];
        if (!role->core || role->filtered || roles_key_code(draft, roles, t, p) != KEY_INTEGER) {
            continue;
        }
        struct str name = draft->tables[t].source->columns[column].name;
        if (memchr(name.ptr, ':', name.len)) {
            return roles_misfit(
                draft, roles, FIT_NO_TYPE, draft->classes[roles->key[p]].at,
                "join column %s is compared with a bigint, and Kafka's Cast can't name a column "
                "with a colon: make it bigint in the OLTP database, too",
                column_show(draft, t, column));
        }
    }
    return true;
}

static bool check_key(struct draft *draft, struct roles *roles) {
    roles->mixed = false;
    for (size_t p = 0; p < roles->key_count; p++) {
        struct draft_column first = {-1, -1};
        for (int t = 0; t < (int)draft->table_count; t++) {
            if (!roles->tables[t].core) {
                continue;
            }
            struct draft_column use = {t, roles->tables[t].key_columns[p]};
            first = first.table < 0 ? use : first;
            if (!check_key_column(draft, roles, p, first, use)) {
                return false;
            }
        }
        if (!check_casts(draft, roles, p)) {
            return false;
        }
    }
    return true;
}

/* A row with NULL in K is in no state, and with all tables joined INNER on K in no result. */
static bool check_nulls(struct draft *draft, struct roles *roles) {
    size_t core_count = draft->table_count - roles->lookup_count;
    bool optional = false;
    for (size_t t = 0; t < draft->table_count; t++) {
        optional |= draft->tables[t].left && roles->tables[t].core;
    }
    for (int t = 0; t < (int)draft->table_count && (optional || core_count == 1); t++) {
        for (size_t p = 0; p < roles->key_count; p++) {
            int column = roles->tables[t].key_columns[p];
            if (roles->tables[t].core && !draft->tables[t].left &&
                !column_not_null(draft, t, column) &&
                SAFEGUARD("a key that may be NULL is refused where the view shows such rows")) {
                return roles_misfit(
                    draft, roles, FIT_NO_TYPE, draft->classes[roles->key[p]].at,
                    "%s may be NULL, and the view shows such rows, which belong to no partition: "
                    "declare it NOT NULL",
                    column_show(draft, t, column));
            }
        }
    }
    return true;
}

/* ---- lookups ---- */

static bool check_reference(struct draft *draft, struct roles *roles, int table, size_t i) {
    const struct catalog_table *source = draft->tables[table].source;
    const struct table_role *role = &roles->tables[table];
    struct draft_column key = {table, catalog_column(source, source->key[i])};
    struct draft_column reference = {role->parent, role->parent_columns[i]};
    struct type a, b;
    size_t at = draft->tables[table].at;
    if (!compared_type(draft, roles, key, at, &a) ||
        !compared_type(draft, roles, reference, at, &b)) {
        return false;
    }
    int group = type_group(&a);
    if (group == 0 || type_group(&b) == 0) {
        const struct draft_column *bad = group == 0 ? &key : &reference;
        roles->supported = JOIN_TYPES;
        return roles_misfit(draft, roles, FIT_NO_TYPE, at,
                            "lookup by %s, which is of type " STR_FMT
                            ": its equal values may be written differently",
                            column_show(draft, bad->table, bad->column),
                            STR_ARG(type_text(draft, group == 0 ? &a : &b)));
    }
    if (group != type_group(&b) && SAFEGUARD("a lookup is found by a column of a like type")) {
        return roles_misfit(
            draft, roles, FIT_NO_TYPE, at,
            "%s is " STR_FMT " and %s is " STR_FMT
            ": a lookup is found by a column of a like type; change one of them in the OLTP "
            "database",
            column_show(draft, reference.table, reference.column), STR_ARG(type_text(draft, &b)),
            column_show(draft, key.table, key.column), STR_ARG(type_text(draft, &a)));
    }
    return check_collation(draft, roles, key, at) && check_collation(draft, roles, reference, at);
}

static bool check_references(struct draft *draft, struct roles *roles) {
    for (int t = 0; t < (int)draft->table_count; t++) {
        size_t count = roles->tables[t].core ? 0 : draft->tables[t].source->key_count;
        for (size_t i = 0; i < count; i++) {
            if (!check_reference(draft, roles, t, i)) {
                return false;
            }
        }
    }
    return true;
}

/* ---- the sink's key ---- */

int output_of(const struct draft *draft, int table, int column) {
    for (size_t i = 0; i < draft->output_count; i++) {
        if (draft->outputs[i].table == table && draft->outputs[i].column == column) {
            return (int)i;
        }
    }
    return -1;
}

/* Of a table joined LEFT the column is NULL where there is no row. */
int roles_key_output(const struct draft *draft, const struct roles *roles, size_t p) {
    int output = -1;
    for (int t = 0; t < (int)draft->table_count; t++) {
        if (roles->tables[t].core && !draft->tables[t].left) {
            int shown = output_of(draft, t, roles->tables[t].key_columns[p]);
            output = shown >= 0 && (output < 0 || shown < output) ? shown : output;
        }
    }
    return output;
}

static bool refuse_lacks(struct draft *draft, struct roles *roles, int table, int column) {
    roles->supported = SUPPORTED_VIEW;
    return roles_misfit(
        draft, roles, FIT_NO_KEY, draft->outputs[0].at,
        "the select list lacks %s: every row needs the join key and the primary keys of all "
        "tables%s",
        column_show(draft, table, column), roles->lookup_count > 0 ? " that are no lookups" : "");
}

static bool in_key_columns(const struct roles *roles, int table, int column) {
    for (size_t p = 0; p < roles->key_count; p++) {
        if (roles->tables[table].key_columns[p] == column) {
            return true;
        }
    }
    return false;
}

static bool check_outputs(struct draft *draft, struct roles *roles) {
    for (size_t p = 0; p < roles->key_count; p++) {
        if (roles_key_output(draft, roles, p) < 0) {
            int t = 0;
            while (!roles->tables[t].core || draft->tables[t].left) {
                t++;
            }
            return refuse_lacks(draft, roles, t, roles->tables[t].key_columns[p]);
        }
    }
    for (int t = 0; t < (int)draft->table_count; t++) {
        const struct catalog_table *source = draft->tables[t].source;
        for (size_t i = 0; roles->tables[t].core && i < source->key_count; i++) {
            int column = catalog_column(source, source->key[i]);
            if (!in_key_columns(roles, t, column) && output_of(draft, t, column) < 0) {
                return refuse_lacks(draft, roles, t, column);
            }
        }
    }
    return true;
}

bool roles_check(struct draft *draft, struct roles *roles) {
    return check_key(draft, roles) && check_nulls(draft, roles) && check_references(draft, roles) &&
           check_outputs(draft, roles);
}
