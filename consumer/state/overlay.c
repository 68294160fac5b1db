#include "state/overlay.h"

#include "base/safeguard.h"

#include <assert.h>

void overlay_init(struct overlay *overlay, const struct kv_factory *factory, struct kv *kv,
                  int space_count) {
    assert(space_count <= KV_SPACES_MAX);
    *overlay = (struct overlay){.ops = factory->ops,
                                .kv = kv,
                                .part_bytes = factory->part_bytes,
                                .space_count = space_count};
    for (int space = 0; space < space_count; space++) {
        ordered_init(&overlay->changes[space], &overlay->arena);
    }
}

static void forget_space(struct overlay *overlay, int space) {
    ordered_forget(&overlay->changes[space]);
    overlay->walk[space] = NULL;
}

static void forget(struct overlay *overlay) {
    for (int space = 0; space < overlay->space_count; space++) {
        forget_space(overlay, space);
    }
    arena_reset(&overlay->arena);
}

enum err_kind overlay_get(struct overlay *overlay, int space, struct str key, struct str *ret_value,
                          struct err *reterr) {
    const struct ordered_entry *entry = ordered_find(&overlay->changes[space], key);
    if (entry) {
        *ret_value = ordered_value(entry);
        return ERR_NONE;
    }
    return overlay->ops->get(overlay->kv, space, key, ret_value, reterr);
}

/* The first change that overlay_next may return: at or after the prefix, after `after`. */
static const struct ordered_entry *seek(const struct overlay *overlay, int space,
                                        struct str range[2]) {
    const struct ordered_entry *walk = overlay->walk[space];
    struct str prefix = range[0], after = range[1];
    if (walk && after.ptr && str_equal(ordered_key(walk), after)) {
        return ordered_next(walk);
    }
    if (after.ptr && str_compare(after, prefix) >= 0) {
        return ordered_seek(&overlay->changes[space], after, true);
    }
    return ordered_seek(&overlay->changes[space], prefix, false);
}

enum err_kind overlay_next(struct overlay *overlay, int space, struct str range[2],
                           struct str *ret_key, struct str *ret_value, struct err *reterr) {
    struct str key = STR_NONE, value = STR_NONE;
    enum err_kind kind =
        overlay->ops->next(overlay->kv, space, range[0], range[1], &key, &value, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    const struct ordered_entry *change =
        ordered_is_empty(&overlay->changes[space]) ? NULL : seek(overlay, space, range);
    for (; change && str_starts(ordered_key(change), range[0]); change = ordered_next(change)) {
        struct str changed = ordered_key(change);
        int order = key.ptr ? str_compare(changed, key) : -1;
        if (order > 0) {
            break; /* the store's is first */
        }
        if (ordered_value(change).ptr) {
            overlay->walk[space] = change;
            *ret_key = changed;
            *ret_value = ordered_value(change);
            return ERR_NONE;
        }
        if (order == 0 &&
            SAFEGUARD("a removed row hides the stored one")) { /* removed: the store's next */
            kind = overlay->ops->next(overlay->kv, space, range[0], key, &key, &value, reterr);
            if (kind != ERR_NONE) {
                return kind;
            }
        }
    }
    *ret_key = key;
    *ret_value = value;
    return ERR_NONE;
}

void overlay_set(struct overlay *overlay, int space, struct str key, struct str value) {
    ordered_set(&overlay->changes[space], key, value);
}

static enum err_kind set_below(struct overlay *overlay, int space, struct str key, struct str value,
                               struct err *reterr) {
    return value.ptr ? overlay->ops->put(overlay->kv, space, key, value, reterr)
                     : overlay->ops->remove(overlay->kv, space, key, reterr);
}

static enum err_kind commit_if_large(struct overlay *overlay, struct err *reterr) {
    return overlay->ops->dirty_bytes(overlay->kv) < overlay->part_bytes
               ? ERR_NONE
               : overlay->ops->commit(overlay->kv, reterr);
}

enum err_kind overlay_set_in_order(struct overlay *overlay, int space, struct str key,
                                   struct str value, struct err *reterr) {
    if (!ordered_is_empty(&overlay->changes[space])) {
        overlay_set(overlay, space, key, value);
        return ERR_NONE;
    }
    enum err_kind kind = set_below(overlay, space, key, value, reterr);
    return kind != ERR_NONE ? kind : commit_if_large(overlay, reterr);
}

enum err_kind overlay_clear(struct overlay *overlay, int space, struct err *reterr) {
    forget_space(overlay, space);
    return overlay->ops->clear(overlay->kv, space, reterr);
}

enum err_kind overlay_reset(struct overlay *overlay, struct err *reterr) {
    forget(overlay);
    return overlay->ops->reset(overlay->kv, reterr);
}

size_t overlay_dirty_bytes(const struct overlay *overlay) {
    return overlay->arena.used + overlay->ops->dirty_bytes(overlay->kv);
}

enum err_kind overlay_commit(struct overlay *overlay, struct err *reterr) {
    const bool last = SAFEGUARD("where a cache stands is stored last");
    for (int left = overlay->space_count - 1; left >= 0; left--) {
        int space = last ? left : overlay->space_count - 1 - left; /* space 0 last */
        const struct ordered_entry *change = ordered_seek(&overlay->changes[space], STR(""), false);
        for (; change; change = ordered_next(change)) {
            enum err_kind kind =
                set_below(overlay, space, ordered_key(change), ordered_value(change), reterr);
            if (kind == ERR_NONE && (space > 0 || !last)) {
                kind = commit_if_large(overlay, reterr);
            }
            if (kind != ERR_NONE) {
                return kind;
            }
        }
    }
    forget(overlay);
    return overlay->ops->commit(overlay->kv, reterr);
}

void overlay_close(struct overlay *overlay) {
    forget(overlay);
    arena_clear(&overlay->arena);
    if (overlay->kv) {
        overlay->ops->close(&overlay->kv);
    }
}
