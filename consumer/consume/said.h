/* said.h: says the same thing once a minute.
 *
 * What:    remembers the last texts and when they were let through.
 * Owns:    plain data; all zero is valid and empty.
 * Units:   milliseconds of a monotonic clock.
 * Limits:  32 texts; then the oldest is forgotten. Numbers after a blank don't
 *          count ("after 12ms"); those in names do ("topic1 [3]").
 */
#ifndef CONSUME_SAID_H
#define CONSUME_SAID_H

#include <stdbool.h>
#include <stdint.h>

#define SAID_MAX         32
#define SAID_INTERVAL_MS 60000

struct said {
    struct {
        uint64_t hash; /* 0: free */
        int64_t at_ms;
    } texts[SAID_MAX];
};

/* Whether text was let through less than a minute ago; if not, it is now. */
bool said_lately(struct said *said, const char *text, int64_t now_ms);

#endif
