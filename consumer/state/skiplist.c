#include "state/skiplist.h"

#include "state/key_start.h"

struct skiplist_entry {
    uint64_t start; /* the key's first eight bytes: most comparisons end there */
    struct str key;
    char *value; /* NULL: removed */
    size_t value_len;
    char *room; /* where values that are not longer go */
    size_t room_len;
    struct skiplist_entry *next[]; /* as many as it has levels */
};

void skiplist_init(struct skiplist *map, struct arena *arena) {
    *map = (struct skiplist){.arena = arena, .seed = 0x9e3779b97f4a7c15ULL};
}

void skiplist_forget(struct skiplist *map) {
    memset(map->heads, 0, sizeof map->heads);
    map->level_count = 0;
}

static int compare(const struct skiplist_entry *entry, uint64_t start, struct str key) {
    if (entry->start != start) {
        return entry->start < start ? -1 : 1;
    }
    return str_compare(entry->key, key);
}

/* The links that lead to key's entry, or would. */
static void find_links(struct skiplist *map, struct str key,
                       struct skiplist_entry **links[SKIPLIST_LEVELS]) {
    uint64_t start = key_start(key);
    struct skiplist_entry **level_links = map->heads;
    for (int level = SKIPLIST_LEVELS - 1; level >= 0; level--) {
        struct skiplist_entry *entry = level_links[level];
        while (entry && compare(entry, start, key) < 0) {
            level_links = entry->next;
            entry = level_links[level];
        }
        links[level] = &level_links[level];
    }
}

static int choose_levels(struct skiplist *map) {
    map->seed ^= map->seed << 13; /* Marsaglia's xorshift64 */
    map->seed ^= map->seed >> 7;
    map->seed ^= map->seed << 17;
    int levels = 1;
    for (uint64_t bits = map->seed; levels < SKIPLIST_LEVELS && (bits & 3) == 0; bits >>= 2) {
        levels++;
    }
    return levels;
}

static struct skiplist_entry *insert(struct skiplist *map, struct str key,
                                     struct skiplist_entry **links[SKIPLIST_LEVELS]) {
    int levels = choose_levels(map);
    map->level_count = levels > map->level_count ? levels : map->level_count;
    struct skiplist_entry *entry =
        arena_alloc(map->arena, sizeof *entry + (size_t)levels * sizeof(void *));
    *entry = (struct skiplist_entry){.start = key_start(key), .key = arena_copy(map->arena, key)};
    for (int level = 0; level < levels; level++) {
        entry->next[level] = *links[level];
        *links[level] = entry;
    }
    return entry;
}

void skiplist_set(struct skiplist *map, struct str key, struct str value) {
    struct skiplist_entry **links[SKIPLIST_LEVELS];
    find_links(map, key, links);
    struct skiplist_entry *entry = *links[0];
    if (!entry || !str_equal(entry->key, key)) {
        entry = insert(map, key, links);
    }
    if (value.ptr && (!entry->room || value.len > entry->room_len)) {
        entry->room = arena_alloc(map->arena, value.len);
        entry->room_len = value.len;
    }
    if (value.ptr && value.len > 0) {
        memmove(entry->room, value.ptr, value.len);
    }
    entry->value = value.ptr ? entry->room : NULL;
    entry->value_len = value.ptr ? value.len : 0;
}

const struct skiplist_entry *skiplist_seek(const struct skiplist *map, struct str from,
                                           bool behind) {
    uint64_t start = key_start(from);
    struct skiplist_entry *const *links = map->heads;
    for (int level = map->level_count - 1; level >= 0; level--) {
        const struct skiplist_entry *entry = links[level];
        while (entry && compare(entry, start, from) < (behind ? 1 : 0)) {
            links = entry->next;
            entry = links[level];
        }
    }
    return links[0];
}

const struct skiplist_entry *skiplist_find(const struct skiplist *map, struct str key) {
    const struct skiplist_entry *entry = skiplist_seek(map, key, false);
    return entry && str_equal(entry->key, key) ? entry : NULL;
}

const struct skiplist_entry *skiplist_next(const struct skiplist_entry *entry) {
    return entry->next[0];
}

struct str skiplist_key(const struct skiplist_entry *entry) {
    return entry->key;
}

struct str skiplist_value(const struct skiplist_entry *entry) {
    return entry->value ? (struct str){entry->value, entry->value_len} : STR_NONE;
}
