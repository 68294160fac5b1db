#include "verify/difference.h"

#include "base/memory.h"

#include <stdlib.h>

static size_t row_bytes(const struct str *row, size_t columns) {
    size_t bytes = row ? columns * sizeof *row : 0;
    for (size_t i = 0; row && i < columns; i++) {
        bytes += row[i].len;
    }
    return bytes;
}

static size_t item_bytes(const struct difference *item, size_t columns) {
    return row_bytes(item->source, columns) + row_bytes(item->sink, columns) + columns +
           sizeof *item;
}

/* *room: first the arrays, then the bytes. */
static struct str *row_copy(const struct str *row, size_t columns, struct str **arrays,
                            char **bytes) {
    if (!row) {
        return NULL;
    }
    struct str *copy = *arrays;
    *arrays += columns;
    for (size_t i = 0; i < columns; i++) {
        copy[i] = (struct str){row[i].ptr ? *bytes : NULL, row[i].len};
        if (row[i].ptr && row[i].len > 0) {
            memcpy(*bytes, row[i].ptr, row[i].len);
            *bytes += row[i].len;
        }
    }
    return copy;
}

void differences_add(struct differences *list, enum difference_kind kind, const struct str *source,
                     const struct str *sink, size_t columns) {
    size_t values = (source ? columns : 0) + (sink ? columns : 0);
    struct difference item = {.kind = kind};
    item.memory =
        memory_new(1, row_bytes(source, columns) + row_bytes(sink, columns) + columns + 1);
    struct str *arrays = item.memory;
    char *bytes = (char *)(arrays + values);
    item.source = row_copy(source, columns, &arrays, &bytes);
    item.sink = row_copy(sink, columns, &arrays, &bytes);
    if (kind == DIFFERENCE_VALUES && source && sink) {
        item.columns = (bool *)bytes;
        for (size_t i = 0; i < columns; i++) {
            item.columns[i] = !value_same(source[i], sink[i]);
        }
    }
    differences_move(list, &item, columns);
}

void differences_move(struct differences *list, struct difference *from, size_t columns) {
    list->items = memory_grow(list->items, list->count, &list->cap, sizeof *list->items);
    list->items[list->count++] = *from;
    list->bytes += item_bytes(from, columns);
    from->memory = NULL;
}

void differences_free(struct differences *list, struct difference *item, size_t columns) {
    list->bytes -= item_bytes(item, columns);
    free(item->memory);
    item->memory = NULL;
}

void differences_account(struct differences *from, const struct difference *item,
                         struct differences *to, size_t columns) {
    from->bytes -= item_bytes(item, columns);
    to->bytes += item_bytes(item, columns);
}

void differences_compact(struct differences *list) {
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].memory) {
            list->items[kept++] = list->items[i];
        }
    }
    list->count = kept;
}

void differences_clear(struct differences *list) {
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].memory);
    }
    free(list->items);
    *list = (struct differences){0};
}
