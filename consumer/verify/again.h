/* again.h: which differences stay, and which were only on their way.
 *
 * What:    the two databases are never read at the same moment, and a change takes its time from
 *          one to the other. So a difference counts when several looks have shown the same one, and
 *          the last of them came so long after the first that the change would have arrived.
 *          A row that is another one at each look is moving; of one with several columns only those
 *          count that stay as they are, on both sides.
 * Threads: pure.
 * Units:   milliseconds of a monotonic clock.
 *
 * Private to verify/.
 */
#ifndef VERIFY_AGAIN_H
#define VERIFY_AGAIN_H

#include "verify/difference.h"
#include "verify/order.h"

#define AGAIN_LOOKS_MIN 3

/* What is known of the path of changes. */
struct again_path {
    /* All that was committed in the source before this moment is in Kafka. */
    int64_t sent_until_ms;
    int64_t settle_ms; /* how long it may take from there */
};

/* pending[0 .. count) in the order of their keys, and what a new look at these keys has found, in
 * the same order: moves it into pending's items. An item that was not found is freed, its memory
 * NULL. Returns how many those are. */
size_t again_compare(const struct order *order, struct differences *list, size_t first,
                     size_t count, struct differences *seen, int64_t now_ms);

/* Whether a difference is one that the path of changes does not explain. */
bool again_is_settled(const struct difference *difference, const struct again_path *path,
                      int64_t now_ms);

#endif
