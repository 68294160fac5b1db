/* roles.h: what the tables are under one choice of the key that places rows. Private to view/.
 *
 * What:    K: one or more classes of equal columns. Core tables hold all of it and are joined on
 *          it; of every other table a row has at most one partner, found by its primary key.
 * Owns:    nothing: texts live in the draft's arena.
 * Errors:  none: a misfit says which table has no role, or what else speaks against K.
 */
#ifndef VIEW_ROLES_H
#define VIEW_ROLES_H

#include "view/draft.h"

/* How far a choice of K came, worst first. */
enum fit {
    FIT_NO_ROLE, /* a table is neither core nor a lookup */
    FIT_NO_TYPE, /* a type that can't be compared here, or NULL where it can't be */
    FIT_NO_KEY,  /* the select list lacks a column of the sink's key */
    FIT,
};

struct roles {
    int key[DRAFT_KEY_MAX]; /* K, each an index into draft->classes */
    size_t key_count;
    const char *origin; /* of K, for people: "the primary key of orders" */
    struct table_role {
        bool placed, core;
        bool filtered; /* core, and its table is a lookup, too */
        /* Its table is both, and K goes beyond the primary key: records have both as their key. */
        bool keyed;
        int parent;                        /* -1: core */
        int parent_columns[DRAFT_KEY_MAX]; /* the parent's, in the order of the primary key */
        int key_columns[DRAFT_KEY_MAX];    /* of a core table: its columns of K */
    } tables[OCCURRENCES_MAX];
    size_t lookup_count, filtered_count, keyed_count; /* the latter: tables */
    bool mixed;                                       /* K's columns are of several types */
    enum fit fit;
    /* Of what is FIT: the plan of views before that it can share; NULL: none, and why not. */
    struct share *share;
    struct str apart[TARGETS_MAX];
    /* Of what is not FIT. */
    const struct source *source;
    size_t at;
    const char *why, *supported;
};

/* Fills all but key, key_count and origin. */
void roles_find(struct draft *draft, struct roles *roles);
/* Says why they don't fit, and returns false. */
bool roles_misfit(struct draft *draft, struct roles *roles, enum fit fit, size_t at,
                  const char *format, ...) __attribute__((format(printf, 5, 6))); /* misfit.c */
/* Types, NULLs and the select list: false with a misfit. */
bool roles_check(struct draft *draft, struct roles *roles); /* roles_check.c */
/* "orders.order_id, orders.line_no": K, by the first table that has it. */
const char *roles_key_show(struct draft *draft, const struct roles *roles); /* misfit.c */
/* How part p of K is coded by a core table's own column. */
enum key_code roles_key_code(struct draft *draft, const struct roles *roles, int table, size_t p);
/* Whether a core table's is a bigint. */
bool roles_place_bigint(struct draft *draft, const struct roles *roles, size_t p);
/* The output that shows part p of K; -1: none does. */
int roles_key_output(const struct draft *draft, const struct roles *roles, size_t p);
/* The output that shows a column, -1: none does. */
int output_of(const struct draft *draft, int table, int column);

#endif
