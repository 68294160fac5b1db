/* Whether a row is in any result: every other core table has a row for it, and no INNER lookup
 * below it is missing. */
#include "join/join_impl.h"

#include "base/safeguard.h"

enum err_kind has_partners(struct join *join, struct row_set *set, int occurrence,
                           struct str prefix, bool *ret_has, struct err *reterr) {
    const struct target *target = set_target(join, set);
    const struct shape *shape = &join->shapes[set->target];
    bool has = true;
    for (int o = 0; has && o < (int)target->core_count; o++) {
        if (o == occurrence || (o >= 2 && !SAFEGUARD("a partner is asked of every table"))) {
            continue;
        }
        struct row_ref *row = &set->rows[o];
        struct str after = STR_NONE;
        do {
            struct below below = {.alive = true};
            enum err_kind kind =
                next_under(set, target->occurrences[o].relation, prefix, after, row, reterr);
            if (kind == ERR_NONE && row->key.ptr && shape->inner[o]) {
                kind = find_below(join, set, o, &below, reterr);
            }
            if (kind != ERR_NONE) {
                return kind;
            }
            /* Without any row an optional one has its NULL row. */
            has = row->key.ptr ? below.alive : target->occurrences[o].optional && !after.ptr;
            after = row->key;
        } while (!has && after.ptr);
    }
    *ret_has = has;
    return ERR_NONE;
}

/* Whether the row (value absent: it is deleted) would have a combination there: every other core
 * table has a row for it, and no INNER lookup below it is missing. */
static enum err_kind is_partnered(struct join *join, struct row_set *set, struct use use,
                                  struct row_ref row, bool *ret_partnered, struct err *reterr) {
    row_set_use(set, use.target);
    set->rows[use.occurrence] = row;
    struct below below = {.alive = true};
    enum err_kind kind = row.value.ptr && join->shapes[use.target].inner[use.occurrence]
                             ? find_below(join, set, use.occurrence, &below, reterr)
                             : ERR_NONE;
    *ret_partnered = below.alive;
    if (kind != ERR_NONE || !below.alive) {
        return kind;
    }
    return has_partners(join, set, use.occurrence,
                        placement_of(join, occurrence_of(join, use)->relation, row.key),
                        ret_partnered, reterr);
}

enum err_kind find_partners(struct join *join, struct row_set *set, int table, struct row_ref row,
                            uint64_t *ret_partnered, struct err *reterr) {
    *ret_partnered = 0;
    for (size_t u = 0; u < join->use_count[table]; u++) {
        bool partnered = false;
        enum err_kind kind = is_partnered(join, set, join->uses[table][u], row, &partnered, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
        *ret_partnered |= (uint64_t)partnered << u;
    }
    return ERR_NONE;
}

uint64_t every_use(const struct join *join, int table) {
    return join->use_count[table] == USES_MAX ? UINT64_MAX
                                              : (UINT64_C(1) << join->use_count[table]) - 1;
}
