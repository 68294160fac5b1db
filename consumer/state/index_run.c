#include "state/index_run.h"

#include "base/memory.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>

/* Of a task whose indexes are built, and only one of a member is at a time (pipeline/indexes.c). */
#define RUN_BYTES ((size_t)6 << 20)

struct index_run_entry {
    uint64_t start; /* the key's first eight bytes, to compare most keys without looking at them */
    const char *key;
    uint16_t key_len;
    uint8_t space;
};

static uint64_t key_start(struct str key) {
    uint64_t start = 0;
    memcpy(&start, key.ptr, key.len < sizeof start ? key.len : sizeof start);
    return be64toh(start);
}

static int compare(const void *left, const void *right) {
    const struct index_run_entry *a = left, *b = right;
    if (a->space != b->space) {
        return a->space < b->space ? -1 : 1;
    }
    if (a->start != b->start) {
        return a->start < b->start ? -1 : 1;
    }
    return str_compare((struct str){a->key, a->key_len}, (struct str){b->key, b->key_len});
}

void index_run_clear(struct index_run *run) {
    arena_clear(&run->arena);
    free(run->entries);
    *run = (struct index_run){0};
}

void index_run_reset(struct index_run *run) {
    arena_reset(&run->arena);
    run->count = run->part_count = 0;
}

void index_run_add(struct index_run *run, int space, struct str key) {
    assert(space >= 0 && space <= UINT8_MAX && key.len <= UINT16_MAX);
    run->entries = memory_grow(run->entries, run->count, &run->cap, sizeof *run->entries);
    run->entries[run->count++] = (struct index_run_entry){
        .start = key_start(key),
        .key = arena_copy(&run->arena, key).ptr,
        .key_len = (uint16_t)key.len,
        .space = (uint8_t)space,
    };
}

void index_run_end_part(struct index_run *run) {
    size_t begin = run->part_count > 0 ? run->ends[run->part_count - 1] : 0;
    if (run->count == begin) {
        return;
    }
    assert(run->part_count < INDEX_RUN_PARTS);
    qsort(run->entries + begin, run->count - begin, sizeof *run->entries, compare);
    run->next[run->part_count] = begin;
    run->ends[run->part_count++] = run->count;
}

bool index_run_is_full(const struct index_run *run) {
    return run->part_count == INDEX_RUN_PARTS ||
           run->arena.used + run->count * sizeof *run->entries >= RUN_BYTES;
}

bool index_run_take(struct index_run *run, int *ret_space, struct str *ret_key) {
    const struct index_run_entry *least = NULL;
    size_t from = 0;
    for (size_t i = 0; i < run->part_count; i++) {
        const struct index_run_entry *entry = &run->entries[run->next[i]];
        if (run->next[i] < run->ends[i] && (!least || compare(entry, least) < 0)) {
            least = entry;
            from = i;
        }
    }
    if (!least) {
        return false;
    }
    run->next[from]++;
    *ret_space = least->space;
    *ret_key = (struct str){least->key, least->key_len};
    return true;
}
