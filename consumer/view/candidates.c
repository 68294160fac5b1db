/* The choice of K: every key that ON or a primary key offers is tried. See roles.h. */
#include "view/share.h"

struct choice {
    struct draft *draft;
    const struct shares *shares; /* of the views before */
    struct roles *now, *best;    /* best: the one that fits, or came furthest */
    size_t count, best_index;
    int (*keys)[DRAFT_KEY_MAX]; /* those tried so far; -1 ends each */
    struct str *lines;          /* what became of each, for people */
};

/* ---- candidates ---- */

static bool same_key(const int *a, const struct roles *roles) {
    size_t count = 0;
    while (count < DRAFT_KEY_MAX && a[count] >= 0) {
        count++;
    }
    if (count != roles->key_count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        size_t j = 0;
        while (j < count && a[j] != roles->key[i]) {
            j++;
        }
        if (j == count) {
            return false;
        }
    }
    return true;
}

/* What every task reads all of: a table in two roles twice. */
static size_t whole_count(const struct roles *roles) {
    return roles->lookup_count + roles->filtered_count;
}

/* Earlier releases knew neither: what they chose stays. */
static bool is_recent(const struct roles *roles) {
    return roles->mixed || roles->filtered_count > 0;
}

/* Of several that fit one that shares a plan with views before; then one of the same types
 * throughout, and without tables in two roles; then one by which no row of such a table moves; then
 * the one with the fewest lookups, a table in two roles being one in both of them; then the one
 * with the fewest such tables; then the first one. */
static bool better(const struct roles *a, const struct roles *b) {
    if (a->fit != b->fit || a->fit != FIT) {
        return a->fit > b->fit;
    }
    bool shares = a->share != NULL, other_shares = b->share != NULL;
    if (shares != other_shares) {
        return shares;
    }
    if (is_recent(a) != is_recent(b)) {
        return is_recent(b);
    }
    if (a->keyed_count != b->keyed_count) {
        return a->keyed_count < b->keyed_count;
    }
    return whole_count(a) != whole_count(b) ? whole_count(a) < whole_count(b)
                                            : a->filtered_count < b->filtered_count;
}

static void find_share(const struct choice *choice, struct roles *roles) {
    roles->share = NULL;
    for (size_t i = 0; i < choice->shares->count && !roles->share; i++) {
        struct share *share = choice->shares->items[i];
        if (share_fits(share, choice->draft, roles, &roles->apart[i])) {
            roles->share = share;
        }
    }
}

/* "2 lookups, 1 table in two roles" */
static const char *fit_show(const struct choice *choice, const struct roles *roles) {
    struct arena *arena = choice->draft->arena;
    struct str text = arena_printf(arena, "%zu lookup%s", roles->lookup_count,
                                   roles->lookup_count == 1 ? "" : "s");
    if (roles->filtered_count > 0) {
        text = arena_printf(arena, "%s, %zu table%s in two roles%s", text.ptr,
                            roles->filtered_count, roles->filtered_count == 1 ? "" : "s",
                            roles->keyed_count > 0 ? ", whose rows would move" : "");
    }
    return choice->shares->count == 0 || roles->share
               ? text.ptr
               : arena_printf(arena, "%s, and a plan of its own beside the views before", text.ptr)
                     .ptr;
}

/* Tries choice->now's key. */
static void try(struct choice *choice, const char *origin) {
    struct roles *roles = choice->now;
    for (size_t i = 0; i < choice->count; i++) {
        if (same_key(choice->keys[i], roles)) {
            return;
        }
    }
    int *key = choice->keys[choice->count++];
    for (size_t i = 0; i < DRAFT_KEY_MAX; i++) {
        key[i] = i < roles->key_count ? roles->key[i] : -1;
    }
    roles->origin = origin;
    roles_find(choice->draft, roles);
    if (roles->fit == FIT) {
        find_share(choice, roles);
    }
    const char *shown = roles_key_show(choice->draft, roles);
    choice->lines[choice->count - 1] =
        arena_printf(choice->draft->arena, "by %s: %s", shown,
                     roles->fit == FIT ? fit_show(choice, roles) : roles->why);
    if (choice->count == 1 || better(roles, choice->best)) {
        choice->best_index = choice->count - 1;
        choice->now = choice->best;
        choice->best = roles;
    }
}

static void key_add(struct roles *roles, int class) {
    for (size_t i = 0; i < roles->key_count; i++) {
        if (roles->key[i] == class) {
            return;
        }
    }
    if (roles->key_count < DRAFT_KEY_MAX) {
        roles->key[roles->key_count++] = class;
    }
}

/* All that joins two tables, where that is more than one column. */
static void try_pair(struct choice *choice, int a, int b) {
    struct draft *draft = choice->draft;
    choice->now->key_count = 0;
    for (int class = 0; class < (int)draft->class_count; class ++) {
        bool both = draft->classes[class].columns[a] >= 0 && draft->classes[class].columns[b] >= 0;
        for (size_t e = 0; e < draft->equality_count; e++) {
            const struct draft_equality *equality = &draft->equalities[e];
            both |= equality->joined.table == b && equality->other.table == a &&
                    draft->classes[class].columns[a] == equality->other.column;
        }
        if (both) {
            key_add(choice->now, class);
        }
    }
    if (choice->now->key_count > 1) {
        try(choice, "tables are joined on it");
    }
}

static void try_primary_key(struct choice *choice, int table) {
    struct draft *draft = choice->draft;
    const struct catalog_table *source = draft->tables[table].source;
    choice->now->key_count = 0;
    for (size_t i = 0; i < source->key_count; i++) {
        int column = catalog_column(source, source->key[i]);
        int class = class_make(draft, table, column, draft->tables[table].at);
        if (class < 0 || i == DRAFT_KEY_MAX) {
            return;
        }
        key_add(choice->now, class);
    }
    try(choice, arena_printf(draft->arena, "the primary key of " STR_FMT,
                             STR_ARG(table_label(&draft->tables[table])))
                    .ptr);
}

/* As the views before place a table: a key that nothing here is joined on. */
static void try_placement(struct choice *choice, const struct share *share, int table) {
    struct draft *draft = choice->draft;
    const int *columns = NULL;
    size_t count = share_placement(share, draft->tables[table].source, &columns);
    choice->now->key_count = 0;
    for (size_t i = 0; i < count; i++) {
        int class = class_make(draft, table, columns[i], draft->tables[table].at);
        if (class < 0) {
            return;
        }
        key_add(choice->now, class);
    }
    if (count > 0) {
        try(choice, arena_printf(draft->arena, "the plan " STR_FMT " places " STR_FMT " by it",
                                 STR_ARG(share->drafts[0]->name),
                                 STR_ARG(table_label(&draft->tables[table])))
                        .ptr);
    }
}

static void try_all(struct choice *choice) {
    struct draft *draft = choice->draft;
    for (size_t e = 0; e < draft->equality_count; e++) {
        const struct draft_column *other = &draft->equalities[e].other;
        if (!draft->tables[other->table].left) {
            (void)class_make(draft, other->table, other->column, draft->equalities[e].at);
        }
    }
    int count = (int)draft->class_count;
    for (int class = 0; class < count; class ++) {
        choice->now->key[0] = class;
        choice->now->key_count = 1;
        try(choice, "tables are joined on it");
    }
    for (int b = 0; b < (int)draft->table_count; b++) {
        for (int a = 0; a < b; a++) {
            try_pair(choice, a, b);
        }
    }
    for (int t = 0; t < (int)draft->table_count; t++) {
        if (!draft->tables[t].left) {
            try_primary_key(choice, t);
        }
    }
    for (size_t s = 0; s < choice->shares->count; s++) {
        for (int t = 0; t < (int)draft->table_count; t++) {
            if (!draft->tables[t].left) {
                try_placement(choice, choice->shares->items[s], t);
            }
        }
    }
}

/* ---- WITH (partition_by = '...') ---- */

static enum err_kind refuse_partition_by(struct draft *draft, const char *what) {
    return source_refuse(&draft->source, draft->partition_by_at,
                         "partition_by = 'table.column, table.column'", draft->report, "%s", what);
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_blanks(struct str text, size_t *at) {
    while (*at < text.len && is_blank(text.ptr[*at])) {
        ++*at;
    }
}

/* Appends the name at *at to fields, as SQL reads it. False: none is there. */
static bool name_take(struct str text, size_t *at, json_t *fields) {
    struct buf name = {0};
    bool quoted = *at < text.len && text.ptr[*at] == '"', closed = !quoted;
    for (*at += quoted; *at < text.len && !(quoted && closed); ++*at) {
        char c = text.ptr[*at];
        if (quoted && c == '"') {
            closed = *at + 1 == text.len || text.ptr[*at + 1] != '"';
            *at += !closed;
        } else if (!quoted && (c == '.' || c == ',' || c == '"' || is_blank(c))) {
            break;
        }
        if (!quoted && c >= 'A' && c <= 'Z') {
            c = (char)(c - 'A' + 'a');
        }
        buf_append(&name, &c, quoted && closed ? 0 : 1);
    }
    bool good = closed && name.len > 0;
    if (good) {
        json_array_append_new(
            fields, json_pack("{s:{s:o}}", "String", "sval", json_stringn(name.ptr, name.len)));
    }
    buf_clear(&name);
    return good;
}

/* A name, or several with dots between them: what the parser makes of a column. */
static json_t *column_take(struct draft *draft, size_t *at) {
    struct str text = draft->partition_by;
    json_t *fields = json_array();
    bool good = true;
    do {
        skip_blanks(text, at);
        good = name_take(text, at, fields);
        skip_blanks(text, at);
    } while (good && *at < text.len && text.ptr[*at] == '.' && ++*at);
    good &= *at == text.len || text.ptr[*at] == ',';
    json_t *node = good ? json_pack("{s:{s:O, s:I}}", "ColumnRef", "fields", fields, "location",
                                    (json_int_t)draft->partition_by_at)
                        : NULL;
    json_decref(fields);
    return node;
}

static enum err_kind partition_column_read(struct draft *draft, struct roles *roles, size_t *at) {
    struct scope all = {0, draft->table_count};
    struct draft_column use;
    json_t *node = column_take(draft, at);
    if (!node) {
        return refuse_partition_by(draft, "partition_by does not name columns");
    }
    enum err_kind kind = column_find(draft, node, all, &use.table, &use.column);
    json_decref(node);
    if (kind != ERR_NONE) {
        return kind;
    }
    if (draft->tables[use.table].left) {
        return source_refuse(&draft->source, draft->partition_by_at, NULL, draft->report,
                             "partition_by names %s, whose table is joined LEFT: name the column "
                             "of another table that it is compared with",
                             column_show(draft, use.table, use.column));
    }
    int class = class_make(draft, use.table, use.column, draft->partition_by_at);
    if (class < 0 || roles->key_count == DRAFT_KEY_MAX) {
        return refuse_partition_by(draft, "partition_by names more than 32 columns");
    }
    key_add(roles, class);
    return ERR_NONE;
}

static enum err_kind partition_by_read(struct choice *choice) {
    struct draft *draft = choice->draft;
    enum err_kind kind = ERR_NONE;
    size_t at = 0;
    choice->now->key_count = 0;
    do {
        kind = partition_column_read(draft, choice->now, &at);
    } while (kind == ERR_NONE && at++ < draft->partition_by.len);
    if (kind == ERR_NONE) {
        try(choice, "partition_by says so");
    }
    return kind;
}

/* ---- what was chosen ---- */

static enum err_kind refuse_all(struct choice *choice) {
    const struct roles *roles = choice->best;
    struct draft *draft = choice->draft;
    struct buf more = {0};
    for (size_t i = 0; i < choice->count && choice->count > 1; i++) {
        buf_printf(&more, "  " STR_FMT "\n", STR_ARG(choice->lines[i]));
    }
    bool structural = roles->fit == FIT_NO_ROLE;
    enum err_kind kind = source_refuse_more(
        roles->source, roles->at, roles->supported, buf_view(&more), draft->report, "%s%s%s%s",
        structural ? "partitioned by " : "", structural ? roles_key_show(draft, roles) : "",
        structural ? ", " : "", roles->why);
    buf_clear(&more);
    return kind;
}

/* The keys that were not taken, and what became of them. */
static void others_keep(struct choice *choice) {
    struct draft *draft = choice->draft;
    draft->other_keys = arena_alloc(draft->arena, choice->count * sizeof *draft->other_keys);
    for (size_t i = 0; i < choice->count; i++) {
        if (i != choice->best_index) {
            draft->other_keys[draft->other_key_count++] = choice->lines[i];
        }
    }
}

static int relation_for(struct draft *draft, int table, enum role role) {
    for (size_t i = 0; i < draft->relation_count; i++) {
        if (draft->relations[i].source == draft->tables[table].source &&
            draft->relations[i].role == role) {
            return (int)i;
        }
    }
    struct draft_relation *relation = &draft->relations[draft->relation_count];
    *relation =
        (struct draft_relation){.source = draft->tables[table].source,
                                .role = role,
                                .filtered = role == ROLE_CORE && draft->tables[table].filtered,
                                .keyed = draft->tables[table].keyed,
                                .first = table};
    return (int)draft->relation_count++;
}

static void table_append(struct draft *draft, size_t *count, int table, enum role role) {
    draft->tables[table].role = role;
    draft->tables[table].occurrence = (int)*count;
    draft->tables[table].relation = relation_for(draft, table, role);
    draft->order[(*count)++] = table;
}

/* Core tables, then lookups, each behind its parent. */
static void order_fill(struct draft *draft) {
    size_t count = 0;
    for (int filtered = 0; filtered <= 1; filtered++) { /* relations: see struct plan */
        for (int t = 0; t < (int)draft->table_count; t++) {
            if (draft->tables[t].parent < 0 && draft->tables[t].filtered == filtered) {
                (void)relation_for(draft, t, ROLE_CORE);
            }
        }
    }
    for (int t = 0; t < (int)draft->table_count; t++) {
        draft->tables[t].occurrence = -1;
        if (draft->tables[t].parent < 0) {
            table_append(draft, &count, t, ROLE_CORE);
        }
    }
    draft->core_count = count;
    while (count < draft->table_count) {
        int t = 0;
        while (draft->tables[t].occurrence >= 0 ||
               draft->tables[draft->tables[t].parent].occurrence < 0) {
            t++;
        }
        table_append(draft, &count, t, ROLE_LOOKUP);
    }
}

static void apply(struct draft *draft, const struct roles *roles) {
    draft->join_count = roles->key_count;
    for (size_t p = 0; p < roles->key_count; p++) {
        draft->join[p].at = draft->classes[roles->key[p]].at;
        for (int t = 0; t < (int)draft->table_count; t++) {
            const struct table_role *role = &roles->tables[t];
            draft->join[p].columns[t] = role->core ? role->key_columns[p] : -1;
        }
        draft->key_outputs[p] = roles_key_output(draft, roles, p);
    }
    draft->key_output_count = roles->key_count;
    for (int t = 0; t < (int)draft->table_count; t++) {
        draft->tables[t].parent = roles->tables[t].parent;
        draft->tables[t].filtered = roles->tables[t].filtered;
        draft->tables[t].keyed = roles->tables[t].keyed;
        memcpy(draft->tables[t].parent_columns, roles->tables[t].parent_columns,
               sizeof draft->tables[t].parent_columns);
    }
    draft->key_origin = roles->origin;
    order_fill(draft);
}

/* Why it is in none of the plans before. */
static void apart_keep(struct draft *draft, const struct shares *shares,
                       const struct roles *roles) {
    draft->apart_count = roles->share ? 0 : shares->count;
    draft->apart = arena_alloc(draft->arena, shares->count * sizeof *draft->apart);
    for (size_t i = 0; i < draft->apart_count; i++) {
        draft->apart[i] =
            arena_printf(draft->arena, "plan " STR_FMT ": " STR_FMT,
                         STR_ARG(shares->items[i]->drafts[0]->name), STR_ARG(roles->apart[i]));
    }
}

enum err_kind roles_read(struct draft *draft, const struct shares *shares,
                         struct share **ret_share) {
    struct choice choice = {.draft = draft,
                            .shares = shares,
                            .now = arena_alloc(draft->arena, sizeof *choice.now),
                            .best = arena_alloc(draft->arena, sizeof *choice.best)};
    *choice.now = *choice.best = (struct roles){0};
    size_t pairs = (size_t)OCCURRENCES_MAX * OCCURRENCES_MAX;
    size_t placements = shares->count * OCCURRENCES_MAX;
    choice.keys =
        arena_alloc(draft->arena, (CLASSES_MAX + pairs + placements) * sizeof *choice.keys);
    choice.lines =
        arena_alloc(draft->arena, (CLASSES_MAX + pairs + placements) * sizeof *choice.lines);
    enum err_kind kind = ERR_NONE;
    if (draft->partition_by.ptr) {
        kind = partition_by_read(&choice);
    } else {
        try_all(&choice);
    }
    if (kind == ERR_NONE) {
        if (choice.best->fit == FIT) {
            apply(draft, choice.best);
            others_keep(&choice);
            apart_keep(draft, shares, choice.best);
            *ret_share = choice.best->share;
        } else {
            kind = refuse_all(&choice);
        }
    }
    return kind;
}
