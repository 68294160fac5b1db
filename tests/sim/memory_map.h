/* memory_map.h: sorted arrays of entries, one a space: what memory_kv.h stores.
 *
 * What:    private to memory_kv.c.
 * Owns:    a map owns its array and a share of each entry; entries never change.
 * Errors:  out of memory ends the process (abort).
 * Limits:  as memory_kv.h.
 */
#ifndef SIM_MEMORY_MAP_H
#define SIM_MEMORY_MAP_H

#include "state/kv.h"

struct memory_entry {
    size_t shares;
    struct str key, value; /* in bytes */
    char bytes[];
};

struct memory_map {
    struct memory_entry **entries; /* by key */
    size_t count, cap;
};

/* The first entry whose key is not below key. */
size_t memory_map_find(const struct memory_map *map, struct str key);
/* The value at key; absent if there is none. */
struct str memory_map_get(const struct memory_map *map, struct str key);
/* value.ptr NULL: takes the entry away. */
void memory_map_set(struct memory_map *map, struct str key, struct str value);
/* to becomes what from is; entries are shared. */
void memory_map_copy(struct memory_map *to, const struct memory_map *from);
void memory_map_clear(struct memory_map *map);

#endif
