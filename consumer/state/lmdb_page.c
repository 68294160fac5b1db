#include "state/lmdb_page.h"

#include <stdint.h>
#include <string.h>

#if MDB_VERSION_MAJOR == 0 && MDB_VERSION_MINOR == 9 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define FORMAT_KNOWN 1
#else
#define FORMAT_KNOWN 0
#endif

#define FREE_DBI        0
#define FREE_PAGE_FIRST 2 /* after the two meta pages */

/* LMDB's mdb.c: MDB_page, MDB_node. Read by memcpy: a damaged offset may be odd. */
struct page_head {
    uint64_t number;
    uint16_t pad;
    uint16_t flags;
    uint16_t lower, upper; /* the free space; together, of a large value: its pages */
};
#define PAGE_LEAF  0x02
#define PAGE_LARGE 0x04
#define PAGE_DIRTY 0x10

struct node {
    uint16_t size_low, size_high;
    uint16_t flags;
    uint16_t key_bytes;
};
#define NODE_LARGE 0x01

static bool node_sound(const char *page, size_t page_bytes, size_t upper, size_t at) {
    struct node node;
    if (at < upper || at % 2 != 0 || at + sizeof node > page_bytes) {
        return false;
    }
    memcpy(&node, page + at, sizeof node);
    size_t size = (size_t)node.size_high << 16 | node.size_low;
    size_t held = node.flags & NODE_LARGE ? sizeof(uint64_t) : size;
    return (node.flags & ~NODE_LARGE) == 0 && node.key_bytes > 0 &&
           at + sizeof node + node.key_bytes + held <= page_bytes;
}

bool lmdb_leaf_sound(const struct lmdb_pages *pages, const char *page) {
    if (!FORMAT_KNOWN) {
        return true;
    }
    size_t page_bytes = pages->page_bytes;
    struct page_head head;
    memcpy(&head, page, sizeof head);
    if (head.number != (size_t)(page - pages->map) / page_bytes ||
        (head.flags & ~PAGE_DIRTY) != PAGE_LEAF || head.lower < sizeof head ||
        head.lower > head.upper || head.upper > page_bytes || head.lower % 2 != 0) {
        return false;
    }
    for (size_t i = sizeof head; i < head.lower; i += sizeof(uint16_t)) {
        uint16_t at = 0;
        memcpy(&at, page + i, sizeof at);
        if (!node_sound(page, page_bytes, head.upper, at)) {
            return false;
        }
    }
    return true;
}

bool lmdb_large_sound(const struct lmdb_pages *pages, const MDB_val *value) {
    if (!FORMAT_KNOWN) {
        return true;
    }
    struct page_head head;
    size_t at = (size_t)((const char *)value->mv_data - pages->map);
    uint64_t number = at / pages->page_bytes;
    if (at % pages->page_bytes != sizeof head) {
        return false;
    }
    if (number >= pages->count) {
        return true; /* written by the open transaction, which was too large to hold it */
    }
    memcpy(&head, (const char *)value->mv_data - sizeof head, sizeof head);
    size_t held = (size_t)head.upper << 16 | head.lower;
    return (head.flags & ~PAGE_DIRTY) == PAGE_LARGE && head.number == number &&
           held >= (value->mv_size + sizeof head - 1) / pages->page_bytes + 1 &&
           held <= pages->count - number;
}

/* A record of the list: how many pages, and those, falling. */
static bool record_sound(const MDB_val *record, uint64_t page_count) {
    uint64_t count = 0, before = page_count;
    if (record->mv_size < sizeof count) {
        return false;
    }
    const char *bytes = record->mv_data;
    memcpy(&count, bytes, sizeof count);
    if (count > record->mv_size / sizeof count - 1) {
        return false;
    }
    for (uint64_t i = 1; i <= count; i++) {
        uint64_t number = 0;
        memcpy(&number, bytes + i * sizeof number, sizeof number);
        if (number < FREE_PAGE_FIRST || number >= before) {
            return false;
        }
        before = number;
    }
    return true;
}

static int check_records(MDB_cursor *cursor, const struct lmdb_pages *pages) {
    MDB_val key, record;
    const char *leaf = NULL;
    int rc = mdb_cursor_get(cursor, &key, &record, MDB_FIRST);
    for (; rc == 0; rc = mdb_cursor_get(cursor, &key, &record, MDB_NEXT)) {
        const char *page = (const char *)key.mv_data - (uintptr_t)key.mv_data % pages->page_bytes;
        const char *bytes = record.mv_data;
        bool is_large = bytes < page || bytes >= page + pages->page_bytes;
        if ((page != leaf && !lmdb_leaf_sound(pages, page)) || key.mv_size != sizeof(uint64_t) ||
            (is_large && !lmdb_large_sound(pages, &record)) ||
            !record_sound(&record, pages->count)) {
            return MDB_CORRUPTED;
        }
        leaf = page;
    }
    return rc == MDB_NOTFOUND ? 0 : rc;
}

int lmdb_free_list(MDB_env *env, const struct lmdb_pages *pages) {
    if (!FORMAT_KNOWN || !pages->map) {
        return 0;
    }
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    int rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
    if (rc != 0) {
        return rc;
    }
    rc = mdb_cursor_open(txn, FREE_DBI, &cursor);
    if (rc == 0) {
        rc = check_records(cursor, pages);
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(txn);
    return rc;
}
