/* overlay.h: a store whose changes are gathered in memory until they are committed.
 *
 * What:    kv.h's calls over a store (kv.h) and an ordered map of what has changed since the last
 *          commit. A change at a random key costs a page of the store, in memory and on disk; in
 *          the map it costs its bytes, and at the commit, in key order, many share a page.
 * Owns:    the store; what it lends lives as kv.h says.
 * Errors:  as kv.h.
 * Limits:  KV_SPACES_MAX spaces.
 *
 * A commit that is large is written in several transactions of the store, so that memory is
 * bounded; space 0 goes with the last one. A crash, or an error, in between leaves space 0 as it
 * was and some of the other changes: the caller must be able to tell from space 0 what may be
 * ahead of it, as the state cache can: it replays the log from there.
 */
#ifndef STATE_OVERLAY_H
#define STATE_OVERLAY_H

#include "state/kv.h"
#include "state/ordered.h"

struct overlay {
    const struct kv_ops *ops;
    struct kv *kv;
    size_t part_bytes; /* see kv.h's factory */
    int space_count;
    struct arena arena;
    struct ordered changes[KV_SPACES_MAX];
    /* The change that overlay_next returned last: where it goes on. */
    const struct ordered_entry *walk[KV_SPACES_MAX];
};

/* Takes kv over, which has space_count spaces. */
void overlay_init(struct overlay *overlay, const struct kv_factory *factory, struct kv *kv,
                  int space_count);
MUST_CHECK enum err_kind overlay_get(struct overlay *overlay, int space, struct str key,
                                     struct str *ret_value, struct err *reterr);
/* range: prefix, after. */
MUST_CHECK enum err_kind overlay_next(struct overlay *overlay, int space, struct str range[2],
                                      struct str *ret_key, struct str *ret_value,
                                      struct err *reterr);
/* value.ptr NULL: removes. */
void overlay_set(struct overlay *overlay, int space, struct str key, struct str value);
/* The same for keys that come in order: straight into the store, as long as nothing is gathered of
 * this space. May commit the store, so that its memory is bounded. */
MUST_CHECK enum err_kind overlay_set_in_order(struct overlay *overlay, int space, struct str key,
                                              struct str value, struct err *reterr);
MUST_CHECK enum err_kind overlay_clear(struct overlay *overlay, int space, struct err *reterr);
MUST_CHECK enum err_kind overlay_reset(struct overlay *overlay, struct err *reterr);
size_t overlay_dirty_bytes(const struct overlay *overlay);
MUST_CHECK enum err_kind overlay_commit(struct overlay *overlay, struct err *reterr);
/* Whatever is not committed is gone. */
void overlay_close(struct overlay *overlay);

#endif
