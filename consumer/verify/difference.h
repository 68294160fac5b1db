/* difference.h: what a row of the view and a row of the table have not in common.
 *
 * What:    a row that is on one side only, or has other values there; and lists of them.
 * Owns:    a struct differences what its items point to, one block an item.
 * Units:   milliseconds of a monotonic clock.
 */
#ifndef VERIFY_DIFFERENCE_H
#define VERIFY_DIFFERENCE_H

#include "base/str.h"

#include <stdint.h>

enum difference_kind {
    DIFFERENCE_MISSING, /* the table lacks the row */
    DIFFERENCE_EXTRA,   /* the view lacks it */
    DIFFERENCE_VALUES,  /* columns differ */
};

struct difference {
    enum difference_kind kind;
    /* By outputs; NULL: there is no row on this side. */
    struct str *source, *sink;
    bool *columns;    /* VALUES: which differ, and have all the time; otherwise NULL */
    int64_t since_ms; /* when it was first seen as it is */
    int64_t sent_ms;  /* when all that was committed until then was in Kafka; 0: not yet */
    unsigned looks;
    void *memory;
};

struct differences {
    struct difference *items;
    size_t count, cap;
    size_t bytes;
};

/* Copies the values, `columns` of them on each side that has a row. */
void differences_add(struct differences *list, enum difference_kind kind, const struct str *source,
                     const struct str *sink, size_t columns);
/* Moves an item of another list, which must not be used there any more. */
void differences_move(struct differences *list, struct difference *from, size_t columns);
void differences_free(struct differences *list, struct difference *item, size_t columns);
/* Counts an item's bytes for another list from now on. */
void differences_account(struct differences *from, const struct difference *item,
                         struct differences *to, size_t columns);
/* Drops the items whose memory is NULL. */
void differences_compact(struct differences *list);
void differences_clear(struct differences *list);

static inline bool value_same(struct str a, struct str b) {
    return a.ptr && b.ptr ? str_equal(a, b) : a.ptr == b.ptr;
}

/* A row that holds its key. */
static inline const struct str *difference_row(const struct difference *difference) {
    return difference->source ? difference->source : difference->sink;
}

#endif
