#include "pipeline/refused_set.h"

#include "base/memory.h"

#include <stdlib.h>

void refused_set_clear(struct refused_set *set) {
    for (size_t i = 0; i < set->count; i++) {
        free(set->keys[i].bytes);
    }
    free(set->keys);
    *set = (struct refused_set){0};
}

size_t refused_set_seek(const struct refused_set *set, struct str key) {
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (str_compare(refused_set_key(set, middle), key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool stands_at(const struct refused_set *set, size_t at, struct str key) {
    return at < set->count && str_equal(refused_set_key(set, at), key);
}

bool refused_set_add(struct refused_set *set, struct str key) {
    size_t at = refused_set_seek(set, key);
    if (stands_at(set, at, key)) {
        return false;
    }
    set->keys = memory_grow(set->keys, set->count, &set->cap, sizeof *set->keys);
    char *copy = memory_new(key.len, 1);
    memcpy(copy, key.ptr, key.len);
    memmove(set->keys + at + 1, set->keys + at, (set->count - at) * sizeof *set->keys);
    set->keys[at] = (struct refused_key){copy, key.len};
    set->count++;
    return true;
}

bool refused_set_remove(struct refused_set *set, struct str key) {
    size_t at = refused_set_seek(set, key);
    if (!stands_at(set, at, key)) {
        return false;
    }
    free(set->keys[at].bytes);
    set->count--;
    memmove(set->keys + at, set->keys + at + 1, (set->count - at) * sizeof *set->keys);
    return true;
}
