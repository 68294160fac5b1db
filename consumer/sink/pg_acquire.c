/* The job acquire: identity, locks, a progress row with a new owner, the dead letters. */
#include "sink/pg_internal.h"

#include "base/safeguard.h"
#include "sink/statements.h"

#include <stdio.h>
#include <stdlib.h>

#define TRIES_MAX       5 /* how often lock holders are terminated before the job fails */
#define CONVERSIONS_MAX 3

enum round { ROUND_IDENTITY, ROUND_CONVERT, ROUND_APPEND, ROUND_TERMINATE, ROUND_SWEEP };

/* By their slots. */
static void topics_array(const struct sink *sink, struct buf *out) {
    array_begin(out, OID_TEXT);
    for (size_t t = 0; t < sink->plan->relation_count; t++) {
        array_add(out, sink->plan->relations[t].slot);
    }
    array_end(out, sink->plan->relation_count);
}

static void send_identity(struct sink *sink, size_t t) {
    const struct plan *plan = sink->plan;
    const struct target *target = &plan->targets[t];
    const struct step step = {STEP_IDENTITY, 0, t};
    const bool several = plan->target_count > 1;
    struct buf *c = sink->columns;
    layout_array(plan, &c[0]);
    buf_reset(&c[1]);
    buf_be32(&c[1], (uint32_t)plan->partition_count);
    params_begin(sink);
    params_add(sink, OID_TEXT, target->name);
    params_add(sink, OID_TEXT, sink->identity.cluster_id);
    params_add(sink, OID_TEXT_ARRAY, buf_view(&c[0]));
    params_add(sink, OID_INT4, buf_view(&c[1]));
    params_add(sink, OID_TEXT, sink->identity.hash);
    params_add(sink, OID_TEXT, target->fingerprint);
    params_add(sink, OID_TEXT, plan->name);
    flight_query(sink, step, several ? SQL_IDENTITY_WRITE_SEVERAL : SQL_IDENTITY_WRITE);
    send_definition(sink, t);
    params_begin(sink);
    params_add(sink, OID_TEXT, target->name);
    params_add(sink, OID_TEXT, plan->name);
    flight_query(sink, step, SQL_IDENTITY_READ);
}

static void identity_send(struct sink *sink) {
    struct acquire *acquire = &sink->acquire;
    acquire->old_layout = STR_NONE;
    acquire->kept = 0;
    acquire->version = -1;
    acquire->newer = false;
    for (size_t t = 0; t < sink->plan->target_count; t++) {
        send_identity(sink, t);
    }
    results_begin(sink);
    send_inspect(sink); /* the identity has its row now */
    send_newest(sink);  /* rows that are not this view's: halt before writing */
    flight_sync(sink);
}

static void append_send(struct sink *sink) {
    const struct sink_result *before = sink->tasks.results;
    sink->acquire.dead_letters_ahead = false;
    results_begin(sink);
    /* The rows that this appends belong to the table as it is now: so what was found before it is
     * passed on. */
    for (size_t i = 0; before && i < sink->tasks.count; i++) {
        sink->tasks.results[i].other_table =
            before[i].other_table && (before[i].newest.has_offsets || !before[i].newest.exists);
    }
    params_begin(sink);
    flight_prepared(sink, (struct step){STEP_BEGIN, 0, 0}, "sync_begin");
    flight_query(sink, (struct step){STEP_SET, 0, 0}, "SET LOCAL lock_timeout = '2s'");
    send_lock(sink);
    params_begin_tasks(sink);
    params_add(sink, OID_TEXT, str_from(sink->acquire.owner));
    layout_array(sink->plan, &sink->columns[1]);
    params_add(sink, OID_TEXT_ARRAY, buf_view(&sink->columns[1]));
    const bool several = sink->plan->target_count > 1;
    if (several) {
        params_add_targets(sink, &sink->columns[2]);
    }
    flight_query(sink, (struct step){STEP_APPEND, 0, 0}, several ? SQL_APPEND_SEVERAL : SQL_APPEND);
    if (several) {
        params_begin_tasks(sink);
        params_add_targets(sink, &sink->columns[2]);
        flight_query(sink, (struct step){STEP_MARKS, 0, 0}, SQL_MARKS_READ);
    }
    params_begin_tasks(sink);
    flight_query(sink, (struct step){STEP_TRIM, 0, 0}, SQL_TRIM_ALL);
    flight_query(sink, (struct step){STEP_READ, 0, 0}, SQL_DEAD_LETTERS_READ);
    params_begin_tasks(sink);
    params_add_targets(sink, &sink->columns[1]);
    flight_query(sink, (struct step){STEP_REFUSED, 0, 0}, SQL_REFUSED_READ);
    send_commit(sink);
    flight_sync(sink);
}

static void terminate_send(struct sink *sink) {
    params_begin(sink);
    flight_query(sink, (struct step){STEP_ROLLBACK, 0, 0}, "ROLLBACK");
    send_terminate(sink);
    flight_sync(sink);
}

/* A round of its own, after the tasks are ours: seldom needed, and it needs one more privilege. */
static void sweep_send(struct sink *sink) {
    params_begin(sink);
    flight_prepared(sink, (struct step){STEP_BEGIN, 0, 0}, "sync_begin");
    send_lock(sink);
    params_begin_tasks(sink);
    params_add(sink, OID_TEXT, str_from(sink->acquire.owner));
    topics_array(sink, &sink->columns[1]);
    params_add(sink, OID_TEXT_ARRAY, buf_view(&sink->columns[1]));
    flight_query(sink, (struct step){STEP_SWEEP, 0, 0}, SQL_DEAD_LETTERS_SWEEP);
    send_commit(sink);
    flight_sync(sink);
}

static void acquire_send(struct sink *sink) {
    switch ((enum round)sink->round) {
    case ROUND_IDENTITY:
        identity_send(sink);
        break;
    case ROUND_CONVERT:
        convert_send(sink);
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

/* A task without progress has all of them with its load. */
static void marks_answer(struct sink *sink, const PGresult *result) {
    const target_set all = target_set_all(sink->plan->target_count);
    for (size_t i = 0; i < sink->tasks.count; i++) {
        struct sink_result *of = &sink->tasks.results[i];
        of->to_fill = of->newest.has_offsets ? all : 0;
    }
    for (int i = 0; i < PQntuples(result); i++) {
        struct sink_result *of = result_of(sink, read_be32(PQgetvalue(result, i, 0)));
        int target = target_number(sink->plan, result_value(result, i, 1));
        if (of && target >= 0) {
            of->to_fill &= ~((target_set)1 << target);
        }
    }
}

static struct known_dead_letter dead_letter_read(struct sink *sink, const PGresult *result,
                                                 int row) {
    struct known_dead_letter dead_letter = {
        .table = -1,
        .offset = read_be64(PQgetvalue(result, row, 2)),
        .row_key = arena_copy(&sink->results, result_value(result, row, 3)),
        .kept = arena_copy(&sink->results, result_value(result, row, 4)),
        .key = arena_copy(&sink->results, result_value(result, row, 5)),
        .value = arena_copy(&sink->results, result_value(result, row, 6)),
        .value_len = read_be64(PQgetvalue(result, row, 7)),
        .has_checksum = !PQgetisnull(result, row, 8),
        .pending = PQgetvalue(result, row, 9)[0] != 0,
        .without_progress = PQgetvalue(result, row, 10)[0] != 0,
    };
    if (dead_letter.has_checksum) {
        dead_letter.checksum = (uint32_t)read_be64(PQgetvalue(result, row, 8));
    }
    for (size_t t = 0; t < sink->plan->relation_count; t++) {
        if (str_equal(sink->plan->relations[t].slot, result_value(result, row, 1))) {
            dead_letter.table = (int)t;
        }
    }
    return dead_letter;
}

static void dead_letters_answer(struct sink *sink, const PGresult *result) {
    int rows = PQntuples(result);
    for (int i = 0; i < rows; i++) {
        struct sink_result *of = result_of(sink, read_be32(PQgetvalue(result, i, 0)));
        if (of) {
            of->dead_letter_count++;
        }
    }
    for (size_t i = 0; i < sink->tasks.count; i++) {
        struct sink_result *of = &sink->tasks.results[i];
        of->dead_letters =
            arena_alloc(&sink->results, of->dead_letter_count * sizeof *of->dead_letters);
        of->dead_letter_count = 0;
    }
    for (int i = 0; i < rows; i++) {
        struct sink_result *of = result_of(sink, read_be32(PQgetvalue(result, i, 0)));
        struct known_dead_letter dead_letter = dead_letter_read(sink, result, i);
        if (!of || dead_letter.table < 0) {
            continue;
        }
        if (!dead_letter.has_checksum && !dead_letter.pending && of->newest.has_offsets &&
            dead_letter.offset >= of->newest.offsets[dead_letter.table]) {
            sink->acquire.dead_letters_ahead = true;
        } else {
            of->dead_letters[of->dead_letter_count++] = dead_letter;
        }
    }
    for (size_t i = 0; i < sink->tasks.count; i++) {
        struct sink_result *of = &sink->tasks.results[i];
        qsort(of->dead_letters, of->dead_letter_count, sizeof *of->dead_letters,
              known_dead_letter_compare);
    }
}

/* As sink_key_append writes it. */
static struct str refused_key(struct sink *sink, struct str row_key, struct str view) {
    int t = target_number(sink->plan, view);
    struct buf *key = &sink->scratch;
    buf_reset(key);
    buf_str(key, row_key);
    if (t > 0) {
        buf_append(key, &(char){(char)t}, 1);
    }
    return arena_copy(&sink->results, buf_view(key));
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
                refused_key(sink, result_value(result, i, 1), result_value(result, i, 2));
        }
    }
}

static void acquire_answer(struct sink *sink, struct step step, PGresult *result) {
    if (step.kind == STEP_IDENTITY) {
        identity_answer(sink, step, result);
    } else if (step.kind == STEP_REGISTER || step.kind == STEP_INSPECT) {
        inspect_answer(sink, step, result);
    } else if (step.kind == STEP_APPEND ||
               (step.kind == STEP_READ && sink->round == ROUND_IDENTITY)) {
        if (!convert_is_due(sink)) { /* else rows have another layout, and are read again */
            results_progress(sink, result, sink->round == ROUND_IDENTITY);
        }
    } else if (step.kind == STEP_MARKS) {
        marks_answer(sink, result);
    } else if (step.kind == STEP_READ) {
        dead_letters_answer(sink, result);
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

static void identity_synced(struct sink *sink) {
    const bool due = convert_is_due(sink);
    if (sink->why.kind == ERR_NONE && due) {
        convert_check(sink);
    }
    if (sink->why.kind != ERR_NONE) {
        results_end(sink, SINK_HALT);
    } else if (!due) {
        next_round(sink, ROUND_APPEND);
    } else if (sink->acquire.conversions++ < CONVERSIONS_MAX) {
        next_round(sink, ROUND_CONVERT);
    } else {
        struct sink_event again = job_event(SINK_AGAIN, "", "identity: it changes all the time");
        job_end(sink, &again);
    }
}

static void append_synced(struct sink *sink) {
    if (sink->why.kind == ERR_NONE && !sink->acquire.committed) {
        struct sink_event again = job_event(SINK_AGAIN, "", "commit: not answered with COMMIT");
        job_end(sink, &again);
        return;
    }
    if (sink->why.kind == ERR_NONE && sink->acquire.dead_letters_ahead &&
        sink->round == ROUND_APPEND &&
        SAFEGUARD("dead letters of works that never ended are swept")) {
        sink->acquire.committed = false;
        next_round(sink, ROUND_SWEEP);
        return;
    }
    results_end(sink, SINK_ACQUIRED);
}

static void acquire_synced(struct sink *sink) {
    if (contention_needed(sink) && sink->acquire.tries++ < TRIES_MAX) {
        next_round(sink, ROUND_TERMINATE);
        return;
    }
    if (sink->round == ROUND_CONVERT || sink->round == ROUND_TERMINATE) {
        convert_end(sink);
    }
    if (sink->flight.failure.set) {
        job_fail(sink);
        return;
    }
    switch ((enum round)sink->round) {
    case ROUND_IDENTITY:
        identity_synced(sink);
        break;
    case ROUND_CONVERT: /* committed or not, sync_identity says */
        next_round(sink, ROUND_IDENTITY);
        break;
    case ROUND_APPEND:
    case ROUND_SWEEP:
        append_synced(sink);
        break;
    case ROUND_TERMINATE:
        next_round(sink, convert_is_due(sink) ? ROUND_CONVERT : ROUND_APPEND);
        break;
    }
}

const struct job acquire_job = {
    .name = "acquire", .send = acquire_send, .answer = acquire_answer, .synced = acquire_synced};
