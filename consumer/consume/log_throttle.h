/* log_throttle.h: lets the same text through once a minute.
 *
 * What:    remembers the last texts and when they were let through.
 * Owns:    plain data; all zero is valid and empty.
 * Units:   milliseconds of a monotonic clock.
 * Limits:  LOG_THROTTLE_TEXTS; then the oldest is forgotten. Numbers after a blank don't count
 *          ("after 12ms"); those in names do ("topic1 [3]").
 */
#ifndef CONSUME_LOG_THROTTLE_H
#define CONSUME_LOG_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#define LOG_THROTTLE_TEXTS 32
#define LOG_THROTTLE_MS    60000

struct log_throttle {
    struct {
        uint64_t hash; /* 0: free */
        int64_t at_ms;
    } texts[LOG_THROTTLE_TEXTS];
};

/* Whether text was let through less than LOG_THROTTLE_MS ago; if not, it is now. */
bool log_throttle_drops(struct log_throttle *throttle, const char *text, int64_t now_ms);

#endif
