/* The FROM clause: which tables, and what joins them. See draft.h. */
#include "base/safeguard.h"
#include "view/draft.h"
#include "view/identifier.h"

static enum err_kind refuse(struct draft *draft, size_t at, const char *what) {
    return source_refuse(&draft->source, at, SUPPORTED_FROM, draft->report, "%s", what);
}

/* ---- tables ---- */

static enum err_kind refuse_unknown_table(struct draft *draft, struct str schema, struct str name,
                                          size_t at) {
    struct nearest nearest = {.name = name};
    const struct catalog_table *near = NULL;
    for (const struct catalog_table *t = draft->catalog.first; t; t = t->next) {
        struct str before = nearest.best;
        nearest_try(&nearest, t->name);
        near = nearest.best.ptr != before.ptr ? t : near;
    }
    char shown[IDENTIFIER_TEXT_MAX], other[IDENTIFIER_TEXT_MAX];
    identifier_text(shown, name);
    const char *path = draft->catalog.source.path;
    if (!near || !nearest_found(&nearest).ptr) {
        return source_refuse(&draft->source, at, NULL, draft->report, "%s has no table %s", path,
                             shown);
    }
    return source_refuse(&draft->source, at, NULL, draft->report,
                         "%s has no table %s in schema " STR_FMT ": is " STR_FMT ".%s meant?", path,
                         shown, STR_ARG(schema), STR_ARG(near->schema),
                         identifier_text(other, near->name));
}

/* Debezium's filters and its own tables do not tell upper from lower case. */
static enum err_kind check_case(struct draft *draft, const struct catalog_table *table) {
    const struct source *source = &draft->catalog.source;
    for (const struct catalog_table *t = draft->catalog.first; t; t = t->next) {
        if (t != table && identifier_same_folded(t->schema, table->schema) &&
            identifier_same_folded(t->name, table->name)) {
            return source_refuse(source, t->at, NULL, draft->report,
                                 "Debezium does not tell tables apart that differ by upper and "
                                 "lower case only: " STR_FMT ", " STR_FMT,
                                 STR_ARG(table->name), STR_ARG(t->name));
        }
    }
    for (size_t i = 0; i < table->column_count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (identifier_same_folded(table->columns[i].name, table->columns[j].name)) {
                return source_refuse(source, table->columns[i].at, NULL, draft->report,
                                     "Debezium does not tell columns apart that differ by upper "
                                     "and lower case only: " STR_FMT ", " STR_FMT,
                                     STR_ARG(table->columns[j].name),
                                     STR_ARG(table->columns[i].name));
            }
        }
    }
    return ERR_NONE;
}

static enum err_kind check_fit(struct draft *draft, const struct catalog_table *table) {
    const struct source *source = &draft->catalog.source;
    char name[IDENTIFIER_TEXT_MAX], schema[IDENTIFIER_TEXT_MAX];
    identifier_text(name, table->name);
    if (table->unfit) {
        return source_refuse(source, table->unfit_at, NULL, draft->report,
                             "the view can't use table %s: %s", name, table->unfit);
    }
    if (table->key_count == 0) {
        return source_refuse(
            source, table->at, "PRIMARY KEY of a column or of the table", draft->report,
            "table %s has no primary key: the view's rows could not be told apart", name);
    }
    for (size_t i = 0; i < table->key_count; i++) {
        int column = catalog_column(table, table->key[i]);
        if (column < 0) {
            return source_refuse(source, table->at, NULL, draft->report,
                                 "the primary key of table %s names no column " STR_FMT, name,
                                 STR_ARG(table->key[i]));
        }
        if (table->columns[column].unfit) {
            return source_refuse(source, table->columns[column].at, NULL, draft->report,
                                 "the view can't use table %s: column " STR_FMT
                                 " of its primary key: %s",
                                 name, STR_ARG(table->key[i]), table->columns[column].unfit);
        }
    }
    if (!table->replica_identity_full) {
        return source_refuse(source, table->at, NULL, draft->report,
                             "updates and deletes of table %s do not carry the old row; add: ALTER "
                             "TABLE %s.%s REPLICA IDENTITY FULL;",
                             name, identifier_text(schema, table->schema), name);
    }
    return check_case(draft, table);
}

static enum err_kind check_twice(struct draft *draft, const struct draft_table *table) {
    for (size_t i = 0; i < draft->table_count; i++) {
        if (str_equal(table_label(&draft->tables[i]), table_label(table))) {
            return source_refuse(&draft->source, table->at, SUPPORTED_FROM, draft->report,
                                 "table name " STR_FMT " is given twice: use an alias",
                                 STR_ARG(table_label(table)));
        }
    }
    return ERR_NONE;
}

static enum err_kind table_read(struct draft *draft, json_t *range, bool left) {
    json_t *alias = json_object_get(range, "alias");
    struct str schema = ast_text(range, "schemaname"), name = ast_text(range, "relname");
    schema = schema.ptr ? schema : STR("public");
    struct draft_table table = {.source = catalog_table(&draft->catalog, schema, name),
                                .alias = ast_text(alias, "aliasname"),
                                .at = ast_own_place(range),
                                .left = left};
    if (draft->table_count == OCCURRENCES_MAX) {
        return source_refuse(&draft->source, table.at, NULL, draft->report,
                             "a join of more than %d tables is not supported", OCCURRENCES_MAX);
    }
    if (!ast_flag(range, "inh")) {
        return refuse(draft, table.at,
                      "ONLY is not supported: name the table without it, whose own rows are meant");
    }
    if (json_object_get(alias, "colnames")) {
        return refuse(draft, table.at, "an alias with column names is not supported");
    }
    if (ast_text(range, "catalogname").ptr) {
        return refuse(draft, table.at, "a table of another database is not supported");
    }
    if (!table.source) {
        return refuse_unknown_table(draft, schema, name, table.at);
    }
    enum err_kind kind = check_twice(draft, &table);
    if (kind == ERR_NONE) {
        kind = check_fit(draft, table.source);
    }
    if (kind == ERR_NONE) {
        draft->tables[draft->table_count++] = table;
    }
    return kind;
}

/* ---- what ON says ---- */

/* NOLINTNEXTLINE(misc-no-recursion): as item_read */
static bool has_pair(json_t *node) {
    json_t *both = ast_is(node, "BoolExpr"), *compare = ast_is(node, "A_Expr");
    json_t *args = json_object_get(both, "args");
    bool found = false;
    for (size_t i = 0; str_is(ast_text(both, "boolop"), "AND_EXPR") && i < json_array_size(args);
         i++) {
        found |= has_pair(json_array_get(args, i));
    }
    return found || (str_is(ast_text(compare, "kind"), "AEXPR_OP") &&
                     str_is(ast_name(json_object_get(compare, "name"), 0), "=") &&
                     ast_is(json_object_get(compare, "lexpr"), "ColumnRef") &&
                     ast_is(json_object_get(compare, "rexpr"), "ColumnRef"));
}

/* on: all that ON says. */
static enum err_kind refuse_condition(struct draft *draft, json_t *on, size_t at) {
    if (!has_pair(on)) {
        return refuse(draft, at,
                      "ON must compare columns of both sides, each pair with = and AND between "
                      "them: a row's partners are found by them alone");
    }
    bool left = draft->tables[draft->table_count - 1].left;
    return refuse(draft, at,
                  left ? "ON of a LEFT JOIN may only say which columns are equal: any other "
                         "condition would change which rows count as partners"
                       : "ON may only say which columns are equal: write other conditions into "
                         "WHERE");
}

static enum err_kind side_read(struct draft *draft, json_t *on, json_t *node,
                               struct draft_column *side) {
    struct scope scope = {0, draft->table_count};
    if (!ast_is(node, "ColumnRef")) {
        return refuse_condition(draft, on, ast_place(node));
    }
    return column_find(draft, node, scope, &side->table, &side->column);
}

/* Between the joined table, which is the last one, and one before it. */
static enum err_kind equality_add(struct draft *draft, const struct draft_column side[2],
                                  size_t at) {
    int joined = (int)draft->table_count - 1;
    if (side[0].table == side[1].table) {
        return refuse(draft, at, "ON compares two columns of the same table");
    }
    if (side[0].table != joined && side[1].table != joined) {
        return source_refuse(
            &draft->source, at, SUPPORTED_FROM, draft->report,
            "%s = %s says nothing of " STR_FMT
            ", which is joined here: write it into the ON of " STR_FMT,
            column_show(draft, side[0].table, side[0].column),
            column_show(draft, side[1].table, side[1].column),
            STR_ARG(table_label(&draft->tables[joined])),
            STR_ARG(table_label(
                &draft->tables[side[0].table > side[1].table ? side[0].table : side[1].table])));
    }
    if (draft->equality_count == EQUALITIES_MAX) {
        return source_refuse(&draft->source, at, NULL, draft->report,
                             "more than %zu comparisons in ON", EQUALITIES_MAX);
    }
    bool swapped = side[1].table == joined;
    draft->equalities[draft->equality_count++] =
        (struct draft_equality){side[swapped], side[!swapped], at};
    return ERR_NONE;
}

/* NOLINTNEXTLINE(misc-no-recursion): as item_read */
static enum err_kind condition_read(struct draft *draft, json_t *on, json_t *node) {
    json_t *both = ast_is(node, "BoolExpr");
    if (both && str_is(ast_text(both, "boolop"), "AND_EXPR")) {
        json_t *args = json_object_get(both, "args");
        enum err_kind kind = ERR_NONE;
        for (size_t i = 0; i < json_array_size(args) && kind == ERR_NONE; i++) {
            kind = condition_read(draft, on, json_array_get(args, i));
        }
        return kind;
    }
    json_t *compare = ast_is(node, "A_Expr");
    json_t *name = json_object_get(compare, "name");
    if (!compare || !str_is(ast_text(compare, "kind"), "AEXPR_OP") || json_array_size(name) != 1 ||
        !str_is(ast_name(name, 0), "=")) {
        return refuse_condition(draft, on, compare ? ast_own_place(compare) : ast_place(node));
    }
    struct draft_column side[2];
    json_t *first = json_object_get(compare, "lexpr");
    enum err_kind kind = side_read(draft, on, first, &side[0]);
    if (kind == ERR_NONE) {
        kind = side_read(draft, on, json_object_get(compare, "rexpr"), &side[1]);
    }
    return kind == ERR_NONE ? equality_add(draft, side, ast_place(first)) : kind;
}

/* ---- joins ---- */

static const char *join_refusal(json_t *join) {
    struct str type = ast_text(join, "jointype");
    if (str_is(type, "JOIN_RIGHT")) {
        return "RIGHT JOIN is not supported: write it as a LEFT JOIN, the tables the other way "
               "round";
    }
    if (str_is(type, "JOIN_FULL")) {
        return "FULL JOIN is not supported";
    }
    if (ast_flag(join, "isNatural")) {
        return "NATURAL JOIN is not supported: name the columns in ON";
    }
    if (json_object_get(join, "usingClause")) {
        return "USING is not supported: name the columns in ON";
    }
    if (json_object_get(join, "alias")) {
        return "an alias of a join is not supported";
    }
    return json_object_get(join, "quals") ? NULL : "CROSS JOIN is not supported";
}

static enum err_kind refuse_item(struct draft *draft, json_t *node) {
    const char *what = "only tables are allowed in FROM";
    if (ast_is(node, "JoinExpr")) {
        what = "a JOIN in parentheses is not supported on the right side: write one table after "
               "the other, a JOIN b ON ... JOIN c ON ...";
    } else if (ast_is(node, "RangeSubselect")) {
        what = "a subquery in FROM is not supported";
    } else if (ast_is(node, "RangeFunction") || ast_is(node, "RangeTableFunc")) {
        what = "a function in FROM is not supported";
    }
    return refuse(draft, ast_place(node), what);
}

/* What a join has on its left side is read before: so far down, then back. */
static enum err_kind join_read(struct draft *draft, json_t *join) {
    json_t *right = json_object_get(join, "rarg");
    const char *refusal = join_refusal(join);
    if (refusal) {
        return refuse(draft, ast_place(right), refusal);
    }
    json_t *range = ast_is(right, "RangeVar");
    if (!range) {
        return refuse_item(draft, right);
    }
    bool left = str_is(ast_text(join, "jointype"), "JOIN_LEFT");
    json_t *on = json_object_get(join, "quals");
    enum err_kind kind = table_read(draft, range, left);
    return kind == ERR_NONE ? condition_read(draft, on, on) : kind;
}

/* NOLINTNEXTLINE(misc-no-recursion): a tree, at most jansson's 2048 deep */
static enum err_kind item_read(struct draft *draft, json_t *node) {
    if (ast_is(node, "RangeVar")) {
        return table_read(draft, ast_is(node, "RangeVar"), false);
    }
    json_t *join = ast_is(node, "JoinExpr");
    if (!join) {
        return refuse_item(draft, node);
    }
    enum err_kind kind = item_read(draft, json_object_get(join, "larg"));
    return kind == ERR_NONE ? join_read(draft, join) : kind;
}

/* A row of an INNER JOIN is there only if the columns that its ON compares are: a table joined LEFT
 * before it then shows no NULLs, and the statement means the same with INNER there. */
static void left_to_inner(struct draft *draft) {
    for (size_t i = draft->equality_count; i-- > 0;) { /* those behind first: it goes on upwards */
        const struct draft_equality *equality = &draft->equalities[i];
        struct draft_table *other = &draft->tables[equality->other.table];
        if (!draft->tables[equality->joined.table].left && other->left &&
            SAFEGUARD("a table that another one is joined INNER on is INNER")) {
            other->left = false;
            other->made_inner = true;
        }
    }
}

enum err_kind from_read(struct draft *draft) {
    json_t *list = json_object_get(draft->select, "fromClause");
    if (json_array_size(list) == 0) {
        return refuse(draft, ast_place(json_object_get(draft->select, "targetList")),
                      "FROM is missing");
    }
    enum err_kind kind = item_read(draft, json_array_get(list, 0));
    if (kind == ERR_NONE && json_array_size(list) > 1) {
        kind = refuse(draft, ast_place(json_array_get(list, 1)),
                      "tables joined by a comma are not supported");
    }
    if (kind == ERR_NONE) {
        left_to_inner(draft);
    }
    return kind;
}
