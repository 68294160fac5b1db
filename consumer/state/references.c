/* Which rows refer to a row: the indexes are kept with the rows, and asked. */
#include "base/safeguard.h"
#include "state/internal.h"

static void remove_entry(struct state *state, int space, struct str entry) {
    if (state->has_savepoint && SAFEGUARD("an index entry is undone with its row")) {
        undo_push(&state->undo, space, entry, state_stored_entry(state, space, entry));
    }
    write_buffer_set(&state->store, space, entry, STR_NONE);
}

static void add_entry(struct state *state, int space, struct str entry) {
    if (state->has_savepoint && SAFEGUARD("an index entry is undone with its row")) {
        undo_push(&state->undo, space, entry, STR_NONE);
    }
    write_buffer_set(&state->store, space, entry, state_stored_entry(state, space, entry));
}

/* state_set's parameters. NOLINTNEXTLINE(readability-function-size) */
enum err_kind state_change_entries(struct state *state, int table, struct str key,
                                   struct str before, struct str after, struct err *reterr) {
    const struct state_layout *layout = &state->layout;
    struct buf *was = &state->entry_before, *is = &state->entry_after;
    for (size_t r = 0; r < layout->reference_counts[table]; r++) {
        enum err_kind kind =
            entry_make(layout, table, r, (const struct str[2]){key, before}, was, reterr);
        kind = kind != ERR_NONE
                   ? kind
                   : entry_make(layout, table, r, (const struct str[2]){key, after}, is, reterr);
        if (kind != ERR_NONE) {
            return state_noted(state, kind);
        }
        if (str_equal(buf_view(was), buf_view(is))) {
            continue;
        }
        int space = entry_space(layout, table, r);
        if (was->len > 0 && SAFEGUARD("an index entry goes when its row refers elsewhere")) {
            remove_entry(state, space, buf_view(was));
        }
        if (is->len > 0) {
            add_entry(state, space, buf_view(is));
        }
    }
    return ERR_NONE;
}

/* state.h's parameters. NOLINTNEXTLINE(readability-function-size) */
enum err_kind state_next_referrer(struct state *state, int table, size_t reference,
                                  struct str referred, struct str after, struct str *ret_key,
                                  struct err *reterr) {
    if (state->indexes_missing) {
        return err_set(reterr, ERR_BUG,
                       "state cache of task %d: asked for rows that refer to one, before the "
                       "indexes are built",
                       (int)state->task);
    }
    struct buf *from = &state->entry_after;
    buf_reset(from);
    buf_str(from, referred);
    buf_str(from, after);
    struct str range[2] = {referred, after.ptr ? buf_view(from) : STR_NONE};
    struct str entry = STR_NONE, value;
    enum err_kind kind = state_next_in(state, entry_space(&state->layout, table, reference), range,
                                       &entry, &value, reterr);
    if (kind == ERR_NONE) {
        *ret_key =
            entry.ptr ? (struct str){entry.ptr + referred.len, entry.len - referred.len} : STR_NONE;
    }
    return kind;
}
