#include "verify/again.h"

#include "base/safeguard.h"

/* Leaves of `now`'s columns those that have shown the same two values. False: none has. */
static bool columns_stay(const struct order *order, const struct difference *before,
                         const struct difference *now) {
    bool any = false;
    for (size_t i = 0; i < order->column_count; i++) {
        any |= now->columns[i] && before->columns[i] &&
               value_same(before->source[i], now->source[i]) &&
               value_same(before->sink[i], now->sink[i]);
    }
    for (size_t i = 0; i < order->column_count && any; i++) {
        now->columns[i] = now->columns[i] && before->columns[i] &&
                          value_same(before->source[i], now->source[i]) &&
                          value_same(before->sink[i], now->sink[i]);
    }
    return any;
}

static void take(const struct order *order, struct differences *list, struct difference *item,
                 struct differences *seen, struct difference *found, int64_t now_ms) {
    bool same = item->kind == found->kind &&
                (item->kind != DIFFERENCE_VALUES || columns_stay(order, item, found));
    struct difference next = *found;
    next.since_ms = same ? item->since_ms : now_ms;
    next.sent_ms = same ? item->sent_ms : 0;
    next.looks = same ? item->looks + 1 : 1;
    differences_free(list, item, order->column_count);
    differences_account(seen, found, list, order->column_count);
    found->memory = NULL;
    *item = next;
}

size_t again_compare(const struct order *order, struct differences *list, size_t first,
                     size_t count, struct differences *seen, int64_t now_ms) {
    size_t gone = 0, s = 0;
    for (size_t i = first; i < first + count; i++) {
        struct difference *item = &list->items[i];
        while (s < seen->count &&
               order_compare(order, difference_row(&seen->items[s]), difference_row(item)) < 0) {
            s++; /* a key that is equal to another one in SQL, and has other bytes */
        }
        if (s < seen->count &&
            order_compare(order, difference_row(&seen->items[s]), difference_row(item)) == 0) {
            take(order, list, item, seen, &seen->items[s++], now_ms);
        } else {
            differences_free(list, item, order->column_count);
            gone++;
        }
    }
    return gone;
}

bool again_is_settled(const struct difference *difference, const struct again_path *path,
                      int64_t now_ms) {
    if (!SAFEGUARD("a difference is looked at again")) {
        return true;
    }
    return difference->looks >= AGAIN_LOOKS_MIN && difference->sent_ms > 0 &&
           now_ms - difference->sent_ms >= path->settle_ms;
}
