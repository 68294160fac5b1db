/* Which expressions depend on the collation of texts. See notes.h. */
#include "view/notes.h"

struct reading {
    struct draft *draft;
    bool calls; /* what a function makes of a text is one, too */
    bool texts, collated;
};

static bool one_of(struct str name, const char *const *names) {
    for (; *names; names++) {
        if (str_is(name, *names)) {
            return true;
        }
    }
    return false;
}

static struct str last_name(json_t *list) {
    return ast_name(list, json_array_size(list) - 1);
}

static bool is_text_type(json_t *type) {
    static const char *const names[] = {"text", "varchar", "bpchar", NULL};
    return one_of(last_name(json_object_get(type, "names")), names);
}

static bool is_text(struct draft *draft, json_t *node) {
    struct scope all = {0, draft->table_count};
    struct type type;
    const char *why;
    int table, column;
    return column_find(draft, node, all, &table, &column) == ERR_NONE &&
           column_type(draft, table, column, &type, &why) &&
           (type.kind == TYPE_TEXT || type.kind == TYPE_VARCHAR || type.kind == TYPE_CHAR);
}

/* One that is ordered by bytes in both databases decides for all that it is compared with. */
static void find_column(struct reading *reading, json_t *node) {
    struct scope all = {0, reading->draft->table_count};
    struct draft_column column;
    json_t *names;
    if (is_text(reading->draft, node) &&
        column_find(reading->draft, node, all, &column.table, &column.column) == ERR_NONE) {
        reading->texts = true;
        reading->collated |= column_collating(reading->draft, column, &names) == COLLATING_BYTES;
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): a tree, at most jansson's 2048 deep */
static void find_texts(struct reading *reading, json_t *node) {
    const char *name;
    json_t *child;
    size_t index;
    json_array_foreach(node, index, child) {
        find_texts(reading, child);
    }
    json_object_foreach(node, name, child) {
        reading->collated |= strcmp(name, "CollateClause") == 0;
        if (strcmp(name, "ColumnRef") == 0) {
            find_column(reading, node);
        } else if (strcmp(name, "TypeCast") == 0) {
            reading->texts |= is_text_type(json_object_get(child, "typeName"));
        } else if (reading->calls || strcmp(name, "FuncCall") != 0) {
            find_texts(reading, child);
        }
    }
}

static bool depends(const char *tag, json_t *members) {
    static const char *const orders[] = {"<",   ">",  "<=",  ">=",  "~",    "~*", "!~",
                                         "!~*", "~~", "~~*", "!~~", "!~~*", NULL};
    static const char *const kinds[] = {
        "AEXPR_LIKE",        "AEXPR_ILIKE",       "AEXPR_SIMILAR",         "AEXPR_BETWEEN",
        "AEXPR_NOT_BETWEEN", "AEXPR_BETWEEN_SYM", "AEXPR_NOT_BETWEEN_SYM", NULL};
    static const char *const functions[] = {"lower", "upper", "initcap", NULL};
    if (strcmp(tag, "A_Expr") == 0) {
        return one_of(ast_text(members, "kind"), kinds) ||
               one_of(last_name(json_object_get(members, "name")), orders);
    }
    return strcmp(tag, "MinMaxExpr") == 0 ||
           (strcmp(tag, "FuncCall") == 0 &&
            one_of(last_name(json_object_get(members, "funcname")), functions));
}

/* NOLINTNEXTLINE(misc-no-recursion): a tree, at most jansson's 2048 deep */
bool compares_texts(struct draft *draft, json_t *node) {
    bool found = false;
    const char *name;
    json_t *child;
    size_t index;
    json_array_foreach(node, index, child) {
        found = found || compares_texts(draft, child);
    }
    json_object_foreach(node, name, child) {
        struct reading reading = {.draft = draft, .calls = strcmp(name, "FuncCall") == 0};
        if (depends(name, child)) {
            find_texts(&reading, child);
        }
        found = found || (reading.texts && !reading.collated) || compares_texts(draft, child);
    }
    return found;
}
