/* refused_set.h: the sink rows of one task that stand in sync_refused, by key.
 *
 * What:    a sorted set of keys (sink_key_append).
 * Owns:    copies of the keys.
 * Limits:  none; the pipeline's refused_row_max.
 */
#ifndef PIPELINE_REFUSED_SET_H
#define PIPELINE_REFUSED_SET_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

/* An all-zero struct refused_set is valid and empty. */
struct refused_set {
    struct refused_key {
        char *bytes;
        size_t len;
    } * keys; /* ascending */
    size_t count, cap;
};

static inline struct str refused_set_key(const struct refused_set *set, size_t at) {
    return (struct str){set->keys[at].bytes, set->keys[at].len};
}

void refused_set_clear(struct refused_set *set);
/* False: it was there. */
bool refused_set_add(struct refused_set *set, struct str key);
/* False: it was not there. */
bool refused_set_remove(struct refused_set *set, struct str key);
/* The first key that is not before `key`: its index. */
size_t refused_set_seek(const struct refused_set *set, struct str key);

#endif
