#include "state/lmdb/lmdb_page.h"

#include "state/checksummed.h"

#include <string.h>

/* Read by memcpy: a damaged offset may be odd. */
struct page_head {
    uint64_t number;
    uint16_t pad;
    uint16_t flags;
    uint16_t lower, upper; /* the free space; together, of a large value: its pages */
};
#define PAGE_BRANCH 0x01
#define PAGE_LEAF   0x02
#define PAGE_LARGE  0x04

/* After it the key, then the value or the number of its first page. */
struct node {
    uint16_t size_low, size_high; /* of the value; of a branch, with flags: the page below */
    uint16_t flags;
    uint16_t key_bytes;
};
#define NODE_LARGE 0x01
#define NODE_SPACE 0x02 /* in the list of spaces: what is known of one */

static struct page_head head_of(const char *page) {
    struct page_head head;
    memcpy(&head, page, sizeof head);
    return head;
}

static size_t entry_at(const char *page, size_t i) {
    uint16_t at = 0;
    memcpy(&at, page + sizeof(struct page_head) + i * sizeof at, sizeof at);
    return at;
}

static struct node node_at(const char *page, size_t at) {
    struct node node;
    memcpy(&node, page + at, sizeof node);
    return node;
}

static size_t value_bytes(struct node node) {
    return (size_t)node.size_high << 16 | node.size_low;
}

/* What the node takes from the page. 0: it is damaged. */
static size_t node_bytes(struct node node, bool in_branch) {
    size_t bytes = sizeof node + node.key_bytes;
    if (!in_branch) {
        if ((node.flags & ~(NODE_LARGE | NODE_SPACE)) != 0 || node.key_bytes == 0) {
            return 0;
        }
        bytes += node.flags & NODE_LARGE ? sizeof(uint64_t) : value_bytes(node);
    }
    return bytes + bytes % 2;
}

/* LMDB leaves no gap between nodes, so none can have been lost from the list before them. */
static bool page_valid(const struct lmdb_pages *pages, const char *page, int kind) {
    size_t page_bytes = pages->page_bytes, sum = 0;
    struct page_head head = head_of(page);
    if (head.number != (size_t)(page - pages->map) / page_bytes || head.flags != kind ||
        head.lower < sizeof head || head.lower > head.upper || head.upper > page_bytes ||
        head.lower % 2 != 0) {
        return false;
    }
    for (size_t i = 0; i < lmdb_entry_count(page); i++) {
        size_t at = entry_at(page, i);
        if (at < head.upper || at % 2 != 0 || at + sizeof(struct node) > page_bytes) {
            return false;
        }
        size_t bytes = node_bytes(node_at(page, at), kind == PAGE_BRANCH);
        if (bytes == 0 || at + bytes > page_bytes) {
            return false;
        }
        sum += bytes;
    }
    return sum == page_bytes - head.upper;
}

bool lmdb_leaf_valid(const struct lmdb_pages *pages, const char *page) {
    return !LMDB_FORMAT_KNOWN || page_valid(pages, page, PAGE_LEAF);
}

bool lmdb_branch_valid(const struct lmdb_pages *pages, const char *page) {
    return !LMDB_FORMAT_KNOWN || page_valid(pages, page, PAGE_BRANCH);
}

size_t lmdb_entry_count(const char *page) {
    return (head_of(page).lower - sizeof(struct page_head)) / sizeof(uint16_t);
}

const char *lmdb_first_key(const char *page) {
    return page + entry_at(page, 0) + sizeof(struct node);
}

uint64_t lmdb_branch_child(const char *page, size_t i, struct str *ret_key) {
    size_t at = entry_at(page, i);
    struct node node = node_at(page, at);
    *ret_key = i > 0 ? (struct str){page + at + sizeof node, node.key_bytes} : STR_NONE;
    return (uint64_t)node.flags << 32 | value_bytes(node);
}

/* false: it has pages of its own that can't be right. */
static bool find_value(const struct lmdb_pages *pages, const char *in_node, struct node node,
                       struct str *ret_value) {
    *ret_value = (struct str){in_node, value_bytes(node)};
    if (!(node.flags & NODE_LARGE)) {
        return true;
    }
    uint64_t number = 0;
    memcpy(&number, in_node, sizeof number);
    if (number < LMDB_PAGE_FIRST || number >= pages->count) {
        return false;
    }
    ret_value->ptr = pages->map + number * pages->page_bytes + sizeof(struct page_head);
    return lmdb_large_valid(pages, *ret_value);
}

bool lmdb_leaf_verified(const struct lmdb_pages *pages, const char *page, int space) {
    if (!lmdb_leaf_valid(pages, page) || lmdb_entry_count(page) == 0) {
        return false;
    }
    struct str before = STR_NONE;
    for (size_t i = 0; i < lmdb_entry_count(page); i++) {
        size_t at = entry_at(page, i);
        struct node node = node_at(page, at);
        struct str key = {page + at + sizeof node, node.key_bytes}, stored, value;
        if (node.flags & NODE_SPACE || (before.ptr && str_compare(before, key) >= 0) ||
            !find_value(pages, key.ptr + key.len, node, &stored) ||
            (space != META_SPACE && !checksum_remove(space, key, stored, &value))) {
            return false;
        }
        before = key;
    }
    return true;
}

static uint64_t large_count(struct page_head head) {
    return (uint64_t)head.upper << 16 | head.lower;
}

uint64_t lmdb_large_count(const char *page) {
    return large_count(head_of(page));
}

bool lmdb_large_valid(const struct lmdb_pages *pages, struct str value) {
    if (!LMDB_FORMAT_KNOWN) {
        return true;
    }
    size_t at = (size_t)(value.ptr - pages->map);
    uint64_t number = at / pages->page_bytes;
    struct page_head head;
    if (at % pages->page_bytes != sizeof head) {
        return false;
    }
    if (number >= pages->count) {
        return true; /* written by the open transaction, which was too large to hold it */
    }
    head = head_of(value.ptr - sizeof head);
    uint64_t held = large_count(head);
    return head.flags == PAGE_LARGE && head.number == number &&
           held >= (value.len + sizeof head - 1) / pages->page_bytes + 1 &&
           held <= pages->count - number;
}
