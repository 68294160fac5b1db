#include "base/safeguard.h"
#include "state/internal.h"
#include "state/meta.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>

_Static_assert(SPACES_OF(STATE_TABLES_MAX, STATE_REFERENCES_MAX) <= KV_SPACES_MAX,
               "a store has room for all tables and their indexes");

static int changed_rows_space(const struct state *state, int table) {
    assert(table >= 0 && (size_t)table < state->layout.table_count);
    return ROWS_SPACE + (int)state->layout.table_count + table;
}

/* Behind all tables'. */
static int numbers_space(const struct state *state) {
    return ROWS_SPACE + 2 * (int)state->layout.table_count;
}

static struct str copy_key(struct state *state, struct str key) {
    buf_reset(&state->key);
    buf_str(&state->key, key);
    return buf_view(&state->key);
}

/* Empties the store, which then stands at nothing. */
static enum err_kind empty(struct state *state, struct err *reterr) {
    bulk_load_reset(&state->load);
    enum err_kind kind = write_buffer_reset(&state->store, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    state->row_count = 0;
    state->untrusted = false;
    state->incomplete = false;
    state->indexes_missing = false; /* of nothing they tell all */
    state_forget_build(state);
    state_release(state);
    return ERR_NONE;
}

/* What the store stands at. A damaged or foreign one is emptied. */
static enum err_kind read_meta(struct state *state, struct state_meta *meta, struct err *reterr) {
    struct str stored = STR_NONE;
    enum err_kind kind = write_buffer_get(&state->store, META_SPACE, META_KEY, &stored, reterr);
    if (kind != ERR_NONE && kind != ERR_CACHE) {
        return kind;
    }
    struct meta_record record = {.identity = buf_view(&state->identity),
                                 .table_count = state->layout.table_count};
    enum meta_verdict verdict = META_DAMAGED;
    if (kind == ERR_NONE && !stored.ptr) {
        meta->empty = true;
        return ERR_NONE;
    }
    if (kind == ERR_NONE) {
        verdict = meta_decode(stored, &record);
    }
    if (verdict != META_GOOD) {
        meta->empty = true;
        meta->damaged = meta->damaged || verdict == META_DAMAGED;
        return empty(state, reterr);
    }
    state->incomplete = record.incomplete;
    meta->incomplete = record.incomplete;
    meta->wall_ms = record.wall_ms;
    memcpy(meta->offsets, record.offsets, sizeof meta->offsets);
    return ERR_NONE;
}

/* Counts the rows, not from the meta record: large commits come in parts before it. Such a one may
 * have been left in the middle: then entries and rows don't agree. */
static enum err_kind read_condition(struct state *state, struct err *reterr) {
    enum err_kind kind = ERR_NONE;
    for (int table = 0; kind == ERR_NONE && table < (int)state->layout.table_count; table++) {
        uint64_t count = 0;
        kind = state->store.ops->count(state->store.kv, state_rows_space(state, table), &count,
                                       reterr);
        state->row_count += count;
    }
    bool torn = false;
    if (kind == ERR_NONE && entry_references(&state->layout) > 0) {
        kind = write_buffer_marks(&state->store, &torn, reterr);
        torn &= SAFEGUARD("indexes that a crash has torn are built again");
        state->indexes_missing = torn || state->incomplete;
    }
    return state_noted(state, kind);
}

/* state.h's parameters. NOLINTNEXTLINE(readability-function-size) */
enum err_kind state_open(const struct kv_factory *factory, int32_t task, const char *suffix,
                         struct str identity, const struct state_layout *layout,
                         struct state **ret_state, struct state_meta *ret_meta,
                         struct err *reterr) {
    assert(layout->table_count > 0 && layout->table_count <= STATE_TABLES_MAX);
    assert(entry_references(layout) <= STATE_REFERENCES_MAX);
    struct state *state = calloc(1, sizeof *state);
    if (!state) {
        return err_set(reterr, ERR_RETRY, "state cache of task %d: out of memory", (int)task);
    }
    state->task = task;
    state->layout = *layout;
    buf_str(&state->identity, identity);
    struct state_meta meta = {0};
    const int spaces = SPACES_OF((int)layout->table_count, (int)entry_references(layout));
    struct kv *kv = NULL;
    enum err_kind kind =
        factory->open(factory->ctx, task, suffix, spaces, &kv, &meta.damaged, reterr);
    if (kind == ERR_NONE) {
        write_buffer_init(&state->store, factory, kv, spaces);
        kind = read_meta(state, &meta, reterr);
    }
    if (kind == ERR_NONE) {
        kind = read_condition(state, reterr);
    }
    if (kind != ERR_NONE) {
        state_close(&state);
        return kind;
    }
    *ret_state = state;
    *ret_meta = meta;
    return ERR_NONE;
}

void state_close(struct state **state) {
    if (!*state) {
        return;
    }
    struct state *s = *state;
    if (s->store.kv && s->untrusted) {
        struct err ignored; /* best effort: what stays damaged is found damaged again */
        if (write_buffer_reset(&s->store, &ignored) != ERR_NONE) {
            s->untrusted = true;
        }
    }
    write_buffer_close(&s->store);
    undo_clear(&s->undo);
    bulk_load_clear(&s->load);
    state_forget_build(s);
    buf_clear(&s->identity);
    buf_clear(&s->key);
    buf_clear(&s->value);
    buf_clear(&s->entry_before);
    buf_clear(&s->entry_after);
    buf_clear(&s->entry_checksum);
    free(s);
    *state = NULL;
}

/* Stores where the cache stands, and commits. */
static enum err_kind commit_meta(struct state *state, const struct meta_record *record,
                                 struct err *reterr) {
    meta_encode(record, &state->value);
    write_buffer_set(&state->store, META_SPACE, META_KEY, buf_view(&state->value));
    return state_noted(state, write_buffer_commit(&state->store, reterr));
}

enum err_kind state_discard(struct state *state, struct err *reterr) {
    enum err_kind kind = empty(state, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    struct meta_record record = {.identity = buf_view(&state->identity),
                                 .table_count = state->layout.table_count,
                                 .incomplete = true};
    state->incomplete = true;
    return commit_meta(state, &record, reterr);
}

/* The entries of a row that is set: `before` is how it is stored. */
static enum err_kind change_entries(struct state *state, int table, const struct str row[2],
                                    struct str before, struct err *reterr) {
    struct str key = row[0], value = STR_NONE;
    enum err_kind kind = before.ptr ? state_read_checked(state, state_rows_space(state, table), key,
                                                         before, &value, reterr)
                                    : ERR_NONE;
    return kind != ERR_NONE ? kind : state_change_entries(state, table, key, value, row[1], reterr);
}

/* in_order: of rows that come in key order, in a bulk load.
 * NOLINTNEXTLINE(readability-function-size) */
static enum err_kind set_row(struct state *state, int table, struct str key, struct str value,
                             bool in_order, struct err *reterr) {
    int space = state_rows_space(state, table);
    struct str before = STR_NONE;
    enum err_kind kind = write_buffer_get(&state->store, space, key, &before, reterr);
    if (kind != ERR_NONE) {
        return state_noted(state, kind);
    }
    bool was_there = before.ptr != NULL;
    key = copy_key(state, key);
    struct str stored = value.ptr ? checksum_add(&state->value, space, key, value) : STR_NONE;
    if (was_there ? value.ptr && str_equal(before, stored) : !value.ptr) {
        return ERR_NONE; /* nothing changes: no page gets dirty */
    }
    if (!in_order && state_keeps_indexes(state, table)) {
        kind = change_entries(state, table, (const struct str[2]){key, value}, before, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
    }
    if (state->has_savepoint) {
        undo_push(&state->undo, space, key, before);
    }
    if (in_order) {
        kind = write_buffer_set_in_order(&state->store, space, key, stored, reterr);
    } else {
        write_buffer_set(&state->store, space, key, stored);
    }
    if (kind != ERR_NONE) {
        return state_noted(state, kind);
    }
    if (was_there) {
        state->row_count -= value.ptr ? 0 : 1;
    } else {
        state->row_count++;
    }
    return ERR_NONE;
}

/* What was gathered for a bulk load, into the store, which may commit meanwhile: the cache is
 * incomplete, and worth nothing after a crash. */
static enum err_kind write_bulk_load(struct state *state, struct err *reterr) {
    if (bulk_load_is_empty(&state->load)) {
        return ERR_NONE;
    }
    enum err_kind kind = ERR_NONE;
    for (int table = 0; kind == ERR_NONE && table < (int)state->layout.table_count; table++) {
        size_t count = bulk_load_sort(&state->load, table);
        for (size_t i = 0; kind == ERR_NONE && i < count; i++) {
            struct bulk_load_row row = bulk_load_at(&state->load, table, i);
            kind = set_row(state, table, row.key, row.value, true, reterr);
        }
    }
    bulk_load_reset(&state->load);
    return kind;
}

enum err_kind state_get(struct state *state, int table, struct str key, struct str *ret_value,
                        struct err *reterr) {
    int space = state_rows_space(state, table);
    struct str stored = STR_NONE;
    enum err_kind kind = write_bulk_load(state, reterr);
    if (kind == ERR_NONE) {
        kind = write_buffer_get(&state->store, space, key, &stored, reterr);
    }
    if (kind != ERR_NONE) {
        return state_noted(state, kind);
    }
    if (!stored.ptr) {
        *ret_value = STR_NONE;
        return ERR_NONE;
    }
    return state_read_checked(state, space, key, stored, ret_value, reterr);
}

/* state.h's parameters. NOLINTNEXTLINE(readability-function-size) */
enum err_kind state_next(struct state *state, int table, struct str prefix, struct str after,
                         struct str *ret_key, struct str *ret_value, struct err *reterr) {
    bool behind = after.ptr && str_compare(after, prefix) >= 0; /* else the prefix is the start */
    struct str range[2] = {prefix, behind ? after : STR_NONE};
    enum err_kind kind = write_bulk_load(state, reterr);
    return kind != ERR_NONE ? kind
                            : state_next_in(state, state_rows_space(state, table), range, ret_key,
                                            ret_value, reterr);
}

enum err_kind state_set(struct state *state, int table, struct str key, struct str value,
                        struct err *reterr) {
    if (state->build.begun) {
        return err_set(reterr, ERR_BUG, "state cache of task %d: changed while indexes are built",
                       (int)state->task);
    }
    enum err_kind kind = write_bulk_load(state, reterr);
    return kind != ERR_NONE ? kind : set_row(state, table, key, value, false, reterr);
}

enum err_kind state_bulk_put(struct state *state, int table, struct str key, struct str value,
                             struct err *reterr) {
    if (!state->incomplete || state->has_savepoint || state->build.begun) {
        return err_set(reterr, ERR_BUG, "state cache of task %d: a bulk load of a cache in use",
                       (int)state->task);
    }
    (void)state_rows_space(state, table);
    bulk_load_add(&state->load, table, key, value);
    state->indexes_missing |= state->layout.reference_counts[table] > 0 &&
                              SAFEGUARD("indexes are built after a bulk load");
    return ERR_NONE;
}

void state_savepoint(struct state *state) {
    assert(!state->has_savepoint && bulk_load_is_empty(&state->load));
    state->has_savepoint = true;
    state->savepoint_row_count = state->row_count;
}

void state_rollback(struct state *state) {
    assert(state->has_savepoint);
    int space = 0;
    struct str key, before;
    while (undo_pop(&state->undo, &space, &key, &before)) {
        write_buffer_set(&state->store, space, key, before);
    }
    state->row_count = state->savepoint_row_count;
    state_release(state);
}

void state_release(struct state *state) {
    state->has_savepoint = false;
    undo_reset(&state->undo);
}

enum err_kind state_add_changed_row(struct state *state, int table, struct str key, bool deleted,
                                    struct err *reterr) {
    int space = changed_rows_space(state, table);
    struct str stored = STR_NONE, flag = STR_NONE;
    enum err_kind kind = write_buffer_get(&state->store, space, key, &stored, reterr);
    if (kind == ERR_NONE && stored.ptr) {
        kind = state_read_checked(state, space, key, stored, &flag, reterr);
    }
    if (kind != ERR_NONE) {
        return state_noted(state, kind);
    }
    if (flag.ptr && SAFEGUARD("a changed row keeps its deletion") &&
        (!deleted || str_is(flag, "d"))) {
        return ERR_NONE;
    }
    key = copy_key(state, key);
    flag = deleted ? STR("d") : STR("u");
    write_buffer_set(&state->store, space, key, checksum_add(&state->value, space, key, flag));
    return ERR_NONE;
}

/* state.h's parameters. NOLINTNEXTLINE(readability-function-size) */
enum err_kind state_next_changed_row(struct state *state, int table, struct str after,
                                     int *ret_table, struct str *ret_key, bool *ret_deleted,
                                     struct err *reterr) {
    for (; (size_t)table < state->layout.table_count; table++) {
        struct str range[2] = {STR(""), after}, key = STR_NONE, flag = STR_NONE;
        enum err_kind kind =
            state_next_in(state, changed_rows_space(state, table), range, &key, &flag, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
        if (key.ptr) {
            *ret_table = table;
            *ret_key = key;
            *ret_deleted = str_is(flag, "d");
            return ERR_NONE;
        }
        after = STR_NONE;
    }
    *ret_key = STR_NONE;
    return ERR_NONE;
}

enum err_kind state_number_known(struct state *state, uint64_t number, bool *ret_known,
                                 struct err *reterr) {
    uint64_t big = htobe64(number);
    struct str key = {(const char *)&big, sizeof big}, stored = STR_NONE, value = STR_NONE;
    int space = numbers_space(state);
    enum err_kind kind = write_buffer_get(&state->store, space, key, &stored, reterr);
    if (kind == ERR_NONE && stored.ptr) {
        kind = state_read_checked(state, space, key, stored, &value, reterr);
    }
    *ret_known = stored.ptr != NULL;
    return state_noted(state, kind);
}

enum err_kind state_number_add(struct state *state, uint64_t number, struct err *reterr) {
    bool known = false;
    enum err_kind kind = state_number_known(state, number, &known, reterr);
    if (kind == ERR_NONE && !known) {
        uint64_t big = htobe64(number);
        struct str key = {(const char *)&big, sizeof big};
        int space = numbers_space(state);
        write_buffer_set(&state->store, space, key,
                         checksum_add(&state->value, space, key, STR("")));
    }
    return kind;
}

size_t state_dirty_bytes(const struct state *state) {
    return bulk_load_bytes(&state->load) + write_buffer_dirty_bytes(&state->store);
}

uint64_t state_row_count(const struct state *state) {
    return state->row_count;
}

enum err_kind state_commit(struct state *state, const int64_t *offsets, int64_t wall_ms,
                           bool complete, struct err *reterr) {
    if (state->has_savepoint) {
        return err_set(reterr, ERR_BUG,
                       "state cache of task %d: commit between savepoint and rollback or release",
                       (int)state->task);
    }
    if (complete && state->indexes_missing) {
        return err_set(reterr, ERR_BUG, "state cache of task %d: complete without its indexes",
                       (int)state->task);
    }
    enum err_kind kind = write_bulk_load(state, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    for (int table = 0; complete && state->incomplete && table < (int)state->layout.table_count;
         table++) {
        kind = write_buffer_clear(&state->store, changed_rows_space(state, table), reterr);
        if (kind != ERR_NONE) {
            return state_noted(state, kind);
        }
    }
    struct meta_record record = {.identity = buf_view(&state->identity),
                                 .table_count = state->layout.table_count,
                                 .wall_ms = wall_ms,
                                 .incomplete = state->incomplete && !complete};
    memcpy(record.offsets, offsets, state->layout.table_count * sizeof *offsets);
    kind = commit_meta(state, &record, reterr);
    if (kind == ERR_NONE) {
        state->incomplete = record.incomplete;
    }
    if (complete) {
        bulk_load_clear(&state->load); /* loaded once; its memory is wanted elsewhere now */
    }
    return kind;
}
