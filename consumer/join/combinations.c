/* The combinations of one core row with rows of the other core tables, which share its placement.
 */
#include "join/join_impl.h"

#include "base/safeguard.h"

/* Whether a row of another occurrence, the one after `after`, makes no combination here: it is in
 * no result; or it comes before the row's own and is emitted by itself, with all its combinations
 * (no sink row is written twice). */
static enum err_kind is_left_out(struct join *join, int occurrence, struct str after, bool *ret_out,
                                 struct err *reterr) {
    struct combinations *c = &join->combinations;
    const struct row_ref *row = &c->rows.rows[occurrence];
    int table = set_target(join, &c->rows)->occurrences[occurrence].relation;
    const bool before = occurrence < c->from;
    *ret_out =
        before && is_changed(join, table, row->key) && SAFEGUARD("no sink row is written twice");
    if (*ret_out || !join->shapes[c->rows.target].lookups) {
        return ERR_NONE;
    }
    struct below below;
    enum err_kind kind = find_below(join, &c->rows, occurrence, &below, reterr);
    if (kind == ERR_NONE && !below.alive) {
        add_dead(join, c->rows.target, occurrence, c->prefix, after, row->key);
    }
    if (kind == ERR_NONE) {
        *ret_out = !below.alive || (before && below.changed >= 0 &&
                                    SAFEGUARD("no row that a lookup reaches is written twice"));
    }
    return kind;
}

/* Moves the occurrence to its next row after `after`; key.ptr NULL: there is none. Or pauses, at a
 * row that makes no combination. hint: that row, if it is known. */
static enum err_kind next_partner(struct join *join, int occurrence, struct str after,
                                  struct row_ref hint, struct err *reterr) {
    struct combinations *c = &join->combinations;
    struct row_ref *row = &c->rows.rows[occurrence];
    int table = set_target(join, &c->rows)->occurrences[occurrence].relation;
    bool out;
    do {
        enum err_kind kind = ERR_NONE;
        if (hint.key.ptr) {
            *row = hint;
            hint.key = STR_NONE;
        } else {
            kind = next_under(&c->rows, table, c->prefix, after, row, reterr);
        }
        if (kind != ERR_NONE || !row->key.ptr) {
            return kind;
        }
        kind = is_left_out(join, occurrence, after, &out, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
        after = row->key;
        if (out && join->shapes[c->rows.target].lookups && look_in_vain(join)) {
            c->paused = occurrence;
        }
    } while (out && !combinations_pause(join));
    return ERR_NONE;
}

/* Moves the occurrence to its NULL row, if it has one here. */
static enum err_kind null_row(struct join *join, int occurrence, bool *ret_found,
                              struct err *reterr) {
    struct combinations *c = &join->combinations;
    const struct occurrence *of = &set_target(join, &c->rows)->occurrences[occurrence];
    struct row_ref row = {0};
    *ret_found = false;
    if (!of->optional) {
        return ERR_NONE;
    }
    enum err_kind kind = next_under(&c->rows, of->relation, c->prefix, STR_NONE, &row, reterr);
    if (kind != ERR_NONE || row.key.ptr) {
        return kind; /* there are rows, but none that makes a combination */
    }
    *ret_found = occurrence > c->from || !is_changed_under(join, of->relation, c->prefix) ||
                 !SAFEGUARD("no NULL row is written twice");
    c->rows.rows[occurrence] = (struct row_ref){0};
    struct below below; /* NULL, too */
    return *ret_found && join->shapes[c->rows.target].lookups
               ? find_below(join, &c->rows, occurrence, &below, reterr)
               : ERR_NONE;
}

/* Moves every occurrence but the row's own to its first row. *ret_found: there is a combination. */
static enum err_kind combinations_begin(struct join *join, bool *ret_found, struct err *reterr) {
    struct combinations *c = &join->combinations;
    const struct target *target = set_target(join, &c->rows);
    const struct shape *shape = &join->shapes[c->rows.target];
    const int paused = c->paused;
    *ret_found = c->at_first && c->first_from == c->from && str_equal(c->first_prefix, c->prefix);
    c->at_first = false;
    c->paused = -1;
    if (*ret_found) {
        return ERR_NONE;
    }
    for (int o = paused < 0 ? 0 : paused; o < (int)target->core_count; o++) {
        if (o == c->from) {
            continue;
        }
        bool found = true;
        struct str after = o == paused       ? c->rows.rows[o].key
                           : shape->inner[o] ? after_dead(join, c->rows.target, o, c->prefix)
                                             : STR_NONE;
        const bool hinted = o == (c->from == 0) && paused < 0;
        enum err_kind kind =
            next_partner(join, o, after, hinted ? c->hint : (struct row_ref){0}, reterr);
        if (kind == ERR_NONE && !c->rows.rows[o].key.ptr) {
            kind = null_row(join, o, &found, reterr);
        }
        if (kind != ERR_NONE || !found || combinations_pause(join)) {
            return kind;
        }
        c->first[o] = c->rows.rows[o];
    }
    *ret_found = true;
    return ERR_NONE;
}

static enum err_kind back_to_first(struct join *join, int occurrence, struct err *reterr) {
    struct combinations *c = &join->combinations;
    struct below below;
    c->rows.rows[occurrence] = c->first[occurrence];
    return join->shapes[c->rows.target].lookups
               ? find_below(join, &c->rows, occurrence, &below, reterr)
               : ERR_NONE;
}

/* The next combination; the last occurrence varies fastest. */
static enum err_kind combinations_next(struct join *join, bool *ret_found, struct err *reterr) {
    struct combinations *c = &join->combinations;
    const struct shape *shape = &join->shapes[c->rows.target];
    const int last = (int)set_target(join, &c->rows)->core_count - 1, paused = c->paused;
    *ret_found = false;
    c->paused = -1;
    for (int o = paused < 0 ? last : paused; o >= 0; o--) {
        if (o == c->from) {
            continue;
        }
        struct str after = c->rows.rows[o].key; /* ptr NULL: the NULL row, the only one */
        if (!after.ptr || shape->single[o]) {
            continue;
        }
        enum err_kind kind = next_partner(join, o, after, (struct row_ref){0}, reterr);
        if (kind != ERR_NONE || combinations_pause(join)) {
            return kind;
        }
        if (c->rows.rows[o].key.ptr) {
            *ret_found = true;
            return ERR_NONE;
        }
        kind = back_to_first(join, o, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
    }
    c->at_first = true;
    c->first_from = c->from;
    c->first_prefix = c->prefix;
    return ERR_NONE;
}

enum err_kind combinations_step(struct join *join, bool *ret_found, struct err *reterr) {
    const bool begun = join->combinations.begun;
    enum err_kind kind = begun ? combinations_next(join, ret_found, reterr)
                               : combinations_begin(join, ret_found, reterr);
    join->combinations.begun =
        kind == ERR_NONE && (*ret_found || (begun && combinations_pause(join)));
    return kind;
}
