/* The deletes: of rows that were deleted or are in no result, and of those that a NULL row
 * excludes.
 */
#include "join/join_impl.h"

#include "base/safeguard.h"

/* Looks the changed row up in the state: its value, and where it has partners. */
static enum err_kind look_up(struct join *join, const struct changed_row *changed,
                             struct entry *entry, struct err *reterr) {
    struct row_set *set = &join->asked;
    enum err_kind kind = ERR_NONE;
    *entry = (struct entry){.value = changed->value ? *changed->value : STR_NONE};
    if (!changed->value) {
        kind =
            set->reader.get(set->reader.ctx, changed->table, changed->key, &entry->value, reterr);
    }
    if (kind != ERR_NONE || is_lookup(join, changed->table) ||
        (!entry->value.ptr && !join->in_place[changed->table])) {
        return kind;
    }
    kind = find_partners(join, set, changed->table, (struct row_ref){changed->key, entry->value},
                         &entry->partnered, reterr);
    if (entry->partnered && join->use_count[changed->table] == 1) {
        entry->partner = join->had_partners.partner;
    }
    return kind;
}

/* In an optional table that adds columns to the sink's key, the row without a partner and those
 * with one are different sink rows, which must not stand beside each other: wherever something of a
 * placement is written, what should not be there is deleted. */
static enum err_kind next_null_delete(struct join *join, struct row_op *ret_op,
                                      struct err *reterr) {
    struct null_deletes *nulls = &join->nulls;
    const struct row_reader *reader = &join->asked.reader;
    while (nulls->target >= 0 &&
           nulls->occurrence < (int)join->plan->targets[nulls->target].core_count) {
        struct use use = {nulls->target, nulls->occurrence++};
        const struct occurrence *occurrence = occurrence_of(join, use);
        if (!occurrence->optional || !occurrence->adds_key) {
            continue;
        }
        struct row_ref row;
        enum err_kind kind = reader->next(reader->ctx, occurrence->relation, nulls->prefix,
                                          STR_NONE, &row.key, &row.value, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
        const bool matched = row.key.ptr == NULL;
        if ((matched || SAFEGUARD("a NULL row goes when a partner is there")) &&
            (!matched || SAFEGUARD("rows with a partner go with the last one"))) {
            *ret_op = (struct row_op){.kind = matched ? ROW_OP_DELETE_MATCHED : ROW_OP_DELETE_NULL,
                                      .target = use.target,
                                      .occurrence = use.occurrence,
                                      .table = nulls->table,
                                      .row = {nulls->key, STR_NONE}};
            return ERR_NONE;
        }
    }
    return ERR_NONE;
}

static void emit_delete(struct use use, int table, struct str key, struct row_op *ret_op) {
    *ret_op = (struct row_op){.kind = ROW_OP_DELETE,
                              .target = use.target,
                              .occurrence = use.occurrence,
                              .table = table,
                              .row = {key, STR_NONE}};
}

/* Whether the sink rows of the changed row are deleted. An optional row that adds no key shares its
 * sink row with the NULL row, which takes its place. */
static bool is_deleted(const struct join *join, struct use use, size_t u) {
    const struct changed_row *changed = &join->changed[join->index];
    const struct entry *entry = &join->entries[join->index];
    const struct occurrence *occurrence = occurrence_of(join, use);
    const bool partnered = is_partnered_in(entry->partnered, u);
    if (occurrence->optional && !occurrence->adds_key &&
        SAFEGUARD("a NULL row takes the place of the last row")) {
        return !partnered;
    }
    return (changed->deleted && SAFEGUARD("what was deleted in between is deleted")) ||
           !entry->value.ptr || (!partnered && SAFEGUARD("a row without a partner is deleted"));
}

/* One use of a changed core row. */
static enum err_kind delete_changed(struct join *join, struct row_op *ret_op, struct err *reterr) {
    const struct changed_row *changed = &join->changed[join->index];
    enum err_kind kind =
        join->use == 0 ? look_up(join, changed, &join->entries[join->index], reterr) : ERR_NONE;
    if (kind != ERR_NONE) {
        return kind;
    }
    if (join->cut_short) {
        ret_op->kind = ROW_OP_PAUSE;
        return ERR_NONE;
    }
    struct use use = present_use(join);
    if (is_deleted(join, use, join->use)) {
        emit_delete(use, changed->table, changed->key, ret_op);
    }
    if (join->shapes[use.target].adds_key) {
        struct str prefix = placement_of(join, changed->table, changed->key);
        if (is_first_of_table(join, prefix) &&
            !is_changed_before(join, use.target, changed->table, prefix)) {
            join->nulls =
                (struct null_deletes){use.target, 0, changed->table, changed->key, prefix};
        }
    }
    advance(join);
    return ERR_NONE;
}

/* The core row above a changed row of a lookup: whether it is in no result any more. */
static enum err_kind delete_above_row(struct join *join, int target, struct row_op *ret_op,
                                      struct err *reterr) {
    struct row_set *set = &join->asked;
    const struct above *above = &join->above;
    const struct use use = {target, above->occurrence};
    int table = occurrence_of(join, use)->relation;
    struct str key = set->rows[use.occurrence].key, prefix = placement_of(join, table, key);
    bool partnered = above->below.alive;
    enum err_kind kind =
        partnered ? has_partners(join, set, use.occurrence, prefix, &partnered, reterr) : ERR_NONE;
    join->above_held = join->cut_short;
    if (kind != ERR_NONE || join->above_held) {
        return kind;
    }
    if (!partnered && SAFEGUARD("rows that a lookup takes away are deleted")) {
        emit_delete(use, table, key, ret_op);
    }
    bool done = join->nulls.target == target && str_equal(join->nulls.prefix, prefix);
    if (join->shapes[target].adds_key && !done &&
        !is_changed_before(join, target, RELATIONS_MAX, prefix)) {
        join->nulls = (struct null_deletes){target, 0, table, key, prefix};
    }
    return ERR_NONE;
}

/* A step upward from a changed row of a lookup. */
static enum err_kind delete_above(struct join *join, struct row_op *ret_op, struct err *reterr) {
    const struct changed_row *changed = &join->changed[join->index];
    struct use use = present_use(join);
    struct above *above = &join->above;
    enum err_kind kind = join->use == 0 && join->referrers.level == 0
                             ? look_up(join, changed, &join->entries[join->index], reterr)
                             : ERR_NONE;
    join->cut_short = false;
    if (!join->above_held) {
        *above = (struct above){.end = true, .occurrence = -1};
    }
    if (kind == ERR_NONE && join->shapes[use.target].shrinks && !join->above_held) {
        row_set_use(&join->asked, use.target);
        kind = step_upward(join, &join->asked, use.occurrence, changed->key, above, reterr);
    }
    if (kind == ERR_NONE && above->occurrence >= 0) {
        kind = delete_above_row(join, use.target, ret_op, reterr);
    }
    if (kind == ERR_NONE && above->end) {
        advance(join);
    }
    if (kind == ERR_NONE && ret_op->kind == ROW_OP_END && look_in_vain(join)) {
        ret_op->kind = ROW_OP_PAUSE;
    }
    return kind;
}

enum err_kind next_delete(struct join *join, struct row_op *ret_op, struct err *reterr) {
    const bool nulls = join->adds_key;
    enum err_kind kind = nulls ? next_null_delete(join, ret_op, reterr) : ERR_NONE;
    while (kind == ERR_NONE && ret_op->kind == ROW_OP_END && join->index < join->count) {
        kind = is_lookup(join, join->changed[join->index].table)
                   ? delete_above(join, ret_op, reterr)
                   : delete_changed(join, ret_op, reterr);
        if (nulls && kind == ERR_NONE && ret_op->kind == ROW_OP_END) {
            kind = next_null_delete(join, ret_op, reterr);
        }
    }
    if (kind == ERR_NONE && ret_op->kind == ROW_OP_END) {
        enter_phase(join, PHASE_CHECKS);
    }
    return kind;
}
