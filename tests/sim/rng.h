/* rng.h: splitmix64: a seed gives the same numbers everywhere (Steele, Lea, Flood 2014). */
#ifndef SIM_RNG_H
#define SIM_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
    uint64_t state;
};

static inline uint64_t rng_next(struct rng *rng) {
    uint64_t z = rng->state += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

/* 0 .. count-1 */
static inline int rng_below(struct rng *rng, int count) {
    return (int)(rng_next(rng) % (uint64_t)count);
}

static inline double rng_unit(struct rng *rng) {
    return (double)(rng_next(rng) >> 11) * 0x1p-53;
}

static inline bool rng_chance(struct rng *rng, double share) {
    return rng_unit(rng) < share;
}

#endif
