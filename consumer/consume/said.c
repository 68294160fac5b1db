#include "consume/said.h"

#include "base/hash.h"

#include <stddef.h>

/* FNV-1a over everything but the digits of numbers after a blank; never 0. */
static uint64_t hash_of(const char *text) {
    uint64_t hash = FNV1A_START;
    bool number = true;
    for (const char *c = text; *c; c++) {
        bool digit = *c >= '0' && *c <= '9';
        if (!digit || !number) {
            hash = fnv1a_one(hash, (unsigned char)*c);
            number = *c == ' ';
        }
    }
    return hash ? hash : 1;
}

bool said_lately(struct said *said, const char *text, int64_t now_ms) {
    uint64_t hash = hash_of(text);
    size_t oldest = 0;
    for (size_t i = 0; i < SAID_MAX; i++) {
        if (said->texts[i].hash == hash) {
            if (now_ms - said->texts[i].at_ms < SAID_INTERVAL_MS) {
                return true;
            }
            oldest = i;
            break;
        }
        if (said->texts[i].hash == 0) {
            oldest = i;
            break;
        }
        if (said->texts[i].at_ms < said->texts[oldest].at_ms) {
            oldest = i;
        }
    }
    said->texts[oldest].hash = hash;
    said->texts[oldest].at_ms = now_ms;
    return false;
}
