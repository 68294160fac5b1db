/* join.h: changed rows and the state after a batch → row ops for the sink.
 *
 * What:    first a delete for each changed row that was deleted or has no partner; then the checks;
 *          then an upsert for every combination of a changed row with rows of the other tables.
 *          Each sink row is upserted once.
 * Owns:    a struct join owns its scratch; changed rows and the reader are borrowed until join_end.
 * Threads: belongs to one thread. Pure: no I/O but through the reader, no clock, no log.
 * Errors:  the reader's, passed on.
 * Limits:  those of plan.h. The fan-out is read row by row, never held in memory.
 */
#ifndef JOIN_JOIN_H
#define JOIN_JOIN_H

#include "base/arena.h"
#include "plan/row.h"

/* How join reads the state. Returned bytes are valid until the state changes. */
struct row_reader {
    void *ctx;
    /* *ret_value.ptr NULL: no such row. */
    enum err_kind (*get)(void *ctx, int table, struct str key, struct str *ret_value,
                         struct err *reterr);
    /* The first row of table after `after` whose key starts with prefix; *ret_key.ptr NULL: none.
     */
    enum err_kind (*next)(void *ctx, int table, struct str prefix, struct str after,
                          struct str *ret_key, struct str *ret_value, struct err *reterr);
};

/* A row that a batch changed. */
struct changed_row {
    int table;
    struct str key;
    bool deleted; /* at any point of the batch */
};

/* For qsort and bsearch: by (table, key). */
int changed_row_compare(const void *left, const void *right);

enum row_op_kind {
    ROW_OP_END,    /* no more */
    ROW_OP_DELETE, /* the target's rows that show (occurrence, key) */
    ROW_OP_CHECK,  /* the row has no partner: only check that its values convert */
    ROW_OP_UPSERT, /* the target's row of rows[] */
};

struct row_ref {
    struct str key, value;
};

struct row_op {
    enum row_op_kind kind;
    int target;                 /* DELETE, UPSERT: index into plan.targets */
    int occurrence;             /* DELETE: of the target */
    int table;                  /* DELETE, CHECK: index into plan.relations */
    struct row_ref row;         /* DELETE (value unset), CHECK */
    const struct row_ref *rows; /* UPSERT: by occurrence; valid until the next join_next */
};

struct join;

/* plan is borrowed. */
struct join *join_new(const struct plan *plan);
void join_destroy(struct join **join);

/* Begins over changed rows, no (table, key) twice; sorts them in place by (table, key). The state
 * must not change until ROW_OP_END or join_end. */
void join_begin(struct join *join, struct row_reader reader, struct changed_row *changed,
                size_t changed_count);
/* Begins over every combination of a target, in key order: upserts only (the initial load). */
void join_begin_all(struct join *join, struct row_reader reader, int target);
MUST_CHECK enum err_kind join_next(struct join *join, struct row_op *ret_op, struct err *reterr);
void join_end(struct join *join);

/* Whether the table's row has a partner wherever the plan joins it: else no upsert of some target
 * shows it. Whatever join has begun is not disturbed. */
MUST_CHECK enum err_kind join_has_partners(const struct join *join, struct row_reader reader,
                                           int table, struct str key, bool *ret_has,
                                           struct err *reterr);

#endif
