#include "view/roles.h"

#include "base/safeguard.h"

static const char *label(struct draft *draft, int table) {
    return arena_copy(draft->arena, table_label(&draft->tables[table])).ptr;
}

static bool in_key(const struct roles *roles, int class) {
    for (size_t p = 0; p < roles->key_count; p++) {
        if (roles->key[p] == class) {
            return true;
        }
    }
    return false;
}

/* ---- core tables joined INNER ---- */

/* Whether a table has all of K. */
static bool holds_key(const struct draft *draft, struct roles *roles, int table) {
    for (size_t p = 0; p < roles->key_count; p++) {
        int column = draft->classes[roles->key[p]].columns[table];
        if (column < 0) {
            return false;
        }
        roles->tables[table].key_columns[p] = column;
    }
    return true;
}

/* Whether ON gives the whole primary key of a table by columns of another one. */
static bool refers_by_key(const struct draft *draft, int table, int parent, int *ret_columns) {
    const struct catalog_table *source = draft->tables[table].source;
    for (size_t i = 0; i < source->key_count; i++) {
        int class = class_of(draft, table, catalog_column(source, source->key[i]));
        if (class < 0 || draft->classes[class].columns[parent] < 0) {
            return false;
        }
        ret_columns[i] = draft->classes[class].columns[parent];
    }
    return true;
}

/* A core table that another one refers to by its whole primary key, in a column that is not part of
 * K: it can be a lookup, and can't be core, since core tables are joined on K alone. */
static bool demote_one(const struct draft *draft, struct roles *roles) {
    int columns[DRAFT_KEY_MAX];
    for (int class = 0; class < (int)draft->class_count; class ++) {
        const int *of = draft->classes[class].columns;
        for (int t = 0; !in_key(roles, class) && t < (int)draft->table_count; t++) {
            for (int p = 0; p < (int)draft->table_count; p++) {
                if (t != p && of[t] >= 0 && of[p] >= 0 && roles->tables[t].core &&
                    roles->tables[p].core && refers_by_key(draft, t, p, columns)) {
                    roles->tables[t].core = false;
                    return true;
                }
            }
        }
    }
    return false;
}

static bool find_core(struct draft *draft, struct roles *roles) {
    size_t count = 0;
    for (int t = 0; t < (int)draft->table_count; t++) {
        bool core = !draft->tables[t].left && holds_key(draft, roles, t);
        roles->tables[t].core = core;
        count += core;
    }
    while (demote_one(draft, roles)) {
        count--;
    }
    for (int t = 0; t < (int)draft->table_count; t++) {
        roles->tables[t].placed = roles->tables[t].core;
        roles->tables[t].parent = -1;
    }
    return count > 0 || roles_misfit(draft, roles, FIT_NO_ROLE, draft->tables[0].at,
                                     "no table that is joined INNER has all of it");
}

/* ---- lookups joined INNER ---- */

/* Whether ON itself compares the primary key of a table with a parent's columns. */
static bool compares_key(const struct draft *draft, int table, int parent) {
    const struct catalog_table *source = draft->tables[table].source;
    size_t found = 0;
    for (size_t i = 0; i < source->key_count; i++) {
        int column = catalog_column(source, source->key[i]);
        bool said = false;
        for (size_t e = 0; e < draft->equality_count; e++) {
            const struct draft_column *a = &draft->equalities[e].joined;
            const struct draft_column *b = &draft->equalities[e].other;
            said |= a->table == table && a->column == column && b->table == parent;
            said |= b->table == table && b->column == column && a->table == parent;
        }
        found += said;
    }
    return found == source->key_count;
}

/* Gives one more table its parent: one that ON compares it with, unless `any` of equal value does.
 */
static bool place_one(const struct draft *draft, struct roles *roles, bool any) {
    for (int t = 0; t < (int)draft->table_count; t++) {
        struct table_role *role = &roles->tables[t];
        for (int p = 0; p < (int)draft->table_count; p++) {
            if (!role->placed && !draft->tables[t].left && roles->tables[p].placed &&
                (any || compares_key(draft, t, p)) &&
                refers_by_key(draft, t, p, role->parent_columns)) {
                role->placed = true;
                role->parent = p;
                return true;
            }
        }
    }
    return false;
}

static bool refuse_no_lookup(struct draft *draft, struct roles *roles, int table, size_t at) {
    return roles_misfit(
        draft, roles, FIT_NO_ROLE, at,
        "%s is not joined on it alone, and is no lookup: ON must compare its whole primary key "
        "(%s) with columns of one table",
        label(draft, table), key_show(draft, table));
}

static bool find_lookups(struct draft *draft, struct roles *roles) {
    while (place_one(draft, roles, false) || place_one(draft, roles, true)) {
    }
    for (int t = 0; t < (int)draft->table_count; t++) {
        if (!roles->tables[t].placed && !draft->tables[t].left) {
            return refuse_no_lookup(draft, roles, t, draft->tables[t].at);
        }
    }
    return true;
}

/* ---- all that ON says is kept ---- */

static bool is_key_column(const struct draft *draft, int table, int column) {
    const struct catalog_table *source = draft->tables[table].source;
    return catalog_in_key(source, source->columns[column].name);
}

/* Whether the roles keep two tables' columns of a class equal by themselves. */
static bool keeps_equal(const struct draft *draft, const struct roles *roles, int class, int a,
                        int b) {
    const struct table_role *one = &roles->tables[a], *other = &roles->tables[b];
    const int *columns = draft->classes[class].columns;
    return (one->core && other->core && in_key(roles, class)) ||
           (one->parent == b && is_key_column(draft, a, columns[a])) ||
           (other->parent == a && is_key_column(draft, b, columns[b]));
}

/* A table of the class whose column nothing keeps equal to the first one's; -1: there is none. */
static int find_loose(const struct draft *draft, const struct roles *roles, int class) {
    const int *columns = draft->classes[class].columns;
    bool reached[OCCURRENCES_MAX] = {false};
    int first = 0;
    while (columns[first] < 0) {
        first++;
    }
    reached[first] = true;
    for (bool more = true; more;) {
        more = false;
        for (int a = first; a < (int)draft->table_count; a++) {
            for (int b = first; b < (int)draft->table_count; b++) {
                if (columns[a] >= 0 && columns[b] >= 0 && reached[a] && !reached[b] &&
                    keeps_equal(draft, roles, class, a, b)) {
                    reached[b] = more = true;
                }
            }
        }
    }
    for (int t = first; t < (int)draft->table_count; t++) {
        if (columns[t] >= 0 && !reached[t]) {
            return t;
        }
    }
    return -1;
}

static bool check_equal(struct draft *draft, struct roles *roles) {
    for (int class = 0; class < (int)draft->class_count; class ++) {
        int loose = find_loose(draft, roles, class);
        if (loose < 0 || !SAFEGUARD("all that ON says is kept")) {
            continue;
        }
        const struct draft_class *of = &draft->classes[class];
        int first = 0;
        while (of->columns[first] < 0) {
            first++;
        }
        return roles_misfit(draft, roles, FIT_NO_ROLE, of->at,
                            "ON says more than it: write %s = %s into WHERE",
                            column_show(draft, first, of->columns[first]),
                            column_show(draft, loose, of->columns[loose]));
    }
    return true;
}

/* ---- tables joined LEFT ---- */

/* Core, if ON compares exactly K with tables that are joined INNER. */
static bool left_core(const struct draft *draft, struct roles *roles, int table) {
    bool has[DRAFT_KEY_MAX] = {false};
    size_t count = 0;
    for (size_t e = 0; e < draft->equality_count; e++) {
        const struct draft_equality *equality = &draft->equalities[e];
        if (equality->joined.table != table) {
            continue;
        }
        size_t p = 0;
        int class = class_of(draft, equality->other.table, equality->other.column);
        while (p < roles->key_count && roles->key[p] != class) {
            p++;
        }
        bool again = false, elsewhere = false; /* said twice; a column for two parts of K */
        for (size_t q = 0; q < roles->key_count; q++) {
            bool same = has[q] && roles->tables[table].key_columns[q] == equality->joined.column;
            again |= same && q == p;
            elsewhere |= same && q != p;
        }
        if (p == roles->key_count || elsewhere || (has[p] && !again)) {
            return false;
        }
        count += !again;
        has[p] = true;
        roles->tables[table].key_columns[p] = equality->joined.column;
    }
    return count == roles->key_count;
}

/* A lookup, if ON compares exactly its primary key with one table. */
static bool left_lookup(const struct draft *draft, struct roles *roles, int table) {
    const struct catalog_table *source = draft->tables[table].source;
    struct table_role *role = &roles->tables[table];
    bool has[DRAFT_KEY_MAX] = {false};
    size_t count = 0;
    role->parent = -1;
    for (size_t e = 0; e < draft->equality_count; e++) {
        const struct draft_column *joined = &draft->equalities[e].joined;
        const struct draft_column *other = &draft->equalities[e].other;
        if (joined->table != table) {
            continue;
        }
        size_t i = 0;
        while (i < source->key_count && catalog_column(source, source->key[i]) != joined->column) {
            i++;
        }
        bool again = i < source->key_count && has[i] && role->parent == other->table &&
                     role->parent_columns[i] == other->column;
        if (i == source->key_count || (has[i] && !again) ||
            (role->parent >= 0 && role->parent != other->table)) {
            return false;
        }
        count += !again;
        has[i] = true;
        role->parent = other->table;
        role->parent_columns[i] = other->column;
    }
    return count == source->key_count;
}

/* A partner of a partner would count only where the first one is there. */
static bool refuse_behind_left(struct draft *draft, struct roles *roles,
                               const struct draft_equality *equality) {
    const struct draft_column *other = &equality->other, *joined = &equality->joined;
    for (size_t p = 0; p < roles->key_count; p++) {
        if (roles->tables[other->table].key_columns[p] == other->column) {
            const struct draft_class *class = &draft->classes[roles->key[p]];
            int first = 0;
            while (class->columns[first] < 0) {
                first++;
            }
            return roles_misfit(draft, roles, FIT_NO_ROLE, equality->at,
                                "%s is compared with a column of %s, which is joined LEFT itself: "
                                "write %s = %s",
                                label(draft, joined->table), label(draft, other->table),
                                column_show(draft, first, class->columns[first]),
                                column_show(draft, joined->table, joined->column));
        }
    }
    return true;
}

static bool refuse_left(struct draft *draft, struct roles *roles, int table) {
    size_t at = draft->tables[table].at;
    const struct catalog_table *source = draft->tables[table].source;
    size_t compared = 0;
    for (size_t e = 0; e < draft->equality_count; e++) {
        const struct draft_equality *equality = &draft->equalities[e];
        if (equality->joined.table != table) {
            continue;
        }
        const struct table_role *other = &roles->tables[equality->other.table];
        if (draft->tables[equality->other.table].left && other->core &&
            !refuse_behind_left(draft, roles, equality)) {
            return false;
        }
        compared += catalog_in_key(source, source->columns[equality->joined.column].name);
    }
    if (compared < source->key_count) {
        return refuse_no_lookup(draft, roles, table, at);
    }
    return roles_misfit(draft, roles, FIT_NO_ROLE, at,
                        "%s is not joined on it alone, and is no lookup: ON of its LEFT JOIN must "
                        "compare its primary key (%s) with columns of one table, and nothing else",
                        label(draft, table), key_show(draft, table));
}

static bool find_left(struct draft *draft, struct roles *roles) {
    for (int t = 0; t < (int)draft->table_count; t++) {
        struct table_role *role = &roles->tables[t];
        if (!draft->tables[t].left) {
            continue;
        }
        role->core = left_core(draft, roles, t);
        if (!role->core && !left_lookup(draft, roles, t)) {
            return refuse_left(draft, roles, t);
        }
        role->parent = role->core ? -1 : role->parent;
        role->placed = true;
    }
    return true;
}

/* ---- one table, one place; or two roles ---- */

static bool key_in_primary_key(const struct draft *draft, const struct roles *roles, int table) {
    for (size_t p = 0; p < roles->key_count; p++) {
        if (!is_key_column(draft, table, roles->tables[table].key_columns[p])) {
            return false;
        }
    }
    return true;
}

/* All occurrences of the table: its topic is read as one. */
static void set_two_roles(const struct draft *draft, struct roles *roles, int core) {
    bool keyed = !key_in_primary_key(draft, roles, core);
    roles->filtered_count += !roles->tables[core].filtered;
    roles->keyed_count += keyed && !roles->tables[core].filtered;
    roles->tables[core].filtered = true;
    for (size_t t = 0; t < draft->table_count; t++) {
        roles->tables[t].keyed |= keyed && draft->tables[t].source == draft->tables[core].source;
    }
}

static bool check_places(struct draft *draft, struct roles *roles) {
    for (int b = 0; b < (int)draft->table_count; b++) {
        for (int a = 0; a < b; a++) {
            bool same = draft->tables[a].source == draft->tables[b].source;
            bool core_a = roles->tables[a].core, core_b = roles->tables[b].core;
            if (!same || (!core_a && !core_b)) {
                continue;
            }
            if (core_a && core_b && SAFEGUARD("a table is core once")) {
                return roles_misfit(
                    draft, roles, FIT_NO_ROLE, draft->tables[b].at,
                    "%s and %s are one table, whose rows can be placed by one key only",
                    label(draft, a), label(draft, b));
            }
            if (core_a != core_b) {
                set_two_roles(draft, roles, core_a ? a : b);
            }
        }
    }
    return true;
}

void roles_find(struct draft *draft, struct roles *roles) {
    roles->source = &draft->source;
    roles->supported = NULL;
    roles->lookup_count = roles->filtered_count = roles->keyed_count = 0;
    for (size_t t = 0; t < draft->table_count; t++) {
        roles->tables[t].filtered = roles->tables[t].keyed = false;
        for (size_t p = 0; p < DRAFT_KEY_MAX; p++) {
            roles->tables[t].key_columns[p] = -1;
        }
    }
    if (!find_core(draft, roles) || !find_lookups(draft, roles) || !check_equal(draft, roles) ||
        !find_left(draft, roles) || !check_places(draft, roles)) {
        return;
    }
    for (size_t t = 0; t < draft->table_count; t++) {
        roles->lookup_count += !roles->tables[t].core;
    }
    if (roles_check(draft, roles)) {
        roles->fit = FIT;
    }
}
