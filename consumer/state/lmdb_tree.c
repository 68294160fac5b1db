#include "state/lmdb_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FREE_DBI  0
#define MAIN_DBI  1
#define DEPTH_MAX 32 /* as LMDB's cursors */
#define NO_PAGE   UINT64_MAX

/* What the list of spaces says of one. */
struct root {
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

/* The first to do so? */
static bool claim(struct tree *tree, uint64_t number) {
    if (number < LMDB_PAGE_FIRST || number >= tree->pages.count) {
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
    return lmdb_branch_sound(pages, level->branch) && lmdb_entry_count(level->branch) > 0;
}

/* Below number, depth levels with the leaves. Read from left to right, the keys of all branches
 * ascend. */
static bool branches_sound(struct tree *tree, uint64_t number, int depth) {
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

static bool space_sound(struct tree *tree, const MDB_val *name, const MDB_val *record) {
    struct root root;
    if (name->mv_size == 0 || name->mv_size > 2 || record->mv_size != sizeof root) {
        return false;
    }
    memcpy(&root, record->mv_data, sizeof root);
    if (root.flags != 0 || root.depth > DEPTH_MAX || (root.depth == 0) != (root.page == NO_PAGE)) {
        return false;
    }
    return root.depth == 0 || (claim(tree, root.page) &&
                               (root.depth == 1 || branches_sound(tree, root.page, root.depth)));
}

/* "0", "1" and so on: the number; -1: not that. */
static int space_number(const MDB_val *name) {
    const char *digits = name->mv_data;
    int number = 0;
    for (size_t i = 0; i < name->mv_size; i++) {
        if (digits[i] < '0' || digits[i] > '9' ||
            (i == 0 && digits[i] == '0' && name->mv_size > 1)) {
            return -1;
        }
        number = number * 10 + (digits[i] - '0');
    }
    return number;
}

/* The list of spaces is one leaf, and names those from 0 on. None: nothing was committed yet. */
static int check_spaces(struct tree *tree, MDB_txn *txn) {
    MDB_cursor *cursor = NULL;
    MDB_val name, record;
    const char *leaf = NULL;
    int count = 0, highest = -1;
    int rc = mdb_cursor_open(txn, MAIN_DBI, &cursor);
    if (rc != 0) {
        return rc;
    }
    rc = mdb_cursor_get(cursor, &name, &record, MDB_FIRST);
    for (; rc == 0; rc = mdb_cursor_get(cursor, &name, &record, MDB_NEXT)) {
        const char *page = lmdb_page_of(&tree->pages, name.mv_data);
        bool sound = leaf ? page == leaf
                          : lmdb_leaf_sound(&tree->pages, page) &&
                                claim(tree, lmdb_page_number(&tree->pages, page));
        int number = sound && space_sound(tree, &name, &record) ? space_number(&name) : -1;
        if (number < 0) {
            rc = MDB_CORRUPTED;
            break;
        }
        leaf = page;
        highest = number > highest ? number : highest;
        count++;
    }
    mdb_cursor_close(cursor);
    rc = rc == MDB_NOTFOUND ? 0 : rc;
    return rc == 0 && highest + 1 != count ? MDB_CORRUPTED : rc;
}

/* A record of the list: how many pages, and those, falling. */
static bool free_record_sound(struct tree *tree, const MDB_val *record) {
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

static int check_free_list(struct tree *tree, MDB_txn *txn) {
    MDB_cursor *cursor = NULL;
    MDB_val key, record;
    const char *leaf = NULL;
    int rc = mdb_cursor_open(txn, FREE_DBI, &cursor);
    if (rc != 0) {
        return rc;
    }
    const struct lmdb_pages *pages = &tree->pages;
    rc = mdb_cursor_get(cursor, &key, &record, MDB_FIRST);
    for (; rc == 0; rc = mdb_cursor_get(cursor, &key, &record, MDB_NEXT)) {
        const char *page = lmdb_page_of(pages, key.mv_data);
        struct str value = {record.mv_data, record.mv_size};
        bool is_large = lmdb_page_of(pages, value.ptr) != page;
        if ((page != leaf && !lmdb_leaf_sound(pages, page)) || key.mv_size != sizeof(uint64_t) ||
            (is_large && !lmdb_large_sound(pages, value)) || !free_record_sound(tree, &record)) {
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
