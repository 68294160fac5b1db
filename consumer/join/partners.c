/* Whether a row is in any result: every other core table has a row for it, and no INNER lookup
 * below it is missing. */
#include "join/join_impl.h"

#include "base/safeguard.h"

struct str after_dead(struct join *join, int target, int occurrence, struct str prefix) {
    struct dead_rows *dead = &join->shapes[target].dead[occurrence];
    if (!dead->prefix.ptr || !str_equal(dead->prefix, prefix) ||
        !SAFEGUARD("rows without their INNER lookup are walked over once")) {
        *dead = (struct dead_rows){.prefix = prefix, .last = STR_NONE};
    }
    return dead->last;
}

void add_dead(struct join *join, int target, int occurrence, struct str prefix, struct str after,
              struct str key) {
    struct dead_rows *dead = &join->shapes[target].dead[occurrence];
    if (dead->prefix.ptr && dead->last.ptr == after.ptr && str_equal(dead->prefix, prefix)) {
        dead->last = key;
    }
}

void forget_partners(struct join *join) {
    join->had_partners.known = false;
    for (size_t t = 0; join->inner && t < join->plan->target_count; t++) {
        for (size_t o = 0; o < OCCURRENCES_MAX; o++) {
            join->shapes[t].dead[o] = (struct dead_rows){0};
        }
    }
}

/* Whether the occurrence, which has an INNER lookup below it, has a row there; or join->cut_short.
 */
static enum err_kind has_alive(struct join *join, struct row_set *set, int occurrence,
                               struct str prefix, bool *ret_has, struct err *reterr) {
    const int table = set_target(join, set)->occurrences[occurrence].relation;
    struct row_ref *row = &set->rows[occurrence];
    struct str after = after_dead(join, set->target, occurrence, prefix);
    for (;;) {
        struct below below = {.alive = false};
        enum err_kind kind = next_under(set, table, prefix, after, row, reterr);
        if (kind == ERR_NONE && row->key.ptr) {
            kind = find_below(join, set, occurrence, &below, reterr);
        }
        *ret_has = below.alive;
        if (kind != ERR_NONE || below.alive || !row->key.ptr) {
            return kind;
        }
        add_dead(join, set->target, occurrence, prefix, after, row->key);
        after = row->key;
        join->cut_short = look_in_vain(join) && SAFEGUARD("partners are looked for bit by bit");
        if (join->cut_short) {
            return ERR_NONE;
        }
    }
}

static enum err_kind ask_partners(struct join *join, struct row_set *set, int occurrence,
                                  struct str prefix, bool *ret_has, struct err *reterr) {
    const struct target *target = set_target(join, set);
    const struct shape *shape = &join->shapes[set->target];
    bool has = true;
    join->cut_short = false;
    for (int o = 0; has && o < (int)target->core_count; o++) {
        if (o == occurrence || (o >= 2 && !SAFEGUARD("a partner is asked of every table"))) {
            continue;
        }
        const struct occurrence *of = &target->occurrences[o];
        struct row_ref *row = &set->rows[o];
        enum err_kind kind = shape->inner[o]
                                 ? has_alive(join, set, o, prefix, &has, reterr)
                                 : next_under(set, of->relation, prefix, STR_NONE, row, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
        /* Without any row an optional one has its NULL row. */
        has = shape->inner[o] ? has : row->key.ptr || of->optional;
    }
    *ret_has = has;
    return ERR_NONE;
}

enum err_kind has_partners(struct join *join, struct row_set *set, int occurrence,
                           struct str prefix, bool *ret_has, struct err *reterr) {
    struct had_partners *had = &join->had_partners;
    if (had->known && had->target == set->target && had->occurrence == occurrence &&
        str_equal(had->prefix, prefix)) {
        join->cut_short = false;
        *ret_has = had->has;
        return ERR_NONE;
    }
    enum err_kind kind = ask_partners(join, set, occurrence, prefix, ret_has, reterr);
    *had = (struct had_partners){.known = kind == ERR_NONE && !join->cut_short,
                                 .has = *ret_has,
                                 .target = set->target,
                                 .occurrence = occurrence,
                                 .prefix = prefix};
    if (*ret_has && set_target(join, set)->core_count > 1) {
        had->partner = set->rows[occurrence == 0];
    }
    return kind;
}

/* Whether the row (value absent: it is deleted) would have a combination there: every other core
 * table has a row for it, and no INNER lookup below it is missing. */
static enum err_kind is_partnered(struct join *join, struct row_set *set, struct use use,
                                  struct row_ref row, bool *ret_partnered, struct err *reterr) {
    row_set_use(set, use.target);
    set->rows[use.occurrence] = row;
    if (row.value.ptr && join->shapes[use.target].inner[use.occurrence]) {
        struct below below;
        enum err_kind kind = find_below(join, set, use.occurrence, &below, reterr);
        *ret_partnered = false;
        if (kind != ERR_NONE || !below.alive) {
            return kind;
        }
    }
    return has_partners(join, set, use.occurrence,
                        placement_of(join, occurrence_of(join, use)->relation, row.key),
                        ret_partnered, reterr);
}

enum err_kind find_partners(struct join *join, struct row_set *set, int table, struct row_ref row,
                            uint64_t *ret_partnered, struct err *reterr) {
    *ret_partnered = 0;
    join->cut_short = false;
    for (size_t u = 0; u < join->use_count[table] && !join->cut_short; u++) {
        bool partnered = false;
        enum err_kind kind = is_partnered(join, set, join->uses[table][u], row, &partnered, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
        *ret_partnered |= partnered ? UINT64_C(1) << u : 0;
    }
    return ERR_NONE;
}
