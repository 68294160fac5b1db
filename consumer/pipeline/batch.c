#include "pipeline/batch.h"

#include "base/memory.h"

#include <stdlib.h>

#define BATCH_BYTES_MAX ((size_t)4 * 1024 * 1024)
#define ITEMS_KEPT      256

void batch_reset(struct batch *batch, const struct consume_ops *ops, struct consume *consume) {
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->items[i].record.handle) {
            ops->release(consume, batch->items[i].record.handle);
        }
    }
    batch->count = 0;
    batch->consumed = 0;
    batch->bytes = 0;
    arena_reset(&batch->arena);
    if (batch->cap > ITEMS_KEPT) { /* else every task would keep its largest */
        free(batch->items);
        batch->items = NULL;
        batch->cap = 0;
    }
}

void batch_clear(struct batch *batch, const struct consume_ops *ops, struct consume *consume) {
    batch_reset(batch, ops, consume);
    arena_clear(&batch->arena);
    free(batch->items);
    *batch = (struct batch){0};
}

void batch_add(struct batch *batch, const struct pending *item) {
    batch->items = memory_grow(batch->items, batch->count, &batch->cap, sizeof *batch->items);
    batch->items[batch->count++] = *item;
    batch->bytes += item->record.key.len + item->record.value.len;
}

bool batch_full(const struct batch *batch, size_t max_records) {
    return batch->count >= max_records || batch_bytes(batch) >= BATCH_BYTES_MAX;
}
