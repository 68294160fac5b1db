/* The job check: does PostgreSQL accept the values of these rows? Converts them, writes nothing. */
#include "sink/pg_internal.h"

#include <stdio.h>

static void check_send(struct sink *sink) {
    size_t column_count = sink->plan->relations[sink->check.table].column_count;
    char name[40];
    if (sink->flight.failure.set || slicer_next(&sink->slicer, sink->columns, column_count) == 0) {
        flight_sync(sink);
        return;
    }
    (void)snprintf(name, sizeof name, "sync_check_%d", sink->check.table);
    params_begin(sink);
    params_add_columns(sink, column_count);
    flight_prepared(sink, (struct step){STEP_CHECK, (size_t)sink->check.table, 0}, name);
}

static void check_synced(struct sink *sink) {
    if (sink->flight.failure.set) {
        job_fail(sink);
        return;
    }
    struct sink_event checked = {.kind = SINK_CHECKED};
    job_end(sink, &checked);
}

const struct job check_job = {.name = "check", .send = check_send, .synced = check_synced};
