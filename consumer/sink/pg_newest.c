/* The job newest: reads the newest progress rows of tasks. */
#include "sink/pg_internal.h"
#include "sink/statements.h"

static void newest_send(struct sink *sink) {
    results_begin(sink);
    send_inspect(sink);
    send_newest(sink);
    params_begin_tasks(sink);
    params_add_targets(sink, &sink->columns[1]);
    flight_query(sink, (struct step){STEP_COUNT, 0, 0}, SQL_COUNT);
    flight_sync(sink);
}

static void count_answer(struct sink *sink, const PGresult *result) {
    for (int i = 0; i < PQntuples(result); i++) {
        struct sink_result *of = result_of(sink, read_be32(PQgetvalue(result, i, 0)));
        if (of) {
            of->dead_letters_recorded = (size_t)read_be64(PQgetvalue(result, i, 1));
            of->refused_recorded = (size_t)read_be64(PQgetvalue(result, i, 2));
        }
    }
}

static void newest_answer(struct sink *sink, struct step step, PGresult *result) {
    if (step.kind == STEP_READ) {
        results_progress(sink, result, true);
    } else if (step.kind == STEP_COUNT) {
        count_answer(sink, result);
    } else {
        inspect_answer(sink, step, result);
    }
}

static void newest_synced(struct sink *sink) {
    if (sink->flight.failure.set) {
        job_fail(sink);
        return;
    }
    results_end(sink, SINK_NEWEST);
}

const struct job newest_job = {
    .name = "newest", .send = newest_send, .answer = newest_answer, .synced = newest_synced};
