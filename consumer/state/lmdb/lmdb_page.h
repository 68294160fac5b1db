/* lmdb_page.h: LMDB's pages, verified before they are relied on.
 *
 * What:    LMDB 0.9 takes lengths and numbers from a page as they stand. Changing a damaged one it
 *          writes past its own memory, which kills us anywhere later, or gives back a billion
 *          pages that never were; reading it, it says of rows that are there that they are not.
 * Units:   bytes, pages.
 * Errors:  false: damaged.
 * Limits:  the format of LMDB 0.9 on little-endian machines; elsewhere all is valid.
 * Source:  MDB_page, MDB_node in LMDB's mdb.c.
 */
#ifndef STATE_LMDB_PAGE_H
#define STATE_LMDB_PAGE_H

#include "base/str.h"

#include <lmdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if MDB_VERSION_MAJOR == 0 && MDB_VERSION_MINOR == 9 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LMDB_FORMAT_KNOWN 1
#else
#define LMDB_FORMAT_KNOWN 0
#endif

#define LMDB_PAGE_FIRST 2 /* after the two meta pages */

/* The pages of an environment as last committed. */
struct lmdb_pages {
    const char *map; /* NULL: not known, all is valid */
    uint64_t count;
    size_t page_bytes;
};

/* Where the page of what is in the map begins, and which it is. */
static inline const char *lmdb_page_of(const struct lmdb_pages *pages, const char *at) {
    return at - ((uintptr_t)at - (uintptr_t)pages->map) % pages->page_bytes;
}
static inline uint64_t lmdb_page_number(const struct lmdb_pages *pages, const char *page) {
    return (uint64_t)(page - pages->map) / pages->page_bytes;
}

/* page: in the map, a leaf; its entries are within it and fill what it says it has filled. */
bool lmdb_leaf_valid(const struct lmdb_pages *pages, const char *page);
/* As last committed, and one of rows: valid, not empty, the keys ascend, each entry matches its
 * checksum. */
bool lmdb_leaf_verified(const struct lmdb_pages *pages, const char *page, int space);
/* Of a valid leaf that is not empty. */
const char *lmdb_first_key(const char *page);
/* A value, in the map, with pages of its own: they hold it and are within the file. (More than it
 * needs: it was longer before.) */
bool lmdb_large_valid(const struct lmdb_pages *pages, struct str value);
/* Of the first page of a valid one: how many it has. */
uint64_t lmdb_large_count(const char *page);

/* As lmdb_leaf_valid, of a branch. */
bool lmdb_branch_valid(const struct lmdb_pages *pages, const char *page);
/* Of a valid page. */
size_t lmdb_entry_count(const char *page);
/* Of a valid branch: the page below entry i, and the least key that may be there, which the first
 * entry does not have. */
uint64_t lmdb_branch_child(const char *page, size_t i, struct str *ret_key);

#endif
