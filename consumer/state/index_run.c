#include "state/index_run.h"

#include "base/memory.h"
#include "state/key_start.h"

#include <assert.h>
#include <stdlib.h>

/* Of a task whose indexes are built, and only one of a member is at a time (pipeline/indexes.c).
 * Some 200,000 entries: an index of that size is written once from its start to its end; a larger
 * one has most of its pages changed by each run. */
#define RUN_BYTES ((size_t)8 << 20)

struct index_run_entry {
    uint64_t start; /* the key's first eight bytes, to compare most keys without looking at them */
    uint32_t at;    /* in keys */
    uint32_t len;
};

static struct str key_of(const struct index_run *run, const struct index_run_entry *entry) {
    return (struct str){run->keys.ptr + entry->at, entry->len};
}

/* qsort_r's. */
static int compare(const void *left, const void *right, void *ctx) {
    const struct index_run_entry *a = left, *b = right;
    if (a->start != b->start) {
        return a->start < b->start ? -1 : 1;
    }
    return str_compare(key_of(ctx, a), key_of(ctx, b));
}

void index_run_clear(struct index_run *run) {
    buf_clear(&run->keys);
    free(run->entries);
    *run = (struct index_run){0};
}

void index_run_reset(struct index_run *run) {
    buf_reset(&run->keys);
    run->count = run->part_count = run->heap_count = 0;
}

void index_run_add(struct index_run *run, struct str key) {
    assert(key.len <= UINT32_MAX && run->keys.len <= UINT32_MAX);
    run->entries = memory_grow(run->entries, run->count, &run->cap, sizeof *run->entries);
    run->entries[run->count++] = (struct index_run_entry){
        .start = key_start(key), .at = (uint32_t)run->keys.len, .len = (uint32_t)key.len};
    buf_str(&run->keys, key);
}

void index_run_end_part(struct index_run *run) {
    size_t begin = run->part_count > 0 ? run->parts[run->part_count - 1].end : 0;
    if (run->count == begin) {
        return;
    }
    assert(run->part_count < INDEX_RUN_PARTS);
    qsort_r(run->entries + begin, run->count - begin, sizeof *run->entries, compare, run);
    run->parts[run->part_count++] = (struct index_run_part){begin, run->count};
}

bool index_run_is_full(const struct index_run *run) {
    return run->part_count == INDEX_RUN_PARTS ||
           run->keys.len + run->count * sizeof *run->entries >= RUN_BYTES;
}

/* Behind its end a key is taken for zeros: equal numbers say nothing. */
static struct index_run_head head_of(const struct index_run *run, size_t part) {
    struct str key = key_of(run, &run->entries[run->parts[part].next]);
    uint64_t words[2] = {0, 0};
    memcpy(words, key.ptr, key.len < sizeof words ? key.len : sizeof words);
    return (struct index_run_head){be64toh(words[0]), be64toh(words[1]), part};
}

static bool is_less(const struct index_run *run, const struct index_run_head *left,
                    const struct index_run_head *right) {
    if (left->start != right->start) {
        return left->start < right->start;
    }
    if (left->then != right->then) {
        return left->then < right->then;
    }
    const struct index_run_entry *a = &run->entries[run->parts[left->part].next],
                                 *b = &run->entries[run->parts[right->part].next];
    return str_compare(key_of(run, a), key_of(run, b)) < 0;
}

/* The part at `at` has another entry: down to its place. */
static void sink(struct index_run *run, size_t at) {
    for (;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < run->heap_count; child++) {
            least = is_less(run, &run->heap[child], &run->heap[least]) ? child : least;
        }
        if (least == at) {
            return;
        }
        struct index_run_head head = run->heap[at];
        run->heap[at] = run->heap[least];
        run->heap[least] = head;
        at = least;
    }
}

void index_run_merge(struct index_run *run) {
    run->heap_count = run->part_count;
    for (size_t i = 0; i < run->part_count; i++) {
        run->heap[i] = head_of(run, i);
    }
    for (size_t i = run->heap_count / 2; i-- > 0;) {
        sink(run, i);
    }
}

bool index_run_take(struct index_run *run, struct str *ret_key) {
    if (run->heap_count == 0) {
        return false;
    }
    const size_t from = run->heap[0].part;
    struct index_run_part *part = &run->parts[from];
    *ret_key = key_of(run, &run->entries[part->next++]);
    run->heap[0] = part->next < part->end ? head_of(run, from) : run->heap[--run->heap_count];
    sink(run, 0);
    return true;
}
