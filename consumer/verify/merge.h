/* merge.h: two ordered streams of rows → their differences.
 *
 * What:    walks over both at once, so memory does not grow with the number of rows.
 * Owns:    nothing: a line is valid until the next one of its side.
 * Errors:  those of the streams; ERR_RETRY: a line that can't be read.
 *
 * Private to verify/; uses no libpq.
 */
#ifndef VERIFY_MERGE_H
#define VERIFY_MERGE_H

#include "base/buf.h"
#include "base/err.h"
#include "verify/difference.h"
#include "verify/order.h"

/* A side, as COPY gives it. */
struct merge_side {
    /* ptr NULL: the end. */
    enum err_kind (*next)(void *ctx, struct str *ret_line, struct err *reterr);
    void *ctx;
    /* Of merge.c: */
    struct str line;
    struct str *values;
    struct buf scratch;
    bool split;
    uint64_t count; /* rows that were compared, added up */
};

struct merge {
    const struct order *order;
    struct merge_side source, sink;
    struct differences *found;
    /* Which rows count, by outputs; NULL: all. */
    bool (*wanted)(void *ctx, const struct str *values);
    void *wanted_ctx;
};

enum merge_state {
    MERGE_MORE,
    MERGE_END,
};

/* Takes the first row of each side; room for the values is made at the first call. */
MUST_CHECK enum err_kind merge_begin(struct merge *merge, struct err *reterr);
/* Compares up to `rows` of them. */
MUST_CHECK enum err_kind merge_step(struct merge *merge, size_t rows, enum merge_state *ret_state,
                                    struct err *reterr);
/* The first row that was not compared, by outputs; NULL: there is none. Borrowed until the next
 * step. */
const struct str *merge_position(struct merge *merge, struct err *reterr);
void merge_clear(struct merge *merge);

#endif
