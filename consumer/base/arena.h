/* arena.h: memory of one batch, freed all at once.
 *
 * What:    bump allocation in chunks that are kept for the next batch.
 * Owns:    everything it handed out; valid until arena_reset or arena_clear.
 * Errors:  out of memory ends the process (abort): there is nothing useful left to do.
 * Limits:  none of its own; callers close a batch when arena_used passes their ceiling.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/str.h"

struct arena_chunk;
struct arena {
    struct arena_chunk *first, *current;
    size_t used; /* bytes handed out since the last reset */
};

/* An all-zero struct arena is valid and empty. */
void arena_clear(struct arena *arena);
/* Frees all allocations; keeps the first chunk. */
void arena_reset(struct arena *arena);
/* Uninitialised memory aligned for any object. size 0 gives a unique pointer. */
void *arena_alloc(struct arena *arena, size_t size) __attribute__((malloc, returns_nonnull));
/* A copy of s in the arena, followed by a NUL. ptr NULL stays NULL. */
struct str arena_copy(struct arena *arena, struct str s);
struct str arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
