/* memory.h: allocation that can't fail.
 *
 * What:    malloc's functions, but out of memory ends the process (abort), as in arena.h.
 * Owns:    nothing: the caller frees what is returned, with free(3).
 */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stddef.h>

/* All zero; never NULL, even for count 0. */
void *memory_new(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
/* items (may be NULL) with room for count; new items are not initialized. */
void *memory_resize(void *items, size_t count, size_t size)
    __attribute__((returns_nonnull, warn_unused_result));
/* items (*cap allocated, count used) with room for one more: doubles *cap if it is full. */
void *memory_grow(void *items, size_t count, size_t *cap, size_t size)
    __attribute__((warn_unused_result));
/* A copy; NULL stays NULL. */
char *memory_text(const char *text);

#endif
