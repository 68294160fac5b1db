/* bulk_load.h: rows on their way into a store that is being filled, to be put there in key order.
 *
 * What:    a log brings rows in any order, and a change at a random key costs a page of the store.
 *          Sorted, many rows share one. Per table the last version of each key counts.
 * Owns:    copies of what is added, until bulk_load_reset or bulk_load_clear.
 * Errors:  out of memory ends the process (arena.h).
 * Limits:  none of its own: the caller looks at bulk_load_bytes.
 */
#ifndef STATE_BULK_LOAD_H
#define STATE_BULK_LOAD_H

#include "base/arena.h"
#include "state/state.h"

#include <stdint.h>

struct bulk_load_row {
    struct str key, value; /* value.ptr NULL: the row is gone */
};

struct bulk_load_list {
    struct bulk_load_entry *entries;
    size_t count, cap;
};

struct bulk_load {
    struct arena arena;
    struct bulk_load_list lists[STATE_TABLES_MAX];
};

/* An all-zero struct bulk_load is valid and empty. */
void bulk_load_clear(struct bulk_load *load);
/* Forgets all rows; gives most of the memory back. */
void bulk_load_reset(struct bulk_load *load);
void bulk_load_add(struct bulk_load *load, int table, struct str key, struct str value);
/* What it holds in memory, about. */
size_t bulk_load_bytes(const struct bulk_load *load);
static inline bool bulk_load_is_empty(const struct bulk_load *load) {
    return load->arena.used == 0;
}
/* Brings table's rows into key order and drops all versions of a key but the last; how many are
 * left. */
size_t bulk_load_sort(struct bulk_load *load, int table);
/* The i-th of what bulk_load_sort left. Lives until reset or clear. */
struct bulk_load_row bulk_load_at(const struct bulk_load *load, int table, size_t i);

#endif
