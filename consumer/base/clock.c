#include "base/clock.h"

#include <stddef.h>
#include <time.h>

static int64_t now_us(clockid_t id) {
    struct timespec t;
    (void)clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t mono_us(void *ctx) {
    (void)ctx;
    return now_us(CLOCK_MONOTONIC);
}

static int64_t wall_us(void *ctx) {
    (void)ctx;
    return now_us(CLOCK_REALTIME);
}

struct clock clock_real(void) {
    return (struct clock){mono_us, wall_us, NULL};
}
