/* Which columns are equal in every row of the join, by ON of the tables that are joined INNER. See
 * draft.h. */
#include "view/draft.h"

int class_of(const struct draft *draft, int table, int column) {
    for (size_t i = 0; i < draft->class_count; i++) {
        if (draft->classes[i].columns[table] == column) {
            return (int)i;
        }
    }
    return -1;
}

int class_make(struct draft *draft, int table, int column, size_t at) {
    int found = class_of(draft, table, column);
    if (found >= 0 || draft->class_count == CLASSES_MAX) {
        return found;
    }
    struct draft_class *class = &draft->classes[draft->class_count];
    class->at = at;
    for (size_t t = 0; t < OCCURRENCES_MAX; t++) {
        class->columns[t] = -1;
    }
    class->columns[table] = column;
    return (int)draft->class_count++;
}

static enum err_kind refuse_two_columns(struct draft *draft, int table, int a, int b, size_t at) {
    const char *first = column_show(draft, table, a), *second = column_show(draft, table, b);
    return source_refuse(&draft->source, at, SUPPORTED_FROM, draft->report,
                         "ON makes two columns of one table equal: write %s = %s into WHERE, and "
                         "compare one of them in ON",
                         first, second);
}

/* Moves the columns of `from` into `into`: they turned out to be equal. */
static enum err_kind classes_merge(struct draft *draft, int into, int from, size_t at) {
    struct draft_class *a = &draft->classes[into], *b = &draft->classes[from];
    for (size_t t = 0; t < draft->table_count; t++) {
        if (a->columns[t] >= 0 && b->columns[t] >= 0) {
            return refuse_two_columns(draft, (int)t, a->columns[t], b->columns[t], at);
        }
        a->columns[t] = a->columns[t] >= 0 ? a->columns[t] : b->columns[t];
    }
    struct draft_class *last = &draft->classes[--draft->class_count];
    memmove(b, b + 1, (size_t)(last - b) * sizeof *b);
    return ERR_NONE;
}

static enum err_kind equality_read(struct draft *draft, const struct draft_equality *equality) {
    const struct draft_column *joined = &equality->joined, *other = &equality->other;
    int a = class_make(draft, other->table, other->column, equality->at);
    int b = class_make(draft, joined->table, joined->column, equality->at);
    if (a == b) {
        return ERR_NONE;
    }
    return classes_merge(draft, a < b ? a : b, a < b ? b : a, equality->at);
}

enum err_kind classes_read(struct draft *draft) {
    enum err_kind kind = ERR_NONE;
    for (size_t i = 0; i < draft->equality_count && kind == ERR_NONE; i++) {
        if (!draft->tables[draft->equalities[i].joined.table].left) {
            kind = equality_read(draft, &draft->equalities[i]);
        }
    }
    return kind;
}
