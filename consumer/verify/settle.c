/* Looks again at what differs, by the keys. */
#include "verify/impl.h"

#include "base/memory.h"

#include <stdlib.h>

#define BATCH         400 /* keys of a query */
#define FIRST_LOOK_MS 100
#define LOOK_MS_MAX   1000

static int compare_items(const void *a, const void *b, void *order) {
    return order_compare(order, difference_row(a), difference_row(b));
}

static bool same_nulls(const struct verify *verify, const struct difference *a,
                       const struct difference *b) {
    bool same = true;
    for (size_t i = 0; i < verify->order.key_count; i++) {
        size_t column = verify->order.keys[i].column;
        same &= (difference_row(a)[column].ptr == NULL) == (difference_row(b)[column].ptr == NULL);
    }
    return same;
}

/* A sample may meet a row twice. */
static void sort(struct verify *verify) {
    struct differences *pending = &verify->pending;
    if (pending->count == 0) {
        return;
    }
    qsort_r(pending->items, pending->count, sizeof *pending->items, compare_items, &verify->order);
    for (size_t i = 1, kept = 0; i < pending->count; i++) {
        if (compare_items(&pending->items[kept], &pending->items[i], &verify->order) == 0) {
            differences_free(pending, &pending->items[i], verify->order.column_count);
        } else {
            kept = i;
        }
    }
    differences_compact(pending);
}

/* One query on each side for items whose keys have NULLs in the same places. */
static enum err_kind look_at(struct verify *verify, size_t first, size_t count, size_t *ret_gone,
                             struct err *reterr) {
    const struct str *rows[BATCH];
    struct buf conditions[SIDES] = {0};
    struct differences seen = {0};
    for (size_t i = 0; i < count; i++) {
        rows[i] = difference_row(&verify->pending.items[first + i]);
    }
    for (enum side side = 0; side < SIDES; side++) {
        query_keys(&conditions[side], verify, side, verify->order.key_count, rows, count);
    }
    enum err_kind kind = read_some(verify, verify->look, conditions, &seen, false, reterr);
    if (kind == ERR_NONE) {
        *ret_gone =
            again_compare(&verify->order, &verify->pending, first, count, &seen, verify_now());
    }
    for (enum side side = 0; side < SIDES; side++) {
        buf_clear(&conditions[side]);
    }
    differences_clear(&seen);
    return kind;
}

static enum err_kind look_at_all(struct verify *verify, struct err *reterr) {
    struct differences *pending = &verify->pending;
    enum err_kind kind = ERR_NONE;
    for (size_t first = 0, count; first < pending->count && kind == ERR_NONE; first += count) {
        count = 1;
        while (count < BATCH && first + count < pending->count &&
               same_nulls(verify, &pending->items[first], &pending->items[first + count])) {
            count++;
        }
        size_t gone = 0;
        kind = look_at(verify, first, count, &gone, reterr);
        verify->result->arrived += gone;
        verify_progress(verify);
    }
    differences_compact(pending);
    return kind;
}

/* Tells of those that are settled, or of all that stay as they are, when there is no more time. */
static enum err_kind tell(struct verify *verify, bool over, struct err *reterr) {
    struct differences *pending = &verify->pending;
    int64_t now_ms = verify_now();
    bool told = false;
    enum err_kind kind = ERR_NONE;
    for (size_t i = 0; i < pending->count && kind == ERR_NONE; i++) {
        struct difference *item = &pending->items[i];
        if (item->sent_ms == 0 && item->since_ms <= verify->path.sent_until_ms) {
            item->sent_ms = now_ms;
        }
        bool settled = again_is_settled(item, &verify->path, now_ms);
        bool stays =
            item->looks >= AGAIN_LOOKS_MIN && now_ms - item->since_ms >= verify->path.settle_ms;
        if (settled || over) {
            if (settled || stays) {
                kind = told ? ERR_NONE : known_read(verify, reterr); /* there may be new ones */
                told = true;
                kind = kind == ERR_NONE ? judge(verify, item, !settled, reterr) : kind;
            } else {
                verify->result->moving++;
            }
            differences_free(pending, item, verify->order.column_count);
        }
    }
    differences_compact(pending);
    return kind;
}

enum err_kind settle(struct verify *verify, struct err *reterr) {
    int64_t end_ms = verify_now() + verify->path.settle_ms + verify->options->wait_ms;
    int64_t pause_ms = FIRST_LOOK_MS;
    struct differences *pending = &verify->pending;
    enum err_kind kind = ERR_NONE;
    sort(verify);
    for (size_t i = 0; i < pending->count; i++) {
        pending->items[i].since_ms = verify_now();
        pending->items[i].looks = 1;
    }
    verify->probe[0] = '\0';
    verify->path.sent_until_ms = 0;
    while (pending->count > 0 && kind == ERR_NONE) {
        kind = path_look(verify, reterr);
        if (kind == ERR_NONE) {
            kind = verify_sleep(verify, pause_ms, reterr);
        }
        int64_t begin_ms = verify_now();
        if (kind == ERR_NONE) {
            kind = look_at_all(verify, reterr);
        }
        if (kind == ERR_NONE) {
            kind = tell(verify, verify_now() >= end_ms, reterr);
        }
        int64_t took_ms = verify_now() - begin_ms;
        pause_ms = 2 * pause_ms < LOOK_MS_MAX ? 2 * pause_ms : LOOK_MS_MAX;
        pause_ms = took_ms > pause_ms ? took_ms : pause_ms;
    }
    return kind;
}
