/* memory.h: memory, or the end of the process.
 *
 * What:    malloc's calls for what a service can't do without.
 * Owns:    nothing: what is returned is the caller's, for free(3).
 * Errors:  out of memory ends the process (abort), as arena.h.
 */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stddef.h>

/* All zero; never NULL, even for none. */
void *memory_new(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
/* items (may be NULL) with room for count; what is new is not set. */
void *memory_resize(void *items, size_t count, size_t size)
    __attribute__((returns_nonnull, warn_unused_result));
/* items, which have room for *cap, with room for one more than count: *cap doubles where it is
 * full. */
void *memory_grow(void *items, size_t count, size_t *cap, size_t size)
    __attribute__((warn_unused_result));
/* A copy; NULL stays NULL. */
char *memory_text(const char *text);

#endif
