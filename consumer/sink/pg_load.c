/* The job load, an initial load in one transaction: lock and fence, all rows by COPY, dead letters,
 * COMMIT.
 *
 * COPY is not allowed in a pipeline, so there are three rounds, the middle one for each target.
 * Rows are pulled from their source as fast as the socket takes them. If a column needs a
 * conversion (no sql_copy), they are sent as INSERTs in a pipeline instead.
 */
#include "sink/pg_internal.h"

#include "base/safeguard.h"

#include <stdio.h>
#include <stdlib.h>

#define COPY_CHUNK_BYTES ((size_t)64 * 1024)
#define COPY_POLL_BYTES  ((size_t)1024 * 1024) /* a poll, so that its caller stays responsive */

enum round { ROUND_FENCE, ROUND_INSERT, ROUND_COMMIT };

static const struct target *loaded(const struct sink *sink) {
    return &sink->plan->targets[sink->load.target];
}

static void load_target(struct sink *sink);

static void copy_escaped(struct buf *out, struct str value) {
    if (!value.ptr) {
        buf_append(out, "\\N", 2);
        return;
    }
    size_t from = 0;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (c != '\\' && c != '\t' && c != '\n' && c != '\r') {
            continue;
        }
        buf_append(out, value.ptr + from, i - from);
        char escape[2] = {'\\', c};
        if (c == '\t') {
            escape[1] = 't';
        } else if (c == '\n') {
            escape[1] = 'n';
        } else if (c == '\r') {
            escape[1] = 'r';
        }
        buf_append(out, escape, sizeof escape);
        from = i + 1;
    }
    buf_append(out, value.ptr + from, value.len - from);
}

static enum load_next load_next_row(struct sink *sink, const struct str **ret_values) {
    const struct load_source *source = sink->write.txn->load;
    bool end = false;
    struct err err = {0};
    enum err_kind kind;
    do {
        kind = source->next(source->ctx, ret_values, &end, &err);
    } while (kind == ERR_NONE && !end && !*ret_values &&
             !SAFEGUARD("a load waits with its source"));
    if (kind != ERR_NONE) {
        sink->why = err;
        sink->why.kind = kind;
    }
    bool over = kind != ERR_NONE || end;
    return over ? LOAD_END : *ret_values ? LOAD_ROW : LOAD_PAUSE;
}

/* All rows of a target are sent. */
static void load_next_target(struct sink *sink) {
    const struct load_source *source = sink->write.txn->load;
    if (sink->load.target + 1 == sink->plan->target_count) {
        sink->round = ROUND_COMMIT;
        flight_begin(sink);
        return;
    }
    source->begin(source->ctx, (int)++sink->load.target);
    load_target(sink);
}

/* Leaves COPY. Its error, if there was one, is the flight's failure. */
static void copy_leave(struct sink *sink) {
    sink->load.copying = false;
    if (PQenterPipelineMode(sink->link.conn) != 1) {
        sink_drop_conn(sink);
        return;
    }
    if (sink->why.kind != ERR_NONE) {
        struct sink_event again = {.kind = SINK_AGAIN, .err = sink->why};
        job_end(sink, &again);
    } else if (sink->flight.failure.set) {
        job_fail(sink);
    } else {
        load_next_target(sink);
    }
}

static void copy_enter(struct sink *sink) {
    struct buf *sql = &sink->scratch;
    buf_reset(sql);
    buf_str(sql, loaded(sink)->sql_copy);
    buf_append(sql, "", 1);
    if (PQexitPipelineMode(sink->link.conn) != 1 || PQsendQuery(sink->link.conn, sql->ptr) != 1) {
        sink_drop_conn(sink);
        return;
    }
    sink->load.copying = true;
    sink->load.phase = COPY_BEGIN;
    buf_reset(sql);
}

/* Reads the answers to COPY itself, at its start and its end. */
static void copy_answer(struct sink *sink) {
    while (!PQisBusy(sink->link.conn)) {
        PGresult *result = PQgetResult(sink->link.conn);
        if (!result) {
            copy_leave(sink);
            return;
        }
        ExecStatusType status = PQresultStatus(result);
        if (status == PGRES_FATAL_ERROR) {
            flight_fail(sink, (struct step){STEP_LOAD, 0, sink->load.target}, result);
        } else if (status == PGRES_COMMAND_OK) {
            write_answer(sink, (struct step){STEP_LOAD, 0, sink->load.target}, result);
        }
        PQclear(result);
        if (status == PGRES_COPY_IN) {
            sink->load.phase = COPY_ROWS;
            return;
        }
    }
}

/* Fills scratch with rows; LOAD_ROW: it is full. */
static enum load_next copy_fill(struct sink *sink) {
    struct buf *out = &sink->scratch;
    while (out->len < COPY_CHUNK_BYTES) {
        const struct str *values = NULL;
        enum load_next next = load_next_row(sink, &values);
        if (next != LOAD_ROW) {
            return next;
        }
        for (size_t c = 0; c < loaded(sink)->input_count; c++) {
            if (c > 0) {
                buf_append(out, "\t", 1);
            }
            copy_escaped(out, values[c]);
        }
        buf_append(out, "\n", 1);
    }
    return LOAD_ROW;
}

/* Sends rows until the socket is full, the source pauses or a poll's share is sent. -1: the
 * connection is lost. */
static int copy_rows(struct sink *sink) {
    size_t sent = 0;
    int flushed = 0;
    enum load_next next = LOAD_ROW;
    while (flushed == 0 && sent < COPY_POLL_BYTES && next != LOAD_PAUSE) {
        next = sink->scratch.len < COPY_CHUNK_BYTES ? copy_fill(sink) : LOAD_ROW;
        if (sink->scratch.len > 0) {
            int put = PQputCopyData(sink->link.conn, sink->scratch.ptr, (int)sink->scratch.len);
            if (put < 0) {
                return -1;
            }
            if (put == 0) {
                return 1; /* libpq did not take it: scratch is kept */
            }
            sent += sink->scratch.len;
            buf_reset(&sink->scratch);
        }
        if (next == LOAD_END) {
            const char *reason = sink->why.kind != ERR_NONE ? "rows can't be read" : NULL;
            sink->load.phase = COPY_END;
            return PQputCopyEnd(sink->link.conn, reason) < 0 ? -1 : PQflush(sink->link.conn);
        }
        flushed = PQflush(sink->link.conn);
    }
    return flushed;
}

static void load_copy(struct sink *sink) {
    int flushed = PQflush(sink->link.conn);
    if (flushed >= 0 && PQconsumeInput(sink->link.conn) != 1) {
        flushed = -1;
    }
    if (flushed == 0 && sink->load.phase == COPY_ROWS) {
        flushed = copy_rows(sink);
    }
    if (flushed < 0) {
        sink_drop_conn(sink);
        return;
    }
    sink->flight.blocked = flushed > 0;
    if (sink->load.phase != COPY_ROWS) {
        copy_answer(sink);
    }
}

enum load_next load_pull_rows(struct sink *sink, struct row_array *rows) {
    enum load_next next = LOAD_ROW;
    row_array_reset(rows);
    for (size_t bytes = 0; rows->row_count < SLICE_ROWS && bytes < COPY_POLL_BYTES;) {
        const struct str *values = NULL;
        next = load_next_row(sink, &values);
        if (next != LOAD_ROW) {
            break;
        }
        for (size_t c = 0; c < rows->column_count; c++) {
            bytes += values[c].len;
        }
        row_array_add(rows, values);
    }
    return next;
}

/* One INSERT, if there are rows before the source pauses; false at its end. */
static bool insert_rows(struct sink *sink) {
    struct row_array *rows = &sink->load.rows;
    enum load_next next = load_pull_rows(sink, rows);
    if (sink->why.kind == ERR_NONE && rows->row_count > 0) {
        slicer_reset(&sink->slicer);
        slicer_add(&sink->slicer, rows);
        (void)slicer_next(&sink->slicer, sink->columns, rows->column_count);
        params_begin(sink);
        params_add_columns(sink, rows->column_count);
        char name[NAME_MAX_BYTES];
        flight_prepared(sink, (struct step){STEP_LOAD, 0, sink->load.target},
                        target_statement("sync_insert", sink->load.target, name));
    }
    sink->flight.paused = next == LOAD_PAUSE;
    return next != LOAD_END;
}

static void insert_send(struct sink *sink) {
    if (!sink->flight.failure.set && insert_rows(sink)) {
        return;
    }
    flight_sync(sink);
}

static void load_send(struct sink *sink) {
    if (contention_is_on(sink)) {
        contention_send(sink);
        return;
    }
    switch ((enum round)sink->round) {
    case ROUND_FENCE:
        send_begin(sink);
        params_begin(sink);
        flight_query(sink, (struct step){STEP_SET, 0, 0}, "SET LOCAL statement_timeout = 0");
        flight_sync(sink);
        break;
    case ROUND_INSERT:
        insert_send(sink);
        break;
    case ROUND_COMMIT:
        while (send_tail(sink)) {
        }
        send_end(sink);
        send_commit(sink);
        flight_sync(sink);
        break;
    }
}

/* Begins with the rows of sink->load.target. */
static void load_target(struct sink *sink) {
    if (loaded(sink)->sql_copy.ptr) {
        copy_enter(sink);
        return;
    }
    row_array_clear(&sink->load.rows);
    row_array_init(&sink->load.rows, loaded(sink)->input_count);
    sink->round = ROUND_INSERT;
    flight_begin(sink);
}

static void load_synced(struct sink *sink) {
    if (contention_is_on(sink)) {
        contention_synced(sink);
    } else if (contention_needed(sink)) {
        contention_begin(sink);
    } else if (sink->why.kind != ERR_NONE) {
        struct sink_event again = {.kind = SINK_AGAIN, .err = sink->why};
        job_end(sink, &again);
    } else if (sink->flight.failure.set) {
        job_fail(sink);
    } else if (sink->round == ROUND_FENCE) {
        sink->load.target = 0;
        load_target(sink);
    } else if (sink->round == ROUND_INSERT) {
        load_next_target(sink);
    } else {
        write_end(sink);
    }
}

const struct job load_job = {.name = "load",
                             .send = load_send,
                             .answer = write_answer,
                             .synced = load_synced,
                             .copy = load_copy};
