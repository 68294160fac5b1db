/* What a cache's spaces are, and what is read of them. */
#include "state/internal.h"

#include <assert.h>

int state_rows_space(const struct state *state, int table) {
    (void)state; /* where asserts are off */
    assert(table >= 0 && (size_t)table < state->layout.table_count);
    return ROWS_SPACE + table;
}

enum err_kind state_table_bytes(struct state *state, int table, uint64_t *ret_bytes,
                                struct err *reterr) {
    const struct write_buffer *store = &state->store;
    enum err_kind kind =
        store->ops->bytes(store->kv, state_rows_space(state, table), ret_bytes, reterr);
    for (size_t r = 0; kind == ERR_NONE && r < state->layout.reference_counts[table]; r++) {
        uint64_t bytes = 0;
        kind = store->ops->bytes(store->kv, entry_space(&state->layout, table, r), &bytes, reterr);
        *ret_bytes += bytes;
    }
    return state_noted(state, kind);
}

enum err_kind state_noted(struct state *state, enum err_kind kind) {
    if (kind == ERR_CACHE) {
        state->untrusted = true;
    }
    return kind;
}

enum err_kind state_read_checked(struct state *state, int space, struct str key, struct str stored,
                                 struct str *ret_value, struct err *reterr) {
    if (checksum_remove(space, key, stored, ret_value)) {
        return ERR_NONE;
    }
    bool in_index = space >= INDEX_SPACE((int)state->layout.table_count);
    int number = in_index ? space - INDEX_SPACE((int)state->layout.table_count)
                          : (space - ROWS_SPACE) % (int)state->layout.table_count;
    return state_noted(
        state,
        err_set(reterr, ERR_CACHE,
                "state cache of task %d: %s %d fails its checksum; the cache is damaged and "
                "will be rebuilt",
                (int)state->task, in_index ? "an entry of index" : "a row of table", number));
}

enum err_kind state_next_in(struct state *state, int space, struct str range[2],
                            struct str *ret_key, struct str *ret_value, struct err *reterr) {
    struct str key = STR_NONE, stored = STR_NONE, value = STR_NONE;
    enum err_kind kind = write_buffer_next(&state->store, space, range, &key, &stored, reterr);
    if (kind != ERR_NONE) {
        return state_noted(state, kind);
    }
    if (key.ptr) {
        kind = state_read_checked(state, space, key, stored, &value, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
    }
    *ret_key = key;
    *ret_value = value;
    return ERR_NONE;
}
