/* Taking tasks over: identity, locks, a progress row with a new owner, the dead letters; and the
 * two jobs that only read.
 */
#include "sink/pg_internal.h"

#include "base/safeguard.h"
#include "sink/statements.h"

#include <stdio.h>
#include <stdlib.h>

#define TRIES_MAX 5 /* ends of lock holders, before the caller is told */

enum round { ROUND_IDENTITY, ROUND_APPEND, ROUND_TERMINATE, ROUND_SWEEP };

static void results_init(struct sink *sink) {
    size_t size = (sink->tasks.count + 1) * sizeof(struct sink_result);
    struct sink_result *results = arena_alloc(&sink->results, size);
    memset(results, 0, size);
    for (size_t i = 0; i < sink->tasks.count; i++) {
        results[i].task = sink->tasks.items[i];
    }
    sink->tasks.results = results;
}

static struct sink_result *result_of(struct sink *sink, int32_t task) {
    for (size_t i = 0; i < sink->tasks.count; i++) {
        if (sink->tasks.results[i].task == task) {
            return &sink->tasks.results[i];
        }
    }
    return NULL;
}

static void topics_array(const struct sink *sink, struct buf *out) {
    array_begin(out, OID_TEXT);
    for (size_t t = 0; t < sink->view->table_count; t++) {
        array_add(out, sink->view->tables[t].topic);
    }
    array_end(out, sink->view->table_count);
}

static void identity_send(struct sink *sink) {
    const struct view *view = sink->view;
    struct buf *c = sink->columns;
    topics_array(sink, &c[0]);
    buf_reset(&c[1]);
    buf_be32(&c[1], (uint32_t)view->partition_count);
    params_begin(sink);
    params_add(sink, OID_TEXT, view->name);
    params_add(sink, OID_TEXT, sink->identity.cluster_id);
    params_add(sink, OID_TEXT_ARRAY, buf_view(&c[0]));
    params_add(sink, OID_INT4, buf_view(&c[1]));
    params_add(sink, OID_TEXT, sink->identity.hash);
    params_add(sink, OID_TEXT, view->fingerprint);
    flight_query(sink, (struct step){STEP_IDENTITY, 0}, SQL_IDENTITY_WRITE);
    send_definition(sink);
    params_begin(sink);
    params_add(sink, OID_TEXT, view->name);
    flight_query(sink, (struct step){STEP_IDENTITY, 0}, SQL_IDENTITY_READ);
    results_init(sink);
    send_look(sink); /* the identity has its row now */
    send_newest(sink, sink->tasks.items,
                sink->tasks.count); /* rows of another shape: halt before writing */
    flight_sync(sink);
}

static void params_tasks(struct sink *sink) {
    struct buf *out = &sink->columns[0];
    array_begin(out, OID_INT4);
    for (size_t i = 0; i < sink->tasks.count; i++) {
        array_add_int32(out, sink->tasks.items[i]);
    }
    array_end(out, sink->tasks.count);
    params_begin(sink);
    params_add(sink, OID_TEXT, sink->view->name);
    params_add(sink, OID_INT4_ARRAY, buf_view(out));
}

static void append_send(struct sink *sink) {
    const struct sink_result *before = sink->tasks.results;
    sink->acquire.letters_ahead = false;
    results_init(sink);
    for (size_t i = 0; before && i < sink->tasks.count;
         i++) { /* what this appends starts it anew */
        sink->tasks.results[i].other_table =
            before[i].other_table && (before[i].newest.has_offsets || !before[i].newest.exists);
    }
    params_begin(sink);
    flight_prepared(sink, (struct step){STEP_BEGIN, 0}, "sync_begin");
    flight_query(sink, (struct step){STEP_SET, 0}, "SET LOCAL lock_timeout = '2s'");
    send_lock(sink, sink->tasks.items, sink->tasks.count);
    params_tasks(sink);
    params_add(sink, OID_TEXT, str_from(sink->acquire.owner));
    flight_query(sink, (struct step){STEP_APPEND, 0}, SQL_APPEND);
    params_tasks(sink);
    flight_query(sink, (struct step){STEP_TRIM, 0}, SQL_TRIM_ALL);
    flight_query(sink, (struct step){STEP_READ, 0}, SQL_LETTERS_READ);
    params_tasks(sink);
    flight_query(sink, (struct step){STEP_REFUSED, 0}, SQL_REFUSED_READ);
    send_commit(sink);
    flight_sync(sink);
}

static void terminate_send(struct sink *sink) {
    params_begin(sink);
    flight_query(sink, (struct step){STEP_ROLLBACK, 0}, "ROLLBACK");
    send_terminate(sink, sink->tasks.items, sink->tasks.count);
    flight_sync(sink);
}

/* After the tasks are ours: seldom needed, and it takes a privilege more. */
static void sweep_send(struct sink *sink) {
    params_begin(sink);
    flight_prepared(sink, (struct step){STEP_BEGIN, 0}, "sync_begin");
    send_lock(sink, sink->tasks.items, sink->tasks.count);
    params_tasks(sink);
    params_add(sink, OID_TEXT, str_from(sink->acquire.owner));
    topics_array(sink, &sink->columns[1]);
    params_add(sink, OID_TEXT_ARRAY, buf_view(&sink->columns[1]));
    flight_query(sink, (struct step){STEP_SWEEP, 0}, SQL_LETTERS_SWEEP);
    send_commit(sink);
    flight_sync(sink);
}

static void acquire_send(struct sink *sink) {
    switch ((enum round)sink->round) {
    case ROUND_IDENTITY:
        identity_send(sink);
        break;
    case ROUND_APPEND:
        append_send(sink);
        break;
    case ROUND_TERMINATE:
        terminate_send(sink);
        break;
    case ROUND_SWEEP:
        sweep_send(sink);
        break;
    }
}

static void progress_answer(struct sink *sink, const PGresult *result) {
    for (int i = 0; i < PQntuples(result); i++) {
        struct sink_result *of = result_of(sink, read_be32(PQgetvalue(result, i, 0)));
        if (!of || !read_progress(sink->view, result, i, &of->newest)) {
            (void)err_set(&sink->why, ERR_HALT,
                          "sync_progress holds a row of " STR_FMT " that this view can't have "
                          "written: its offsets are not one for each table",
                          STR_ARG(sink->view->name));
        } else if (sink->round == ROUND_IDENTITY) { /* NEWEST's only round, too */
            of->other_table = table_is_other(sink, &of->newest);
        }
    }
}

static struct known_letter letter_read(struct sink *sink, const PGresult *result, int row) {
    struct known_letter letter = {
        .table = -1,
        .offset = read_be64(PQgetvalue(result, row, 2)),
        .row_key = arena_copy(&sink->results, result_value(result, row, 3)),
        .kept = arena_copy(&sink->results, result_value(result, row, 4)),
        .key = arena_copy(&sink->results, result_value(result, row, 5)),
        .value = arena_copy(&sink->results, result_value(result, row, 6)),
        .value_len = read_be64(PQgetvalue(result, row, 7)),
        .has_checksum = !PQgetisnull(result, row, 8),
        .pending = PQgetvalue(result, row, 9)[0] != 0,
        .unfounded = PQgetvalue(result, row, 10)[0] != 0,
    };
    if (letter.has_checksum) {
        letter.checksum = (uint32_t)read_be64(PQgetvalue(result, row, 8));
    }
    for (size_t t = 0; t < sink->view->table_count; t++) {
        if (str_equal(sink->view->tables[t].topic, result_value(result, row, 1))) {
            letter.table = (int)t;
        }
    }
    return letter;
}

static void letters_answer(struct sink *sink, const PGresult *result) {
    int rows = PQntuples(result);
    for (int i = 0; i < rows; i++) {
        struct sink_result *of = result_of(sink, read_be32(PQgetvalue(result, i, 0)));
        if (of) {
            of->letter_count++;
        }
    }
    for (size_t i = 0; i < sink->tasks.count; i++) {
        struct sink_result *of = &sink->tasks.results[i];
        of->letters = arena_alloc(&sink->results, of->letter_count * sizeof *of->letters);
        of->letter_count = 0;
    }
    for (int i = 0; i < rows; i++) {
        struct sink_result *of = result_of(sink, read_be32(PQgetvalue(result, i, 0)));
        struct known_letter letter = letter_read(sink, result, i);
        if (!of || letter.table < 0) {
            continue;
        }
        if (!letter.has_checksum && !letter.pending && of->newest.has_offsets &&
            letter.offset >= of->newest.offsets[letter.table]) {
            sink->acquire.letters_ahead = true;
        } else {
            of->letters[of->letter_count++] = letter;
        }
    }
    for (size_t i = 0; i < sink->tasks.count; i++) {
        struct sink_result *of = &sink->tasks.results[i];
        qsort(of->letters, of->letter_count, sizeof *of->letters, known_letter_compare);
    }
}

static void refused_answer(struct sink *sink, const PGresult *result) {
    int rows = PQntuples(result);
    for (size_t i = 0; i < sink->tasks.count; i++) {
        struct sink_result *of = &sink->tasks.results[i];
        of->refused = arena_alloc(&sink->results, ((size_t)rows + 1) * sizeof *of->refused);
    }
    for (int i = 0; i < rows; i++) {
        struct sink_result *of = result_of(sink, read_be32(PQgetvalue(result, i, 0)));
        if (of) {
            of->refused[of->refused_count++] =
                arena_copy(&sink->results, result_value(result, i, 1));
        }
    }
}

static void acquire_answer(struct sink *sink, struct step step, PGresult *result) {
    if (step.kind == STEP_IDENTITY) {
        identity_answer(sink, result);
    } else if (step.kind == STEP_REGISTER || step.kind == STEP_LOOK) {
        look_answer(sink, step, result);
    } else if (step.kind == STEP_APPEND ||
               (step.kind == STEP_READ && sink->round == ROUND_IDENTITY)) {
        progress_answer(sink, result);
    } else if (step.kind == STEP_READ) {
        letters_answer(sink, result);
    } else if (step.kind == STEP_SWEEP) {
        log_line(sink->log, LOG_WARN, "sink", "letters_swept", "count=%s", PQcmdTuples(result));
    } else if (step.kind == STEP_REFUSED) {
        refused_answer(sink, result);
    } else if (step.kind == STEP_TERMINATE) {
        log_terminated(sink, result);
    } else if (step.kind == STEP_COMMIT) {
        sink->acquire.committed = strcmp(PQcmdStatus(result), "COMMIT") == 0;
    }
}

static void next_round(struct sink *sink, enum round round) {
    sink->round = (int)round;
    flight_begin(sink);
}

/* The job ends well, unless an answer said otherwise. */
static void end_with_results(struct sink *sink, enum sink_event_kind kind) {
    struct sink_event event = {
        .kind = kind, .results = sink->tasks.results, .result_count = sink->tasks.count};
    if (sink->why.kind != ERR_NONE) {
        event = (struct sink_event){.kind = sink->look.unfit ? SINK_UNFIT : SINK_HALT,
                                    .err = sink->why};
    }
    job_end(sink, &event);
}

static void append_synced(struct sink *sink) {
    if (sink->why.kind == ERR_NONE && !sink->acquire.committed) {
        struct sink_event again = job_event(SINK_AGAIN, "", "commit: answered by another tag");
        job_end(sink, &again);
        return;
    }
    if (sink->why.kind == ERR_NONE && sink->acquire.letters_ahead && sink->round == ROUND_APPEND &&
        SAFEGUARD("letters of works that never ended are swept")) {
        sink->acquire.committed = false;
        next_round(sink, ROUND_SWEEP);
        return;
    }
    end_with_results(sink, SINK_ACQUIRED);
}

static void acquire_synced(struct sink *sink) {
    if (contention_needed(sink) && sink->acquire.tries++ < TRIES_MAX) {
        next_round(sink, ROUND_TERMINATE);
        return;
    }
    if (sink->flight.failure.set) {
        job_fail(sink);
        return;
    }
    switch ((enum round)sink->round) {
    case ROUND_IDENTITY:
        if (sink->why.kind != ERR_NONE) {
            end_with_results(sink, SINK_HALT);
        } else {
            next_round(sink, ROUND_APPEND);
        }
        break;
    case ROUND_APPEND:
    case ROUND_SWEEP:
        append_synced(sink);
        break;
    case ROUND_TERMINATE:
        next_round(sink, ROUND_APPEND);
        break;
    }
}

static void newest_send(struct sink *sink) {
    results_init(sink);
    send_look(sink);
    send_newest(sink, sink->tasks.items, sink->tasks.count);
    params_tasks(sink);
    flight_query(sink, (struct step){STEP_COUNT, 0}, SQL_COUNT);
    flight_sync(sink);
}

static void count_answer(struct sink *sink, const PGresult *result) {
    for (int i = 0; i < PQntuples(result); i++) {
        struct sink_result *of = result_of(sink, read_be32(PQgetvalue(result, i, 0)));
        if (of) {
            of->letters_noted = (size_t)read_be64(PQgetvalue(result, i, 1));
            of->refused_noted = (size_t)read_be64(PQgetvalue(result, i, 2));
        }
    }
}

static void newest_answer(struct sink *sink, struct step step, PGresult *result) {
    if (step.kind == STEP_READ) {
        progress_answer(sink, result);
    } else if (step.kind == STEP_COUNT) {
        count_answer(sink, result);
    } else {
        look_answer(sink, step, result);
    }
}

static void newest_synced(struct sink *sink) {
    if (sink->flight.failure.set) {
        job_fail(sink);
        return;
    }
    end_with_results(sink, SINK_NEWEST);
}

static void check_send(struct sink *sink) {
    size_t column_count = sink->view->tables[sink->check.table].column_count;
    char name[40];
    if (sink->flight.failure.set || slicer_next(&sink->slicer, sink->columns, column_count) == 0) {
        flight_sync(sink);
        return;
    }
    (void)snprintf(name, sizeof name, "sync_check_%d", sink->check.table);
    params_begin(sink);
    params_add_columns(sink, column_count);
    flight_prepared(sink, (struct step){STEP_CHECK, (size_t)sink->check.table}, name);
}

static void check_synced(struct sink *sink) {
    if (sink->flight.failure.set) {
        job_fail(sink);
        return;
    }
    struct sink_event checked = {.kind = SINK_CHECKED};
    job_end(sink, &checked);
}

const struct job acquire_job = {
    .name = "acquire", .send = acquire_send, .answer = acquire_answer, .synced = acquire_synced};
const struct job newest_job = {
    .name = "newest", .send = newest_send, .answer = newest_answer, .synced = newest_synced};
const struct job check_job = {.name = "check", .send = check_send, .synced = check_synced};
