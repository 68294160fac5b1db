/* coalesce.h: several changes of one row become one: its last version.
 *
 * What:    the rows that a batch's records change, by (table, key), and whether each was deleted in
 *          between.
 * Owns:    nothing: it lives in the arena that it is given. Borrows keys and values.
 * Limits:  as many rows as it was made for.
 */
#ifndef PIPELINE_COALESCE_H
#define PIPELINE_COALESCE_H

#include "decode/decode.h"
#include "join/join.h"

struct coalesced_row {
    struct changed_row changed; /* first: sorted by it */
    struct str value;           /* ptr NULL: the row is deleted */
};

/* Open addressing, at most half full. */
struct coalesced {
    struct coalesced_row *rows;
    size_t count, mask;
    uint32_t *index; /* position in rows + 1; 0: free */
};

/* For at most row_max rows. */
void coalesce_init(struct coalesced *rows, struct arena *arena, size_t row_max);
/* A change of a row (change->key.ptr is not NULL). */
void coalesce_add(struct coalesced *rows, const struct change *change);
/* The row as it is with all that was added; NULL: nothing was about it. */
const struct coalesced_row *coalesce_find(const struct coalesced *rows, int table, struct str key);
/* The row becomes this version, whatever was added. */
void coalesce_set(struct coalesced *rows, int table, struct str key, struct str value);
/* By (table, key). Nothing is found or added any more. */
void coalesce_sort(struct coalesced *rows);

#endif
