/* A transaction of one part that leaves out the rows that the table refuses for their own values,
 * records them in sync_refused, and writes the rest.
 *
 * Bisects the upserts to find those rows: each try is a round of the pipeline, under a savepoint. A
 * refused row is deleted by its key, so that the table never shows an older version of it. All of
 * this is one transaction.
 */
#include "base/memory.h"
#include "sink/pg_internal.h"
#include "sink/statements.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum round { ROUND_OPEN, ROUND_TRY, ROUND_CLOSE };

#define SAVEPOINT "sync_try"

void careful_clear(struct sink *sink) {
    struct careful *careful = &sink->careful;
    row_array_clear(&careful->pulled);
    row_array_clear(&careful->keys);
    free(careful->starts);
    *careful = (struct careful){0};
}

void careful_begin(struct sink *sink) {
    struct careful *careful = &sink->careful;
    careful_clear(sink);
    row_array_init(&careful->keys, sink->target->key_output_count);
    row_array_init(&careful->pulled, sink->target->output_count);
}

/* ---- rows to try ---- */

static size_t *start_of(const struct careful *careful, size_t row) {
    return careful->starts + row * careful->rows->column_count;
}

/* Computes where each row begins, and queues all of them to be tried, one range per slice. */
static void rows_begin(struct careful *careful, const struct row_array *rows) {
    size_t columns = rows->column_count, needed = (rows->row_count + 1) * columns;
    careful->rows = rows;
    if (careful->start_cap < needed) {
        careful->start_cap = needed;
        careful->starts = memory_resize(careful->starts, needed, sizeof *careful->starts);
    }
    for (size_t c = 0; c < columns; c++) {
        size_t at = 0;
        struct str value;
        for (size_t row = 0; row <= rows->row_count; row++) {
            start_of(careful, row)[c] = at;
            (void)row_array_next(rows, c, &at, &value);
        }
    }
    careful->range_count = 0;
    for (size_t end = rows->row_count; end > 0;) { /* the first slice on top */
        size_t begin = (end - 1) / SLICE_ROWS * SLICE_ROWS;
        assert(careful->range_count < CAREFUL_RANGES_MAX - CAREFUL_HALVINGS);
        careful->ranges[careful->range_count].begin = begin;
        careful->ranges[careful->range_count++].end = end;
        end = begin;
    }
}

/* A load's next rows. */
static void rows_pull(struct sink *sink) {
    struct careful *careful = &sink->careful;
    size_t bytes = 0;
    row_array_reset(&careful->pulled);
    while (!careful->ended && careful->pulled.row_count < SLICE_ROWS && bytes < FLIGHT_BYTES) {
        const struct str *values = NULL;
        careful->ended = !load_next_row(sink, &values);
        for (size_t c = 0; !careful->ended && c < careful->pulled.column_count; c++) {
            bytes += values[c].len;
        }
        if (!careful->ended) {
            row_array_add(&careful->pulled, values);
        }
    }
    rows_begin(careful, &careful->pulled);
}

/* One row's values, by output. */
static void row_values(const struct careful *careful, size_t row, struct str *ret_values) {
    for (size_t c = 0; c < careful->rows->column_count; c++) {
        size_t at = start_of(careful, row)[c];
        (void)row_array_next(careful->rows, c, &at, &ret_values[c]);
    }
}

static void send_try(struct sink *sink) {
    struct careful *careful = &sink->careful;
    size_t columns = careful->rows->column_count;
    size_t begin = careful->ranges[careful->range_count - 1].begin;
    size_t end = careful->ranges[careful->range_count - 1].end;
    const struct step around = {STEP_TRY, 0};
    params_begin(sink);
    if (careful->failed) {
        flight_query(sink, around, "ROLLBACK TO SAVEPOINT " SAVEPOINT);
    }
    if (careful->saved) {
        flight_query(sink, around, "RELEASE SAVEPOINT " SAVEPOINT);
    }
    flight_query(sink, around, "SAVEPOINT " SAVEPOINT);
    careful->saved = true;
    careful->failed = false;
    for (size_t c = 0; c < columns; c++) {
        size_t from = start_of(careful, begin)[c], to = start_of(careful, end)[c];
        array_begin(&sink->columns[c], OID_TEXT);
        buf_append(&sink->columns[c], careful->rows->columns[c].ptr + from, to - from);
        array_end(&sink->columns[c], end - begin);
    }
    params_add_columns(sink, columns);
    bool load = sink->write.txn->load != NULL;
    flight_prepared(sink, (struct step){load ? STEP_LOAD : STEP_UPSERT, 0},
                    load ? "sync_insert" : "sync_upsert");
    flight_sync(sink);
}

/* ---- refused rows ---- */

static struct str show(struct sink *sink, struct str row_key) {
    buf_reset(&sink->scratch);
    sink_key_show(sink->target, row_key, &sink->scratch);
    return arena_copy(&sink->results, buf_view(&sink->scratch));
}

/* Appends the row to the refusals, with the flight's failure as the reason. */
static void add_refusal(struct sink *sink, size_t row) {
    struct careful *careful = &sink->careful;
    const struct failure *failure = &sink->flight.failure;
    if (careful->refusal_count == careful->refusal_cap) {
        size_t cap = careful->refusal_cap ? careful->refusal_cap * 2 : 16;
        struct refusal *more = arena_alloc(&sink->results, cap * sizeof *more);
        if (careful->refusal_count > 0) {
            memcpy(more, careful->refusals, careful->refusal_count * sizeof *more);
        }
        careful->refusals = more;
        careful->refusal_cap = cap;
    }
    struct str *values = arena_alloc(&sink->results, sink->target->output_count * sizeof *values);
    row_values(careful, row, values);
    buf_reset(&sink->scratch);
    sink_key_append(sink->target, values, &sink->scratch);
    struct refusal *refusal = &careful->refusals[careful->refusal_count++];
    *refusal = (struct refusal){.row_key = arena_copy(&sink->results, buf_view(&sink->scratch))};
    refusal->key = show(sink, refusal->row_key);
    refusal->message = arena_copy(&sink->results, str_from(failure->message));
    if (failure->constraint[0] != '\0') {
        refusal->constraint = arena_copy(&sink->results, str_from(failure->constraint));
    }
    memcpy(refusal->sqlstate, failure->sqlstate, sizeof refusal->sqlstate);
    struct str *key = arena_alloc(&sink->results, sink->target->key_output_count * sizeof *key);
    for (size_t i = 0; i < sink->target->key_output_count; i++) {
        key[i] = values[sink->target->key_outputs[i]];
    }
    row_array_add(&careful->keys, key);
}

/* Ends the job: the last of the refusals is the row that the event is about. */
static void refuse(struct sink *sink) {
    struct careful *careful = &sink->careful;
    struct sink_event event = job_failure(sink);
    event.refusals = careful->refusals + careful->refusal_count - 1;
    event.refusal_count = 1;
    job_end(sink, &event);
}

/* The entries of refused rows; false when all were sent. */
static bool send_entries(struct sink *sink) {
    static const uint32_t types[] = {OID_INT4, OID_BYTEA, OID_TEXT, OID_TEXT, OID_TEXT, OID_TEXT};
    static const uint32_t arrays[] = {OID_INT4_ARRAY, OID_BYTEA_ARRAY, OID_TEXT_ARRAY,
                                      OID_TEXT_ARRAY, OID_TEXT_ARRAY,  OID_TEXT_ARRAY};
    const size_t column_count = sizeof types / sizeof types[0];
    struct careful *careful = &sink->careful;
    struct buf *c = sink->columns, *text = &sink->scratch;
    size_t count = 0;
    for (size_t i = 0; i < column_count; i++) {
        array_begin(&c[i], types[i]);
    }
    for (; careful->sent < careful->refusal_count && count < SLICE_ROWS; count++) {
        const struct refusal *refusal = &careful->refusals[careful->sent++];
        array_add_int32(&c[0], sink->write.txn->parts[0]->task);
        array_add(&c[1], refusal->row_key);
        array_add(&c[2], refusal->key);
        array_add(&c[3], str_from(refusal->sqlstate));
        array_add(&c[4], refusal->constraint);
        buf_reset(text);
        text_clean(text, refusal->message);
        array_add(&c[5], buf_view(text));
    }
    if (count == 0) {
        return false;
    }
    params_begin(sink);
    params_add(sink, OID_TEXT, sink->target->name);
    for (size_t i = 0; i < column_count; i++) {
        array_end(&c[i], count);
        params_add(sink, arrays[i], buf_view(&c[i]));
    }
    flight_prepared(sink, (struct step){STEP_REFUSED, 0}, "sync_refused");
    return true;
}

/* ---- rounds ---- */

static void close_send(struct sink *sink) {
    struct careful *careful = &sink->careful;
    params_begin(sink);
    if (careful->failed) {
        flight_query(sink, (struct step){STEP_TRY, 0}, "ROLLBACK TO SAVEPOINT " SAVEPOINT);
        careful->failed = false;
    }
    slicer_reset(&sink->slicer);
    slicer_add(&sink->slicer, &careful->keys);
    while (slicer_next(&sink->slicer, sink->columns, careful->keys.column_count) > 0) {
        params_begin(sink);
        params_add_columns(sink, careful->keys.column_count);
        flight_prepared(sink, (struct step){STEP_REFUSED, 0}, "sync_refuse");
    }
    while (send_tail(sink)) { /* first: an entry is deleted before it is written again */
    }
    while (send_entries(sink)) {
    }
    send_trim(sink);
    send_commit(sink);
    flight_sync(sink);
}

static void careful_send(struct sink *sink) {
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
            flight_query(sink, (struct step){STEP_SET, 0}, "SET LOCAL statement_timeout = 0");
        }
        flight_sync(sink);
        break;
    case ROUND_TRY:
        send_try(sink);
        break;
    case ROUND_CLOSE:
        close_send(sink);
        break;
    }
}

/* The next try, or the end. */
static void go_on(struct sink *sink) {
    struct careful *careful = &sink->careful;
    if (careful->range_count == 0 && sink->write.txn->load && !careful->ended) {
        rows_pull(sink);
    }
    if (sink->why.kind != ERR_NONE) {
        struct sink_event again = {.kind = SINK_AGAIN, .err = sink->why};
        job_end(sink, &again);
        return;
    }
    sink->round = careful->range_count > 0 ? ROUND_TRY : ROUND_CLOSE;
    flight_begin(sink);
}

static void try_failed(struct sink *sink) {
    struct careful *careful = &sink->careful;
    const struct failure *failure = &sink->flight.failure;
    enum step_kind step = failure->step.kind;
    size_t begin = careful->ranges[careful->range_count - 1].begin;
    size_t end = careful->ranges[careful->range_count - 1].end;
    careful->failed = true;
    if (outcome_of(failure->sqlstate, step, failure->by_code) != SINK_REFUSED) {
        write_fail(sink);
        return;
    }
    if (end - begin > 1) {
        size_t middle = begin + (end - begin) / 2;
        careful->ranges[careful->range_count - 1].begin = middle;
        careful->ranges[careful->range_count].begin = begin;
        careful->ranges[careful->range_count++].end = middle;
        go_on(sink);
        return;
    }
    careful->range_count--;
    add_refusal(sink, begin);
    if (outcome_blame(failure->sqlstate, step, failure->by_code) != BLAME_ROW ||
        careful->refusal_count > sink->write.txn->parts[0]->refused_max) {
        refuse(sink);
        return;
    }
    go_on(sink);
}

static void careful_synced(struct sink *sink) {
    struct careful *careful = &sink->careful;
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
            rows_begin(careful, &sink->write.txn->parts[0]->targets[0].upserts);
        }
        go_on(sink);
    } else if (sink->round == ROUND_TRY) {
        careful->range_count--;
        go_on(sink);
    } else {
        write_end(sink);
    }
}

const struct job careful_job = {
    .name = "careful", .send = careful_send, .answer = write_answer, .synced = careful_synced};
