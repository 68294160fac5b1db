#include "state/lmdb/lmdb_tree.h"

#include "state/kv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FREE_DBI  0
#define MAIN_DBI  1
#define DEPTH_MAX 32 /* as LMDB's cursors */
#define NO_PAGE   UINT64_MAX

_Static_assert(KV_SPACES_MAX <= 64, "a bit each, a number of two digits each");

/* What the list of spaces says of one. */
struct space_record {
    uint32_t pad;
    uint16_t flags;
    uint16_t depth; /* 1: the root is a leaf */
    uint64_t branch_pages, leaf_pages, large_pages, entries;
    uint64_t page;
};

struct tree {
    struct lmdb_pages pages;
    unsigned char *seen; /* a bit a page */
};

static bool is_page(const struct lmdb_pages *pages, uint64_t number) {
    return number >= LMDB_PAGE_FIRST && number < pages->count;
}

/* The first to do so? */
static bool claim(struct tree *tree, uint64_t number) {
    if (!is_page(&tree->pages, number)) {
        return false;
    }
    unsigned bit = 1U << number % 8;
    bool is_first = (tree->seen[number / 8] & bit) == 0;
    tree->seen[number / 8] |= (unsigned char)bit;
    return is_first;
}

struct level {
    const char *branch;
    size_t next; /* entry */
};

static bool enter(const struct tree *tree, struct level *level, uint64_t number) {
    const struct lmdb_pages *pages = &tree->pages;
    *level = (struct level){pages->map + number * pages->page_bytes, 0};
    return lmdb_branch_valid(pages, level->branch) && lmdb_entry_count(level->branch) > 0;
}

/* Below number, depth levels with the leaves. Read from left to right, the keys of all branches
 * ascend. */
static bool branches_valid(struct tree *tree, uint64_t number, int depth) {
    struct level levels[DEPTH_MAX];
    struct str before = STR_NONE, key = STR_NONE;
    int at = 0;
    if (!enter(tree, &levels[0], number)) {
        return false;
    }
    while (at >= 0) {
        struct level *level = &levels[at];
        if (level->next == lmdb_entry_count(level->branch)) {
            at--;
            continue;
        }
        uint64_t child = lmdb_branch_child(level->branch, level->next++, &key);
        if (!claim(tree, child) || (key.ptr && before.ptr && str_compare(before, key) >= 0)) {
            return false;
        }
        before = key.ptr ? key : before;
        if (at + 2 < depth && !enter(tree, &levels[++at], child)) {
            return false;
        }
    }
    return true;
}

static bool read_record(const MDB_val *value, struct space_record *record) {
    if (value->mv_size != sizeof *record) {
        return false;
    }
    memcpy(record, value->mv_data, sizeof *record);
    return record->flags == 0 && record->depth <= DEPTH_MAX &&
           (record->depth == 0) == (record->page == NO_PAGE);
}

static bool space_valid(struct tree *tree, const MDB_val *value) {
    struct space_record record;
    if (!read_record(value, &record)) {
        return false;
    }
    return record.depth == 0 ||
           (claim(tree, record.page) &&
            (record.depth == 1 || branches_valid(tree, record.page, record.depth)));
}

/* "0", "1" and so on: the number; -1: not that. */
static int space_number(const MDB_val *name) {
    const char *digits = name->mv_data;
    int number = 0;
    if (name->mv_size == 0 || name->mv_size > 2 || (name->mv_size == 2 && digits[0] == '0')) {
        return -1;
    }
    for (size_t i = 0; i < name->mv_size; i++) {
        if (digits[i] < '0' || digits[i] > '9') {
            return -1;
        }
        number = number * 10 + (digits[i] - '0');
    }
    return number < KV_SPACES_MAX ? number : -1;
}

/* The list of spaces is one leaf, and names those from 0 on, each once: LMDB would make one that it
 * does not find. None: nothing was committed yet. */
static int check_spaces(struct tree *tree, MDB_txn *txn) {
    MDB_cursor *cursor = NULL;
    MDB_val name, record = {0};
    const char *leaf = NULL;
    uint64_t named = 0;
    unsigned flags = 0;
    int rc = mdb_dbi_flags(txn, MAIN_DBI, &flags);
    rc = rc ? rc : mdb_cursor_open(txn, MAIN_DBI, &cursor);
    if (rc != 0) {
        return rc;
    }
    rc = flags != 0 ? MDB_CORRUPTED : mdb_cursor_get(cursor, &name, &record, MDB_FIRST);
    for (; rc == 0; rc = mdb_cursor_get(cursor, &name, &record, MDB_NEXT)) {
        const char *page = lmdb_page_of(&tree->pages, name.mv_data);
        bool valid = leaf ? page == leaf
                          : lmdb_leaf_valid(&tree->pages, page) &&
                                claim(tree, lmdb_page_number(&tree->pages, page));
        int number = valid && space_valid(tree, &record) ? space_number(&name) : -1;
        if (number < 0 || named >> number & 1) {
            rc = MDB_CORRUPTED;
            break;
        }
        leaf = page;
        named |= UINT64_C(1) << number;
    }
    mdb_cursor_close(cursor);
    rc = rc == MDB_NOTFOUND ? 0 : rc;
    return rc == 0 && (named & (named + 1)) != 0 ? MDB_CORRUPTED : rc;
}

/* A record of the list: how many pages, and those, falling. */
static bool free_record_valid(struct tree *tree, const MDB_val *record) {
    uint64_t count = 0, before = tree->pages.count;
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
        if (number >= before || !claim(tree, number)) {
            return false;
        }
        before = number;
    }
    return true;
}

/* The pages that a record has of its own, or none. */
static bool claim_record(struct tree *tree, const char *leaf, struct str value) {
    const char *page = lmdb_page_of(&tree->pages, value.ptr);
    if (page == leaf) {
        return true;
    }
    if (!lmdb_large_valid(&tree->pages, value)) {
        return false;
    }
    uint64_t first = lmdb_page_number(&tree->pages, page), count = lmdb_large_count(page);
    for (uint64_t i = 0; i < count; i++) {
        if (!claim(tree, first + i)) {
            return false;
        }
    }
    return true;
}

static int check_free_list(struct tree *tree, MDB_txn *txn) {
    MDB_cursor *cursor = NULL;
    MDB_val key, record = {0};
    const char *leaf = NULL;
    const struct lmdb_pages *pages = &tree->pages;
    int rc = mdb_cursor_open(txn, FREE_DBI, &cursor);
    if (rc != 0) {
        return rc;
    }
    rc = mdb_cursor_get(cursor, &key, &record, MDB_FIRST);
    for (; rc == 0; rc = mdb_cursor_get(cursor, &key, &record, MDB_NEXT)) {
        const char *page = lmdb_page_of(pages, key.mv_data);
        if ((page != leaf &&
             (!lmdb_leaf_valid(pages, page) || !claim(tree, lmdb_page_number(pages, page)))) ||
            key.mv_size != sizeof(uint64_t) ||
            !claim_record(tree, page, (struct str){record.mv_data, record.mv_size}) ||
            !free_record_valid(tree, &record)) {
            rc = MDB_CORRUPTED;
            break;
        }
        leaf = page;
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

int lmdb_tree_check(MDB_env *env, const struct lmdb_pages *pages) {
    if (!LMDB_FORMAT_KNOWN || !pages->map) {
        return 0;
    }
    struct tree tree = {*pages, calloc(pages->count / 8 + 1, 1)};
    if (!tree.seen) {
        return ENOMEM;
    }
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
    if (rc == 0) {
        rc = check_free_list(&tree, txn);
        rc = rc ? rc : check_spaces(&tree, txn);
        mdb_txn_abort(txn);
    }
    free(tree.seen);
    return rc;
}

/* ---- paths ---- */

int lmdb_tree_root(MDB_txn *txn, int space, struct lmdb_root *ret_root) {
    char name[16];
    int len = snprintf(name, sizeof name, "%d", space);
    MDB_val key = {(size_t)len, name}, value = {0};
    struct space_record record;
    int rc = mdb_get(txn, MAIN_DBI, &key, &value);
    if (rc != 0) {
        return rc;
    }
    if (!read_record(&value, &record)) {
        return MDB_CORRUPTED;
    }
    *ret_root = (struct lmdb_root){record.page, record.depth};
    return 0;
}

/* The entry of a branch below which key's place is. */
static size_t entry_of(const char *branch, struct str key, bool below) {
    size_t low = 0, high = lmdb_entry_count(branch);
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        struct str least;
        (void)lmdb_branch_child(branch, middle, &least);
        int order = str_compare(least, key);
        if (below ? order < 0 : order <= 0) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

bool lmdb_tree_path(const struct lmdb_pages *pages, struct lmdb_root root, struct str key,
                    bool below, struct lmdb_path *ret_path) {
    struct lmdb_path path = {.leaf = root.page};
    for (int level = 1; level < root.depth; level++) {
        if (!is_page(pages, path.leaf)) {
            return false;
        }
        const char *branch = pages->map + path.leaf * pages->page_bytes;
        size_t entry = entry_of(branch, key, below);
        struct str least;
        if (entry + 1 < lmdb_entry_count(branch)) {
            (void)lmdb_branch_child(branch, entry + 1, &path.high);
        }
        path.leaf = lmdb_branch_child(branch, entry, &least);
        path.low = entry > 0 ? least : path.low;
    }
    *ret_path = path;
    return is_page(pages, path.leaf);
}
