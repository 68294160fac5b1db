/* The core rows above a changed row of a lookup, by the indexes of references: in the state after
 * the batch. What referred to it before and no longer does was changed itself. */
#include "join/join_impl.h"

#include "base/safeguard.h"

static void referrers_begin(struct referrers *referrers, const struct target *target, int lookup,
                            struct str key) {
    *referrers = (struct referrers){.begun = true};
    for (int o = lookup; o >= 0; o = target->occurrences[o].parent) {
        referrers->path[referrers->level_count++] = o;
    }
    referrers->keys[0] = key;
}

/* The next core row. Level by level: a row's referrers before the next row of its own table. */
static enum err_kind referrers_next(const struct join *join, const struct row_set *set,
                                    struct referrers *at, bool *ret_found, struct err *reterr) {
    const struct target *target = set_target(join, set);
    const int last = at->level_count - 1;
    int level = at->keys[last].ptr ? last : 1;
    while (level > 0) {
        struct str key = STR_NONE;
        if (level == 1 || SAFEGUARD("referrers are followed up to the core")) {
            enum err_kind kind = set->reader.next_referrer(
                set->reader.ctx, target->occurrences[at->path[level]].relation,
                target->occurrences[at->path[level - 1]].reference, at->keys[level - 1],
                at->keys[level], &key, reterr);
            if (kind != ERR_NONE) {
                return kind;
            }
        }
        at->keys[level] = key;
        if (key.ptr && level == last) {
            *ret_found = true;
            return ERR_NONE;
        }
        level += key.ptr ? 1 : -1;
    }
    at->begun = false;
    *ret_found = false;
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

/* join_impl.h's parameters. NOLINTNEXTLINE(readability-function-size) */
enum err_kind next_above(struct join *join, struct row_set *set, int lookup, struct str key,
                         int *ret_occurrence, struct below *ret_below, struct err *reterr) {
    struct referrers *at = &join->referrers;
    *ret_occurrence = -1;
    if (!SAFEGUARD("a lookup's change reaches the rows that refer to it")) {
        return ERR_NONE;
    }
    if (!at->begun) {
        referrers_begin(at, set_target(join, set), lookup, key);
    }
    bool found = false, take = false;
    enum err_kind kind = ERR_NONE;
    do {
        kind = referrers_next(join, set, at, &found, reterr);
        if (kind == ERR_NONE && found) {
            kind = take_row(join, set, at->keys[at->level_count - 1], &take, ret_below, reterr);
        }
    } while (kind == ERR_NONE && found && !take);
    if (kind == ERR_NONE && found) {
        *ret_occurrence = at->path[at->level_count - 1];
    }
    return kind;
}
