/* trend.h: how much was applied, and how fast, in the last ten minutes, for the status page.
 *
 * What:    a sample of the counters every TREND_STEP_MS; what is read are the differences.
 * Owns:    its samples.
 * Threads: one looks, any may read; a lock is held for as long as a sample is copied.
 * Units:   milliseconds since the epoch; microseconds.
 */
#ifndef BASE_TREND_H
#define BASE_TREND_H

#include "base/metrics.h"

#define TREND_STEP_MS 5000
#define TREND_STEPS   120

/* What happened from the sample before until at_ms. */
struct trend_step {
    int64_t at_ms;
    int64_t records;    /* applied */
    int64_t commits;    /* observations of commit_to_visible_seconds */
    int64_t mean_us;    /* of them; 0: none */
    int64_t slowest_us; /* the limit of the highest bucket that one of them fell into; -1: beyond
                           the last limit */
    bool ready;         /* at its end */
};

struct trend;

struct trend *trend_new(void);
/* Accepts NULL and a pointer to NULL. */
void trend_destroy(struct trend **trend);
/* Takes a sample if one is due. NULL trend: ignored. */
void trend_look(struct trend *trend, const struct metrics *metrics, int64_t now_ms);
/* The i-th step, 0 being the newest; false: there are not so many. */
bool trend_get(struct trend *trend, size_t i, struct trend_step *ret_step);

#endif
