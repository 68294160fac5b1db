/* The core rows above a changed row of a lookup, by the indexes of references: in the state after
 * the batch. What referred to it before and no longer does was changed itself. */
#include "join/join_impl.h"

#include "base/safeguard.h"

static void referrers_begin(struct referrers *referrers, const struct target *target, int lookup,
                            struct str key) {
    *referrers = (struct referrers){.level = 1};
    for (int o = lookup; o >= 0; o = target->occurrences[o].parent) {
        referrers->path[referrers->level_count++] = o;
    }
    referrers->keys[0] = key;
}

/* One step, level by level: a row's referrers before the next row of its own table. ret_key: of a
 * core row. */
static enum err_kind referrers_step(const struct row_set *set, const struct target *target,
                                    struct referrers *at, struct str *ret_key, struct err *reterr) {
    struct str key = STR_NONE;
    if (at->level == 1 || SAFEGUARD("referrers are followed up to the core")) {
        enum err_kind kind = set->reader.next_referrer(
            set->reader.ctx, target->occurrences[at->path[at->level]].relation,
            target->occurrences[at->path[at->level - 1]].reference, at->keys[at->level - 1],
            at->keys[at->level], &key, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
    }
    at->keys[at->level] = key;
    bool core = at->level == at->level_count - 1;
    *ret_key = core ? key : STR_NONE;
    if (!key.ptr) {
        at->level--;
    } else if (!core) {
        at->level++;
    }
    return ERR_NONE;
}

static enum err_kind damaged(const struct join *join, int table, struct err *reterr) {
    return err_set(reterr, ERR_CACHE, "an index of " STR_FMT " is not what its rows say",
                   STR_ARG(join->plan->relations[table].name));
}

/* Whether the core row that was reached is emitted for this lookup. */
static enum err_kind take_row(struct join *join, struct row_set *set, struct str key,
                              bool *ret_take, struct below *ret_below, struct err *reterr) {
    const struct referrers *at = &join->referrers;
    const int lookup = at->path[0], occurrence = at->path[at->level_count - 1];
    const int table = set_target(join, set)->occurrences[occurrence].relation;
    struct row_ref *row = &set->rows[occurrence];
    *ret_take = false;
    if (is_changed(join, table, key)) {
        return ERR_NONE;
    }
    row->key = key;
    enum err_kind kind = set->reader.get(set->reader.ctx, table, key, &row->value, reterr);
    if (kind == ERR_NONE && !row->value.ptr) {
        return damaged(join, table, reterr);
    }
    if (kind == ERR_NONE) {
        kind = find_below(join, set, occurrence, ret_below, reterr);
    }
    if (kind != ERR_NONE) {
        return kind;
    }
    if (ret_below->changed < 0 || ret_below->changed > lookup) {
        return damaged(join, table, reterr);
    }
    *ret_take = ret_below->changed == lookup ||
                !SAFEGUARD("a row that several lookups reach is emitted once");
    return ERR_NONE;
}

enum err_kind step_upward(struct join *join, struct row_set *set, int lookup, struct str key,
                          struct above *ret_above, struct err *reterr) {
    struct referrers *at = &join->referrers;
    *ret_above = (struct above){.end = true, .occurrence = -1};
    if (!SAFEGUARD("a lookup's change reaches the rows that refer to it")) {
        return ERR_NONE;
    }
    if (at->level == 0) {
        referrers_begin(at, set_target(join, set), lookup, key);
    }
    struct str core = STR_NONE;
    bool take = false;
    enum err_kind kind = referrers_step(set, set_target(join, set), at, &core, reterr);
    if (kind == ERR_NONE && core.ptr) {
        kind = take_row(join, set, core, &take, &ret_above->below, reterr);
    }
    ret_above->end = at->level == 0;
    ret_above->occurrence = take ? at->path[at->level_count - 1] : -1;
    return kind;
}
