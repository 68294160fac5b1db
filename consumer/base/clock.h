/* clock.h: the time, as an interface.
 *
 * What:    two clocks; the simulator passes its own.
 * Threads: clock_real may be used from any thread.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

struct clock {
    int64_t (*mono_us)(void *ctx); /* never goes back; for timeouts */
    int64_t (*wall_us)(void *ctx); /* since the epoch, UTC; may jump; for records and logs */
    void *ctx;
};

/* The machine's clocks. */
struct clock clock_real(void);

static inline int64_t clock_mono_ms(const struct clock *clock) {
    return clock->mono_us(clock->ctx) / 1000;
}
static inline int64_t clock_wall_ms(const struct clock *clock) {
    return clock->wall_us(clock->ctx) / 1000;
}

#endif
