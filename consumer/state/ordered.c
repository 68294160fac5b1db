#include "state/ordered.h"

#include <endian.h>

struct ordered_entry {
    uint64_t start; /* the key's first eight bytes: most comparisons end there */
    struct str key;
    char *value; /* NULL: removed */
    size_t value_len;
    char *room; /* where values that are not longer go */
    size_t room_len;
    struct ordered_entry *next[]; /* as many as it has levels */
};

static uint64_t key_start(struct str key) {
    uint64_t start = 0;
    memcpy(&start, key.ptr, key.len < sizeof start ? key.len : sizeof start);
    return be64toh(start);
}

void ordered_init(struct ordered *map, struct arena *arena) {
    *map = (struct ordered){.arena = arena, .seed = 0x9e3779b97f4a7c15ULL};
}

void ordered_forget(struct ordered *map) {
    memset(map->heads, 0, sizeof map->heads);
}

static int compare(const struct ordered_entry *entry, uint64_t start, struct str key) {
    if (entry->start != start) {
        return entry->start < start ? -1 : 1;
    }
    return str_compare(entry->key, key);
}

/* The links that lead to key's entry, or would. */
static void find_links(struct ordered *map, struct str key,
                       struct ordered_entry **links[ORDERED_LEVELS]) {
    uint64_t start = key_start(key);
    struct ordered_entry **level_links = map->heads;
    for (int level = ORDERED_LEVELS - 1; level >= 0; level--) {
        struct ordered_entry *entry = level_links[level];
        while (entry && compare(entry, start, key) < 0) {
            level_links = entry->next;
            entry = level_links[level];
        }
        links[level] = &level_links[level];
    }
}

static int choose_levels(struct ordered *map) {
    map->seed ^= map->seed << 13; /* Marsaglia's xorshift64 */
    map->seed ^= map->seed >> 7;
    map->seed ^= map->seed << 17;
    int levels = 1;
    for (uint64_t bits = map->seed; levels < ORDERED_LEVELS && (bits & 3) == 0; bits >>= 2) {
        levels++;
    }
    return levels;
}

static struct ordered_entry *insert(struct ordered *map, struct str key,
                                    struct ordered_entry **links[ORDERED_LEVELS]) {
    int levels = choose_levels(map);
    struct ordered_entry *entry =
        arena_alloc(map->arena, sizeof *entry + (size_t)levels * sizeof(void *));
    *entry = (struct ordered_entry){.start = key_start(key), .key = arena_copy(map->arena, key)};
    for (int level = 0; level < levels; level++) {
        entry->next[level] = *links[level];
        *links[level] = entry;
    }
    return entry;
}

void ordered_set(struct ordered *map, struct str key, struct str value) {
    struct ordered_entry **links[ORDERED_LEVELS];
    find_links(map, key, links);
    struct ordered_entry *entry = *links[0];
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

const struct ordered_entry *ordered_seek(const struct ordered *map, struct str from, bool behind) {
    uint64_t start = key_start(from);
    struct ordered_entry *const *links = map->heads;
    for (int level = ORDERED_LEVELS - 1; level >= 0; level--) {
        const struct ordered_entry *entry = links[level];
        while (entry && compare(entry, start, from) < (behind ? 1 : 0)) {
            links = entry->next;
            entry = links[level];
        }
    }
    return links[0];
}

const struct ordered_entry *ordered_find(const struct ordered *map, struct str key) {
    const struct ordered_entry *entry = ordered_seek(map, key, false);
    return entry && str_equal(entry->key, key) ? entry : NULL;
}

const struct ordered_entry *ordered_next(const struct ordered_entry *entry) {
    return entry->next[0];
}

struct str ordered_key(const struct ordered_entry *entry) {
    return entry->key;
}

struct str ordered_value(const struct ordered_entry *entry) {
    return entry->value ? (struct str){entry->value, entry->value_len} : STR_NONE;
}
