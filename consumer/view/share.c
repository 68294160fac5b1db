#include "view/share.h"

#include "base/safeguard.h"
#include "view/identifier.h"

/* ---- whether a view fits ---- */

static struct str shown_columns(struct draft *draft, const struct catalog_table *source,
                                const int *columns, size_t count) {
    struct buf text = {0};
    for (size_t i = 0; i < count; i++) {
        buf_str(&text, i == 0 ? STR("") : STR(", "));
        identifier_append(&text, source->columns[columns[i]].name);
    }
    struct str copy = arena_copy(draft->arena, buf_view(&text));
    buf_clear(&text);
    return copy;
}

/* What a table is in a view, or in a plan. */
struct way {
    bool core, whole; /* whole: every task reads all of it */
    bool keyed;       /* ... and its records have K in their key */
    const int *columns;
    size_t count;
    uint32_t widened; /* a bit for each: an integer that is placed as a bigint */
};
_Static_assert(DRAFT_KEY_MAX <= 32, "a bit each");

static struct way way_there(const struct share_relation *shared) {
    bool core = shared->all.role == ROLE_CORE;
    struct way way = {.core = core,
                      .whole = !core || shared->all.filtered,
                      .keyed = shared->all.keyed,
                      .columns = shared->all.columns,
                      .count = core ? shared->draft->join_count : 0};
    for (size_t p = 0; p < way.count; p++) {
        bool narrow = type_key(&shared->all.types[p]) == KEY_INTEGER;
        way.widened |= narrow && draft_places_bigint(shared->draft, p) ? UINT32_C(1) << p : 0;
    }
    return way;
}

static struct way way_here(struct draft *draft, const struct roles *roles, int table) {
    const struct table_role *role = &roles->tables[table];
    struct way way = {.core = role->core,
                      .whole = !role->core || role->filtered,
                      .keyed = role->keyed,
                      .columns = role->key_columns,
                      .count = role->core ? roles->key_count : 0};
    for (size_t p = 0; p < way.count; p++) {
        bool widened = roles_key_code(draft, roles, table, p) == KEY_INTEGER &&
                       roles_place_bigint(draft, roles, p);
        way.widened |= widened ? UINT32_C(1) << p : 0;
    }
    return way;
}

/* `core, placed by order_id` */
static struct str way_show(struct draft *draft, const struct catalog_table *source,
                           const struct way *way) {
    if (!way->core) {
        return way->keyed ? STR("a lookup, and core by more than its primary key")
                          : STR("a lookup");
    }
    return arena_printf(draft->arena, "core%s, placed by " STR_FMT "%s",
                        way->whole ? " and a lookup" : "",
                        STR_ARG(shown_columns(draft, source, way->columns, way->count)),
                        way->widened ? " as bigint" : "");
}

static size_t place_of(const int *columns, size_t count, int column) {
    size_t i = 0;
    while (i < count && columns[i] != column) {
        i++;
    }
    return i;
}

static bool has_all(const int *columns, const int *wanted, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (place_of(columns, count, wanted[i]) == count) {
            return false;
        }
    }
    return true;
}

/* Where K's columns are those of a share's table in another order: that one. Returns what it was
 * before. */
static const struct roles *key_reorder(struct draft *draft, struct roles *roles, int table,
                                       const struct draft_relation *shared) {
    struct roles *before = arena_alloc(draft->arena, sizeof *before);
    *before = *roles;
    for (size_t p = 0; p < roles->key_count; p++) {
        size_t from =
            place_of(before->tables[table].key_columns, roles->key_count, shared->columns[p]);
        roles->key[p] = before->key[from];
        for (size_t t = 0; t < draft->table_count; t++) {
            roles->tables[t].key_columns[p] = before->tables[t].key_columns[from];
        }
    }
    return before;
}

static bool is_placed_alike(const struct way *there, const struct way *here, bool in_order) {
    return there->count == here->count && (!in_order || there->widened == here->widened) &&
           (in_order ? memcmp(there->columns, here->columns, here->count * sizeof(int)) == 0
                     : has_all(here->columns, there->columns, here->count));
}

/* A table in two roles has the topic that it has as a lookup alone. */
static bool is_read_alike(const struct way *there, const struct way *here) {
    return there->whole == here->whole && there->keyed == here->keyed &&
           (!there->core || !here->core || is_placed_alike(there, here, true));
}

static struct str why_not(struct draft *draft, const struct catalog_table *source,
                          const struct way *there, const struct way *here) {
    struct buf name = {0};
    identifier_append(&name, source->name);
    struct str why =
        arena_printf(draft->arena, "table " STR_FMT " is " STR_FMT " there and " STR_FMT " here",
                     STR_ARG(buf_view(&name)), STR_ARG(way_show(draft, source, there)),
                     STR_ARG(way_show(draft, source, here)));
    buf_clear(&name);
    return why;
}

/* Puts K into the share's order where that is all that differs; *before: what it was. */
static bool table_fits(const struct share_relation *shared, struct draft *draft,
                       struct roles *roles, int table, const struct roles **before) {
    struct way there = way_there(shared), here = way_here(draft, roles, table);
    if (there.core && here.core && !*before && is_placed_alike(&there, &here, false)) {
        *before = key_reorder(draft, roles, table, &shared->all);
        here = way_here(draft, roles, table);
    }
    return is_read_alike(&there, &here);
}

bool share_fits(const struct share *share, struct draft *draft, struct roles *roles,
                struct str *ret_why) {
    const struct roles *before = NULL;
    if (draft->own_plan || share->drafts[0]->own_plan) {
        *ret_why = STR("WITH (own_plan) says so");
        return false;
    }
    for (int t = 0; t < (int)draft->table_count; t++) {
        const struct catalog_table *source = draft->tables[t].source;
        for (size_t r = 0; r < share->relation_count; r++) {
            const struct share_relation *shared = share->relations[r];
            if (shared->all.source != source || table_fits(shared, draft, roles, t, &before) ||
                !SAFEGUARD("the views of a plan read a table in one way")) {
                continue;
            }
            struct way there = way_there(shared), here = way_here(draft, roles, t);
            struct str why = why_not(draft, source, &there, &here);
            *roles = before ? *before : *roles;
            *ret_why = why;
            return false;
        }
    }
    return true;
}

size_t share_placement(const struct share *share, const struct catalog_table *source,
                       const int **ret_columns) {
    for (size_t r = 0; r < share->relation_count; r++) {
        const struct share_relation *shared = share->relations[r];
        if (shared->all.source == source && shared->all.role == ROLE_CORE) {
            *ret_columns = shared->all.columns;
            return shared->draft->join_count;
        }
    }
    return 0;
}

/* ---- what a view brings ---- */

static enum err_kind refuse_table(struct draft *draft, const struct draft_relation *relation,
                                  const struct share *share, size_t most, const char *what) {
    const struct draft_table *table = &draft->tables[relation->first];
    return source_refuse(&draft->source, table->at, NULL, draft->report,
                         "more than %zu %s in the views of the plan " STR_FMT
                         ", this one included: leave it out of schemas.view, and keep it with a "
                         "service of its own",
                         most, what, STR_ARG(share->drafts[0]->name));
}

/* In which order a plan has them. */
static int rank(const struct draft_relation *relation) {
    return relation->role == ROLE_LOOKUP ? 2 : (int)relation->filtered;
}

static struct share_relation *relation_insert(struct share *share, struct draft *draft,
                                              const struct draft_relation *relation) {
    struct share_relation *shared = arena_alloc(draft->arena, sizeof *shared);
    *shared = (struct share_relation){.draft = draft,
                                      .all = {.source = relation->source,
                                              .role = relation->role,
                                              .filtered = relation->filtered,
                                              .keyed = relation->keyed,
                                              .first = relation->first,
                                              .key_count = relation->key_count}};
    size_t at = share->relation_count++;
    while (at > 0 && rank(&share->relations[at - 1]->all) > rank(relation)) {
        share->relations[at] = share->relations[at - 1];
        at--;
    }
    share->relations[at] = shared;
    return shared;
}

static enum err_kind columns_add(struct share *share, struct draft *draft,
                                 const struct draft_relation *relation) {
    struct draft_relation *all = relation->shared;
    for (size_t c = 0; c < relation->column_count; c++) {
        if (relation_column(all, relation->columns[c]) < all->column_count) {
            continue;
        }
        if (all->column_count == COLUMNS_MAX) {
            return refuse_table(draft, relation, share, COLUMNS_MAX, "columns of the table");
        }
        all->columns[all->column_count] = relation->columns[c];
        all->types[all->column_count++] = relation->types[c];
    }
    return ERR_NONE;
}

static struct draft_reference reference_of(const struct draft_relation *relation, size_t i) {
    struct draft_reference reference = {.column_count = relation->references[i].column_count};
    for (size_t c = 0; c < reference.column_count; c++) {
        reference.columns[c] = share_column(relation, relation->references[i].columns[c]);
    }
    return reference;
}

static enum err_kind references_add(struct share *share, struct draft *draft,
                                    const struct draft_relation *relation) {
    struct draft_relation *all = relation->shared;
    for (size_t i = 0; i < relation->reference_count; i++) {
        if (share_reference(relation, i) < all->reference_count) {
            continue;
        }
        if (all->reference_count == DRAFT_REFERENCES_MAX) {
            return refuse_table(draft, relation, share, DRAFT_REFERENCES_MAX,
                                "references of the table to lookups");
        }
        all->references[all->reference_count++] = reference_of(relation, i);
    }
    return ERR_NONE;
}

static enum err_kind uses_check(const struct share *share, struct draft *draft) {
    for (size_t r = 0; r < draft->relation_count; r++) {
        size_t count = 0;
        for (size_t d = 0; d < share->draft_count; d++) {
            struct draft *of = share->drafts[d];
            for (int t = 0; t < (int)of->table_count; t++) {
                count += relation_of(of, t)->shared == draft->relations[r].shared;
            }
        }
        if (count > USES_MAX) {
            return refuse_table(draft, &draft->relations[r], share, USES_MAX,
                                "occurrences of the table");
        }
    }
    return ERR_NONE;
}

/* At the table whose references are those beyond. */
static enum err_kind all_references_check(const struct share *share, struct draft *draft,
                                          const struct draft_relation *relation) {
    size_t count = 0;
    for (size_t r = 0; r < share->relation_count; r++) {
        count += share->relations[r]->all.reference_count;
    }
    return count > REFERENCES_MAX &&
                   SAFEGUARD("a plan has no more references than a cache has indexes")
               ? refuse_table(draft, relation, share, REFERENCES_MAX,
                              "references of tables to lookups")
               : ERR_NONE;
}

static enum err_kind relation_add(struct share *share, struct draft *draft,
                                  struct draft_relation *relation) {
    for (size_t r = 0; r < share->relation_count; r++) {
        struct draft_relation *all = &share->relations[r]->all;
        if (all->source == relation->source && all->role == relation->role) {
            relation->shared = all;
        }
    }
    if (!relation->shared) {
        if (share->relation_count == RELATIONS_MAX) {
            return refuse_table(draft, relation, share, RELATIONS_MAX, "tables");
        }
        relation->shared = &relation_insert(share, draft, relation)->all;
    }
    enum err_kind kind = columns_add(share, draft, relation);
    if (kind == ERR_NONE) {
        kind = references_add(share, draft, relation);
    }
    return kind == ERR_NONE ? all_references_check(share, draft, relation) : kind;
}

enum err_kind share_add(struct share *share, struct draft *draft) {
    share->drafts[share->draft_count++] = draft;
    enum err_kind kind = ERR_NONE;
    for (size_t r = 0; r < draft->relation_count && kind == ERR_NONE; r++) {
        kind = relation_add(share, draft, &draft->relations[r]);
    }
    return kind == ERR_NONE ? uses_check(share, draft) : kind;
}

/* ---- numbers in the plan ---- */

size_t share_relation(const struct share *share, const struct draft_relation *relation) {
    size_t r = 0;
    while (&share->relations[r]->all != relation->shared) {
        r++;
    }
    return r;
}

size_t share_column(const struct draft_relation *relation, size_t column) {
    return relation_column(relation->shared, relation->columns[column]);
}

size_t share_reference(const struct draft_relation *relation, size_t reference) {
    const struct draft_reference wanted = reference_of(relation, reference);
    const struct draft_relation *all = relation->shared;
    size_t i = 0;
    while (i < all->reference_count &&
           (all->references[i].column_count != wanted.column_count ||
            memcmp(all->references[i].columns, wanted.columns,
                   wanted.column_count * sizeof *wanted.columns) != 0)) {
        i++;
    }
    return i;
}
