/* skiplist.h: an ordered map in memory, of byte keys: a skip list in an arena.
 *
 * What:    entries by key in memcmp's order; an entry may stand for a removed one. After William
 *          Pugh, Skip Lists: A Probabilistic Alternative to Balanced Trees, CACM 33(6), 1990.
 * Owns:    copies of keys and values, until skiplist_reset or skiplist_clear. Nothing is removed
 *          from it before.
 * Errors:  out of memory ends the process (arena.h).
 * Limits:  none of its own: the caller looks at skiplist_bytes.
 */
#ifndef STATE_SKIPLIST_H
#define STATE_SKIPLIST_H

#include "base/arena.h"

#include <stdint.h>

#define SKIPLIST_LEVELS 12 /* a fourth of the entries at each: good for some 10 million */

struct skiplist_entry;
struct skiplist {
    struct arena *arena; /* borrowed: maps that come and go together share one */
    struct skiplist_entry *heads[SKIPLIST_LEVELS];
    int level_count; /* so many levels have entries */
    uint64_t seed;
};

/* An empty map whose entries live in arena; forget them before it is reset. */
void skiplist_init(struct skiplist *map, struct arena *arena);
/* Forgets all entries; their memory is the arena's. */
void skiplist_forget(struct skiplist *map);
static inline bool skiplist_is_empty(const struct skiplist *map) {
    return !map->heads[0];
}
/* Sets key's entry; value.ptr NULL: it stands for a removed one. A value handed out before may be
 * overwritten. */
void skiplist_set(struct skiplist *map, struct str key, struct str value);
/* NULL: key has no entry. */
const struct skiplist_entry *skiplist_find(const struct skiplist *map, struct str key);
/* The first entry with key >= from, or with key > from; NULL: none. */
const struct skiplist_entry *skiplist_seek(const struct skiplist *map, struct str from,
                                           bool behind);
const struct skiplist_entry *skiplist_next(const struct skiplist_entry *entry);
struct str skiplist_key(const struct skiplist_entry *entry);
/* ptr NULL: removed. */
struct str skiplist_value(const struct skiplist_entry *entry);

#endif
