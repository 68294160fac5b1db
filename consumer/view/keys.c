/* Each relation's columns in order, references, and the sink's primary key. See draft.h. */
#include "view/expression.h"
#include "view/roles.h"

size_t relation_column(const struct draft_relation *relation, int column) {
    size_t i = 0;
    while (i < relation->column_count && relation->columns[i] != column) {
        i++;
    }
    return i;
}

/* Appends a column to its relation's list unless it is there. */
static enum err_kind column_use(struct draft *draft, struct draft_column use, size_t at) {
    struct draft_relation *relation = relation_of(draft, use.table);
    if (relation_column(relation, use.column) < relation->column_count) {
        return ERR_NONE;
    }
    if (relation->column_count == COLUMNS_MAX) {
        return source_refuse(&draft->source, at, NULL, draft->report,
                             "more than %d columns of table " STR_FMT, COLUMNS_MAX,
                             STR_ARG(table_label(&draft->tables[use.table])));
    }
    struct type type;
    const char *why;
    if (!column_type(draft, use.table, use.column, &type, &why)) {
        return source_refuse(&draft->source, at, TYPE_SUPPORTED, draft->report, "%s", why);
    }
    relation->columns[relation->column_count] = use.column;
    relation->types[relation->column_count++] = type;
    return ERR_NONE;
}

/* ---- keys ---- */

static enum err_kind check_key_type(struct draft *draft, struct draft_column use, size_t at) {
    const struct draft_relation *relation = relation_of(draft, use.table);
    const struct type *type = &relation->types[relation_column(relation, use.column)];
    struct str collation;
    if (!column_collation_exact(draft, use.table, use.column, &collation)) {
        return source_refuse(&draft->source, at, COLLATIONS, draft->report, COLLATION_REFUSED,
                             column_show(draft, use.table, use.column), STR_ARG(collation));
    }
    if (type_key(type) != KEY_NONE) {
        return ERR_NONE;
    }
    struct buf name = {0};
    type_source(&name, type);
    enum err_kind kind =
        source_refuse(&draft->source, at, NULL, draft->report,
                      "key column %s is of type " STR_FMT ", which can't be a key here: its equal "
                      "values may be written differently",
                      column_show(draft, use.table, use.column), STR_ARG(buf_view(&name)));
    buf_clear(&name);
    return kind;
}

static enum err_kind key_output_add(struct draft *draft, int output) {
    if (draft->key_output_count == DRAFT_KEY_MAX) {
        return source_refuse(&draft->source, draft->outputs[output].at, NULL, draft->report,
                             "join key and primary keys have more than %d columns together",
                             DRAFT_KEY_MAX);
    }
    draft->key_outputs[draft->key_output_count++] = output;
    return ERR_NONE;
}

/* Of a core table, what the sink's key shows of it beside K. */
static enum err_kind primary_key_read(struct draft *draft, int t) {
    struct draft_table *table = &draft->tables[t];
    struct draft_relation *relation = relation_of(draft, t);
    for (size_t i = 0; i < table->source->key_count; i++) {
        struct draft_column use = {t, catalog_column(table->source, table->source->key[i])};
        if (relation_column(relation, use.column) < relation->column_count) {
            continue;
        }
        size_t at = table->at;
        enum err_kind kind = ERR_NONE;
        if (table->role == ROLE_CORE) {
            int output = output_of(draft, t, use.column);
            at = draft->outputs[output].at;
            kind = key_output_add(draft, output);
            table->adds_key = table->left;
        }
        if (kind == ERR_NONE) {
            kind = column_use(draft, use, at);
        }
        if (kind == ERR_NONE) {
            kind = check_key_type(draft, use, at);
        }
        if (kind != ERR_NONE) {
            return kind;
        }
    }
    relation->key_count = relation->column_count;
    return ERR_NONE;
}

static enum err_kind relation_key_read(struct draft *draft, const struct draft_relation *relation) {
    enum err_kind kind = ERR_NONE;
    int t = relation->first;
    for (size_t p = 0; relation->role == ROLE_CORE && p < draft->join_count && kind == ERR_NONE;
         p++) {
        struct draft_column use = {t, draft->join[p].columns[t]};
        kind = column_use(draft, use, draft->join[p].at);
    }
    return kind == ERR_NONE ? primary_key_read(draft, t) : kind;
}

/* ---- references ---- */

static bool same_columns(const struct draft_reference *a, const struct draft_reference *b) {
    return a->column_count == b->column_count &&
           memcmp(a->columns, b->columns, a->column_count * sizeof *a->columns) == 0;
}

/* Nodes with the same columns share their reference, and its index in the state. */
static int reference_add(struct draft_relation *relation, const struct draft_reference *reference) {
    for (size_t i = 0; i < relation->reference_count; i++) {
        if (same_columns(&relation->references[i], reference)) {
            return (int)i;
        }
    }
    relation->references[relation->reference_count] = *reference;
    return (int)relation->reference_count++;
}

/* In front of the columns that are only shown: they are looked at more often. */
static enum err_kind reference_read(struct draft *draft, int t) {
    struct draft_table *table = &draft->tables[t];
    struct draft_relation *parent = relation_of(draft, table->parent);
    struct draft_reference reference = {.column_count = table->source->key_count};
    for (size_t i = 0; i < reference.column_count; i++) {
        struct draft_column use = {table->parent, table->parent_columns[i]};
        enum err_kind kind = column_use(draft, use, table->at);
        if (kind != ERR_NONE) {
            return kind;
        }
        reference.columns[i] = relation_column(parent, use.column);
    }
    table->reference = reference_add(parent, &reference);
    return ERR_NONE;
}

static enum err_kind expression_use(struct draft *draft,
                                    const struct draft_expression *expression) {
    enum err_kind kind = ERR_NONE;
    for (size_t i = 0; expression && i < expression->use_count && kind == ERR_NONE; i++) {
        kind = column_use(draft, expression->uses[i].column, expression->uses[i].at);
    }
    return kind;
}

static enum err_kind check_adds_key(struct draft *draft) {
    size_t count = 0;
    for (size_t t = 0; t < draft->table_count; t++) {
        count += draft->tables[t].adds_key;
        if (count > ADDS_KEY_MAX) {
            return source_refuse(&draft->source, draft->tables[t].at, NULL, draft->report,
                                 "more than %d tables that are joined LEFT by the key have a "
                                 "primary key beyond it",
                                 ADDS_KEY_MAX);
        }
    }
    return ERR_NONE;
}

enum err_kind keys_read(struct draft *draft) {
    enum err_kind kind = ERR_NONE;
    for (int left = 0; left <= 1; left++) { /* in the sink's key, what may be NULL comes last */
        for (size_t r = 0; r < draft->relation_count && kind == ERR_NONE; r++) {
            if (draft->tables[draft->relations[r].first].left == left) {
                kind = relation_key_read(draft, &draft->relations[r]);
            }
        }
    }
    kind = kind == ERR_NONE ? check_adds_key(draft) : kind;
    for (size_t o = draft->core_count; o < draft->table_count && kind == ERR_NONE; o++) {
        kind = reference_read(draft, draft->order[o]);
    }
    for (size_t i = 0; i < draft->output_count && kind == ERR_NONE; i++) {
        const struct draft_output *output = &draft->outputs[i];
        struct draft_column column = {output->table, output->column};
        kind = output->expression ? expression_use(draft, output->expression)
                                  : column_use(draft, column, output->at);
    }
    return kind == ERR_NONE ? expression_use(draft, draft->where) : kind;
}
