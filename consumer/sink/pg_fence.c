/* How every fenced transaction begins and ends, and what follows a lock timeout.
 *
 * A lock that times out is held by a frozen process or by another writer. The newest progress rows
 * say which: if they are still ours, the holder is terminated and the caller tries again. If not,
 * we are fenced and must not terminate what may be the new owner's initial load.
 */
#include "sink/pg_internal.h"
#include "sink/statements.h"

#include <inttypes.h>
#include <stdlib.h>

enum round { ROUND_WRITE, ROUND_NEWEST = 100, ROUND_TERMINATE };

static void send_fence(struct sink *sink) {
    const struct txn *txn = sink->write.txn;
    struct buf *c = sink->columns, *text = &sink->scratch;
    const uint32_t types[] = {OID_INT4, OID_INT8, OID_TEXT, OID_TEXT, OID_TEXT, OID_TEXT, OID_INT8};
    const uint32_t arrays[] = {OID_INT4_ARRAY, OID_INT8_ARRAY, OID_TEXT_ARRAY, OID_TEXT_ARRAY,
                               OID_TEXT_ARRAY, OID_TEXT_ARRAY, OID_INT8_ARRAY};
    const size_t count = sizeof types / sizeof types[0];
    for (size_t i = 0; i < count; i++) {
        array_begin(&c[i], types[i]);
    }
    for (size_t i = 0; i < txn->part_count; i++) {
        const struct txn_part *part = txn->parts[i];
        array_add_int32(&c[0], part->task);
        array_add_int64(&c[1], part->before.seq);
        buf_reset(text);
        offsets_text(text, &part->before, part->table_count);
        array_add(&c[2], buf_view(text));
        buf_reset(text);
        offsets_text(text, &part->after, part->table_count);
        array_add(&c[3], buf_view(text));
        array_add(&c[4], str_from(part->before.owner));
        buf_reset(text);
        anchors_text(text, &part->after, part->table_count);
        array_add(&c[5], buf_view(text));
        array_add_int64(&c[6], part->before.generation);
    }
    params_begin(sink);
    params_add(sink, OID_TEXT, sink->plan->name);
    for (size_t i = 0; i < count; i++) {
        array_end(&c[i], txn->part_count);
        params_add(sink, arrays[i], buf_view(&c[i]));
    }
    flight_prepared(sink, (struct step){STEP_FENCE, 0, 0}, "sync_fence");
}

void send_begin(struct sink *sink) {
    size_t count = sink->write.txn->part_count;
    int32_t *tasks = arena_alloc(&sink->results, count * sizeof *tasks);
    for (size_t i = 0; i < count; i++) {
        tasks[i] = sink->write.txn->parts[i]->task;
    }
    sink->tasks = (struct task_list){.items = tasks, .count = count};
    params_begin(sink);
    flight_prepared(sink, (struct step){STEP_BEGIN, 0, 0}, "sync_begin");
    if (sink->link.statement_limit_s > STATEMENT_LIMIT_S) {
        buf_reset(&sink->scratch);
        buf_printf(&sink->scratch, "SET LOCAL statement_timeout = '%ds'",
                   sink->link.statement_limit_s);
        buf_append(&sink->scratch, "", 1);
        flight_query(sink, (struct step){STEP_SET, 0, 0}, sink->scratch.ptr);
    }
    send_lock(sink);
    params_begin(sink);
    flight_prepared(sink, (struct step){STEP_TABLE, 0, 0}, "sync_table");
    send_fence(sink);
}

void send_commit(struct sink *sink) {
    params_begin(sink);
    flight_prepared(sink, (struct step){STEP_COMMIT, 0, 0}, "sync_commit");
}

void write_answer(struct sink *sink, struct step step, PGresult *result) {
    struct write *write = &sink->write;
    if (step.kind == STEP_DELETE || step.kind == STEP_FILTER) {
        write->counts[step.target].deleted += strtoull(PQcmdTuples(result), NULL, 10);
    } else if (step.kind == STEP_UPSERT || step.kind == STEP_LOAD) {
        write->counts[step.target].upserted += strtoull(PQcmdTuples(result), NULL, 10);
    } else if (step.kind == STEP_COMMIT) {
        write->committed = strcmp(PQcmdStatus(result), "COMMIT") == 0;
    } else {
        contention_answer(sink, step, result);
    }
}

void write_end(struct sink *sink) {
    if (!sink->write.committed) {
        struct sink_event again = job_event(SINK_AGAIN, "", "commit: not answered with COMMIT");
        job_end(sink, &again);
        return;
    }
    sink->link.statement_limit_s = STATEMENT_LIMIT_S;
    struct sink_event committed = {.kind = SINK_COMMITTED,
                                   .counts = sink->write.counts,
                                   .refusals = sink->bisection.refusals,
                                   .refusal_count = sink->bisection.refusal_count};
    for (size_t t = 0; t < sink->plan->target_count; t++) {
        committed.deleted_count += sink->write.counts[t].deleted;
        committed.upserted_count += sink->write.counts[t].upserted;
    }
    job_end(sink, &committed);
}

void write_fail(struct sink *sink) {
    if (strcmp(sink->flight.failure.sqlstate, "57014") == 0 &&
        sink->link.statement_limit_s < STATEMENT_LIMIT_MAX_S) {
        sink->link.statement_limit_s *= 2;
        log_line(sink->log, LOG_WARN, "sink", "statement_limit", "step=%s seconds=%d",
                 step_name(sink->flight.failure.step.kind), sink->link.statement_limit_s);
    }
    job_fail(sink);
}

bool contention_needed(const struct sink *sink) {
    const struct failure *failure = &sink->flight.failure;
    return failure->set && failure->step.kind == STEP_LOCK &&
           strcmp(failure->sqlstate, "55P03") == 0;
}

bool contention_is_on(const struct sink *sink) {
    return sink->round >= ROUND_NEWEST;
}

bool sent_instead(struct sink *sink) {
    if (contention_is_on(sink)) {
        contention_send(sink);
        return true;
    }
    if (sink->flight.failure.set) {
        flight_sync(sink);
        return true;
    }
    return false;
}

void contention_begin(struct sink *sink) {
    sink->round = ROUND_NEWEST;
    flight_begin(sink);
}

void contention_send(struct sink *sink) {
    if (sink->round == ROUND_NEWEST) {
        params_begin(sink);
        flight_query(sink, (struct step){STEP_ROLLBACK, 0, 0}, "ROLLBACK");
        send_newest(sink);
    } else {
        send_terminate(sink);
    }
    flight_sync(sink);
}

void contention_answer(struct sink *sink, struct step step, const PGresult *result) {
    if (step.kind == STEP_TERMINATE) {
        log_terminated(sink, result);
    }
    for (int i = 0; step.kind == STEP_READ && i < PQntuples(result); i++) {
        struct progress newest;
        const struct txn_part *part = sink->write.txn->parts[i];
        if (read_be32(PQgetvalue(result, i, 0)) != part->task ||
            !read_progress(sink->plan, result, i, &newest) ||
            !progress_equal(&newest, &part->before, sink->plan->relation_count)) {
            sink->write.stale = true;
        }
    }
}

void contention_synced(struct sink *sink) {
    if (sink->flight.failure.set) {
        job_fail(sink);
        return;
    }
    if (sink->write.stale) {
        struct sink_event fenced =
            job_event(SINK_FENCED, "55P03", "lock: held, and the newest row is another writer's");
        job_end(sink, &fenced);
        return;
    }
    if (sink->round == ROUND_NEWEST) {
        sink->round = ROUND_TERMINATE;
        flight_begin(sink);
        return;
    }
    struct sink_event again =
        job_event(SINK_AGAIN, "55P03", "lock: held too long by a session, which was terminated");
    job_end(sink, &again);
}

void log_terminated(struct sink *sink, const PGresult *result) {
    for (int i = 0; i < PQntuples(result); i++) {
        log_line(sink->log, LOG_WARN, "sink", "lock_holder_terminated",
                 "task=%" PRId32 " pid=%" PRId32, read_be32(PQgetvalue(result, i, 1)),
                 read_be32(PQgetvalue(result, i, 0)));
    }
}
