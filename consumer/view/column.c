/* Names of columns in the view's statement, see draft.h. */
#include "view/draft.h"
#include "view/identifier.h"

struct str table_label(const struct draft_table *table) {
    return table->alias.ptr ? table->alias : table->source->name;
}

const char *column_show(struct draft *draft, int table, int column) {
    const struct draft_table *from = &draft->tables[table];
    struct buf text = {0};
    identifier_append(&text, table_label(from));
    buf_str(&text, STR("."));
    identifier_append(&text, from->source->columns[column].name);
    struct str shown = arena_copy(draft->arena, buf_view(&text));
    buf_clear(&text);
    return shown.ptr;
}

const char *key_show(struct draft *draft, int table) {
    const struct catalog_table *source = draft->tables[table].source;
    struct buf text = {0};
    for (size_t i = 0; i < source->key_count; i++) {
        buf_str(&text, i == 0 ? STR("") : STR(", "));
        buf_str(&text, str_from(column_show(draft, table, catalog_column(source, source->key[i]))));
    }
    struct str shown = arena_copy(draft->arena, buf_view(&text));
    buf_clear(&text);
    return shown.ptr;
}

/* ---- which table ---- */

/* Whether a reference's qualifier (schema absent: table or alias alone) means this table. */
static bool table_is(const struct draft_table *table, struct str schema, struct str name) {
    if (!schema.ptr) {
        return str_equal(table_label(table), name);
    }
    return !table->alias.ptr && str_equal(table->source->schema, schema) &&
           str_equal(table->source->name, name);
}

static enum err_kind refuse_table(struct draft *draft, struct scope scope, struct str name,
                                  size_t at) {
    char shown[IDENTIFIER_TEXT_MAX], other[IDENTIFIER_TEXT_MAX];
    identifier_text(shown, name);
    struct nearest nearest = {.name = name};
    for (size_t i = 0; i < draft->table_count; i++) {
        const struct draft_table *table = &draft->tables[i];
        bool in_scope = i >= scope.first && i < scope.last;
        if (in_scope && table->alias.ptr && str_equal(table->source->name, name)) {
            return source_refuse(&draft->source, at, NULL, draft->report,
                                 "table %s must be called by its alias %s here", shown,
                                 identifier_text(other, table->alias));
        }
        if (!in_scope && str_equal(table_label(table), name)) {
            return source_refuse(&draft->source, at, NULL, draft->report,
                                 "table %s is not part of this JOIN", shown);
        }
        nearest_try(&nearest, in_scope ? table_label(table) : STR(""));
    }
    struct str near = nearest_found(&nearest);
    return near.len > 0 ? source_refuse(&draft->source, at, NULL, draft->report,
                                        "no table %s in FROM: is %s meant?", shown,
                                        identifier_text(other, near))
                        : source_refuse(&draft->source, at, NULL, draft->report,
                                        "no table %s in FROM", shown);
}

/* ---- which column ---- */

static enum err_kind refuse_column(struct draft *draft, struct scope scope, struct str name,
                                   size_t at) {
    char shown[IDENTIFIER_TEXT_MAX];
    identifier_text(shown, name);
    struct nearest nearest = {.name = name};
    size_t near_table = scope.first;
    for (size_t i = scope.first; i < scope.last; i++) {
        const struct catalog_table *table = draft->tables[i].source;
        struct str before = nearest.best;
        for (size_t j = 0; j < table->column_count; j++) {
            nearest_try(&nearest, table->columns[j].name);
        }
        near_table = nearest.best.ptr != before.ptr ? i : near_table;
    }
    char where[IDENTIFIER_TEXT_MAX];
    identifier_text(where, table_label(&draft->tables[scope.first]));
    const char *in = scope.last - scope.first == 1 ? where : "the tables of FROM";
    struct str near = nearest_found(&nearest);
    if (!near.ptr) {
        return source_refuse(&draft->source, at, NULL, draft->report, "no column %s in %s", shown,
                             in);
    }
    int column = catalog_column(draft->tables[near_table].source, near);
    return source_refuse(&draft->source, at, NULL, draft->report,
                         "no column %s in %s: is %s meant?", shown, in,
                         column_show(draft, (int)near_table, column));
}

static enum err_kind find_in(struct draft *draft, struct scope scope, struct str name, size_t at,
                             struct draft_output *found) {
    for (size_t i = scope.first; i < scope.last; i++) {
        int column = catalog_column(draft->tables[i].source, name);
        if (column >= 0 && found->column >= 0) {
            return source_refuse(&draft->source, at, NULL, draft->report,
                                 "column " STR_FMT " is ambiguous: %s or %s?", STR_ARG(name),
                                 column_show(draft, found->table, found->column),
                                 column_show(draft, (int)i, column));
        }
        if (column >= 0) {
            found->table = (int)i;
            found->column = column;
        }
    }
    return found->column >= 0 ? ERR_NONE : refuse_column(draft, scope, name, at);
}

static enum err_kind narrow(struct draft *draft, json_t *fields, size_t at, struct scope *scope) {
    size_t count = json_array_size(fields);
    struct str schema = count == 3 ? ast_name(fields, 0) : STR_NONE;
    struct str name = ast_name(fields, count - 2);
    char shown[2][IDENTIFIER_TEXT_MAX];
    for (size_t i = scope->first; i < scope->last; i++) {
        if (table_is(&draft->tables[i], schema, name)) {
            *scope = (struct scope){i, i + 1};
            return ERR_NONE;
        }
    }
    if (schema.ptr) {
        return source_refuse(&draft->source, at, NULL, draft->report, "no table %s.%s in FROM",
                             identifier_text(shown[0], schema), identifier_text(shown[1], name));
    }
    return refuse_table(draft, *scope, name, at);
}

enum err_kind column_find(struct draft *draft, json_t *node, struct scope scope, int *ret_table,
                          int *ret_column) {
    json_t *reference = ast_is(node, "ColumnRef");
    json_t *fields = json_object_get(reference, "fields");
    size_t count = json_array_size(fields), at = ast_own_place(reference);
    if (count == 0 || count > 3 || !ast_name(fields, count - 1).ptr) {
        return source_refuse(&draft->source, at, "column, table.column or schema.table.column",
                             draft->report, "this names no column");
    }
    if (count > 1) {
        enum err_kind kind = narrow(draft, fields, at, &scope);
        if (kind != ERR_NONE) {
            return kind;
        }
    }
    struct draft_output found = {.table = -1, .column = -1};
    enum err_kind kind = find_in(draft, scope, ast_name(fields, count - 1), at, &found);
    if (kind != ERR_NONE) {
        return kind;
    }
    const char *unfit = draft->tables[found.table].source->columns[found.column].unfit;
    if (unfit) {
        return source_refuse(&draft->source, at, NULL, draft->report, "column %s: %s",
                             column_show(draft, found.table, found.column), unfit);
    }
    *ret_table = found.table;
    *ret_column = found.column;
    return ERR_NONE;
}

bool column_type(struct draft *draft, int table, int column, struct type *ret_type,
                 const char **ret_why) {
    json_t *declared = draft->tables[table].source->columns[column].type;
    if (type_read(&draft->catalog, declared, ret_type)) {
        return true;
    }
    struct buf name = {0}, reason = {0};
    type_name(&name, declared, buf_view(&draft->catalog.source.text));
    type_why(&reason, &draft->catalog, declared);
    struct str why = arena_printf(
        draft->arena, "column %s is of type " STR_FMT ", which is not supported" STR_FMT,
        column_show(draft, table, column), STR_ARG(buf_view(&name)), STR_ARG(buf_view(&reason)));
    buf_clear(&name);
    buf_clear(&reason);
    *ret_why = why.ptr;
    return false;
}

bool column_not_null(struct draft *draft, int table, int column) {
    const struct catalog_table *source = draft->tables[table].source;
    const struct catalog_column *declared = &source->columns[column];
    struct type type;
    const char *why;
    return declared->not_null || catalog_in_key(source, declared->name) ||
           (column_type(draft, table, column, &type, &why) && type.serial);
}

bool column_collation_exact(const struct draft *draft, int table, int column,
                            struct str *ret_other) {
    static const char *const exact[] = {"default", "C", "POSIX", "ucs_basic"};
    json_t *names = draft->tables[table].source->columns[column].collate;
    struct str name = names ? ast_name(names, json_array_size(names) - 1) : STR("default");
    for (size_t i = 0; i < sizeof exact / sizeof *exact; i++) {
        if (str_is(name, exact[i])) {
            return true;
        }
    }
    *ret_other = name;
    return false;
}

enum collating column_collating(const struct draft *draft, struct draft_column column,
                                json_t **ret_names) {
    static const char *const bytes[] = {"C", "POSIX", "ucs_basic"};
    const struct catalog_column *declared =
        &draft->tables[column.table].source->columns[column.column];
    json_t *names =
        declared->collate ? declared->collate : type_collate(&draft->catalog, declared->type);
    size_t count = json_array_size(names);
    struct str name = ast_name(names, count - 1);
    bool of_postgres = count == 1 || str_is(ast_name(names, 0), "pg_catalog");
    *ret_names = names;
    if (!names || (of_postgres && str_is(name, "default"))) {
        return COLLATING_DEFAULT;
    }
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes && of_postgres; i++) {
        if (str_is(name, bytes[i])) {
            return COLLATING_BYTES;
        }
    }
    return COLLATING_OTHER;
}
