/* The vtable, the constructor, and what drives link, job and events. */
#include "sink/pg_sink.h"

#include "base/memory.h"
#include "sink/pg_internal.h"
#include "sink/statements.h"

#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS   2000
#define ANSWER_CHECK_MS  10000 /* without an answer, then the server is probed */
#define COLUMNS_MIN      16    /* of fence and dead letters */

static size_t columns_max(const struct plan *plan) {
    size_t max = COLUMNS_MIN;
    for (size_t t = 0; t < plan->target_count; t++) {
        max = plan->targets[t].input_count > max ? plan->targets[t].input_count : max;
    }
    for (size_t t = 0; t < plan->relation_count; t++) {
        max = plan->relations[t].column_count > max ? plan->relations[t].column_count : max;
    }
    return max;
}

const struct target *step_target(const struct sink *sink, struct step step) {
    return &sink->plan->targets[step.target];
}

int target_number(const struct plan *plan, struct str name) {
    for (size_t t = 0; t < plan->target_count; t++) {
        if (str_equal(plan->targets[t].name, name)) {
            return (int)t;
        }
    }
    return -1;
}

const char *target_statement(const char *name, size_t target, char out[NAME_MAX_BYTES]) {
    (void)snprintf(out, NAME_MAX_BYTES, target > 0 ? "%s.%zu" : "%s", name, target);
    return out;
}

enum err_kind pg_sink_new(const struct plan *plan, const struct pg_sink_options *options,
                          struct sink **ret_sink, struct err *reterr) {
    (void)reterr; /* connecting comes later: nothing can fail here */
    struct sink *sink = memory_new(1, sizeof *sink);
    sink->plan = plan;
    sink->log = options->log;
    sink->clock = options->clock;
    sink->identity.cluster_id = arena_copy(&sink->memory, options->identity.cluster_id);
    sink->identity.hash = arena_copy(&sink->memory, options->identity.hash);
    (void)snprintf(sink->link.password_file, sizeof sink->link.password_file, "%s",
                   options->password_file ? options->password_file : "");
    sink->link.keywords = link_keywords(options, &sink->link.values);
    sink->column_cap = columns_max(plan);
    sink->columns = memory_new(sink->column_cap, sizeof *sink->columns);
    uint64_t seed =
        (uint64_t)sink->clock.wall_us(sink->clock.ctx) ^ ((uint64_t)getpid() << 32) ^ 1U;
    sink->link.backoff = backoff_init(BACKOFF_FIRST_MS, BACKOFF_MAX_MS, seed);
    sink->deadline_ms = 0; /* connect at once */
    sink->answer_check_ms = options->answer_check_ms ? options->answer_check_ms : ANSWER_CHECK_MS;
    sink->link.statement_limit_s = STATEMENT_LIMIT_S;
    *ret_sink = sink;
    return ERR_NONE;
}

void pg_sink_destroy(struct sink **sink_ptr) {
    struct sink *sink = *sink_ptr;
    if (!sink) {
        return;
    }
    PQfinish(sink->link.conn);
    PQfinish(sink->probe.conn);
    link_keywords_free(&sink->link.keywords, &sink->link.values);
    arena_clear(&sink->memory);
    for (size_t c = 0; c < sink->column_cap; c++) {
        buf_clear(&sink->columns[c]);
    }
    free(sink->columns);
    buf_clear(&sink->scratch);
    slicer_clear(&sink->slicer);
    row_array_clear(&sink->load.rows);
    bisect_clear(sink);
    params_clear(&sink->params);
    free(sink->flight.steps);
    arena_clear(&sink->results);
    free(sink);
    *sink_ptr = NULL;
}

const char *pg_sink_ddl(const struct plan *plan) {
    return plan_has_lookups(plan) ? SQL_DDL : SQL_DDL_OLD;
}

static bool ready(const struct sink *sink) {
    return sink->link.state == LINK_UP && !sink->job && sink->events.count == 0;
}

static void commit(struct sink *sink, const struct txn *txn) {
    assert(ready(sink));
    sink->write = (struct write){.txn = txn};
    sink->bisection.refusal_count = 0;
    if (txn->parts[0]->savepoints) {
        assert(txn->part_count == 1);
        job_begin(sink, &bisect_job, !txn->load);
        bisect_begin(sink);
        return;
    }
    job_begin(sink, txn->load ? &load_job : &commit_job, !txn->load);
}

static void acquire(struct sink *sink, const int32_t *tasks, size_t count, const char *owner) {
    assert(ready(sink));
    sink->tasks = (struct task_list){.items = tasks, .count = count};
    sink->acquire = (struct acquire){.owner = owner};
    job_begin(sink, &acquire_job, true);
}

static void newest(struct sink *sink, const int32_t *tasks, size_t count) {
    assert(ready(sink));
    sink->tasks = (struct task_list){.items = tasks, .count = count};
    job_begin(sink, &newest_job, true);
}

static void check(struct sink *sink, int table, const struct row_array *rows) {
    assert(ready(sink));
    sink->check.table = table;
    slicer_reset(&sink->slicer);
    slicer_add(&sink->slicer, rows);
    job_begin(sink, &check_job, true);
}

static void drive(struct sink *sink) {
    if (!sink->job) {
        link_drive(sink);
    }
    if (sink->job && sink->load.copying) {
        sink->job->copy(sink);
    }
    if (sink->job && !sink->load.copying) {
        flight_drive(sink);
    }
    probe_drive(sink);
    if (sink->job && sink->deadline_ms >= 0 && clock_mono_ms(&sink->clock) >= sink->deadline_ms) {
        struct sink_event lost = job_event(SINK_LOST, "", "OLAP connection: no answer to a job");
        sink_drop(sink, &lost.err);
    }
}

static void sink_poll(struct sink *sink, struct sink_event *ret_event) {
    if (sink->events.given) {
        arena_reset(&sink->results);
        sink->events.given = false;
    }
    if (sink->events.count == 0) {
        drive(sink);
    }
    if (sink->events.count == 0) {
        *ret_event = (struct sink_event){.kind = SINK_NOTHING};
        return;
    }
    *ret_event = sink->events.items[0];
    sink->events.count--;
    memmove(sink->events.items, sink->events.items + 1,
            sink->events.count * sizeof sink->events.items[0]);
    sink->events.given = true;
}

static void wait_for(const struct sink *sink, int *ret_fd, short *ret_events,
                     int64_t *ret_deadline_ms) {
    *ret_fd = sink->link.conn ? PQsocket(sink->link.conn) : -1;
    *ret_events = POLLIN;
    *ret_deadline_ms = probe_wait_until(sink, sink->deadline_ms);
    if (sink->link.state == LINK_CONNECTING) {
        *ret_events = sink->link.polling == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    } else if (sink->job && sink->flight.blocked) {
        *ret_events = POLLIN | POLLOUT;
    }
    bool more =
        sink->job && (sink->load.copying ? sink->load.phase == COPY_ROWS : sink->flight.open);
    if (sink->events.count > 0 || (more && !sink->flight.blocked)) {
        *ret_deadline_ms = 0; /* at once */
    }
}

const struct sink_ops pg_sink_ops = {.ready = ready,
                                     .commit = commit,
                                     .acquire = acquire,
                                     .newest = newest,
                                     .check = check,
                                     .poll = sink_poll,
                                     .wait = wait_for};
