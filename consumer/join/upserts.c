/* The upserts: every combination of what was changed or is reached. */
#include "join/join_impl.h"

#include "base/safeguard.h"

static void emit_upsert(const struct join *join, struct row_op *ret_op) {
    *ret_op = (struct row_op){.kind = ROW_OP_UPSERT,
                              .target = join->combinations.rows.target,
                              .rows = join->combinations.rows.rows};
}

static void use_target(struct join *join, int target) {
    join->combinations.at_first &= join->combinations.rows.target == target ||
                                   !SAFEGUARD("another target's combinations begin anew");
    row_set_use(&join->combinations.rows, target);
}

/* The cursor is about this row of a core occurrence from now on; key.ptr NULL: its NULL row. */
static enum err_kind point_at(struct join *join, int from, struct row_ref row, struct str prefix,
                              struct below *ret_below, struct err *reterr) {
    struct combinations *c = &join->combinations;
    c->from = from;
    c->prefix = prefix;
    c->hint = (struct row_ref){0};
    c->rows.rows[from] = row;
    *ret_below = (struct below){.alive = true};
    return join->shapes[c->rows.target].lookups
               ? find_below(join, &c->rows, from, ret_below, reterr)
               : ERR_NONE;
}

/* Whether the changed row, which is deleted, was the last one under its placement: its NULL row
 * comes, once for all that were. */
static enum err_kind null_row_comes(const struct join *join, struct use use, struct str prefix,
                                    bool *ret_comes, struct err *reterr) {
    const struct row_reader *reader = &join->combinations.rows.reader;
    struct row_ref row;
    *ret_comes = false;
    if (!occurrence_of(join, use)->optional || !is_first_of_table(join, prefix)) {
        return ERR_NONE;
    }
    enum err_kind kind = reader->next(reader->ctx, occurrence_of(join, use)->relation, prefix,
                                      STR_NONE, &row.key, &row.value, reterr);
    *ret_comes = kind == ERR_NONE && !row.key.ptr &&
                 SAFEGUARD("a NULL row comes when the last partner goes");
    return kind;
}

/* Points the cursor at the changed row. *ret_any false: it has no combination. */
static enum err_kind upsert_begin(struct join *join, struct use use, bool *ret_any,
                                  struct err *reterr) {
    const struct changed_row *changed = &join->changed[join->index];
    const struct entry *entry = &join->entries[join->index];
    struct str prefix = placement_of(join, changed->table, changed->key);
    struct row_ref row = {0};
    enum err_kind kind = ERR_NONE;
    if (entry->value.ptr) {
        *ret_any = is_partnered_in(entry->partnered, join->use);
        row = (struct row_ref){changed->key, entry->value};
    } else {
        kind = null_row_comes(join, use, prefix, ret_any, reterr);
    }
    if (kind != ERR_NONE || !*ret_any) {
        return kind;
    }
    struct below below;
    use_target(join, use.target);
    kind = point_at(join, use.occurrence, row, prefix, &below, reterr);
    join->combinations.hint = entry->partner;
    return kind;
}

static enum err_kind upsert_changed(struct join *join, struct use use, bool *ret_found,
                                    struct err *reterr) {
    bool any = true;
    *ret_found = false;
    bool goes_on = join->combinations.begun || combinations_pause(join);
    enum err_kind kind = goes_on ? ERR_NONE : upsert_begin(join, use, &any, reterr);
    return kind == ERR_NONE && any ? combinations_step(join, ret_found, reterr) : kind;
}

/* The next combination of the core rows above a changed row of a lookup. */
static enum err_kind upsert_above(struct join *join, struct use use, bool *ret_found,
                                  bool *ret_pause, struct err *reterr) {
    struct combinations *c = &join->combinations;
    struct above above = {0};
    enum err_kind kind = ERR_NONE;
    *ret_found = false;
    if (c->begun || combinations_pause(join)) {
        kind = combinations_step(join, ret_found, reterr);
        *ret_pause = combinations_pause(join);
    }
    use_target(join, use.target);
    const int root = set_target(join, &c->rows)->occurrences[use.occurrence].root;
    c->at_first &= c->first_from == root || /* the set is step_upward's, too */
                   !SAFEGUARD("combinations begin anew where referrers were looked at");
    c->hint = (struct row_ref){0};
    while (kind == ERR_NONE && !*ret_found && !above.end && !*ret_pause) {
        kind = step_upward(join, &c->rows, use.occurrence, join->changed[join->index].key, &above,
                           reterr);
        if (kind == ERR_NONE && above.occurrence >= 0 && above.below.alive) {
            int table = set_target(join, &c->rows)->occurrences[above.occurrence].relation;
            c->from = above.occurrence;
            c->prefix = placement_of(join, table, c->rows.rows[c->from].key);
            kind = combinations_step(join, ret_found, reterr);
        }
        *ret_pause = combinations_pause(join) || (!*ret_found && !above.end && look_in_vain(join));
    }
    return kind;
}

enum err_kind next_upsert(struct join *join, struct row_op *ret_op, struct err *reterr) {
    while (join->index < join->count) {
        struct use use = present_use(join);
        bool found, pause = false;
        enum err_kind kind = is_lookup(join, join->changed[join->index].table)
                                 ? upsert_above(join, use, &found, &pause, reterr)
                                 : upsert_changed(join, use, &found, reterr);
        if (kind == ERR_NONE && found) {
            emit_upsert(join, ret_op);
        } else if (pause || combinations_pause(join)) {
            ret_op->kind = ROW_OP_PAUSE;
        }
        if (kind != ERR_NONE || ret_op->kind != ROW_OP_END) {
            return kind;
        }
        advance(join);
    }
    join->phase = PHASE_END;
    return ERR_NONE;
}

/* Each row of the target's first occurrence with all its combinations. */
enum err_kind next_of_all(struct join *join, struct row_op *ret_op, struct err *reterr) {
    struct combinations *c = &join->combinations;
    struct row_ref row = c->rows.rows[0];
    int table = set_target(join, &c->rows)->occurrences[0].relation;
    bool found = false;
    enum err_kind kind = ERR_NONE;
    if (c->begun || combinations_pause(join)) {
        kind = combinations_step(join, &found, reterr);
    }
    bool pause = combinations_pause(join);
    while (kind == ERR_NONE && !found && !pause) {
        struct below below;
        kind = c->rows.reader.next(c->rows.reader.ctx, table, STR_NONE, row.key, &row.key,
                                   &row.value, reterr);
        if (kind != ERR_NONE || !row.key.ptr) {
            break;
        }
        kind = point_at(join, 0, row, placement_of(join, table, row.key), &below, reterr);
        if (kind == ERR_NONE && below.alive) {
            kind = combinations_step(join, &found, reterr);
        }
        pause =
            combinations_pause(join) || (!found && look_in_vain(join) &&
                                         SAFEGUARD("an initial load looks for rows bit by bit"));
    }
    if (kind != ERR_NONE) {
        return kind;
    }
    if (found) {
        emit_upsert(join, ret_op);
    } else if (pause) {
        ret_op->kind = ROW_OP_PAUSE;
    } else {
        join->phase = PHASE_END;
    }
    return ERR_NONE;
}
