/* ordered.h: an ordered map in memory, of byte keys: a skip list in an arena.
 *
 * What:    entries by key in memcmp's order; an entry may stand for a removed one. After William
 *          Pugh, Skip Lists: A Probabilistic Alternative to Balanced Trees, CACM 33(6), 1990.
 * Owns:    copies of keys and values, until ordered_reset or ordered_clear. Nothing is removed
 *          from it before.
 * Errors:  out of memory ends the process (arena.h).
 * Limits:  none of its own: the caller looks at ordered_bytes.
 */
#ifndef STATE_ORDERED_H
#define STATE_ORDERED_H

#include "base/arena.h"

#include <stdint.h>

#define ORDERED_LEVELS 12 /* a fourth of the entries at each: good for some 10 million */

struct ordered_entry;
struct ordered {
    struct arena *arena; /* borrowed: maps that come and go together share one */
    struct ordered_entry *heads[ORDERED_LEVELS];
    uint64_t seed;
};

/* An empty map whose entries live in arena; forget them before it is reset. */
void ordered_init(struct ordered *map, struct arena *arena);
/* Forgets all entries; their memory is the arena's. */
void ordered_forget(struct ordered *map);
static inline bool ordered_is_empty(const struct ordered *map) {
    return !map->heads[0];
}
/* Sets key's entry; value.ptr NULL: it stands for a removed one. A value handed out before may be
 * overwritten. */
void ordered_set(struct ordered *map, struct str key, struct str value);
/* NULL: key has no entry. */
const struct ordered_entry *ordered_find(const struct ordered *map, struct str key);
/* The first entry with key >= from, or with key > from; NULL: none. */
const struct ordered_entry *ordered_seek(const struct ordered *map, struct str from, bool behind);
const struct ordered_entry *ordered_next(const struct ordered_entry *entry);
struct str ordered_key(const struct ordered_entry *entry);
/* ptr NULL: removed. */
struct str ordered_value(const struct ordered_entry *entry);

#endif
