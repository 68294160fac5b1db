/* A transaction of one part that leaves out the rows that the table refuses for their own values,
 * records them in sync_refused, and writes the rest.
 *
 * Bisects the upserts to find those rows, with the filter before them, since WHERE may fail, too:
 * each try is a round of the pipeline, under a savepoint. A refused row is deleted by its key, so
 * that the table never shows an older version of it. All of this is one transaction.
 */
#include "base/memory.h"
#include "base/safeguard.h"
#include "sink/pg_internal.h"
#include "sink/statements.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum round { ROUND_OPEN, ROUND_PULL, ROUND_TRY, ROUND_CLOSE };

#define SAVEPOINT "sync_try"

void bisect_clear(struct sink *sink) {
    struct bisection *bisection = &sink->bisection;
    row_array_clear(&bisection->pulled);
    for (size_t t = 0; bisection->keys && t < sink->plan->target_count; t++) {
        row_array_clear(&bisection->keys[t]);
    }
    free(bisection->keys);
    free(bisection->starts);
    *bisection = (struct bisection){0};
}

void bisect_begin(struct sink *sink) {
    struct bisection *bisection = &sink->bisection;
    bisect_clear(sink);
    bisection->keys = memory_new(sink->plan->target_count, sizeof *bisection->keys);
    for (size_t t = 0; t < sink->plan->target_count; t++) {
        row_array_init(&bisection->keys[t], sink->plan->targets[t].key_output_count);
    }
    row_array_init(&bisection->pulled, sink->plan->targets[0].input_count);
}

/* Whose rows are tried. */
static const struct target *tried(const struct sink *sink) {
    return &sink->plan->targets[sink->bisection.target];
}

/* ---- rows to try ---- */

static size_t *start_of(const struct bisection *bisection, size_t row) {
    return bisection->starts + row * bisection->rows->column_count;
}

/* Computes where each row begins, and queues all of them to be tried, one range per slice. */
static void rows_begin(struct bisection *bisection, const struct row_array *rows) {
    size_t columns = rows->column_count, needed = (rows->row_count + 1) * columns;
    bisection->rows = rows;
    if (bisection->start_cap < needed) {
        bisection->start_cap = needed;
        bisection->starts = memory_resize(bisection->starts, needed, sizeof *bisection->starts);
    }
    for (size_t c = 0; c < columns; c++) {
        size_t at = 0;
        struct str value;
        for (size_t row = 0; row <= rows->row_count; row++) {
            start_of(bisection, row)[c] = at;
            (void)row_array_next(rows, c, &at, &value);
        }
    }
    bisection->range_count = 0;
    for (size_t end = rows->row_count; end > 0;) { /* the first slice on top */
        size_t begin = (end - 1) / SLICE_ROWS * SLICE_ROWS;
        assert(bisection->range_count < BISECT_RANGES_MAX - BISECT_DEPTH_MAX);
        bisection->ranges[bisection->range_count].begin = begin;
        bisection->ranges[bisection->range_count++].end = end;
        end = begin;
    }
}

/* A load's next rows. False: none before the next poll. */
static bool rows_pull(struct sink *sink) {
    struct bisection *bisection = &sink->bisection;
    enum load_next next = load_pull_rows(sink, &bisection->pulled);
    bisection->ended = next == LOAD_END;
    rows_begin(bisection, &bisection->pulled);
    return next != LOAD_PAUSE || bisection->range_count > 0;
}

/* One row's values, by output. */
static void row_values(const struct bisection *bisection, size_t row, struct str *ret_values) {
    for (size_t c = 0; c < bisection->rows->column_count; c++) {
        size_t at = start_of(bisection, row)[c];
        (void)row_array_next(bisection->rows, c, &at, &ret_values[c]);
    }
}

static void send_try(struct sink *sink) {
    struct bisection *bisection = &sink->bisection;
    size_t columns = bisection->rows->column_count;
    size_t begin = bisection->ranges[bisection->range_count - 1].begin;
    size_t end = bisection->ranges[bisection->range_count - 1].end;
    const struct step around = {STEP_SAVEPOINT, 0, 0};
    params_begin(sink);
    if (bisection->failed) {
        flight_query(sink, around, "ROLLBACK TO SAVEPOINT " SAVEPOINT);
    }
    if (bisection->saved) {
        flight_query(sink, around, "RELEASE SAVEPOINT " SAVEPOINT);
    }
    flight_query(sink, around, "SAVEPOINT " SAVEPOINT);
    bisection->saved = true;
    bisection->failed = false;
    bisection->deleted_before = sink->write.counts[bisection->target].deleted;
    for (size_t c = 0; c < columns; c++) {
        size_t from = start_of(bisection, begin)[c], to = start_of(bisection, end)[c];
        array_begin(&sink->columns[c], OID_TEXT);
        buf_append(&sink->columns[c], bisection->rows->columns[c].ptr + from, to - from);
        array_end(&sink->columns[c], end - begin);
    }
    params_add_columns(sink, columns);
    bool load = sink->write.txn->load != NULL;
    char name[NAME_MAX_BYTES];
    if (!load && filters(tried(sink))) {
        flight_prepared(sink, (struct step){STEP_FILTER, 0, bisection->target},
                        target_statement("sync_filter", bisection->target, name));
    }
    flight_prepared(
        sink, (struct step){load ? STEP_LOAD : STEP_UPSERT, 0, bisection->target},
        target_statement(load ? "sync_insert" : "sync_upsert", bisection->target, name));
    flight_sync(sink);
}

/* ---- refused rows ---- */

static struct str show(struct sink *sink, struct str row_key) {
    buf_reset(&sink->scratch);
    sink_key_show(tried(sink), row_key, &sink->scratch);
    return arena_copy(&sink->results, buf_view(&sink->scratch));
}

/* Appends the row to the refusals, with the flight's failure as the reason. */
static void add_refusal(struct sink *sink, size_t row) {
    struct bisection *bisection = &sink->bisection;
    const struct failure *failure = &sink->flight.failure;
    if (bisection->refusal_count == bisection->refusal_cap) {
        size_t cap = bisection->refusal_cap ? bisection->refusal_cap * 2 : 16;
        struct refusal *more = arena_alloc(&sink->results, cap * sizeof *more);
        if (bisection->refusal_count > 0) {
            memcpy(more, bisection->refusals, bisection->refusal_count * sizeof *more);
        }
        bisection->refusals = more;
        bisection->refusal_cap = cap;
    }
    const struct target *target = tried(sink);
    struct str *values = arena_alloc(&sink->results, target->input_count * sizeof *values);
    row_values(bisection, row, values);
    buf_reset(&sink->scratch);
    sink_key_append(target, values, &sink->scratch);
    struct refusal *refusal = &bisection->refusals[bisection->refusal_count++];
    *refusal = (struct refusal){.row_key = arena_copy(&sink->results, buf_view(&sink->scratch))};
    refusal->key = show(sink, refusal->row_key);
    refusal->message = arena_copy(&sink->results, str_from(failure->message));
    if (failure->constraint[0] != '\0') {
        refusal->constraint = arena_copy(&sink->results, str_from(failure->constraint));
    }
    memcpy(refusal->sqlstate, failure->sqlstate, sizeof refusal->sqlstate);
    struct str *key = arena_alloc(&sink->results, target->key_output_count * sizeof *key);
    for (size_t i = 0; i < target->key_output_count; i++) {
        key[i] = values[key_input(target, i)];
    }
    row_array_add(&bisection->keys[bisection->target], key);
}

void refused_key_add(const struct sink *sink, struct str row_key, struct buf *views,
                     struct buf *row_keys) {
    int target = sink_key_target(row_key);
    array_add(views, sink->plan->targets[target].name);
    row_key.len -= target > 0; /* the number itself */
    array_add(row_keys, row_key);
}

/* Ends the job: the last of the refusals is the row that the event is about. */
static void refuse(struct sink *sink) {
    struct bisection *bisection = &sink->bisection;
    struct sink_event event = job_failure(sink);
    event.refusals = bisection->refusals + bisection->refusal_count - 1;
    event.refusal_count = 1;
    job_end(sink, &event);
}

/* The entries of refused rows; false when all were sent. */
static bool send_entries(struct sink *sink) {
    static const uint32_t types[] = {OID_TEXT, OID_INT4, OID_BYTEA, OID_TEXT,
                                     OID_TEXT, OID_TEXT, OID_TEXT};
    static const uint32_t arrays[] = {OID_TEXT_ARRAY, OID_INT4_ARRAY, OID_BYTEA_ARRAY,
                                      OID_TEXT_ARRAY, OID_TEXT_ARRAY, OID_TEXT_ARRAY,
                                      OID_TEXT_ARRAY};
    const size_t column_count = sizeof types / sizeof types[0];
    struct bisection *bisection = &sink->bisection;
    struct buf *c = sink->columns, *text = &sink->scratch;
    size_t count = 0;
    for (size_t i = 0; i < column_count; i++) {
        array_begin(&c[i], types[i]);
    }
    for (; bisection->sent < bisection->refusal_count && count < SLICE_ROWS; count++) {
        const struct refusal *refusal = &bisection->refusals[bisection->sent++];
        refused_key_add(sink, refusal->row_key, &c[0], &c[2]);
        array_add_int32(&c[1], sink->write.txn->parts[0]->task);
        array_add(&c[3], refusal->key);
        array_add(&c[4], str_from(refusal->sqlstate));
        array_add(&c[5], refusal->constraint);
        buf_reset(text);
        text_clean(text, refusal->message);
        array_add(&c[6], buf_view(text));
    }
    if (count == 0) {
        return false;
    }
    params_begin(sink);
    for (size_t i = 0; i < column_count; i++) {
        array_end(&c[i], count);
        params_add(sink, arrays[i], buf_view(&c[i]));
    }
    flight_prepared(sink, (struct step){STEP_REFUSED, 0, 0}, "sync_refused");
    return true;
}

/* What refused rows show: deleted, so that it is no older version of them. */
static void send_refused_deletes(struct sink *sink) {
    for (size_t t = 0; t < sink->plan->target_count; t++) {
        const struct row_array *keys = &sink->bisection.keys[t];
        slicer_reset(&sink->slicer);
        if (SAFEGUARD("a refused row shows no older version")) {
            slicer_add(&sink->slicer, keys);
        }
        while (slicer_next(&sink->slicer, sink->columns, keys->column_count) > 0) {
            char name[NAME_MAX_BYTES];
            params_begin(sink);
            params_add_columns(sink, keys->column_count);
            flight_prepared(sink, (struct step){STEP_REFUSED, 0, t},
                            target_statement("sync_refuse", t, name));
        }
    }
}

/* ---- rounds ---- */

static void close_send(struct sink *sink) {
    struct bisection *bisection = &sink->bisection;
    params_begin(sink);
    if (bisection->failed) {
        flight_query(sink, (struct step){STEP_SAVEPOINT, 0, 0}, "ROLLBACK TO SAVEPOINT " SAVEPOINT);
        bisection->failed = false;
    }
    send_refused_deletes(sink);
    while (send_tail(sink)) { /* first: an entry is deleted before it is written again */
    }
    while (send_entries(sink)) {
    }
    send_end(sink);
    send_commit(sink);
    flight_sync(sink);
}

static void go_on(struct sink *sink);

static void bisect_send(struct sink *sink) {
    if (sent_instead(sink)) {
        return;
    }
    switch ((enum round)sink->round) {
    case ROUND_OPEN:
        if (send_head(sink)) {
            break;
        }
        if (sink->write.txn->load) {
            params_begin(sink);
            flight_query(sink, (struct step){STEP_SET, 0, 0}, "SET LOCAL statement_timeout = 0");
        }
        flight_sync(sink);
        break;
    case ROUND_PULL:
        go_on(sink);
        break;
    case ROUND_TRY:
        send_try(sink);
        break;
    case ROUND_CLOSE:
        close_send(sink);
        break;
    }
}

/* The next target's rows, if it has any. */
static void next_target(struct sink *sink) {
    struct bisection *bisection = &sink->bisection;
    const struct txn *txn = sink->write.txn;
    size_t target = ++bisection->target;
    if (!txn->load) {
        rows_begin(bisection, &txn->parts[0]->targets[target].upserts);
        return;
    }
    bisection->ended = false;
    row_array_clear(&bisection->pulled);
    row_array_init(&bisection->pulled, sink->plan->targets[target].input_count);
    txn->load->begin(txn->load->ctx, (int)target);
}

/* The next try, or the end; or it is asked again in the next poll. */
static void go_on(struct sink *sink) {
    struct bisection *bisection = &sink->bisection;
    const bool load = sink->write.txn->load;
    bool paused = false;
    while (bisection->range_count == 0 && sink->why.kind == ERR_NONE && !paused) {
        if (load && !bisection->ended) {
            paused = !rows_pull(sink);
        } else if (bisection->target + 1 < sink->plan->target_count) {
            next_target(sink);
        } else {
            break;
        }
    }
    if (sink->why.kind != ERR_NONE) {
        struct sink_event again = {.kind = SINK_AGAIN, .err = sink->why};
        job_end(sink, &again);
        return;
    }
    sink->round = paused ? ROUND_PULL : bisection->range_count > 0 ? ROUND_TRY : ROUND_CLOSE;
    flight_begin(sink);
    sink->flight.paused = paused;
}

static void try_failed(struct sink *sink) {
    struct bisection *bisection = &sink->bisection;
    const struct failure *failure = &sink->flight.failure;
    enum step_kind step = failure->step.kind;
    size_t begin = bisection->ranges[bisection->range_count - 1].begin;
    size_t end = bisection->ranges[bisection->range_count - 1].end;
    bisection->failed = true;
    sink->write.counts[bisection->target].deleted = bisection->deleted_before;
    if (outcome_of(failure->sqlstate, step, failure->by_code) != SINK_REFUSED) {
        write_fail(sink);
        return;
    }
    if (end - begin > 1) {
        size_t middle = begin + (end - begin) / 2;
        bisection->ranges[bisection->range_count - 1].begin = middle;
        bisection->ranges[bisection->range_count].begin = begin;
        bisection->ranges[bisection->range_count++].end = middle;
        go_on(sink);
        return;
    }
    bisection->range_count--;
    add_refusal(sink, begin);
    if (outcome_blame(failure->sqlstate, step, failure->by_code) != BLAME_ROW ||
        bisection->refusal_count > sink->write.txn->parts[0]->refused_max) {
        refuse(sink);
        return;
    }
    go_on(sink);
}

static void bisect_synced(struct sink *sink) {
    struct bisection *bisection = &sink->bisection;
    bool failed = sink->flight.failure.set;
    if (contention_is_on(sink)) {
        contention_synced(sink);
    } else if (contention_needed(sink)) {
        contention_begin(sink);
    } else if (failed && sink->round == ROUND_TRY) {
        try_failed(sink);
    } else if (failed) {
        write_fail(sink);
    } else if (sink->round == ROUND_OPEN) {
        if (!sink->write.txn->load) {
            rows_begin(bisection, &sink->write.txn->parts[0]->targets[0].upserts);
        }
        go_on(sink);
    } else if (sink->round == ROUND_TRY) {
        bisection->range_count--;
        go_on(sink);
    } else {
        write_end(sink);
    }
}

const struct job bisect_job = {
    .name = "bisect", .send = bisect_send, .answer = write_answer, .synced = bisect_synced};
