/* join.h: changed rows and the state after a batch → row ops for the sink.
 *
 * What:    a core row is affected if it was changed, or if a key that its references lead to was.
 *          First a delete for each affected row that was deleted or is in no result, and for what
 *          a LEFT JOIN excludes; then the checks; then an upsert for every combination of an
 *          affected row with rows of the other tables. Each sink row is upserted once.
 * Owns:    a struct join owns its scratch; changed rows and the reader are borrowed until join_end.
 * Threads: belongs to one thread. Pure: no I/O but through the reader, no clock, no log.
 * Errors:  the reader's, passed on.
 * Limits:  those of plan.h. The fan-out is read row by row, never held in memory.
 */
#ifndef JOIN_JOIN_H
#define JOIN_JOIN_H

#include "base/arena.h"
#include "plan/row.h"

/* How join reads the state. Returned bytes are valid until the state changes; until then each row's
 * value has an address of its own. */
struct row_reader {
    void *ctx;
    /* *ret_value.ptr NULL: no such row. */
    enum err_kind (*get)(void *ctx, int table, struct str key, struct str *ret_value,
                         struct err *reterr);
    /* The first row of table after `after` whose key starts with prefix; *ret_key.ptr NULL: none.
     */
    enum err_kind (*next)(void *ctx, int table, struct str prefix, struct str after,
                          struct str *ret_key, struct str *ret_value, struct err *reterr);
    /* The first row of table after `after` that refers by its relation's `reference` to the row
     * with the key `referred`; *ret_key.ptr NULL: none. Not used where there are no lookups. */
    enum err_kind (*next_referrer)(void *ctx, int table, int reference, struct str referred,
                                   struct str after, struct str *ret_key, struct err *reterr);
};

/* A row that a batch changed. */
struct changed_row {
    int table;
    struct str key;
    bool deleted; /* at any point of the batch */
    /* Its value after the batch (ptr NULL: no row), which stays until join_end; NULL: the reader is
     * asked. */
    const struct str *value;
};

/* For qsort and bsearch: by (table, key). */
int changed_row_compare(const void *left, const void *right);

enum row_op_kind {
    ROW_OP_END,    /* no more */
    ROW_OP_PAUSE,  /* none yet: ask again after something else */
    ROW_OP_DELETE, /* the target's rows that show (occurrence, key) */
    /* The target's rows under the placement that `row` has: those without a partner in the
     * occurrence, an optional one, or those with one. */
    ROW_OP_DELETE_NULL,
    ROW_OP_DELETE_MATCHED,
    ROW_OP_CHECK,  /* only check that the row's values convert: no upsert may show them */
    ROW_OP_UPSERT, /* the target's row of rows[] */
};

struct row_ref {
    struct str key, value;
};

struct row_op {
    enum row_op_kind kind;
    int target;         /* DELETE.., UPSERT: index into plan.targets */
    int occurrence;     /* DELETE..: of the target */
    int table;          /* DELETE.., CHECK: of row, index into plan.relations */
    bool waits;         /* CHECK: the row has no partner */
    struct row_ref row; /* DELETE.. (value unset), CHECK */
    /* UPSERT: by occurrence; key.ptr NULL: an optional one without a row. Valid until the next
     * join_next. */
    const struct row_ref *rows;
};

static inline bool row_op_deletes(const struct row_op *op) {
    return op->kind == ROW_OP_DELETE || op->kind == ROW_OP_DELETE_NULL ||
           op->kind == ROW_OP_DELETE_MATCHED;
}

struct join;

/* plan is borrowed. */
struct join *join_new(const struct plan *plan);
void join_destroy(struct join **join);
/* All tables are core and none is optional. */
bool join_is_plain(const struct join *join);

/* Begins over changed rows, no (table, key) twice; sorts them in place by (table, key). The state
 * must not change until ROW_OP_END or join_end. */
void join_begin(struct join *join, struct row_reader reader, struct changed_row *changed,
                size_t changed_count);
/* Begins over every combination of a target, in key order: upserts only (the initial load). */
void join_begin_all(struct join *join, struct row_reader reader, int target);
/* *looks: so many rows may still be looked at in vain, then comes ROW_OP_PAUSE: a row of a lookup
 * may have any number of rows that refer to it, and a placement any number of rows whose lookup is
 * missing. */
MUST_CHECK enum err_kind join_next(struct join *join, size_t *looks, struct row_op *ret_op,
                                   struct err *reterr);
void join_end(struct join *join);

/* Begins questions, until the state changes. Whatever join has begun is not disturbed, but no op
 * that it gave is valid. */
void join_begin_questions(struct join *join, struct row_reader reader);
/* Whether upserts of every target that joins the table show the row: else an initial load may not
 * try its values. The row's bytes are the reader's. */
MUST_CHECK enum err_kind join_is_written(struct join *join, int table, struct row_ref row,
                                         bool *ret_written, struct err *reterr);

#endif
