#include "consume/log_throttle.h"

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

bool log_throttle_drops(struct log_throttle *throttle, const char *text, int64_t now_ms) {
    uint64_t hash = hash_of(text);
    size_t oldest = 0;
    for (size_t i = 0; i < LOG_THROTTLE_TEXTS; i++) {
        if (throttle->texts[i].hash == hash) {
            if (now_ms - throttle->texts[i].at_ms < LOG_THROTTLE_MS) {
                return true;
            }
            oldest = i;
            break;
        }
        if (throttle->texts[i].hash == 0) {
            oldest = i;
            break;
        }
        if (throttle->texts[i].at_ms < throttle->texts[oldest].at_ms) {
            oldest = i;
        }
    }
    throttle->texts[oldest].hash = hash;
    throttle->texts[oldest].at_ms = now_ms;
    return false;
}
