/* The lookups below a core row: what its references, and theirs, lead to. */
#include "join/join_impl.h"

#include "base/safeguard.h"

void row_set_begin(struct row_set *set, struct row_reader reader, int target) {
    set->reader = reader;
    set->target = target;
    for (size_t o = 0; set->any_known && o < OCCURRENCES_MAX; o++) {
        set->lookups[o].known = false;
    }
    set->any_known = false;
}

void row_set_clear(struct row_set *set) {
    for (size_t o = 0; o < OCCURRENCES_MAX; o++) {
        buf_clear(&set->lookups[o].key);
    }
}

/* Asks the lookup for a row, unless it was asked for the same one before. */
static enum err_kind ask(const struct join *join, struct row_set *set, int table,
                         struct looked_up *lookup, struct err *reterr) {
    struct str key = buf_view(&join->reference);
    if (lookup->known && str_equal(buf_view(&lookup->key), key)) {
        return ERR_NONE;
    }
    lookup->known = false;
    buf_reset(&lookup->key);
    buf_str(&lookup->key, key);
    key = buf_view(&lookup->key);
    enum err_kind kind = set->reader.get(set->reader.ctx, table, key, &lookup->value, reterr);
    if (kind == ERR_NONE) {
        lookup->changed = is_changed(join, table, key);
        lookup->known = set->any_known = true;
    }
    return kind;
}

/* The lookup's row for that of its parent into set. *ret_asked: the parent's row refers to one. */
static enum err_kind look_up(struct join *join, struct row_set *set, int occurrence,
                             bool *ret_asked, struct err *reterr) {
    const struct target *target = set_target(join, set);
    const struct occurrence *lookup = &target->occurrences[occurrence];
    const struct row_ref *parent = &set->rows[lookup->parent];
    struct looked_up *found = &set->lookups[occurrence];
    bool refers = false;
    enum err_kind kind = ERR_NONE;
    if (parent->key.ptr) {
        buf_reset(&join->reference);
        kind = row_reference(occurrence_relation(join->plan, target, lookup->parent),
                             (size_t)lookup->reference, parent->key, parent->value,
                             &join->reference, &refers, reterr);
    }
    if (kind == ERR_NONE && refers) {
        kind = ask(join, set, lookup->relation, found, reterr);
    }
    bool there = kind == ERR_NONE && refers && found->value.ptr;
    set->rows[occurrence] =
        there ? (struct row_ref){buf_view(&found->key), found->value} : (struct row_ref){0};
    *ret_asked = refers;
    return kind;
}

enum err_kind find_below(struct join *join, struct row_set *set, int occurrence,
                         struct below *ret_below, struct err *reterr) {
    const struct target *target = set_target(join, set);
    *ret_below = (struct below){.alive = true, .changed = -1};
    for (int o = (int)target->core_count; o < (int)target->occurrence_count; o++) {
        if (target->occurrences[o].root != occurrence) {
            continue;
        }
        bool asked = false;
        enum err_kind kind = look_up(join, set, o, &asked, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
        if (asked && set->lookups[o].changed && ret_below->changed < 0) {
            ret_below->changed = o;
        }
        ret_below->alive &= set->rows[o].key.ptr || target->occurrences[o].optional ||
                            !set->rows[occurrence].key.ptr ||
                            !SAFEGUARD("a row without its INNER lookup is in no result");
    }
    return ERR_NONE;
}
