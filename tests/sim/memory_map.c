#include "sim/memory_map.h"

#include <stdlib.h>

static struct memory_entry *entry_new(struct str key, struct str value) {
    struct memory_entry *entry = malloc(sizeof *entry + key.len + value.len + 1);
    if (!entry) {
        abort();
    }
    entry->shares = 1;
    entry->key = (struct str){entry->bytes, key.len};
    entry->value = (struct str){entry->bytes + key.len, value.len};
    memcpy(entry->bytes, key.ptr, key.len);
    if (value.len > 0) {
        memcpy(entry->bytes + key.len, value.ptr, value.len);
    }
    return entry;
}

static void entry_release(struct memory_entry *entry) {
    if (--entry->shares == 0) {
        free(entry);
    }
}

static void make_room(struct memory_map *map, size_t count) {
    if (count <= map->cap) {
        return;
    }
    size_t cap = map->cap ? map->cap : 16;
    while (cap < count) {
        cap *= 2;
    }
    struct memory_entry **entries = realloc(map->entries, cap * sizeof(struct memory_entry *));
    if (!entries) {
        abort();
    }
    map->entries = entries;
    map->cap = cap;
}

size_t memory_map_find(const struct memory_map *map, struct str key) {
    size_t low = 0, high = map->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (str_compare(map->entries[middle]->key, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_at(const struct memory_map *map, size_t at, struct str key) {
    return at < map->count && str_equal(map->entries[at]->key, key);
}

struct str memory_map_get(const struct memory_map *map, struct str key) {
    size_t at = memory_map_find(map, key);
    return is_at(map, at, key) ? map->entries[at]->value : STR_NONE;
}

void memory_map_set(struct memory_map *map, struct str key, struct str value) {
    size_t at = memory_map_find(map, key);
    bool there = is_at(map, at, key);
    struct memory_entry *old = there ? map->entries[at] : NULL;
    if (value.ptr) {
        struct memory_entry *entry = entry_new(key, value);
        if (!there) {
            make_room(map, map->count + 1);
            memmove(map->entries + at + 1, map->entries + at,
                    (map->count - at) * sizeof(struct memory_entry *));
            map->count++;
        }
        map->entries[at] = entry;
    } else if (there) {
        map->count--;
        memmove(map->entries + at, map->entries + at + 1,
                (map->count - at) * sizeof(struct memory_entry *));
    }
    if (old) {
        entry_release(old);
    }
}

void memory_map_copy(struct memory_map *to, const struct memory_map *from) {
    memory_map_clear(to);
    make_room(to, from->count);
    for (size_t i = 0; i < from->count; i++) {
        to->entries[i] = from->entries[i];
        to->entries[i]->shares++;
    }
    to->count = from->count;
}

void memory_map_clear(struct memory_map *map) {
    for (size_t i = 0; i < map->count; i++) {
        entry_release(map->entries[i]);
    }
    free(map->entries);
    *map = (struct memory_map){0};
}
