#include "base/recent.h"

#include "base/memory.h"

#include <pthread.h>
#include <stdlib.h>

struct line {
    size_t len;
    char text[RECENT_BYTES];
};

struct recent {
    pthread_mutex_t mutex; /* guards the rest */
    uint64_t count;        /* ever added */
    struct line lines[RECENT_LINES];
};

struct recent *recent_new(void) {
    struct recent *recent = memory_new(1, sizeof *recent);
    (void)pthread_mutex_init(&recent->mutex, NULL);
    return recent;
}

void recent_destroy(struct recent **recent) {
    struct recent *r = recent ? *recent : NULL;
    if (r) {
        (void)pthread_mutex_destroy(&r->mutex);
        free(r);
        *recent = NULL;
    }
}

void recent_add(struct recent *recent, struct str line) {
    if (!recent) {
        return;
    }
    (void)pthread_mutex_lock(&recent->mutex);
    struct line *to = &recent->lines[recent->count++ % RECENT_LINES];
    to->len = line.len < RECENT_BYTES ? line.len : RECENT_BYTES;
    memcpy(to->text, line.ptr, to->len);
    (void)pthread_mutex_unlock(&recent->mutex);
}

bool recent_get(struct recent *recent, size_t i, struct buf *out) {
    (void)pthread_mutex_lock(&recent->mutex);
    bool there = i < RECENT_LINES && i < recent->count;
    if (there) {
        const struct line *line = &recent->lines[(recent->count - 1 - i) % RECENT_LINES];
        buf_append(out, line->text, line->len);
    }
    (void)pthread_mutex_unlock(&recent->mutex);
    return there;
}
