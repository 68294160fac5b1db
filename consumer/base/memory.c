#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#define CAP_MIN 16

void *memory_new(size_t count, size_t size) {
    void *memory = calloc(count ? count : 1, size);
    if (!memory) {
        abort();
    }
    return memory;
}

void *memory_resize(void *items, size_t count, size_t size) {
    void *resized = reallocarray(items, count ? count : 1, size);
    if (!resized) {
        abort();
    }
    return resized;
}

void *memory_grow(void *items, size_t count, size_t *cap, size_t size) {
    if (count < *cap) {
        return items;
    }
    *cap = *cap ? *cap * 2 : CAP_MIN;
    return memory_resize(items, *cap, size);
}

char *memory_text(const char *text) {
    char *copy = text ? strdup(text) : NULL;
    if (text && !copy) {
        abort();
    }
    return copy;
}
