/* write_buffer.h: a store whose changes are gathered in memory until they are committed.
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
 * ahead of it, as the state cache can: it replays the log from there. What must agree between
 * spaces may not do so then: such a store is marked as torn, where write_buffer_marks was called.
 */
#ifndef STATE_WRITE_BUFFER_H
#define STATE_WRITE_BUFFER_H

#include "state/kv.h"
#include "state/skiplist.h"

#define TORN_KEY STR("torn") /* the mark, in space 0 */

struct write_buffer {
    const struct kv_ops *ops;
    struct kv *kv;
    size_t part_bytes; /* see kv.h's factory */
    int space_count;
    bool marks; /* a commit in parts */
    struct arena arena;
    struct skiplist changes[KV_SPACES_MAX];
    /* The change that write_buffer_next returned last: where it goes on. */
    const struct skiplist_entry *walk[KV_SPACES_MAX];
};

/* Takes kv over, which has space_count spaces. */
void write_buffer_init(struct write_buffer *buffer, const struct kv_factory *factory, struct kv *kv,
                       int space_count);
/* From now on a commit in parts is marked in space 0, until its last. *ret_torn: one was begun and
 * not ended when the store was open before. */
MUST_CHECK enum err_kind write_buffer_marks(struct write_buffer *buffer, bool *ret_torn,
                                            struct err *reterr);
/* What did not agree does again: commits all, and takes the mark away. */
MUST_CHECK enum err_kind write_buffer_mend(struct write_buffer *buffer, struct err *reterr);
MUST_CHECK enum err_kind write_buffer_get(struct write_buffer *buffer, int space, struct str key,
                                          struct str *ret_value, struct err *reterr);
/* range: prefix, after. */
MUST_CHECK enum err_kind write_buffer_next(struct write_buffer *buffer, int space,
                                           struct str range[2], struct str *ret_key,
                                           struct str *ret_value, struct err *reterr);
/* value.ptr NULL: removes. */
void write_buffer_set(struct write_buffer *buffer, int space, struct str key, struct str value);
/* The same for keys that come in order: straight into the store, as long as nothing is gathered of
 * this space. May commit the store, so that its memory is bounded. */
MUST_CHECK enum err_kind write_buffer_set_in_order(struct write_buffer *buffer, int space,
                                                   struct str key, struct str value,
                                                   struct err *reterr);
MUST_CHECK enum err_kind write_buffer_clear(struct write_buffer *buffer, int space,
                                            struct err *reterr);
MUST_CHECK enum err_kind write_buffer_reset(struct write_buffer *buffer, struct err *reterr);
size_t write_buffer_dirty_bytes(const struct write_buffer *buffer);
MUST_CHECK enum err_kind write_buffer_commit(struct write_buffer *buffer, struct err *reterr);
/* Whatever is not committed is gone. */
void write_buffer_close(struct write_buffer *buffer);

#endif
