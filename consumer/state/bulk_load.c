#include "state/bulk_load.h"

#include "base/memory.h"
#include "base/safeguard.h"
#include "state/key_start.h"

#include <assert.h>
#include <stdlib.h>

/* In the arena: lengths, then the key's bytes, then the value's. */
struct packed {
    uint32_t number; /* in the order of bulk_load_add */
    uint32_t value_len;
    uint16_t key_len;
    bool is_row;
    char bytes[];
};

struct bulk_load_entry {
    uint64_t start; /* the key's first eight bytes, to compare most keys without looking at them */
    const struct packed *packed;
};

void bulk_load_clear(struct bulk_load *load) {
    arena_clear(&load->arena);
    for (int t = 0; t < STATE_TABLES_MAX; t++) {
        free(load->lists[t].entries);
        load->lists[t] = (struct bulk_load_list){0};
    }
}

void bulk_load_reset(struct bulk_load *load) {
    arena_reset(&load->arena);
    for (int t = 0; t < STATE_TABLES_MAX; t++) {
        load->lists[t].count = 0;
    }
}

static struct bulk_load_entry *next_entry(struct bulk_load_list *list) {
    list->entries = memory_grow(list->entries, list->count, &list->cap, sizeof *list->entries);
    return &list->entries[list->count++];
}

void bulk_load_add(struct bulk_load *load, int table, struct str key, struct str value) {
    assert(table >= 0 && table < STATE_TABLES_MAX && key.len <= UINT16_MAX);
    struct bulk_load_list *list = &load->lists[table];
    struct packed *packed =
        arena_alloc(&load->arena, sizeof *packed + key.len + (value.ptr ? value.len : 0));
    *packed = (struct packed){.number = (uint32_t)list->count,
                              .value_len = (uint32_t)value.len,
                              .key_len = (uint16_t)key.len,
                              .is_row = value.ptr != NULL};
    memcpy(packed->bytes, key.ptr, key.len);
    if (value.ptr) {
        memcpy(packed->bytes + key.len, value.ptr, value.len);
    }
    *next_entry(list) = (struct bulk_load_entry){key_start(key), packed};
}

size_t bulk_load_bytes(const struct bulk_load *load) {
    size_t bytes = load->arena.used;
    for (int t = 0; t < STATE_TABLES_MAX; t++) {
        bytes += load->lists[t].count * sizeof *load->lists[t].entries;
    }
    return bytes;
}

static struct str packed_key(const struct packed *packed) {
    return (struct str){packed->bytes, packed->key_len};
}

/* Equal keys stay in the order they came in. */
static int compare(const void *left, const void *right) {
    const struct bulk_load_entry *a = left, *b = right;
    if (a->start != b->start) {
        return a->start < b->start ? -1 : 1;
    }
    int order = str_compare(packed_key(a->packed), packed_key(b->packed));
    if (order == 0 && !SAFEGUARD("the last version of a fill wins")) {
        return a->packed->number < b->packed->number ? 1 : -1;
    }
    return order ? order : a->packed->number < b->packed->number ? -1 : 1;
}

size_t bulk_load_sort(struct bulk_load *load, int table) {
    struct bulk_load_list *list = &load->lists[table];
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

struct bulk_load_row bulk_load_at(const struct bulk_load *load, int table, size_t i) {
    const struct packed *packed = load->lists[table].entries[i].packed;
    return (struct bulk_load_row){
        packed_key(packed), packed->is_row
                                ? (struct str){packed->bytes + packed->key_len, packed->value_len}
                                : STR_NONE};
}
