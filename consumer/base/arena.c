#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define CHUNK_BYTES ((size_t)64 * 1024)
#define ALIGNMENT   _Alignof(max_align_t)

struct arena_chunk {
    struct arena_chunk *next;
    size_t size, used;
    max_align_t bytes[];
};

static struct arena_chunk *chunk_new(size_t size) {
    struct arena_chunk *chunk = malloc(sizeof *chunk + size);
    if (!chunk) {
        abort();
    }
    chunk->next = NULL;
    chunk->size = size;
    chunk->used = 0;
    return chunk;
}

static void chunks_free(struct arena_chunk *chunk) {
    while (chunk) {
        struct arena_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
}

void arena_clear(struct arena *arena) {
    chunks_free(arena->first);
    *arena = (struct arena){0};
}

void arena_reset(struct arena *arena) {
    if (arena->first) {
        chunks_free(arena->first->next);
        arena->first->next = NULL;
        arena->first->used = 0;
    }
    arena->current = arena->first;
    arena->used = 0;
}

void *arena_alloc(struct arena *arena, size_t size) {
    size_t rounded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (rounded == 0) {
        rounded = ALIGNMENT;
    }
    if (rounded < size) {
        abort();
    }
    struct arena_chunk *chunk = arena->current;
    if (!chunk || chunk->size - chunk->used < rounded) {
        chunk = chunk_new(rounded > CHUNK_BYTES ? rounded : CHUNK_BYTES);
        if (arena->current) {
            arena->current->next = chunk;
        } else {
            arena->first = chunk;
        }
        arena->current = chunk;
    }
    void *memory = (char *)chunk->bytes + chunk->used;
    chunk->used += rounded;
    arena->used += rounded;
    return memory;
}

struct str arena_copy(struct arena *arena, struct str s) {
    if (!s.ptr) {
        return s;
    }
    char *copy = arena_alloc(arena, s.len + 1);
    memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return (struct str){copy, s.len};
}

struct str arena_printf(struct arena *arena, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0) {
        abort();
    }
    char *text = arena_alloc(arena, (size_t)len + 1);
    (void)vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return (struct str){text, (size_t)len};
}
