/* fill.h: rows on their way into a store that is being filled, to be put there in key order.
 *
 * What:    a log brings rows in any order, and a change at a random key costs a page of the store.
 *          Sorted, many rows share one. Per table the last version of each key counts.
 * Owns:    copies of what is added, until fill_reset or fill_clear.
 * Errors:  out of memory ends the process (arena.h).
 * Limits:  none of its own: the caller looks at fill_bytes.
 */
#ifndef STATE_FILL_H
#define STATE_FILL_H

#include "base/arena.h"
#include "state/state.h"

#include <stdint.h>

struct fill_row {
    struct str key, value; /* value.ptr NULL: the row is gone */
};

struct fill_list {
    struct fill_entry *entries;
    size_t count, cap;
};

struct fill {
    struct arena arena;
    struct fill_list lists[STATE_TABLES_MAX];
};

/* An all-zero struct fill is valid and empty. */
void fill_clear(struct fill *fill);
/* Forgets all rows; gives most of the memory back. */
void fill_reset(struct fill *fill);
void fill_add(struct fill *fill, int table, struct str key, struct str value);
/* What it holds in memory, about. */
size_t fill_bytes(const struct fill *fill);
/* Brings table's rows into key order and drops all versions of a key but the last; how many are
 * left. */
size_t fill_sort(struct fill *fill, int table);
/* The i-th of what fill_sort left. Lives until reset or clear. */
struct fill_row fill_at(const struct fill *fill, int table, size_t i);

#endif
