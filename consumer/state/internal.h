/* internal.h: a cache's inside, for the files of state.h.
 *
 * What:    struct state, and what more than one file needs.
 * Owns, Threads, Units, Errors, Limits: as state.h.
 */
#ifndef STATE_INTERNAL_H
#define STATE_INTERNAL_H

#include "base/buf.h"
#include "state/bulk_load.h"
#include "state/checksummed.h"
#include "state/entry.h"
#include "state/index_run.h"
#include "state/state.h"
#include "state/undo.h"
#include "state/write_buffer.h"

/* How far the building of missing indexes has come. */
struct index_build {
    bool begun;
    int table; /* and its reference, whose index is built; table_count: all were */
    size_t reference;
    struct buf after; /* the last row that was read */
    struct index_run run;
    bool writes;  /* the run; until then rows are read into it */
    bool is_last; /* it is the index's last one */
};

struct state {
    struct write_buffer store;
    struct state_layout layout;
    int32_t task;
    uint64_t row_count, savepoint_row_count;
    bool incomplete;
    bool has_savepoint;
    bool untrusted;       /* something in it was damaged: emptied at close, if not before */
    bool indexes_missing; /* they don't tell what the rows refer to, and are not kept */
    struct index_build build;
    struct undo undo;
    struct bulk_load load; /* of an incomplete cache: what is not in the store yet */
    struct buf identity;
    struct buf key, value; /* scratch: what comes in may point into the store */
    struct buf entry_before, entry_after, entry_checksum; /* scratch, of references */
};

/* ---- reading.c ---- */

int state_rows_space(const struct state *state, int table);
/* Every result of the store passes through here. */
enum err_kind state_noted(struct state *state, enum err_kind kind);
/* The value of what is stored in a space under key. */
MUST_CHECK enum err_kind state_read_checked(struct state *state, int space, struct str key,
                                            struct str stored, struct str *ret_value,
                                            struct err *reterr);
/* The first entry of a space in range (prefix, after). *ret_key.ptr NULL: no more. */
MUST_CHECK enum err_kind state_next_in(struct state *state, int space, struct str range[2],
                                       struct str *ret_key, struct str *ret_value,
                                       struct err *reterr);

/* ---- references.c ---- */

/* Sets the entries of the row, before the row itself: what it was is `before`, what it becomes
 * `after` (ptr NULL: no row). */
MUST_CHECK enum err_kind state_change_entries(struct state *state, int table, struct str key,
                                              struct str before, struct str after,
                                              struct err *reterr);

/* An entry's value, as it is stored. Until the next one. */
static inline struct str state_stored_entry(struct state *state, int space, struct str entry) {
    return checksum_add(&state->entry_checksum, space, entry, STR(""));
}

/* Its rows refer to other rows, and the indexes tell so. */
static inline bool state_keeps_indexes(const struct state *state, int table) {
    return state->layout.reference_counts[table] > 0 && !state->indexes_missing;
}

static inline void state_forget_build(struct state *state) {
    index_run_clear(&state->build.run);
    buf_clear(&state->build.after);
    state->build = (struct index_build){0};
}

#endif
