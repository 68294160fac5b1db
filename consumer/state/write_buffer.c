#include "state/write_buffer.h"

#include "base/safeguard.h"

#include <assert.h>

void write_buffer_init(struct write_buffer *buffer, const struct kv_factory *factory, struct kv *kv,
                       int space_count) {
    assert(space_count <= KV_SPACES_MAX);
    *buffer = (struct write_buffer){.ops = factory->ops,
                                    .kv = kv,
                                    .part_bytes = factory->part_bytes,
                                    .space_count = space_count};
    for (int space = 0; space < space_count; space++) {
        skiplist_init(&buffer->changes[space], &buffer->arena);
    }
}

static void forget_space(struct write_buffer *buffer, int space) {
    skiplist_forget(&buffer->changes[space]);
    buffer->walk[space] = NULL;
}

static void forget(struct write_buffer *buffer) {
    for (int space = 0; space < buffer->space_count; space++) {
        forget_space(buffer, space);
    }
    arena_reset(&buffer->arena);
}

enum err_kind write_buffer_get(struct write_buffer *buffer, int space, struct str key,
                               struct str *ret_value, struct err *reterr) {
    const struct skiplist_entry *entry = skiplist_find(&buffer->changes[space], key);
    if (entry) {
        *ret_value = skiplist_value(entry);
        return ERR_NONE;
    }
    return buffer->ops->get(buffer->kv, space, key, ret_value, reterr);
}

/* The first change that write_buffer_next may return: at or after the prefix, after `after`. */
static const struct skiplist_entry *seek(const struct write_buffer *buffer, int space,
                                         struct str range[2]) {
    const struct skiplist_entry *walk = buffer->walk[space];
    struct str prefix = range[0], after = range[1];
    if (walk && after.ptr && str_equal(skiplist_key(walk), after)) {
        return skiplist_next(walk);
    }
    if (after.ptr && str_compare(after, prefix) >= 0) {
        return skiplist_seek(&buffer->changes[space], after, true);
    }
    return skiplist_seek(&buffer->changes[space], prefix, false);
}

enum err_kind write_buffer_next(struct write_buffer *buffer, int space, struct str range[2],
                                struct str *ret_key, struct str *ret_value, struct err *reterr) {
    struct str key = STR_NONE, value = STR_NONE;
    enum err_kind kind =
        buffer->ops->next(buffer->kv, space, range[0], range[1], &key, &value, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    const struct skiplist_entry *change =
        skiplist_is_empty(&buffer->changes[space]) ? NULL : seek(buffer, space, range);
    for (; change && str_starts(skiplist_key(change), range[0]); change = skiplist_next(change)) {
        struct str changed = skiplist_key(change);
        int order = key.ptr ? str_compare(changed, key) : -1;
        if (order > 0) {
            break; /* the store's is first */
        }
        if (skiplist_value(change).ptr) {
            buffer->walk[space] = change;
            *ret_key = changed;
            *ret_value = skiplist_value(change);
            return ERR_NONE;
        }
        if (order == 0 &&
            SAFEGUARD("a removed row hides the stored one")) { /* removed: the store's next */
            kind = buffer->ops->next(buffer->kv, space, range[0], key, &key, &value, reterr);
            if (kind != ERR_NONE) {
                return kind;
            }
        }
    }
    *ret_key = key;
    *ret_value = value;
    return ERR_NONE;
}

void write_buffer_set(struct write_buffer *buffer, int space, struct str key, struct str value) {
    skiplist_set(&buffer->changes[space], key, value);
}

static enum err_kind set_below(struct write_buffer *buffer, int space, struct str key,
                               struct str value, struct err *reterr) {
    return value.ptr ? buffer->ops->put(buffer->kv, space, key, value, reterr)
                     : buffer->ops->remove(buffer->kv, space, key, reterr);
}

static bool is_large(const struct write_buffer *buffer) {
    return buffer->ops->dirty_bytes(buffer->kv) >= buffer->part_bytes;
}

enum err_kind write_buffer_set_in_order(struct write_buffer *buffer, int space, struct str key,
                                        struct str value, struct err *reterr) {
    if (!skiplist_is_empty(&buffer->changes[space])) {
        write_buffer_set(buffer, space, key, value);
        return ERR_NONE;
    }
    enum err_kind kind = set_below(buffer, space, key, value, reterr);
    return kind != ERR_NONE || !is_large(buffer) ? kind : buffer->ops->commit(buffer->kv, reterr);
}

enum err_kind write_buffer_clear(struct write_buffer *buffer, int space, struct err *reterr) {
    forget_space(buffer, space);
    return buffer->ops->clear(buffer->kv, space, reterr);
}

enum err_kind write_buffer_reset(struct write_buffer *buffer, struct err *reterr) {
    forget(buffer);
    return buffer->ops->reset(buffer->kv, reterr);
}

size_t write_buffer_dirty_bytes(const struct write_buffer *buffer) {
    return buffer->arena.used + buffer->ops->dirty_bytes(buffer->kv);
}

/* A part of a larger commit. */
static enum err_kind commit_part(struct write_buffer *buffer, bool *parted, struct err *reterr) {
    enum err_kind kind = ERR_NONE;
    if (buffer->marks && !*parted) {
        kind = buffer->ops->put(buffer->kv, 0, TORN_KEY, STR(""), reterr);
    }
    *parted = true;
    return kind != ERR_NONE ? kind : buffer->ops->commit(buffer->kv, reterr);
}

static enum err_kind commit_rest(struct write_buffer *buffer, bool parted, struct err *reterr) {
    enum err_kind kind = ERR_NONE;
    if (buffer->marks && parted) {
        kind = buffer->ops->remove(buffer->kv, 0, TORN_KEY, reterr);
    }
    if (kind == ERR_NONE) {
        forget(buffer);
        kind = buffer->ops->commit(buffer->kv, reterr);
    }
    return kind;
}

enum err_kind write_buffer_marks(struct write_buffer *buffer, bool *ret_torn, struct err *reterr) {
    struct str mark = STR_NONE;
    enum err_kind kind = buffer->ops->get(buffer->kv, 0, TORN_KEY, &mark, reterr);
    buffer->marks = true;
    *ret_torn = kind == ERR_NONE && mark.ptr;
    return kind;
}

enum err_kind write_buffer_mend(struct write_buffer *buffer, struct err *reterr) {
    write_buffer_set(buffer, 0, TORN_KEY, STR_NONE);
    return write_buffer_commit(buffer, reterr);
}

enum err_kind write_buffer_commit(struct write_buffer *buffer, struct err *reterr) {
    const bool last = SAFEGUARD("where a cache stands is stored last");
    bool parted = false;
    for (int left = buffer->space_count - 1; left >= 0; left--) {
        int space = last ? left : buffer->space_count - 1 - left; /* space 0 last */
        const struct skiplist_entry *change =
            skiplist_seek(&buffer->changes[space], STR(""), false);
        for (; change; change = skiplist_next(change)) {
            enum err_kind kind =
                set_below(buffer, space, skiplist_key(change), skiplist_value(change), reterr);
            if (kind == ERR_NONE && (space > 0 || !last) && is_large(buffer)) {
                kind = commit_part(buffer, &parted, reterr);
            }
            if (kind != ERR_NONE) {
                return kind;
            }
        }
    }
    return commit_rest(buffer, parted, reterr);
}

void write_buffer_close(struct write_buffer *buffer) {
    forget(buffer);
    arena_clear(&buffer->arena);
    if (buffer->kv) {
        buffer->ops->close(&buffer->kv);
    }
}
