/* key_start.h: the first eight bytes of a key as a number: most comparisons end there.
 */
#ifndef STATE_KEY_START_H
#define STATE_KEY_START_H

#include "base/str.h"

#include <endian.h>
#include <stdint.h>

/* Ordered as the keys are; equal for keys that begin alike. The empty key may have no bytes. */
static inline uint64_t key_start(struct str key) {
    uint64_t start = 0;
    if (key.len > 0) {
        memcpy(&start, key.ptr, key.len < sizeof start ? key.len : sizeof start);
    }
    return be64toh(start);
}

#endif
