/* Keys and types: each table's columns in order, the sink's primary key. See draft.h. */
#include "view/draft.h"
#include "view/identifier.h"

#define JOIN_TYPES "smallint, integer, bigint, text, varchar, uuid"

/* ---- a table's columns ---- */

static size_t column_position(const struct draft_table *table, int column) {
    size_t i = 0;
    while (i < table->column_count && table->columns[i] != column) {
        i++;
    }
    return i;
}

/* Appends a column to its table's list unless it is there. */
static enum err_kind column_use(struct draft *draft, const struct draft_output *use) {
    struct draft_table *table = &draft->tables[use->table];
    if (column_position(table, use->column) < table->column_count) {
        return ERR_NONE;
    }
    if (table->column_count == COLUMNS_MAX) {
        return source_refuse(&draft->source, use->at, NULL, draft->report,
                             "more than %d columns of table " STR_FMT, COLUMNS_MAX,
                             STR_ARG(table_label(table)));
    }
    struct type type;
    enum err_kind kind = column_type(draft, use->table, use->column, use->at, &type);
    if (kind == ERR_NONE) {
        table->columns[table->column_count] = use->column;
        table->types[table->column_count++] = type;
    }
    return kind;
}

/* Keys are compared byte by byte here, so PostgreSQL must not call different bytes equal. */
static enum err_kind check_collation(struct draft *draft, const struct draft_output *use) {
    static const char *const exact[] = {"default", "C", "POSIX", "ucs_basic"};
    json_t *names = draft->tables[use->table].source->columns[use->column].collate;
    struct str name = names ? ast_name(names, json_array_size(names) - 1) : STR("default");
    for (size_t i = 0; i < sizeof exact / sizeof *exact; i++) {
        if (str_is(name, exact[i])) {
            return ERR_NONE;
        }
    }
    return source_refuse(
        &draft->source, use->at, "\"C\", \"POSIX\", \"default\", \"ucs_basic\"", draft->report,
        "key column %s has COLLATE \"" STR_FMT "\", under which different texts may be equal",
        column_show(draft, use->table, use->column), STR_ARG(name));
}

/* ---- the join key ---- */

/* partition.payload.fields is a list with commas, of paths with dots. */
static enum err_kind check_join_name(struct draft *draft, const struct draft_output *use) {
    struct str name = draft->tables[use->table].source->columns[use->column].name;
    bool dots = memchr(name.ptr, '.', name.len) || memchr(name.ptr, ',', name.len);
    bool blanks = (unsigned char)name.ptr[0] <= ' ' || (unsigned char)name.ptr[name.len - 1] <= ' ';
    if (!dots && !blanks) {
        return ERR_NONE;
    }
    return source_refuse(&draft->source, use->at, NULL, draft->report,
                         "join column %s: Debezium's setting partition.payload.fields can't name a "
                         "column with a dot, a comma or a blank at an end",
                         column_show(draft, use->table, use->column));
}

static enum err_kind check_same_type(struct draft *draft, size_t part, int table, size_t at) {
    const struct type *first = &draft->tables[0].types[part];
    const struct type *other = &draft->tables[table].types[part];
    if (first->kind == other->kind) {
        return ERR_NONE; /* the lengths of varchar may differ */
    }
    struct buf a = {0}, b = {0};
    type_sql(&a, first);
    type_sql(&b, other);
    enum err_kind kind = source_refuse(
        &draft->source, at, NULL, draft->report,
        "the join key's types differ: %s is " STR_FMT ", %s is " STR_FMT,
        column_show(draft, 0, draft->join[part].columns[0]), STR_ARG(buf_view(&a)),
        column_show(draft, table, draft->join[part].columns[table]), STR_ARG(buf_view(&b)));
    buf_clear(&a);
    buf_clear(&b);
    return kind;
}

static enum err_kind join_column_read(struct draft *draft, size_t part, int table) {
    const struct draft_join *join = &draft->join[part];
    struct draft_output use = {.table = table, .column = join->columns[table], .at = join->at};
    enum err_kind kind = column_use(draft, &use);
    if (kind != ERR_NONE) {
        return kind;
    }
    const struct type *type = &draft->tables[table].types[part];
    if (!type_joins(type)) {
        struct buf name = {0};
        type_sql(&name, type);
        kind = source_refuse(&draft->source, use.at, JOIN_TYPES, draft->report,
                             "join column %s is of type " STR_FMT
                             ", which Debezium does not hash as SQL compares it",
                             column_show(draft, table, use.column), STR_ARG(buf_view(&name)));
        buf_clear(&name);
        return kind;
    }
    kind = check_same_type(draft, part, table, use.at);
    if (kind == ERR_NONE) {
        kind = check_collation(draft, &use);
    }
    return kind == ERR_NONE ? check_join_name(draft, &use) : kind;
}

/* ---- the primary keys ---- */

/* The output that shows a column, -1: none does. */
static int output_of(const struct draft *draft, int table, int column) {
    for (size_t i = 0; i < draft->output_count; i++) {
        if (draft->outputs[i].table == table && draft->outputs[i].column == column) {
            return (int)i;
        }
    }
    return -1;
}

static enum err_kind key_output_add(struct draft *draft, int output, int table, int column) {
    if (output < 0) {
        return source_refuse(&draft->source, draft->outputs[0].at, SUPPORTED_VIEW, draft->report,
                             "the select list lacks %s: every row needs the join key and the "
                             "primary keys of all tables",
                             column_show(draft, table, column));
    }
    if (draft->key_output_count == DRAFT_KEY_MAX) {
        return source_refuse(&draft->source, draft->outputs[output].at, NULL, draft->report,
                             "join key and primary keys have more than %d columns together",
                             DRAFT_KEY_MAX);
    }
    draft->key_outputs[draft->key_output_count++] = output;
    return ERR_NONE;
}

static enum err_kind join_output_read(struct draft *draft, size_t part) {
    int output = -1;
    for (size_t t = 0; t < draft->table_count; t++) {
        int shown = output_of(draft, (int)t, draft->join[part].columns[t]);
        output = shown >= 0 && (output < 0 || shown < output) ? shown : output;
    }
    return key_output_add(draft, output, 0, draft->join[part].columns[0]);
}

static enum err_kind check_key_type(struct draft *draft, const struct draft_output *use) {
    const struct draft_table *table = &draft->tables[use->table];
    const struct type *type = &table->types[column_position(table, use->column)];
    if (type_key(type) != KEY_NONE) {
        return check_collation(draft, use);
    }
    struct buf name = {0};
    type_sql(&name, type);
    enum err_kind kind =
        source_refuse(&draft->source, use->at, NULL, draft->report,
                      "key column %s is of type " STR_FMT ", which can't be a key here: its equal "
                      "values may be written differently",
                      column_show(draft, use->table, use->column), STR_ARG(buf_view(&name)));
    buf_clear(&name);
    return kind;
}

static enum err_kind primary_key_read(struct draft *draft, int t) {
    struct draft_table *table = &draft->tables[t];
    for (size_t i = 0; i < table->source->key_count; i++) {
        int column = catalog_column(table->source, table->source->key[i]);
        if (column < 0) {
            return source_refuse(&draft->catalog.source, table->source->at, NULL, draft->report,
                                 "the primary key of table " STR_FMT " names no column " STR_FMT,
                                 STR_ARG(table->source->name), STR_ARG(table->source->key[i]));
        }
        if (column_position(table, column) < draft->join_count) {
            continue;
        }
        int output = output_of(draft, t, column);
        enum err_kind kind = key_output_add(draft, output, t, column);
        if (kind != ERR_NONE) {
            return kind;
        }
        kind = column_use(draft, &draft->outputs[output]);
        if (kind == ERR_NONE) {
            kind = check_key_type(draft, &draft->outputs[output]);
        }
        if (kind != ERR_NONE) {
            return kind;
        }
    }
    table->key_count = table->column_count;
    return ERR_NONE;
}

enum err_kind keys_read(struct draft *draft) {
    enum err_kind kind = ERR_NONE;
    for (size_t part = 0; part < draft->join_count && kind == ERR_NONE; part++) {
        for (size_t t = 0; t < draft->table_count && kind == ERR_NONE; t++) {
            kind = join_column_read(draft, part, (int)t);
        }
        kind = kind == ERR_NONE ? join_output_read(draft, part) : kind;
    }
    for (size_t t = 0; t < draft->table_count && kind == ERR_NONE; t++) {
        kind = primary_key_read(draft, (int)t);
    }
    for (size_t i = 0; i < draft->output_count && kind == ERR_NONE; i++) {
        kind = column_use(draft, &draft->outputs[i]);
    }
    return kind;
}
