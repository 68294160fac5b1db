/* Each way in which a page of a cache can hide rows, made one at a time: reads and changes notice
 * it, and never say that a row is not there. */
#include "state/checksummed.h"
#include "state/lmdb/lmdb_store.h"
#include "state/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "damage.h"

/* Rows have even numbers. Some 60 in a leaf, 80 leaves to a branch: three levels; one commit, so
 * that no page is out of use. */
enum { ROWS = 8000, HEAD = 16, NODE = 8, FLAGS_AT = 10, LOWER_AT = 12, BRANCH = 1, LEAF = 2 };

static unsigned char good[512 * PAGE], file[512 * PAGE];
static size_t page_count;

static struct state *open_state(struct state_meta *meta) {
    struct state *state = NULL;
    struct err err;
    assert_int_equal(
        state_open(&fixture.factory, 0, "", STR("id"), TABLES_ONLY(1), &state, meta, &err),
        ERR_NONE);
    return state;
}

static struct str make_key(char key[40], size_t number) {
    return (struct str){key, (size_t)snprintf(key, 40, "%032zu", number)};
}

static enum err_kind commit(struct state *state, struct err *err) {
    return state_commit(state, (int64_t[]){7}, 1, true, err);
}

static void make_store(void) {
    struct state_meta meta;
    struct err err;
    struct state *state = open_state(&meta);
    for (size_t row = 0; row < ROWS; row++) {
        char key[40];
        assert_int_equal(state_set(state, 0, make_key(key, 2 * row), STR("some value"), &err),
                         ERR_NONE);
    }
    assert_int_equal(commit(state, &err), ERR_NONE);
    state_close(&state);
    int fd = open(data, O_RDONLY);
    ssize_t bytes = read(fd, good, sizeof good);
    (void)close(fd);
    assert_true(bytes > 0 && (size_t)bytes < sizeof good);
    page_count = (size_t)bytes / PAGE;
}

static void save(void) {
    int fd = open(data, O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, file, page_count * PAGE), page_count * PAGE);
    (void)close(fd);
}

static unsigned short_at(size_t at) {
    return file[at] | (unsigned)file[at + 1] << 8;
}

static size_t entry_count(size_t page) {
    return (short_at(page * PAGE + LOWER_AT) - HEAD) / 2;
}

/* Where the node of an entry is. */
static size_t node_at(size_t page, size_t entry) {
    return page * PAGE + short_at(page * PAGE + HEAD + 2 * entry);
}

/* The nth page with these flags. SIZE_MAX: there are no more. */
static size_t find_page(unsigned flags, size_t n) {
    for (size_t page = 2; page < page_count; page++) {
        if (short_at(page * PAGE + FLAGS_AT) == flags && entry_count(page) > 10 && n-- == 0) {
            return page;
        }
    }
    return SIZE_MAX;
}

/* ---- what is changed in a page ---- */

static void lose_last(size_t page) {
    file[page * PAGE + LOWER_AT] -= 2;
}

static void swap_entries(size_t page) {
    unsigned char *entries = file + page * PAGE + HEAD, kept[2];
    memcpy(kept, entries, 2);
    memcpy(entries, entries + 20, 2);
    memcpy(entries + 20, kept, 2);
}

static void add_to_key(size_t node, int number) {
    size_t key_bytes = short_at(node + 6);
    char text[40];
    assert_true(key_bytes < sizeof text);
    memcpy(text, file + node + NODE, key_bytes);
    text[key_bytes] = '\0';
    long value = strtol(text, NULL, 10) + number;
    for (size_t i = key_bytes; i-- > 0; value /= 10) {
        file[node + NODE + i] = (unsigned char)('0' + value % 10);
    }
}

/* Still between those beside it. */
static void change_key(size_t page) {
    add_to_key(node_at(page, 7), 1);
}

static void raise_key(size_t page) {
    add_to_key(node_at(page, 5), 13);
}

static void lower_key(size_t page) {
    add_to_key(node_at(page, 5), -13);
}

static void raise_key_far(size_t page) {
    add_to_key(node_at(page, 5), 100000);
}

/* A leaf is led to twice, and another not at all. */
static void change_child(size_t page) {
    memcpy(file + node_at(page, 5), file + node_at(page, 6), 4);
}

static void change_type(size_t page) {
    file[page * PAGE + FLAGS_AT] ^= 1; /* for LMDB it is a branch now */
}

static void put_branch(size_t page) {
    memcpy(file + page * PAGE, file + find_page(BRANCH, 0) * PAGE, PAGE);
}

static void empty_leaf(size_t page) {
    file[page * PAGE + LOWER_AT] = HEAD;
}

/* The entry is looked for in the next page. */
static void point_away(size_t page) {
    file[page * PAGE + HEAD + 7] |= PAGE >> 8;
}

/* Of the list of spaces, which may have an old copy, the name of one, or what follows it. */
static void change_space(unsigned char name, size_t offset, unsigned char bits) {
    bool found = false;
    for (size_t page = 2; page < page_count; page++) {
        for (size_t i = 0; short_at(page * PAGE + FLAGS_AT) == LEAF && i < entry_count(page); i++) {
            size_t node = node_at(page, i);
            if (short_at(node + 4) == 2 && short_at(node + 6) == 1 && file[node + NODE] == name) {
                file[node + NODE + offset] ^= bits;
                found = true;
            }
        }
    }
    assert_true(found);
}

/* LMDB makes the space anew, empty. */
static void rename_space(size_t page) {
    (void)page;
    change_space('1', 0, '1' ^ '7');
}

static void name_space_twice(size_t page) {
    (void)page;
    change_space('2', 0, '2' ^ '1');
}

static void change_depth(size_t page) {
    (void)page;
    change_space('1', 1 + 6, 3 ^ 1); /* 3 levels become 2 */
}

/* ---- what must come of it ---- */

/* Is this row there, if it should be? ERR_CACHE: it says that it is damaged. */
static enum err_kind read_row(struct state *state, size_t number) {
    char bytes[40];
    struct err err;
    struct str key = make_key(bytes, number), value = STR_NONE;
    enum err_kind kind = state_get(state, 0, key, &value, &err);
    if (kind == ERR_NONE && (value.ptr != NULL) != (number % 2 == 0)) {
        print_error("row %zu\n", number);
        return ERR_BUG;
    }
    return kind;
}

/* Not in order: LMDB would not ask the branches. */
static enum err_kind read_rows(struct state *state) {
    enum err_kind kind = ERR_NONE;
    for (size_t i = 0; kind == ERR_NONE && i < (size_t)2 * ROWS; i++) {
        kind = read_row(state, i * 7919 % ((size_t)2 * ROWS));
    }
    return kind;
}

static enum err_kind walk_rows(struct state *state, size_t from) {
    char bytes[40];
    struct str key = make_key(bytes, 2 * from), value;
    enum err_kind kind = ERR_NONE;
    for (size_t row = from + 1; row <= ROWS; row++) {
        char expected[40];
        struct err err;
        kind = state_next(state, 0, STR(""), key, &key, &value, &err);
        if (kind != ERR_NONE ||
            (row < ROWS ? !str_equal(key, make_key(expected, 2 * row)) : key.ptr != NULL)) {
            return kind ? kind : ERR_BUG;
        }
    }
    return kind;
}

enum fate { FATE_RIGHT, FATE_REFUSED, FATE_SEEN_AT_OPEN, FATE_DIED, FATE_WRONG };

static _Noreturn void read_all(int way) {
    be_mortal();
    struct err err;
    if (lmdb_store_guard(&err) != ERR_NONE) {
        _exit(FATE_WRONG);
    }
    struct state_meta meta;
    struct state *state = open_state(&meta);
    if (meta.damaged || meta.empty) {
        _exit(meta.damaged ? FATE_SEEN_AT_OPEN : FATE_WRONG);
    }
    enum err_kind kind = way == 0 ? read_rows(state) : walk_rows(state, 0);
    _exit(kind == ERR_NONE ? FATE_RIGHT : kind == ERR_CACHE ? FATE_REFUSED : FATE_WRONG);
}

/* In a child: LMDB may die of it, which is no wrong answer. */
static enum fate fate_of(int way) {
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        read_all(way);
    }
    int status = 0;
    assert_true(wait_for(child, &status));
    return WIFSIGNALED(status) ? FATE_DIED : (enum fate)WEXITSTATUS(status);
}

static void test_no_row_is_hidden(void **ctx) {
    (void)ctx;
    enum { LIST = 0 }; /* of spaces: there is one */
    static const struct {
        const char *name;
        unsigned flags; /* of the pages that are changed, one at a time */
        void (*change)(size_t page);
        bool at_open;
    } ways[] = {
        {"a row lost", LEAF, lose_last, false},
        {"entries swapped", LEAF, swap_entries, false},
        {"a key changed", LEAF, change_key, false},
        {"another type", LEAF, change_type, false},
        {"a branch in its place", LEAF, put_branch, false},
        {"emptied", LEAF, empty_leaf, false},
        {"an entry elsewhere", LEAF, point_away, false},
        {"a branch's key raised", BRANCH, raise_key, false},
        {"a branch's key lowered", BRANCH, lower_key, false},
        {"a branch's key raised far", BRANCH, raise_key_far, true},
        {"a leaf lost", BRANCH, lose_last, true},
        {"a leaf led to twice", BRANCH, change_child, true},
        {"a space renamed", LIST, rename_space, true},
        {"a space named twice", LIST, name_space_twice, true},
        {"another depth", LIST, change_depth, false},
    };
    make_store();
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        size_t tried = 0, died = 0;
        for (size_t n = 0; n < 6; n++) {
            for (int way = 0; way < 2; way++) {
                memcpy(file, good, sizeof file);
                size_t page = ways[i].flags != LIST ? find_page(ways[i].flags, n) : n;
                if (page == SIZE_MAX || (ways[i].flags == LIST && n > 0)) {
                    continue;
                }
                ways[i].change(page);
                save();
                enum fate fate = fate_of(way);
                (void)unlink(mark);
                /* a walk does not ask the branches, and may end up right */
                bool as_promised = ways[i].at_open ? fate == FATE_SEEN_AT_OPEN
                                                   : fate == FATE_REFUSED || fate == FATE_DIED ||
                                                         (way == 1 && fate == FATE_RIGHT);
                if (!as_promised) {
                    print_error("%s, page %zu, way %d: %d\n", ways[i].name, n, way, (int)fate);
                }
                assert_true(as_promised);
                died += fate == FATE_DIED;
                tried++;
            }
        }
        assert_true(tried > 0);
        print_message("%s: %zu tried, %zu died\n", ways[i].name, tried, died);
    }
}

/* The key of a row, in its leaf, becomes one that is no row's. */
static void damage_row(size_t row) {
    char bytes[40];
    (void)make_key(bytes, 2 * row);
    for (size_t n = 0; find_page(LEAF, n) != SIZE_MAX; n++) {
        size_t page = find_page(LEAF, n);
        for (size_t i = 0; i < entry_count(page); i++) {
            if (memcmp(file + node_at(page, i) + NODE, bytes, 32) == 0) {
                add_to_key(node_at(page, i), 1);
            }
        }
    }
}

static enum err_kind change_rows(struct kv *kv, size_t from, size_t count, const char *value,
                                 struct err *err) {
    static struct buf stored;
    enum err_kind kind = ERR_NONE;
    for (size_t row = from; kind == ERR_NONE && row < from + count; row++) {
        char bytes[40];
        struct str key = make_key(bytes, 2 * row);
        kind = value ? fixture.factory.ops->put(kv, 1, key,
                                                checksum_add(&stored, 1, key, str_from(value)), err)
                     : fixture.factory.ops->remove(kv, 1, key, err);
    }
    buf_clear(&stored);
    return kind == ERR_NONE ? fixture.factory.ops->commit(kv, err) : kind;
}

/* A leaf that loses most of its rows gets some of those beside it, which nobody has read, and goes
 * to a page that had been looked at when something else was in it. */
static void test_merged_unread(void **ctx) {
    (void)ctx;
    make_store();
    for (size_t damaged = 3000; damaged < 3160; damaged++) {
        bool after = damaged % 2 == 1; /* the rows behind it go, not those before */
        char bytes[40];
        struct kv *kv = NULL;
        bool was_damaged = false;
        struct err err;
        struct str value;
        memcpy(file, good, sizeof file);
        damage_row(damaged);
        save();
        assert_int_equal(
            fixture.factory.open(fixture.factory.ctx, 0, "", 3, &kv, &was_damaged, &err), ERR_NONE);
        assert_false(was_damaged);
        assert_int_equal(change_rows(kv, 0, 2000, "another", &err), ERR_NONE);
        for (size_t row = 0; row < 2000; row++) {
            enum err_kind kind =
                fixture.factory.ops->get(kv, 1, make_key(bytes, 2 * row + 1), &value, &err);
            assert_int_equal(kind, ERR_NONE);
        }
        assert_int_equal(change_rows(kv, 0, 2000, "a third", &err), ERR_NONE);
        assert_int_equal(change_rows(kv, 0, 1, "the last", &err), ERR_NONE);
        size_t from = after ? damaged + 1 : damaged - 199;
        enum err_kind kind = change_rows(kv, from, 199, NULL, &err);
        if (kind == ERR_NONE) {
            kind = fixture.factory.ops->get(kv, 1, make_key(bytes, 2 * damaged), &value, &err);
        }
        assert_int_equal(kind, ERR_CACHE);
        fixture.factory.ops->close(&kv);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST(test_no_row_is_hidden), TEST(test_merged_unread)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
