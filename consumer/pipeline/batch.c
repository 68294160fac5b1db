#include "pipeline/batch.h"

#include "base/memory.h"

#include <stdlib.h>

#define ITEMS_KEPT 256

struct shared_record *shared_record_new(void *handle) {
    struct shared_record *shared = memory_new(1, sizeof *shared);
    shared->handle = handle;
    return shared;
}

static void let_go(struct shared_record *shared, const struct consume_ops *ops,
                   struct consume *consume) {
    shared->holders--;
    if (shared->holders == 0 || !SAFEGUARD("a shared record is given back once")) {
        ops->release(consume, shared->handle);
    }
    if (shared->holders == 0) {
        free(shared);
    }
}

void batch_reset(struct batch *batch, const struct consume_ops *ops, struct consume *consume) {
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->items[i].record.handle) {
            ops->release(consume, batch->items[i].record.handle);
        }
    }
    for (size_t i = 0; i < batch->shared_count; i++) {
        let_go(batch->shared[i], ops, consume);
    }
    batch->count = 0;
    batch->shared_count = 0;
    batch->consumed = 0;
    batch->bytes = 0;
    batch->patient = 0;
    batch->pressing = false;
    arena_reset(&batch->arena);
    if (batch->cap > ITEMS_KEPT) { /* else every task would keep its largest */
        free(batch->items);
        batch->items = NULL;
        batch->cap = 0;
    }
    if (batch->shared_cap > ITEMS_KEPT) {
        free((void *)batch->shared);
        batch->shared = NULL;
        batch->shared_cap = 0;
    }
}

void batch_clear(struct batch *batch, const struct consume_ops *ops, struct consume *consume) {
    batch_reset(batch, ops, consume);
    arena_clear(&batch->arena);
    free(batch->items);
    free((void *)batch->shared);
    *batch = (struct batch){0};
}

static size_t record_bytes(const struct pending *item) {
    return item->record.key.len + item->record.value.len;
}

void batch_add(struct batch *batch, const struct pending *item) {
    batch->items = memory_grow(batch->items, batch->count, &batch->cap, sizeof *batch->items);
    batch->items[batch->count++] = *item;
    batch->bytes += record_bytes(item);
}

void batch_add_shared(struct batch *batch, const struct pending *item, struct shared_record *shared,
                      size_t readers) {
    batch_add(batch, item);
    batch->items[batch->count - 1].record.handle = NULL;
    batch->bytes -= record_bytes(item) - record_bytes(item) / readers;
    batch->shared = memory_grow((void *)batch->shared, batch->shared_count, &batch->shared_cap,
                                sizeof(struct shared_record *));
    batch->shared[batch->shared_count++] = shared;
    shared->holders++;
}

bool batch_full(const struct batch *batch, size_t max_records) {
    return batch->count >= max_records || batch_bytes(batch) >= BATCH_BYTES_MAX;
}
