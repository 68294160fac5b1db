/* lmdb_page.h: is what LMDB is about to change sound?
 *
 * What:    LMDB 0.9 takes lengths from a page as they stand, and on a damaged one writes past its
 *          own memory, which kills us anywhere later, or gives back a billion pages that never
 *          were, one after the other. So what it will take at its word is looked at before. Reads
 *          need none of this: values have a checksum, and what faults has its mark (guard.h).
 * Owns:    nothing.
 * Threads: pure functions, but lmdb_free_list.
 * Units:   bytes, pages.
 * Errors:  false, or LMDB's rc: damaged.
 * Limits:  the format of LMDB 0.9 on little-endian machines; elsewhere all is sound.
 */
#ifndef STATE_LMDB_PAGE_H
#define STATE_LMDB_PAGE_H

#include <lmdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The pages of an environment as last committed. */
struct lmdb_pages {
    const char *map;
    uint64_t count;
    size_t page_bytes;
};

/* page: a leaf of rows, in the map. */
bool lmdb_leaf_sound(const struct lmdb_pages *pages, const char *page);
/* A value, in the map, with pages of its own: they hold it and are within the file. (More than it
 * needs: it was longer before.) */
bool lmdb_large_sound(const struct lmdb_pages *pages, const MDB_val *value);
/* Walks through the list of free pages. 0: sound. Takes a read transaction. */
int lmdb_free_list(MDB_env *env, const struct lmdb_pages *pages);

#endif
