/* backoff.h: how long to wait before trying again.
 *
 * What:    waits that double between two limits, with a jitter that is determined by a seed.
 * Owns:    nothing: plain data, copyable.
 * Units:   milliseconds.
 * Limits:  a wait is never below 1 ms nor above max_ms.
 */
#ifndef BASE_BACKOFF_H
#define BASE_BACKOFF_H

#include <stdint.h>

struct backoff {
    int64_t first_ms; /* the first wait, without jitter */
    int64_t max_ms;   /* waits stop doubling here */
    int64_t step_ms;  /* the next wait, without jitter */
    uint64_t seed;    /* 0: no jitter; else the state of the random sequence */
};

/* first_ms below 1 counts as 1, max_ms below first_ms as first_ms. Seed 0 means no jitter; with
 * another seed each wait is between half of its step and all of it. Equal seeds give equal
 * sequences, so that simulations repeat; different ones keep members that lost the same broker from
 * reconnecting in step. */
struct backoff backoff_init(int64_t first_ms, int64_t max_ms, uint64_t seed);
/* How long to wait after one more failure. */
int64_t backoff_next_ms(struct backoff *backoff);
/* After a success: the next wait is the first one again; the random sequence continues. */
void backoff_reset(struct backoff *backoff);

#endif
