/* The statement around FROM, and the select list. See draft.h. */
#include "view/expression.h"
#include "view/identifier.h"
#include "view/keyword.h"
#include "view/token.h"

/* ---- the statement ---- */

static enum err_kind refuse(struct draft *draft, size_t at, const char *what) {
    return source_refuse(&draft->source, at, SUPPORTED_VIEW, draft->report, "%s", what);
}

static enum err_kind create_read(struct draft *draft, json_t **ret_members) {
    if (source_statement_count(&draft->source) == 0) {
        return refuse(draft, NOWHERE, "holds no statement");
    }
    json_t *node = source_statement(&draft->source, draft->statement);
    json_t *members = ast_is(node, "CreateTableAsStmt");
    if (!members || !str_is(ast_text(members, "objtype"), "OBJECT_MATVIEW")) {
        size_t at = ast_place(node);
        at = at == NOWHERE ? source_statement_place(&draft->source, draft->statement) : at;
        return refuse(draft, at, "this is not a CREATE MATERIALIZED VIEW");
    }
    *ret_members = members;
    return ERR_NONE;
}

static enum err_kind partition_by_take(struct draft *draft, json_t *option) {
    json_t *text = ast_is(json_object_get(option, "arg"), "String");
    size_t at = ast_own_place(option);
    if (!text || draft->partition_by.ptr) {
        return refuse(draft, at, "partition_by is a text, given once: 'table.column'");
    }
    draft->partition_by = ast_text(text, "sval");
    draft->partition_by = draft->partition_by.ptr ? draft->partition_by : STR("");
    draft->partition_by_at = at;
    return ERR_NONE;
}

static enum err_kind options_read(struct draft *draft, json_t *options) {
    json_t *node;
    size_t index;
    enum err_kind kind = ERR_NONE;
    json_array_foreach(options, index, node) {
        json_t *option = ast_is(node, "DefElem");
        struct str name = ast_text(option, "defname");
        if (str_is(name, "partition_by")) {
            kind = partition_by_take(draft, option);
        } else if (!str_is(name, "own_plan")) {
            kind = refuse(draft, ast_own_place(option), "storage parameters are not supported");
        } else if (json_object_get(option, "arg")) {
            kind = refuse(draft, ast_own_place(option), "own_plan has no value");
        }
        if (kind != ERR_NONE) {
            return kind;
        }
        draft->own_plan |= str_is(name, "own_plan");
    }
    return ERR_NONE;
}

static enum err_kind name_read(struct draft *draft, json_t *into) {
    static const struct {
        const char *member, *what;
    } refused[] = {
        {"colNames", "names of columns before AS are not supported: use SELECT column AS name"},
        {"accessMethod", "USING an access method is not supported"},
        {"tableSpaceName", "TABLESPACE is not supported"},
        {"skipData", "WITH NO DATA is not supported: the view is kept filled"},
    };
    json_t *range = json_object_get(into, "rel");
    draft->name = ast_text(range, "relname");
    draft->name_at = ast_own_place(range);
    if (ast_text(range, "schemaname").ptr) {
        return refuse(draft, draft->name_at,
                      "a schema before the view's name is not supported: the sink's search_path "
                      "says where the table is");
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (json_object_get(into, refused[i].member)) {
            return refuse(draft, draft->name_at, refused[i].what);
        }
    }
    enum err_kind kind = options_read(draft, json_object_get(into, "options"));
    if (kind != ERR_NONE) {
        return kind;
    }
    if (str_starts(draft->name, STR("sync_"))) {
        return refuse(draft, draft->name_at,
                      "names that begin with sync_ are kept for this program's own tables");
    }
    return ERR_NONE;
}

/* The parser keeps the place of a clause's first expression, if any: the keyword is meant. */
static size_t clause_place(const struct draft *draft, const char *word, json_t *clause) {
    size_t at = keyword_place(&draft->source, draft->name_at, word);
    if (at == NOWHERE) { /* said in other words: FETCH FIRST */
        at = ast_place(clause);
    }
    return at == NOWHERE ? ast_place(json_object_get(draft->select, "targetList")) : at;
}

static enum err_kind clauses_check(struct draft *draft) {
    static const struct {
        const char *member, *word, *what;
    } refused[] = {
        {"withClause", "WITH", "WITH is not supported"},
        {"valuesLists", "VALUES", "VALUES is not supported"},
        {"distinctClause", "DISTINCT", "DISTINCT is not supported"},
        {"intoClause", "INTO", "INTO is not supported"},
        {"groupClause", "GROUP", "GROUP BY is not supported"},
        {"havingClause", "HAVING", "HAVING is not supported"},
        {"windowClause", "WINDOW", "WINDOW is not supported"},
        {"sortClause", "ORDER", "ORDER BY is not supported: a table has no order"},
        {"limitOffset", "OFFSET", "OFFSET is not supported"},
        {"limitCount", "LIMIT", "LIMIT is not supported"},
        {"lockingClause", "FOR", "FOR UPDATE and the like are not supported"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        json_t *clause = json_object_get(draft->select, refused[i].member);
        if (clause) {
            return refuse(draft, clause_place(draft, refused[i].word, clause), refused[i].what);
        }
    }
    struct str op = ast_text(draft->select, "op");
    if (!str_is(op, "SETOP_NONE")) {
        const char *word = str_is(op, "SETOP_UNION")       ? "UNION"
                           : str_is(op, "SETOP_INTERSECT") ? "INTERSECT"
                                                           : "EXCEPT";
        return refuse(draft, clause_place(draft, word, json_object_get(draft->select, "rarg")),
                      "UNION, INTERSECT and EXCEPT are not supported");
    }
    return ERR_NONE;
}

enum err_kind statement_read(struct draft *draft) {
    json_t *members = NULL;
    enum err_kind kind = create_read(draft, &members);
    if (kind != ERR_NONE) {
        return kind;
    }
    kind = name_read(draft, json_object_get(members, "into"));
    if (kind != ERR_NONE) {
        return kind;
    }
    json_t *query = json_object_get(members, "query");
    draft->select = ast_is(query, "SelectStmt");
    return draft->select ? clauses_check(draft)
                         : refuse(draft, draft->name_at, "the view must be a SELECT");
}

/* ---- the select list ---- */

static bool is_system_column(struct str name) {
    static const char *const names[] = {"tableoid", "cmax", "xmax", "cmin", "xmin", "ctid"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (str_is(name, names[i])) {
            return true;
        }
    }
    return false;
}

static enum err_kind output_name_check(struct draft *draft, const struct draft_output *output) {
    char shown[IDENTIFIER_TEXT_MAX];
    if (is_system_column(output->name)) {
        return source_refuse(&draft->source, output->at, NULL, draft->report,
                             "every table has a system column " STR_FMT ": use AS",
                             STR_ARG(output->name));
    }
    for (size_t i = 0; i < draft->output_count; i++) {
        if (str_equal(draft->outputs[i].name, output->name)) {
            return source_refuse(&draft->source, output->at, NULL, draft->report,
                                 "column name %s is given twice: use AS",
                                 identifier_text(shown, output->name));
        }
    }
    return ERR_NONE;
}

static enum err_kind column_read(struct draft *draft, json_t *value, struct draft_output *output) {
    json_t *fields = json_object_get(ast_is(value, "ColumnRef"), "fields");
    size_t count = json_array_size(fields);
    struct scope all = {0, draft->table_count};
    if (count > 0 && ast_is(json_array_get(fields, count - 1), "A_Star")) {
        return refuse(draft, output->at, "* is not supported: name the columns");
    }
    if (!output->name.ptr) {
        output->name = ast_name(fields, count - 1);
    }
    return column_find(draft, value, all, &output->table, &output->column);
}

/* What PostgreSQL would call it, it may call otherwise in another version. */
static enum err_kind value_read(struct draft *draft, json_t *value, size_t limit,
                                struct draft_output *output) {
    struct draft_expression *expression = NULL;
    if (ast_is(value, "RowExpr")) {
        return refuse(draft, output->at,
                      "a row can't be a column of a table: write its columns, each with a name");
    }
    size_t end = expression_end(draft, output->at, limit, output->name.ptr != NULL);
    if (end == NOWHERE) {
        return refuse(draft, output->at, "a name with UESCAPE is not supported: write the letters");
    }
    enum err_kind kind = expression_read(draft, value, output->at, end, &expression);
    if (kind == ERR_NONE && !output->name.ptr) {
        kind = refuse(draft, output->at, "an expression needs a name: use AS");
    }
    output->table = -1;
    output->expression = expression;
    return kind;
}

static enum err_kind output_read(struct draft *draft, json_t *target, size_t limit) {
    json_t *value = json_object_get(target, "val");
    struct draft_output output = {.name = ast_text(target, "name"), .at = ast_own_place(target)};
    if (json_object_get(target, "indirection")) {
        return refuse(draft, output.at, "a name has no parts here");
    }
    enum err_kind kind = ast_is(value, "ColumnRef") ? column_read(draft, value, &output)
                                                    : value_read(draft, value, limit, &output);
    if (kind == ERR_NONE) {
        kind = output_name_check(draft, &output);
    }
    if (kind == ERR_NONE) {
        draft->computes |= output.expression != NULL;
        draft->outputs[draft->output_count++] = output;
    }
    return kind;
}

/* The FROM behind the select list: the last one before the first table, since IS DISTINCT FROM may
 * stand in the list. */
static size_t list_end(const struct draft *draft, size_t at) {
    struct token_scan scan = {buf_view(&draft->source.text), at};
    struct token token;
    size_t end = draft->tables[0].at;
    int depth = 0;
    while (token_next(&scan, &token) && token.at < draft->tables[0].at) {
        depth = token_depth(&scan, &token, depth);
        end = depth == 0 && token_is(&scan, &token, "FROM") ? token.at : end;
    }
    return end;
}

/* Behind WHERE there may be WITH DATA; in it, timestamp WITH time zone. */
static size_t where_end(const struct draft *draft, size_t at) {
    struct token_scan scan = {buf_view(&draft->source.text), at};
    struct token token, with = {.end = 0};
    size_t end = at;
    int depth = 0;
    while (token_next(&scan, &token) && !token_is(&scan, &token, ";")) {
        depth = token_depth(&scan, &token, depth);
        if (with.end > 0 && token_is(&scan, &token, "DATA")) {
            return end;
        }
        if (depth == 0 && token_is(&scan, &token, "WITH")) {
            with = token;
            continue;
        }
        with.end = 0;
        end = token.end;
    }
    return end;
}

static enum err_kind where_read(struct draft *draft) {
    json_t *node = json_object_get(draft->select, "whereClause");
    size_t at = node ? keyword_place(&draft->source, draft->name_at, "WHERE") : NOWHERE;
    if (!node) {
        return ERR_NONE;
    }
    if (at == NOWHERE) {
        return refuse(draft, ast_place(node), "WHERE can't be found in the text");
    }
    struct token_scan scan = {buf_view(&draft->source.text), at + strlen("WHERE")};
    struct token first = {.at = scan.at};
    (void)token_next(&scan, &first);
    struct draft_expression *where = NULL;
    enum err_kind kind = expression_read(draft, node, first.at, where_end(draft, first.at), &where);
    draft->where = where;
    draft->computes |= where != NULL;
    return kind;
}

enum err_kind outputs_read(struct draft *draft) {
    json_t *targets = json_object_get(draft->select, "targetList");
    size_t count = json_array_size(targets);
    if (count == 0 || count > DRAFT_OUTPUTS_MAX) {
        return refuse(draft, draft->name_at,
                      count == 0 ? "the select list is empty"
                                 : "the select list has more columns than a table can have");
    }
    draft->outputs = arena_alloc(draft->arena, count * sizeof *draft->outputs);
    size_t limit = list_end(draft, ast_place(targets));
    enum err_kind kind = ERR_NONE;
    for (size_t i = 0; i < count && kind == ERR_NONE; i++) {
        kind = output_read(draft, ast_is(json_array_get(targets, i), "ResTarget"), limit);
    }
    return kind == ERR_NONE ? where_read(draft) : kind;
}
