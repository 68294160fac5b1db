#include "state/fill.h"

#include "base/memory.h"
#include "base/safeguard.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>

/* In the arena: lengths, then the key's bytes, then the value's. */
struct packed {
    uint32_t number; /* in the order of fill_add */
    uint32_t value_len;
    uint16_t key_len;
    bool is_row;
    char bytes[];
};

struct fill_entry {
    uint64_t start; /* the key's first eight bytes, to compare most keys without looking at them */
    const struct packed *packed;
};

static uint64_t key_start(struct str key) {
    uint64_t start = 0;
    memcpy(&start, key.ptr, key.len < sizeof start ? key.len : sizeof start);
    return be64toh(start);
}

void fill_clear(struct fill *fill) {
    arena_clear(&fill->arena);
    for (int t = 0; t < STATE_TABLES_MAX; t++) {
        free(fill->lists[t].entries);
        fill->lists[t] = (struct fill_list){0};
    }
}

void fill_reset(struct fill *fill) {
    arena_reset(&fill->arena);
    for (int t = 0; t < STATE_TABLES_MAX; t++) {
        fill->lists[t].count = 0;
    }
}

static struct fill_entry *next_entry(struct fill_list *list) {
    list->entries = memory_grow(list->entries, list->count, &list->cap, sizeof *list->entries);
    return &list->entries[list->count++];
}

void fill_add(struct fill *fill, int table, struct str key, struct str value) {
    assert(table >= 0 && table < STATE_TABLES_MAX && key.len <= UINT16_MAX);
    struct fill_list *list = &fill->lists[table];
    struct packed *packed =
        arena_alloc(&fill->arena, sizeof *packed + key.len + (value.ptr ? value.len : 0));
    *packed = (struct packed){.number = (uint32_t)list->count,
                              .value_len = (uint32_t)value.len,
                              .key_len = (uint16_t)key.len,
                              .is_row = value.ptr != NULL};
    memcpy(packed->bytes, key.ptr, key.len);
    if (value.ptr) {
        memcpy(packed->bytes + key.len, value.ptr, value.len);
    }
    *next_entry(list) = (struct fill_entry){key_start(key), packed};
}

size_t fill_bytes(const struct fill *fill) {
    size_t bytes = fill->arena.used;
    for (int t = 0; t < STATE_TABLES_MAX; t++) {
        bytes += fill->lists[t].count * sizeof *fill->lists[t].entries;
    }
    return bytes;
}

static struct str packed_key(const struct packed *packed) {
    return (struct str){packed->bytes, packed->key_len};
}

/* Equal keys stay in the order they came in. */
static int compare(const void *left, const void *right) {
    const struct fill_entry *a = left, *b = right;
    if (a->start != b->start) {
        return a->start < b->start ? -1 : 1;
    }
    int order = str_compare(packed_key(a->packed), packed_key(b->packed));
    if (order == 0 && !SAFEGUARD("the last version of a fill wins")) {
        return a->packed->number < b->packed->number ? 1 : -1;
    }
    return order ? order : a->packed->number < b->packed->number ? -1 : 1;
}

size_t fill_sort(struct fill *fill, int table) {
    struct fill_list *list = &fill->lists[table];
    if (list->count > 1) {
        qsort(list->entries, list->count, sizeof *list->entries, compare);
    }
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        bool is_last = i + 1 == list->count || !str_equal(packed_key(list->entries[i].packed),
                                                          packed_key(list->entries[i + 1].packed));
        if (is_last) {
            list->entries[kept++] = list->entries[i];
        }
    }
    list->count = kept;
    return kept;
}

struct fill_row fill_at(const struct fill *fill, int table, size_t i) {
    const struct packed *packed = fill->lists[table].entries[i].packed;
    return (struct fill_row){packed_key(packed),
                             packed->is_row
                                 ? (struct str){packed->bytes + packed->key_len, packed->value_len}
                                 : STR_NONE};
}
