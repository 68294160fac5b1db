/* Missing indexes are built from the rows, in steps: rows are read into a run of entries, and a
 * full run is written in the order of its entries. Many of them then share a page of the store, and
 * the memory is a run's. */
#include "state/internal.h"

#include <assert.h>

bool state_lacks_indexes(const struct state *state) {
    return state->indexes_missing;
}

/* A bulk load before this one's rows, or a commit that a crash met, left entries of any age. */
static enum err_kind begin_build(struct state *state, struct err *reterr) {
    state->build.begun = true;
    for (int table = 0; table < (int)state->layout.table_count; table++) {
        for (size_t r = 0; r < state->layout.reference_counts[table]; r++) {
            enum err_kind kind =
                write_buffer_clear(&state->store, state_index_space(state, table, r), reterr);
            if (kind != ERR_NONE) {
                return state_noted(state, kind);
            }
        }
    }
    return ERR_NONE;
}

static enum err_kind gather_entries(struct state *state, int table, struct str key,
                                    struct str value, struct err *reterr) {
    for (size_t r = 0; r < state->layout.reference_counts[table]; r++) {
        struct buf *entry = &state->entry_after;
        enum err_kind kind =
            state_make_entry(state, table, r, (const struct str[2]){key, value}, entry, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
        if (entry->len > 0) {
            index_run_add(&state->build.run, state_index_space(state, table, r), buf_view(entry));
        }
    }
    return ERR_NONE;
}

/* The next rows into the run. */
static enum err_kind read_rows(struct state *state, size_t rows, struct err *reterr) {
    struct index_build *build = &state->build;
    int tables = (int)state->layout.table_count;
    for (; rows > 0 && build->table < tables; rows--) {
        struct str key = STR_NONE, value = STR_NONE;
        enum err_kind kind = ERR_NONE;
        if (state->layout.reference_counts[build->table] > 0) {
            struct str range[2] = {STR(""),
                                   build->after.len > 0 ? buf_view(&build->after) : STR_NONE};
            kind = state_next_in(state, state_rows_space(state, build->table), range, &key, &value,
                                 reterr);
        }
        if (kind == ERR_NONE && key.ptr) {
            kind = gather_entries(state, build->table, key, value, reterr);
        }
        if (kind != ERR_NONE) {
            return kind;
        }
        buf_reset(&build->after);
        buf_str(&build->after, key);
        build->table += !key.ptr;
    }
    index_run_end_part(&build->run);
    build->writes = build->table == tables || index_run_is_full(&build->run);
    return ERR_NONE;
}

/* What the run has next into the store, which may commit meanwhile: until all is built, a cache
 * that is opened again knows that it is not. */
static enum err_kind write_entries(struct state *state, size_t count, struct err *reterr) {
    struct index_build *build = &state->build;
    int space = 0;
    struct str key = STR_NONE;
    for (; count > 0; count--) {
        if (!index_run_take(&build->run, &space, &key)) {
            build->writes = false;
            index_run_reset(&build->run);
            return ERR_NONE;
        }
        enum err_kind kind = write_buffer_set_in_order(
            &state->store, space, key, state_stored_entry(state, space, key), reterr);
        if (kind != ERR_NONE) {
            return state_noted(state, kind);
        }
    }
    return ERR_NONE;
}

/* Of a whole cache, whose last commit a crash met: it is as good as any again. */
static enum err_kind end_build(struct state *state, struct err *reterr) {
    state_forget_build(state);
    state->indexes_missing = false;
    return state->incomplete ? ERR_NONE
                             : state_noted(state, write_buffer_mend(&state->store, reterr));
}

enum err_kind state_build_indexes(struct state *state, size_t rows, struct err *reterr) {
    struct index_build *build = &state->build;
    assert(rows > 0 && !state->has_savepoint && bulk_load_bytes(&state->load) == 0);
    if (!state->indexes_missing) {
        return ERR_NONE;
    }
    if (!build->begun) {
        return begin_build(state, reterr);
    }
    if (build->writes) {
        return write_entries(state, rows, reterr);
    }
    if (build->table < (int)state->layout.table_count) {
        return read_rows(state, rows, reterr);
    }
    return end_build(state, reterr);
}
