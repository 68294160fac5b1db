/* join_impl.h: what the files of join/ share.
 *
 * What:    changed.c: which keys a batch changed. downward.c: the lookups below a row.
 *          combinations.c: the combinations that a row is part of. upward.c: the rows above a
 *          lookup's row. join.c: the rules, and the order in which row ops come.
 * Owns:    see struct join.
 * Errors:  the reader's, passed on; ERR_CACHE where an index says what its rows don't.
 */
#ifndef JOIN_JOIN_IMPL_H
#define JOIN_JOIN_IMPL_H

#include "base/buf.h"
#include "base/safeguard.h"
#include "join/join.h"

/* Where the plan joins a relation: an occurrence of a target. */
struct use {
    int target, occurrence;
};

/* The rows of a core occurrence under a placement that are known to lack an INNER lookup: from the
 * first one to `last` (ptr NULL: none is known). There may be any number of them, and each row of
 * another table would walk over them again. */
struct dead_rows {
    struct str prefix, last; /* the reader's bytes, or a changed row's */
};

/* What the rules have to look at in a target. Where nothing is set, all its tables are core and
 * none is optional. */
struct shape {
    bool lookups;
    bool optional; /* a core occurrence is */
    bool adds_key; /* ... and its rows without a partner are rows of their own in the sink */
    bool shrinks;  /* a change of a lookup's row may take sink rows away */
    bool inner[OCCURRENCES_MAX];  /* some lookup below the core occurrence is joined INNER */
    bool single[OCCURRENCES_MAX]; /* the core occurrence has one row at most under a placement */
    struct dead_rows dead[OCCURRENCES_MAX]; /* where inner: of the placement asked for last */
};

/* Rows of a target, by occurrence; key.ptr NULL: none. Those of lookups are found from the others.
 */
struct row_set {
    struct row_reader reader;
    int target;
    struct row_ref rows[OCCURRENCES_MAX];
    /* What a lookup was asked for last: most rows refer to the same as the one before. */
    struct looked_up {
        struct buf key;
        struct str value; /* ptr NULL: no such row */
        bool known, changed;
    } lookups[OCCURRENCES_MAX];
    bool any_known; /* of them */
};

/* What the first pass (the deletes) found out about a changed row. */
struct entry {
    struct str value; /* after the batch; ptr NULL: deleted */
    /* Bit i: use i of its relation has a partner in every other core table, and no INNER lookup
     * below it is missing. Of lookups' rows: 0. */
    uint64_t partnered;
    /* In the only use of its relation: the first row of the first other core occurrence that it can
     * be joined with. key.ptr NULL: not known. */
    struct row_ref partner;
};

/* A cursor over the combinations of one core occurrence's row with rows of the others: rows.rows is
 * the present combination, first[] each occurrence's first row. */
struct combinations {
    bool begun;
    int paused; /* the occurrence at which it stopped looking, to go on there; -1: it did not */
    int from;   /* whose row it is; key.ptr NULL: its NULL row */
    struct str prefix;
    struct row_ref hint; /* entry.partner of the row; key.ptr NULL: not known */
    struct row_set rows;
    struct row_ref first[OCCURRENCES_MAX];
    /* Where it has come to its end, it stands at the first rows again: for the next row of the same
     * occurrence under the same placement it has begun. */
    bool at_first;
    int first_from;
    struct str first_prefix;
};

/* The answer of has_partners that was given last: most changed rows share their placement with the
 * one before. */
struct had_partners {
    bool known, has;
    int target, occurrence;
    struct str prefix;      /* the reader's bytes, or a changed row's */
    struct row_ref partner; /* see entry.partner */
};

/* A cursor over the core rows above a lookup's row. */
struct referrers {
    int level, level_count;    /* where it goes on; 0: it is at its end, or not begun */
    int path[OCCURRENCES_MAX]; /* the lookup's occurrence, its parent, ... the core occurrence */
    struct str keys[OCCURRENCES_MAX]; /* the present row of each; [0]: the one that was given */
};

/* What find_below finds. */
struct below {
    bool alive;  /* no INNER lookup is missing */
    int changed; /* the first lookup that was asked for a changed key; -1: none */
};

/* A step upward. */
struct above {
    bool end;       /* there are no more */
    int occurrence; /* whose row set->rows[occurrence] is to be emitted for this lookup; -1: go on
                     */
    struct below below; /* that */
};

/* The rows without a partner under a placement, or those with one, still to be deleted. */
struct null_deletes {
    int target, occurrence; /* the next one to look at */
    int table;              /* of key */
    struct str key, prefix; /* a row under the placement */
};

enum phase { PHASE_DELETES, PHASE_CHECKS, PHASE_UPSERTS, PHASE_ALL, PHASE_END };

struct join {
    const struct plan *plan;
    struct shape *shapes;            /* by target */
    struct use *uses[RELATIONS_MAX]; /* by relation */
    size_t use_count[RELATIONS_MAX];
    bool filtered[RELATIONS_MAX]; /* a target leaves rows of it out by WHERE */
    bool in_place[RELATIONS_MAX]; /* a use is optional and adds no key */
    bool inner, adds_key;         /* some shape has an INNER lookup; adds a key */
    struct changed_row *changed;
    struct entry *entries; /* beside changed */
    size_t count, entry_cap;
    size_t changed_end[RELATIONS_MAX]; /* by table: where its rows end in changed */
    enum phase phase;
    size_t index, use;                /* the next one of changed, and of its relation's uses */
    size_t looks;                     /* left until ROW_OP_PAUSE */
    bool cut_short;                   /* has_partners does not know yet: it is to be asked again */
    struct row_set asked;             /* of questions that are answered at once */
    struct had_partners had_partners; /* of asked */
    struct combinations combinations;
    struct referrers referrers;
    struct above above; /* the deletes' */
    bool above_held;    /* they were cut short there, and go on with it */
    struct null_deletes nulls;
    struct buf reference; /* scratch */
};

static inline const struct target *set_target(const struct join *join, const struct row_set *set) {
    return &join->plan->targets[set->target];
}

static inline const struct occurrence *occurrence_of(const struct join *join, struct use use) {
    return &join->plan->targets[use.target].occurrences[use.occurrence];
}

static inline bool is_lookup(const struct join *join, int table) {
    return join->plan->relations[table].role == ROLE_LOOKUP;
}

/* The bytes that the keys of a row's partners begin with. */
static inline struct str placement_of(const struct join *join, int table, struct str key) {
    const struct relation *relation = &join->plan->relations[table];
    return (struct str){key.ptr, row_key_prefix(relation, key, relation->placement_count)};
}

/* The one that a phase has come to. */
static inline struct use present_use(const struct join *join) {
    return join->uses[join->changed[join->index].table][join->use];
}

/* A row was looked at in vain. True: that is enough for now. */
static inline bool look_in_vain(struct join *join) {
    join->looks -= join->looks > 0;
    return join->looks == 0;
}

/* ---- changed.c ---- */

/* Once they are sorted: where each table's rows end. */
void changed_begin(struct join *join);
bool is_among_changed(const struct join *join, int table, struct str key);
static inline bool is_changed(const struct join *join, int table, struct str key) {
    size_t begin = table > 0 ? join->changed_end[table - 1] : 0;
    return begin < join->changed_end[table] && is_among_changed(join, table, key);
}
/* Some changed row of the table begins with prefix. */
bool is_changed_under(const struct join *join, int table, struct str prefix);
/* Some changed row of a table before `end` that the target joins does. */
bool is_changed_before(const struct join *join, int target, int end, struct str prefix);
/* No changed row of the same table before the present one does. */
bool is_first_of_table(const struct join *join, struct str prefix);
/* Goes on to the next use of the changed row, or the first one of the next row. */
static inline void advance(struct join *join) {
    if (++join->use >= join->use_count[join->changed[join->index].table]) {
        join->use = 0;
        join->index++;
    }
}
/* Begins a phase, at the first changed row. */
static inline void enter_phase(struct join *join, enum phase phase) {
    join->phase = phase;
    join->index = 0;
    join->use = 0;
}

/* ---- downward.c ---- */

/* The set is of another target, or the state is another one than before. */
void row_set_begin(struct row_set *set, struct row_reader reader, int target);
/* The set is of this target from now on. */
static inline void row_set_use(struct row_set *set, int target) {
    if (set->target != target && SAFEGUARD("a lookup is asked anew for each target")) {
        row_set_begin(set, set->reader, target);
    }
    set->target = target;
}
void row_set_clear(struct row_set *set);
/* Finds the lookups below set->rows[occurrence], a core one. */
MUST_CHECK enum err_kind find_below(struct join *join, struct row_set *set, int occurrence,
                                    struct below *ret_below, struct err *reterr);

/* ---- partners.c ---- */

/* The first row of the table under prefix after `after`. */
static inline enum err_kind next_under(const struct row_set *set, int table, struct str prefix,
                                       struct str after, struct row_ref *ret_row,
                                       struct err *reterr) {
    return set->reader.next(set->reader.ctx, table, prefix, after, &ret_row->key, &ret_row->value,
                            reterr);
}

/* Whether every other core occurrence of set's target has a row under prefix to be joined with; or
 * join->cut_short. */
MUST_CHECK enum err_kind has_partners(struct join *join, struct row_set *set, int occurrence,
                                      struct str prefix, bool *ret_has, struct err *reterr);
/* Bit i of *ret_partnered: in use i of its relation the row is in a result. value.ptr NULL: it is
 * deleted, and would be. */
MUST_CHECK enum err_kind find_partners(struct join *join, struct row_set *set, int table,
                                       struct row_ref row, uint64_t *ret_partnered,
                                       struct err *reterr);
/* Its bit. */
static inline bool is_partnered_in(uint64_t partnered, size_t use) {
    return partnered != 0 &&
           (partnered >> use & 1 || !SAFEGUARD("each target has partners of its own"));
}
/* All bits of it. */
static inline uint64_t every_use(const struct join *join, int table) {
    return join->use_count[table] == USES_MAX ? UINT64_MAX
                                              : (UINT64_C(1) << join->use_count[table]) - 1;
}

/* After which row under prefix the occurrence may have one that is alive: its dead rows. */
struct str after_dead(struct join *join, int target, int occurrence, struct str prefix);
/* The row that follows `after` under prefix is dead, too. */
void add_dead(struct join *join, int target, int occurrence, struct str prefix, struct str after,
              struct str key);
/* The state may be another one. */
void forget_partners(struct join *join);

/* ---- combinations.c ---- */

/* Moves the cursor to the next combination of combinations.rows.rows[from]: those with rows of
 * earlier occurrences that are emitted by themselves are left out. *ret_found false: there are no
 * more, or combinations_pause. */
MUST_CHECK enum err_kind combinations_step(struct join *join, bool *ret_found, struct err *reterr);

/* It has looked at many rows in vain; a step goes on. */
static inline bool combinations_pause(const struct join *join) {
    return join->combinations.paused >= 0;
}

/* ---- upward.c ---- */

/* Moves the cursor by one row above the changed row `key` of a lookup. To be emitted is a core row
 * that is not changed itself and does not come with another lookup. */
MUST_CHECK enum err_kind step_upward(struct join *join, struct row_set *set, int lookup,
                                     struct str key, struct above *ret_above, struct err *reterr);

/* ---- deletes.c, upserts.c: phases; *ret_op stays at ROW_OP_END where they have no more ---- */

MUST_CHECK enum err_kind next_delete(struct join *join, struct row_op *ret_op, struct err *reterr);
MUST_CHECK enum err_kind next_upsert(struct join *join, struct row_op *ret_op, struct err *reterr);
/* Each row of the target's first occurrence with all its combinations. */
MUST_CHECK enum err_kind next_of_all(struct join *join, struct row_op *ret_op, struct err *reterr);

#endif
