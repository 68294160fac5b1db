#include "join/join_impl.h"

#include "base/memory.h"
#include "base/safeguard.h"

#include <assert.h>
#include <stdlib.h>

static void add_use(struct join *join, int relation, int target, int occurrence) {
    size_t *count = &join->use_count[relation];
    assert(*count < USES_MAX);
    join->uses[relation] =
        memory_resize(join->uses[relation], *count + 1, sizeof *join->uses[relation]);
    join->uses[relation][(*count)++] = (struct use){target, occurrence};
}

/* What the rules rest on: a core row's partners lie at the start of the key that its own begins
 * with, which is written alike; the first core table has a row in every result. */
static void check_core(const struct plan *plan, const struct target *target, int o) {
    const struct occurrence *core = &target->occurrences[o];
    const struct relation *first = occurrence_relation(plan, target, 0);
    const struct relation *relation = occurrence_relation(plan, target, o);
    assert(relation->role == ROLE_CORE && core->parent < 0 && core->root == o);
    assert(relation->placement_count == first->placement_count && (!core->optional || o > 0));
    for (size_t c = 0; c < first->placement_count; c++) {
        assert(relation->columns[c].key == first->columns[c].key);
    }
}

/* ... lookups come behind their parents, whose references have the form of their keys. */
static void check_lookup(const struct plan *plan, const struct target *target, int o) {
    const struct occurrence *lookup = &target->occurrences[o];
    const struct relation *relation = occurrence_relation(plan, target, o);
    assert(relation->role == ROLE_LOOKUP && lookup->parent >= 0 && lookup->parent < o);
    assert(lookup->root == target->occurrences[lookup->parent].root);
    const struct relation *parent = occurrence_relation(plan, target, lookup->parent);
    assert((size_t)lookup->reference < parent->reference_count);
    assert(parent->references[lookup->reference].column_count == relation->key_count);
}

static void shape_fill(struct shape *shape, const struct plan *plan, const struct target *target) {
    shape->lookups = target->core_count < target->occurrence_count;
    shape->shrinks = target->core_count > 1;
    for (size_t o = 0; o < target->occurrence_count; o++) {
        const struct occurrence *occurrence = &target->occurrences[o];
        if (o < target->core_count) {
            shape->optional |= occurrence->optional;
            shape->adds_key |= occurrence->optional && occurrence->adds_key;
            const struct relation *relation = occurrence_relation(plan, target, (int)o);
            shape->single[o] = relation->key_count == relation->placement_count;
        } else {
            shape->shrinks |= !occurrence->optional;
            shape->inner[occurrence->root] |= !occurrence->optional;
        }
    }
}

struct join *join_new(const struct plan *plan) {
    struct join *join = memory_new(1, sizeof *join);
    join->plan = plan;
    join->phase = PHASE_END;
    join->shapes = memory_new(plan->target_count, sizeof *join->shapes);
    for (int t = 0; t < (int)plan->target_count; t++) {
        const struct target *target = &plan->targets[t];
        assert(target->occurrence_count <= OCCURRENCES_MAX && target->core_count > 0);
        shape_fill(&join->shapes[t], plan, target);
        join->adds_key |= join->shapes[t].adds_key;
        for (size_t o = 0; o < target->core_count; o++) {
            join->inner |= join->shapes[t].inner[o];
        }
        for (int o = 0; o < (int)target->occurrence_count; o++) {
            const struct occurrence *occurrence = &target->occurrences[o];
            (o < (int)target->core_count ? check_core : check_lookup)(plan, target, o);
            add_use(join, occurrence->relation, t, o);
            join->filtered[occurrence->relation] |= target->sql_filter.ptr != NULL;
            join->in_place[occurrence->relation] |=
                o < (int)target->core_count && occurrence->optional && !occurrence->adds_key;
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
        row_set_clear(&(*join)->asked);
        row_set_clear(&(*join)->combinations.rows);
        buf_clear(&(*join)->reference);
        free((*join)->shapes);
        free((*join)->entries);
        free(*join);
        *join = NULL;
    }
}

bool join_is_plain(const struct join *join) {
    bool plain = true;
    for (size_t t = 0; t < join->plan->target_count; t++) {
        plain &= !join->shapes[t].lookups && !join->shapes[t].optional;
    }
    return plain;
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
    join->changed = changed;
    join->count = changed_count;
    changed_begin(join);
    join->index = 0;
    join->use = 0;
    row_set_begin(&join->asked, reader, 0);
    row_set_begin(&join->combinations.rows, reader, 0);
    join->combinations.begun = false;
    join->combinations.paused = -1;
    join->combinations.at_first = false;
    forget_partners(join);
    join->referrers.level = 0;
    join->cut_short = false;
    join->above_held = false;
    join->nulls = (struct null_deletes){.target = -1};
    join->phase = PHASE_DELETES;
}

void join_begin_all(struct join *join, struct row_reader reader, int target) {
    join_begin(join, reader, NULL, 0);
    join->phase = PHASE_ALL;
    row_set_begin(&join->combinations.rows, reader, target);
    join->combinations.from = 0;
    join->combinations.rows.rows[0].key = STR_NONE;
}

void join_end(struct join *join) {
    join->phase = PHASE_END;
    join->changed = NULL;
    join->count = 0;
    changed_begin(join);
    forget_partners(join);
}

void join_begin_questions(struct join *join, struct row_reader reader) {
    row_set_begin(&join->asked, reader, 0);
    forget_partners(join);
}

/* Some target's upserts do not show the row. Another one's may leave columns of it out. */
static bool is_left_out_of_any(const struct join *join, int table, uint64_t partnered) {
    return partnered != every_use(join, table) &&
           (partnered == 0 || SAFEGUARD("rows that one of the targets leaves out are checked"));
}

enum err_kind join_is_written(struct join *join, int table, struct row_ref row, bool *ret_written,
                              struct err *reterr) {
    *ret_written = false;
    if ((is_lookup(join, table) || join->filtered[table]) &&
        SAFEGUARD("rows that an initial load may not try are checked")) {
        return ERR_NONE;
    }
    if (is_lookup(join, table)) {
        *ret_written = true;
        return ERR_NONE;
    }
    uint64_t partnered = 0;
    join->looks = SIZE_MAX; /* it is answered at once */
    enum err_kind kind = find_partners(join, &join->asked, table, row, &partnered, reterr);
    *ret_written = kind == ERR_NONE && !is_left_out_of_any(join, table, partnered);
    return kind;
}

/* ---- the phases: END means that the phase has no more ---- */

/* Whether the row, which is there, may be in no upsert, or in one that does not evaluate it. */
static bool is_checked(const struct join *join, int table, bool waits) {
    if (is_lookup(join, table)) {
        return SAFEGUARD("changed rows of lookups are checked");
    }
    return (waits && SAFEGUARD("rows without a partner are checked")) ||
           (join->filtered[table] && SAFEGUARD("rows that WHERE may leave out are checked"));
}

static enum err_kind next_check(struct join *join, struct row_op *ret_op) {
    while (join->index < join->count) {
        size_t i = join->index++;
        const struct entry *entry = &join->entries[i];
        int table = join->changed[i].table;
        bool waits = !is_lookup(join, table) && is_left_out_of_any(join, table, entry->partnered);
        if (entry->value.ptr && is_checked(join, table, waits)) {
            *ret_op = (struct row_op){.kind = ROW_OP_CHECK,
                                      .table = table,
                                      .waits = waits,
                                      .row = {join->changed[i].key, entry->value}};
            return ERR_NONE;
        }
    }
    enter_phase(join, PHASE_UPSERTS);
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

enum err_kind join_next(struct join *join, size_t *looks, struct row_op *ret_op,
                        struct err *reterr) {
    join->looks = *looks;
    ret_op->kind = ROW_OP_END;
    enum err_kind kind = ERR_NONE;
    while (kind == ERR_NONE && ret_op->kind == ROW_OP_END && join->phase != PHASE_END) {
        kind = next_of_phase(join, ret_op, reterr);
    }
    *looks = join->looks;
    return kind;
}
