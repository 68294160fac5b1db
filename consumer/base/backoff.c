#include "base/backoff.h"

/* splitmix64: any seed is as good as another. */
static uint64_t random_next(uint64_t *state) {
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

struct backoff backoff_init(int64_t first_ms, int64_t max_ms, uint64_t seed) {
    int64_t first = first_ms < 1 ? 1 : first_ms;
    return (struct backoff){.first_ms = first,
                            .max_ms = max_ms < first ? first : max_ms,
                            .step_ms = first,
                            .seed = seed};
}

int64_t backoff_next_ms(struct backoff *backoff) {
    int64_t step = backoff->step_ms;
    backoff->step_ms = step > backoff->max_ms / 2 ? backoff->max_ms : step * 2;
    if (backoff->seed == 0) {
        return step;
    }
    uint64_t random = random_next(&backoff->seed);
    if (backoff->seed == 0) {
        backoff->seed = 1; /* 0 would turn the jitter off */
    }
    int64_t half = step / 2;
    return step - (int64_t)(random % ((uint64_t)half + 1));
}

void backoff_reset(struct backoff *backoff) {
    backoff->step_ms = backoff->first_ms;
}
