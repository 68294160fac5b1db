/* The FROM clause: which tables, and what joins them. See draft.h. */
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
        const struct draft_table *other = &draft->tables[i];
        if (other->source == table->source) {
            return refuse(draft, table->at, "a join of a table with itself is not supported");
        }
        if (str_equal(table_label(other), table_label(table))) {
            return source_refuse(&draft->source, table->at, SUPPORTED_FROM, draft->report,
                                 "table name " STR_FMT " is given twice: use an alias",
                                 STR_ARG(table_label(table)));
        }
    }
    return ERR_NONE;
}

static enum err_kind table_read(struct draft *draft, json_t *range) {
    json_t *alias = json_object_get(range, "alias");
    struct str schema = ast_text(range, "schemaname"), name = ast_text(range, "relname");
    schema = schema.ptr ? schema : STR("public");
    struct draft_table table = {.source = catalog_table(&draft->catalog, schema, name),
                                .alias = ast_text(alias, "aliasname"),
                                .at = ast_own_place(range)};
    if (draft->table_count == RELATIONS_MAX) {
        return source_refuse(&draft->source, table.at, NULL, draft->report,
                             "a join of more than %d tables is not supported", RELATIONS_MAX);
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

/* ---- the join key ---- */

static struct draft_join *part_with(struct draft *draft, int table, int column) {
    for (size_t i = 0; i < draft->join_count; i++) {
        if (draft->join[i].columns[table] == column) {
            return &draft->join[i];
        }
    }
    return NULL;
}

static enum err_kind refuse_two_columns(struct draft *draft, size_t at) {
    return refuse(draft, at, "one part of the join key has two columns of a table");
}

/* Moves the columns of `from` into `into`: they turned out to be equal. */
static enum err_kind parts_merge(struct draft *draft, struct draft_join *into,
                                 struct draft_join *from, size_t at) {
    for (size_t t = 0; t < RELATIONS_MAX; t++) {
        if (into->columns[t] >= 0 && from->columns[t] >= 0) {
            return refuse_two_columns(draft, at);
        }
        into->columns[t] = into->columns[t] >= 0 ? into->columns[t] : from->columns[t];
    }
    struct draft_join *last = &draft->join[--draft->join_count];
    memmove(from, from + 1, (size_t)(last - from) * sizeof *from);
    return ERR_NONE;
}

/* Appends a part with no column yet. The caller has made sure of the room. */
static struct draft_join *part_append(struct draft *draft, size_t at) {
    struct draft_join *part = &draft->join[draft->join_count++];
    part->at = at;
    for (size_t t = 0; t < RELATIONS_MAX; t++) {
        part->columns[t] = -1;
    }
    return part;
}

static enum err_kind part_add(struct draft *draft, const struct draft_output side[2]) {
    if (draft->join_count == DRAFT_KEY_MAX) {
        return refuse(draft, side[0].at, "the join key has more than 32 columns");
    }
    struct draft_join *part = part_append(draft, side[0].at);
    part->columns[side[0].table] = side[0].column;
    part->columns[side[1].table] = side[1].column;
    return ERR_NONE;
}

static enum err_kind part_extend(struct draft *draft, struct draft_join *part,
                                 const struct draft_output *side) {
    if (part->columns[side->table] >= 0) {
        return refuse_two_columns(draft, side->at);
    }
    part->columns[side->table] = side->column;
    return ERR_NONE;
}

static enum err_kind equality_add(struct draft *draft, const struct draft_output side[2]) {
    if (side[0].table == side[1].table) {
        return refuse(draft, side[0].at, "ON compares two columns of the same table");
    }
    struct draft_join *a = part_with(draft, side[0].table, side[0].column);
    struct draft_join *b = part_with(draft, side[1].table, side[1].column);
    if (!a && !b) {
        return part_add(draft, side);
    }
    if (!a || !b) {
        return part_extend(draft, a ? a : b, &side[a ? 1 : 0]);
    }
    if (a == b) {
        return ERR_NONE;
    }
    return a < b ? parts_merge(draft, a, b, side[0].at) : parts_merge(draft, b, a, side[0].at);
}

static enum err_kind side_read(struct draft *draft, json_t *node, struct scope scope,
                               struct draft_output *side) {
    side->at = ast_place(node);
    if (!ast_is(node, "ColumnRef")) {
        return refuse(draft, side->at, "ON may only compare columns");
    }
    return column_find(draft, node, scope, &side->table, &side->column);
}

/* NOLINTNEXTLINE(misc-no-recursion): as item_read */
static enum err_kind condition_read(struct draft *draft, json_t *node, struct scope scope) {
    json_t *both = ast_is(node, "BoolExpr");
    if (both && str_is(ast_text(both, "boolop"), "AND_EXPR")) {
        json_t *args = json_object_get(both, "args");
        enum err_kind kind = ERR_NONE;
        for (size_t i = 0; i < json_array_size(args) && kind == ERR_NONE; i++) {
            kind = condition_read(draft, json_array_get(args, i), scope);
        }
        return kind;
    }
    json_t *compare = ast_is(node, "A_Expr");
    json_t *name = json_object_get(compare, "name");
    if (!compare || !str_is(ast_text(compare, "kind"), "AEXPR_OP") || json_array_size(name) != 1 ||
        !str_is(ast_name(name, 0), "=")) {
        size_t at = compare ? ast_own_place(compare) : ast_place(node);
        return refuse(draft, at, "ON may only say which columns are equal");
    }
    struct draft_output side[2];
    enum err_kind kind = side_read(draft, json_object_get(compare, "lexpr"), scope, &side[0]);
    if (kind == ERR_NONE) {
        kind = side_read(draft, json_object_get(compare, "rexpr"), scope, &side[1]);
    }
    return kind == ERR_NONE ? equality_add(draft, side) : kind;
}

/* ---- joins ---- */

static const char *join_refusal(json_t *join) {
    struct str type = ast_text(join, "jointype");
    if (str_is(type, "JOIN_LEFT")) {
        return "LEFT JOIN is not supported";
    }
    if (str_is(type, "JOIN_RIGHT")) {
        return "RIGHT JOIN is not supported";
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

static enum err_kind item_read(struct draft *draft, json_t *node);

/* NOLINTNEXTLINE(misc-no-recursion): as item_read */
static enum err_kind join_read(struct draft *draft, json_t *join) {
    struct scope scope = {.first = draft->table_count};
    enum err_kind kind = item_read(draft, json_object_get(join, "larg"));
    if (kind != ERR_NONE) {
        return kind;
    }
    json_t *right = json_object_get(join, "rarg");
    const char *refusal = join_refusal(join);
    if (refusal) {
        return refuse(draft, ast_place(right), refusal);
    }
    kind = item_read(draft, right);
    if (kind != ERR_NONE) {
        return kind;
    }
    scope.last = draft->table_count;
    return condition_read(draft, json_object_get(join, "quals"), scope);
}

/* NOLINTNEXTLINE(misc-no-recursion): a tree, at most jansson's 2048 deep */
static enum err_kind item_read(struct draft *draft, json_t *node) {
    if (ast_is(node, "RangeVar")) {
        return table_read(draft, ast_is(node, "RangeVar"));
    }
    if (ast_is(node, "JoinExpr")) {
        return join_read(draft, ast_is(node, "JoinExpr"));
    }
    size_t at = ast_place(node);
    if (ast_is(node, "RangeSubselect")) {
        return refuse(draft, at, "a subquery in FROM is not supported");
    }
    if (ast_is(node, "RangeFunction") || ast_is(node, "RangeTableFunc")) {
        return refuse(draft, at, "a function in FROM is not supported");
    }
    return refuse(draft, at, "only tables are allowed in FROM");
}

/* Of one table the primary key places a row: PostgreSQL allows it 32 columns. */
static enum err_kind one_table(struct draft *draft) {
    const struct draft_table *table = &draft->tables[0];
    for (size_t i = 0; i < table->source->key_count; i++) {
        int column = catalog_column(table->source, table->source->key[i]);
        if (column < 0 || draft->join_count == DRAFT_KEY_MAX) {
            return source_refuse(&draft->catalog.source, table->source->at, NULL, draft->report,
                                 "the primary key of table " STR_FMT " names no column " STR_FMT,
                                 STR_ARG(table->source->name), STR_ARG(table->source->key[i]));
        }
        part_append(draft, table->at)->columns[0] = column;
    }
    return ERR_NONE;
}

static enum err_kind join_check(struct draft *draft) {
    for (size_t i = 0; i < draft->join_count; i++) {
        for (size_t t = 0; t < draft->table_count; t++) {
            if (draft->join[i].columns[t] < 0) {
                return source_refuse(
                    &draft->source, draft->tables[t].at, SUPPORTED_FROM, draft->report,
                    "all tables must share one join key, and " STR_FMT " lacks part %zu of it",
                    STR_ARG(table_label(&draft->tables[t])), i + 1);
            }
        }
    }
    return ERR_NONE;
}

enum err_kind from_read(struct draft *draft) {
    json_t *list = json_object_get(draft->select, "fromClause");
    if (json_array_size(list) == 0) {
        return refuse(draft, ast_place(json_object_get(draft->select, "targetList")),
                      "FROM is missing");
    }
    enum err_kind kind = item_read(draft, json_array_get(list, 0));
    if (kind != ERR_NONE) {
        return kind;
    }
    if (json_array_size(list) > 1) {
        return refuse(draft, ast_place(json_array_get(list, 1)),
                      "tables joined by a comma are not supported");
    }
    return draft->table_count == 1 ? one_table(draft) : join_check(draft);
}
