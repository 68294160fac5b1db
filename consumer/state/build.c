/* Missing indexes are built from the rows, one after the other, in steps: rows are read into a run
 * of entries, and a full run is written in the order of its entries. Many of them then share a page
 * of the store, and the memory is a run's. */
#include "state/internal.h"

#include <assert.h>

bool state_lacks_indexes(const struct state *state) {
    return state->indexes_missing;
}

/* Goes to the first index from (table, reference) on; the last table's were built: there is none.
 */
static void find_index(struct state *state) {
    struct index_build *build = &state->build;
    while (build->table < (int)state->layout.table_count &&
           build->reference == state->layout.reference_counts[build->table]) {
        build->table++;
        build->reference = 0;
    }
}

static bool is_all_read(const struct state *state) {
    return state->build.table == (int)state->layout.table_count;
}

/* A bulk load before this one's rows, or a commit that a crash met, left entries of any age. */
static enum err_kind begin_build(struct state *state, struct err *reterr) {
    state->build.begun = true;
    bulk_load_clear(&state->load); /* its memory is the run's now */
    for (int table = 0; table < (int)state->layout.table_count; table++) {
        for (size_t r = 0; r < state->layout.reference_counts[table]; r++) {
            enum err_kind kind =
                write_buffer_clear(&state->store, entry_space(&state->layout, table, r), reterr);
            if (kind != ERR_NONE) {
                return state_noted(state, kind);
            }
        }
    }
    find_index(state);
    return ERR_NONE;
}

/* The row after build->after into the run. *ret_more false: there is none. */
static enum err_kind read_row(struct state *state, bool *ret_more, struct err *reterr) {
    struct index_build *build = &state->build;
    struct buf *entry = &state->entry_after;
    struct str row[2] = {STR_NONE, STR_NONE};
    struct str range[2] = {STR(""), build->after.len > 0 ? buf_view(&build->after) : STR_NONE};
    enum err_kind kind = state_next_in(state, state_rows_space(state, build->table), range, &row[0],
                                       &row[1], reterr);
    *ret_more = row[0].ptr != NULL;
    if (kind == ERR_NONE && *ret_more) {
        kind = state_noted(
            state, entry_make(&state->layout, build->table, build->reference, row, entry, reterr));
    }
    if (kind != ERR_NONE || !*ret_more) {
        return kind;
    }
    if (entry->len > 0) {
        index_run_add(&build->run, buf_view(entry));
    }
    buf_reset(&build->after);
    buf_str(&build->after, row[0]);
    return ERR_NONE;
}

static enum err_kind read_rows(struct state *state, size_t rows, struct err *reterr) {
    struct index_build *build = &state->build;
    bool more = true;
    for (; rows > 0 && more; rows--) {
        enum err_kind kind = read_row(state, &more, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
    }
    index_run_end_part(&build->run);
    build->is_last = !more;
    build->writes = !more || index_run_is_full(&build->run);
    if (build->writes) {
        index_run_merge(&build->run);
    }
    return ERR_NONE;
}

/* The run is written: on with the next rows, or with the next index. */
static void end_run(struct state *state) {
    struct index_build *build = &state->build;
    index_run_reset(&build->run);
    build->writes = false;
    if (build->is_last) {
        buf_reset(&build->after);
        build->reference++;
        find_index(state);
    }
}

/* What the run has next into the store, which may commit meanwhile: until all is built, a cache
 * that is opened again knows that it is not. */
static enum err_kind write_entries(struct state *state, size_t count, struct err *reterr) {
    struct index_build *build = &state->build;
    int space = entry_space(&state->layout, build->table, build->reference);
    struct str key = STR_NONE;
    for (; count > 0; count--) {
        if (!index_run_take(&build->run, &key)) {
            end_run(state);
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
    assert(rows > 0 && !state->has_savepoint && bulk_load_is_empty(&state->load));
    if (!state->indexes_missing) {
        return ERR_NONE;
    }
    if (!build->begun) {
        return begin_build(state, reterr);
    }
    if (build->writes) {
        return write_entries(state, rows, reterr);
    }
    return is_all_read(state) ? end_build(state, reterr) : read_rows(state, rows, reterr);
}
