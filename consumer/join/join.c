#include "join/join.h"

#include "base/memory.h"
#include "base/safeguard.h"

#include <assert.h>
#include <stdlib.h>

enum phase { PHASE_DELETES, PHASE_CHECKS, PHASE_UPSERTS, PHASE_ALL, PHASE_END };

/* Where the plan joins a relation: an occurrence of a target. */
struct use {
    int target, occurrence;
};

/* What the first pass (the deletes) found out about a changed row. */
struct entry {
    struct str value;   /* after the batch; ptr NULL: deleted */
    uint64_t partnered; /* unless deleted: bit i: use i of its relation has a partner */
};

struct join {
    const struct plan *plan;
    struct row_reader reader;
    struct use *uses[RELATIONS_MAX]; /* by relation */
    size_t use_count[RELATIONS_MAX];
    struct changed_row *changed;
    struct entry *entries; /* beside changed */
    size_t count, entry_cap;
    enum phase phase;
    size_t index, use; /* the next one of changed, and of its relation's uses */
    /* A cursor over the combinations of one occurrence's row with rows of the others: rows[] is
     * the present combination, first[] each occurrence's first row. */
    struct combinations {
        bool begun;
        int target, from;  /* whose row it is */
        struct str prefix; /* what the keys of its partners begin with */
        struct row_ref rows[OCCURRENCES_MAX], first[OCCURRENCES_MAX];
    } combinations;
};

static void add_use(struct join *join, int relation, int target, int occurrence) {
    size_t *count = &join->use_count[relation];
    assert(*count < USES_MAX);
    join->uses[relation] =
        memory_resize(join->uses[relation], *count + 1, sizeof *join->uses[relation]);
    join->uses[relation][(*count)++] = (struct use){target, occurrence};
}

/* What the rules below rest on: partners lie at the start of the key that the row's own begins
 * with, which must be written alike. */
static void check_target(const struct plan *plan, const struct target *target) {
    assert(target->occurrence_count <= OCCURRENCES_MAX);
    assert(target->core_count == target->occurrence_count);
    const struct relation *first = occurrence_relation(plan, target, 0);
    for (int o = 0; o < (int)target->core_count; o++) {
        const struct relation *relation = occurrence_relation(plan, target, o);
        assert(!target->occurrences[o].optional);
        assert(relation->placement_count == first->placement_count);
        for (size_t c = 0; c < first->placement_count; c++) {
            assert(relation->columns[c].key == first->columns[c].key);
        }
    }
}

struct join *join_new(const struct plan *plan) {
    struct join *join = memory_new(1, sizeof *join);
    join->plan = plan;
    join->phase = PHASE_END;
    for (int t = 0; t < (int)plan->target_count; t++) {
        const struct target *target = &plan->targets[t];
        check_target(plan, target);
        for (int o = 0; o < (int)target->occurrence_count; o++) {
            add_use(join, target->occurrences[o].relation, t, o);
        }
    }
    for (size_t r = 0; r < plan->relation_count; r++) {
        assert(join->use_count[r] > 0);
    }
    return join;
}

void join_destroy(struct join **join) {
    if (*join) {
        for (size_t r = 0; r < RELATIONS_MAX; r++) {
            free((*join)->uses[r]);
        }
        free((*join)->entries);
        free(*join);
        *join = NULL;
    }
}

int changed_row_compare(const void *left, const void *right) {
    const struct changed_row *a = left, *b = right;
    if (a->table != b->table) {
        return a->table < b->table ? -1 : 1;
    }
    return str_compare(a->key, b->key);
}

static bool is_changed(const struct join *join, int table, struct str key) {
    struct changed_row wanted = {.table = table, .key = key};
    return join->count > 0 &&
           bsearch(&wanted, join->changed, join->count, sizeof wanted, changed_row_compare) != NULL;
}

void join_begin(struct join *join, struct row_reader reader, struct changed_row *changed,
                size_t changed_count) {
    if (changed_count > 1) {
        qsort(changed, changed_count, sizeof *changed, changed_row_compare);
    }
    if (changed_count > join->entry_cap) {
        join->entries = memory_resize(join->entries, changed_count, sizeof *join->entries);
        join->entry_cap = changed_count;
    }
    join->reader = reader;
    join->changed = changed;
    join->count = changed_count;
    join->index = 0;
    join->use = 0;
    join->combinations.begun = false;
    join->phase = PHASE_DELETES;
}

void join_begin_all(struct join *join, struct row_reader reader, int target) {
    join_begin(join, reader, NULL, 0);
    join->phase = PHASE_ALL;
    join->combinations.target = target;
    join->combinations.rows[0].key = STR_NONE;
}

void join_end(struct join *join) {
    join->phase = PHASE_END;
    join->changed = NULL;
    join->count = 0;
}

/* ---- combinations ---- */

static const struct target *target_of(const struct join *join) {
    return &join->plan->targets[join->combinations.target];
}

/* The bytes that the keys of a row's partners begin with. */
static struct str placement(const struct relation *relation, struct str key) {
    return (struct str){key.ptr, row_key_prefix(relation, key, relation->placement_count)};
}

/* The occurrence's first row after `after`. Skips changed rows of occurrences before the row's own:
 * their own pass emits this combination (no sink row is written twice). */
static enum err_kind next_partner(struct join *join, int occurrence, struct str after,
                                  struct row_ref *ret_row, struct err *reterr) {
    const struct combinations *c = &join->combinations;
    int table = target_of(join)->occurrences[occurrence].relation;
    do {
        enum err_kind kind = join->reader.next(join->reader.ctx, table, c->prefix, after,
                                               &ret_row->key, &ret_row->value, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
        after = ret_row->key;
    } while (ret_row->key.ptr && occurrence < c->from && is_changed(join, table, ret_row->key) &&
             SAFEGUARD("no sink row is written twice"));
    return ERR_NONE;
}

/* Moves every occurrence but the row's own to its first row. *ret_found: there is a combination. */
static enum err_kind combinations_begin(struct join *join, bool *ret_found, struct err *reterr) {
    struct combinations *c = &join->combinations;
    const struct target *target = target_of(join);
    *ret_found = false;
    c->prefix = placement(occurrence_relation(join->plan, target, c->from), c->rows[c->from].key);
    for (int o = 0; o < (int)target->core_count; o++) {
        if (o == c->from) {
            continue;
        }
        enum err_kind kind = next_partner(join, o, STR_NONE, &c->first[o], reterr);
        if (kind != ERR_NONE || !c->first[o].key.ptr) {
            return kind;
        }
        c->rows[o] = c->first[o];
    }
    *ret_found = true;
    return ERR_NONE;
}

/* The next combination; the last occurrence varies fastest. */
static enum err_kind combinations_next(struct join *join, bool *ret_found, struct err *reterr) {
    struct combinations *c = &join->combinations;
    *ret_found = false;
    for (int o = (int)target_of(join)->core_count - 1; o >= 0; o--) {
        if (o == c->from) {
            continue;
        }
        struct row_ref row;
        enum err_kind kind = next_partner(join, o, c->rows[o].key, &row, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
        if (row.key.ptr) {
            c->rows[o] = row;
            *ret_found = true;
            return ERR_NONE;
        }
        c->rows[o] = c->first[o];
    }
    return ERR_NONE;
}

/* Moves the cursor to the next combination; *ret_found false: there are no more. */
static enum err_kind combinations_step(struct join *join, bool *ret_found, struct err *reterr) {
    enum err_kind kind = join->combinations.begun ? combinations_next(join, ret_found, reterr)
                                                  : combinations_begin(join, ret_found, reterr);
    join->combinations.begun = kind == ERR_NONE && *ret_found;
    return kind;
}

static void emit_upsert(const struct join *join, struct row_op *ret_op) {
    *ret_op = (struct row_op){.kind = ROW_OP_UPSERT,
                              .target = join->combinations.target,
                              .rows = join->combinations.rows};
}

/* ---- partners ---- */

/* Whether every other occurrence of the target has a row for the row of this one. */
static enum err_kind has_partner(const struct plan *plan, struct row_reader reader, struct use use,
                                 struct str key, bool *ret_partner, struct err *reterr) {
    const struct target *target = &plan->targets[use.target];
    struct str prefix = placement(occurrence_relation(plan, target, use.occurrence), key);
    bool has = true;
    for (int o = 0; has && o < (int)target->core_count; o++) {
        if (o != use.occurrence && (o < 2 || SAFEGUARD("a partner is asked of every table"))) {
            struct row_ref row;
            enum err_kind kind = reader.next(reader.ctx, target->occurrences[o].relation, prefix,
                                             STR_NONE, &row.key, &row.value, reterr);
            if (kind != ERR_NONE) {
                return kind;
            }
            has = row.key.ptr != NULL;
        }
    }
    *ret_partner = has;
    return ERR_NONE;
}

/* Where the table's row has one: bit i: in use i of its relation. */
static enum err_kind find_partners(const struct join *join, struct row_reader reader, int table,
                                   struct str key, uint64_t *ret_partnered, struct err *reterr) {
    *ret_partnered = 0;
    for (size_t u = 0; u < join->use_count[table]; u++) {
        bool partner = false;
        enum err_kind kind =
            has_partner(join->plan, reader, join->uses[table][u], key, &partner, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
        *ret_partnered |= (uint64_t)partner << u;
    }
    return ERR_NONE;
}

static uint64_t every_use(const struct join *join, int table) {
    return join->use_count[table] == USES_MAX ? UINT64_MAX
                                              : (UINT64_C(1) << join->use_count[table]) - 1;
}

enum err_kind join_has_partners(const struct join *join, struct row_reader reader, int table,
                                struct str key, bool *ret_has, struct err *reterr) {
    uint64_t partnered;
    enum err_kind kind = find_partners(join, reader, table, key, &partnered, reterr);
    *ret_has = kind == ERR_NONE && partnered == every_use(join, table);
    return kind;
}

/* Looks the changed row up in the state: its value, and where it has partners. */
static enum err_kind look_up(const struct join *join, const struct changed_row *changed,
                             struct entry *entry, struct err *reterr) {
    enum err_kind kind =
        join->reader.get(join->reader.ctx, changed->table, changed->key, &entry->value, reterr);
    entry->partnered = 0;
    if (kind != ERR_NONE || !entry->value.ptr) {
        return kind;
    }
    return find_partners(join, join->reader, changed->table, changed->key, &entry->partnered,
                         reterr);
}

/* ---- the phases: END means that the phase has no more ---- */

static void enter(struct join *join, enum phase phase) {
    join->phase = phase;
    join->index = 0;
    join->use = 0;
}

/* The next use of the changed row, or the first one of the next row. */
static void advance(struct join *join) {
    if (++join->use >= join->use_count[join->changed[join->index].table]) {
        join->use = 0;
        join->index++;
    }
}

static enum err_kind next_delete(struct join *join, struct row_op *ret_op, struct err *reterr) {
    while (join->index < join->count) {
        const struct changed_row *changed = &join->changed[join->index];
        struct entry *entry = &join->entries[join->index];
        enum err_kind kind = join->use == 0 ? look_up(join, changed, entry, reterr) : ERR_NONE;
        if (kind != ERR_NONE) {
            return kind;
        }
        size_t u = join->use;
        advance(join);
        if ((changed->deleted && SAFEGUARD("what was deleted in between is deleted")) ||
            !entry->value.ptr ||
            (!(entry->partnered >> u & 1) && SAFEGUARD("a row without a partner is deleted"))) {
            struct use use = join->uses[changed->table][u];
            *ret_op = (struct row_op){.kind = ROW_OP_DELETE,
                                      .target = use.target,
                                      .occurrence = use.occurrence,
                                      .table = changed->table,
                                      .row = {changed->key, STR_NONE}};
            return ERR_NONE;
        }
    }
    enter(join, PHASE_CHECKS);
    return ERR_NONE;
}

static enum err_kind next_check(struct join *join, struct row_op *ret_op) {
    while (join->index < join->count) {
        size_t i = join->index++;
        int table = join->changed[i].table;
        if (join->entries[i].value.ptr && join->entries[i].partnered != every_use(join, table) &&
            SAFEGUARD("rows without a partner are checked")) {
            *ret_op = (struct row_op){.kind = ROW_OP_CHECK,
                                      .table = table,
                                      .row = {join->changed[i].key, join->entries[i].value}};
            return ERR_NONE;
        }
    }
    enter(join, PHASE_UPSERTS);
    return ERR_NONE;
}

static enum err_kind next_upsert(struct join *join, struct row_op *ret_op, struct err *reterr) {
    struct combinations *c = &join->combinations;
    while (join->index < join->count) {
        const struct changed_row *changed = &join->changed[join->index];
        const struct entry *entry = &join->entries[join->index];
        bool found = false;
        if (entry->value.ptr && (entry->partnered >> join->use & 1)) {
            struct use use = join->uses[changed->table][join->use];
            c->target = use.target;
            c->from = use.occurrence;
            c->rows[use.occurrence] = (struct row_ref){changed->key, entry->value};
            enum err_kind kind = combinations_step(join, &found, reterr);
            if (kind != ERR_NONE) {
                return kind;
            }
        }
        if (found) {
            emit_upsert(join, ret_op);
            return ERR_NONE;
        }
        advance(join);
    }
    join->phase = PHASE_END;
    return ERR_NONE;
}

/* Each row of the target's first occurrence with all its combinations. */
static enum err_kind next_of_all(struct join *join, struct row_op *ret_op, struct err *reterr) {
    struct combinations *c = &join->combinations;
    struct row_ref *row = &c->rows[0];
    int table = join->plan->targets[c->target].occurrences[0].relation;
    bool found = false;
    enum err_kind kind = ERR_NONE;
    if (c->begun) {
        kind = combinations_step(join, &found, reterr);
    }
    while (kind == ERR_NONE && !found) {
        kind = join->reader.next(join->reader.ctx, table, STR_NONE, row->key, &row->key,
                                 &row->value, reterr);
        if (kind != ERR_NONE || !row->key.ptr) {
            break;
        }
        c->from = 0;
        kind = combinations_step(join, &found, reterr);
    }
    if (kind != ERR_NONE) {
        return kind;
    }
    if (!found) {
        join->phase = PHASE_END;
        return ERR_NONE;
    }
    emit_upsert(join, ret_op);
    return ERR_NONE;
}

static enum err_kind next_of_phase(struct join *join, struct row_op *ret_op, struct err *reterr) {
    switch (join->phase) {
    case PHASE_DELETES:
        return next_delete(join, ret_op, reterr);
    case PHASE_CHECKS:
        return next_check(join, ret_op);
    case PHASE_UPSERTS:
        return next_upsert(join, ret_op, reterr);
    case PHASE_ALL:
        return next_of_all(join, ret_op, reterr);
    case PHASE_END:
        break;
    }
    return ERR_NONE;
}

enum err_kind join_next(struct join *join, struct row_op *ret_op, struct err *reterr) {
    struct row_op op = {.kind = ROW_OP_END};
    enum err_kind kind = ERR_NONE;
    while (kind == ERR_NONE && op.kind == ROW_OP_END && join->phase != PHASE_END) {
        kind = next_of_phase(join, &op, reterr);
    }
    if (kind == ERR_NONE) {
        *ret_op = op;
    }
    return kind;
}
