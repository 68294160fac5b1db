/* The statement around FROM, and the select list. See draft.h. */
#include "view/draft.h"
#include "view/identifier.h"
#include "view/keyword.h"

/* ---- the statement ---- */

static enum err_kind refuse(struct draft *draft, size_t at, const char *what) {
    return source_refuse(&draft->source, at, SUPPORTED_VIEW, draft->report, "%s", what);
}

static enum err_kind one_statement(struct draft *draft, json_t **ret_members) {
    size_t count = source_statement_count(&draft->source);
    json_t *node = source_statement(&draft->source, 0);
    if (count == 0) {
        return refuse(draft, NOWHERE, "holds no statement");
    }
    json_t *members = ast_is(node, "CreateTableAsStmt");
    if (!members || !str_is(ast_text(members, "objtype"), "OBJECT_MATVIEW")) {
        size_t at = ast_place(node);
        return refuse(draft, at == NOWHERE ? 0 : at, "this is not a CREATE MATERIALIZED VIEW");
    }
    if (count > 1) {
        json_t *second = source_statement(&draft->source, 1);
        return refuse(draft, ast_place(second), "one statement is enough: a file holds one view");
    }
    *ret_members = members;
    return ERR_NONE;
}

static enum err_kind options_read(struct draft *draft, json_t *options) {
    json_t *node;
    size_t index;
    json_array_foreach(options, index, node) {
        json_t *option = ast_is(node, "DefElem");
        size_t at = ast_own_place(option);
        json_t *text = ast_is(json_object_get(option, "arg"), "String");
        if (!str_is(ast_text(option, "defname"), "partition_by")) {
            return refuse(draft, at, "storage parameters are not supported");
        }
        if (!text || draft->partition_by.ptr) {
            return refuse(draft, at, "partition_by is a text, given once: 'table.column'");
        }
        draft->partition_by = ast_text(text, "sval");
        draft->partition_by = draft->partition_by.ptr ? draft->partition_by : STR("");
        draft->partition_by_at = at;
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
        {"whereClause", "WHERE", "WHERE is not supported"},
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
    enum err_kind kind = one_statement(draft, &members);
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

static enum err_kind refuse_target(struct draft *draft, json_t *value, size_t at) {
    json_t *call = ast_is(value, "FuncCall");
    const char *what = "only plain columns are supported in the select list, no expressions";
    if (json_object_get(call, "over")) {
        what = "window functions are not supported";
    } else if (call) {
        what = "functions are not supported in the select list";
    } else if (ast_is(value, "SubLink")) {
        what = "subqueries are not supported in the select list";
    } else if (ast_is(value, "ColumnRef")) {
        what = "* is not supported: name the columns";
    }
    return refuse(draft, at, what);
}

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

static enum err_kind output_read(struct draft *draft, json_t *target) {
    json_t *value = json_object_get(target, "val");
    json_t *fields = json_object_get(ast_is(value, "ColumnRef"), "fields");
    size_t count = json_array_size(fields);
    struct draft_output output = {.at = ast_own_place(target)};
    if (count == 0 || ast_is(json_array_get(fields, count - 1), "A_Star")) {
        return refuse_target(draft, value, output.at);
    }
    if (json_object_get(target, "indirection")) {
        return refuse(draft, output.at, "only plain columns are supported in the select list");
    }
    struct scope all = {0, draft->table_count};
    enum err_kind kind = column_find(draft, value, all, &output.table, &output.column);
    if (kind != ERR_NONE) {
        return kind;
    }
    output.name = ast_text(target, "name");
    if (!output.name.ptr) {
        output.name = ast_name(fields, count - 1);
    }
    kind = output_name_check(draft, &output);
    if (kind == ERR_NONE) {
        draft->outputs[draft->output_count++] = output;
    }
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
    enum err_kind kind = ERR_NONE;
    for (size_t i = 0; i < count && kind == ERR_NONE; i++) {
        kind = output_read(draft, ast_is(json_array_get(targets, i), "ResTarget"));
    }
    return kind;
}
