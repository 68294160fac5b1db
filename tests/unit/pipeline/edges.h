/* edges.h: Kafka and the OLAP database as a test wants them.
 *
 * What:    consume_ops and sink_ops over events that the test puts into them; the sink answers by
 *          itself and keeps the newest progress rows.
 * Errors:  a test that puts in too much fails by the sanitizers.
 * Limits:  the arrays below.
 */
#ifndef TEST_EDGES_H
#define TEST_EDGES_H

#include "pipeline/member.h"

#include <stdio.h>

#define TASKS 2

/* Events wait here until the member polls for them. */
struct consume {
    struct consume_event group[8], records[512];
    size_t group_count, record_count;
    struct topic_position pairs[TASKS * 2];
    int64_t end;          /* of every partition */
    int untold;           /* but of this table, counted from 1: it has no topic of its own */
    int64_t heartbeat_ms; /* 0: none was read */
    bool paused[2][TASKS];
    int commits; /* of offsets; the last one's: */
    int64_t committed[2][TASKS];
    int assigns; /* answered; the last one's: */
    struct topic_position assigned[TASKS * 2];
    size_t assigned_count;
};

struct sink {
    struct sink_event events[8];
    size_t event_count;
    bool connected, busy, silent; /* silent: commits are not answered */
    struct sink_result results[TASKS];
    struct progress newest[TASKS];
    const char *refused; /* a check of rows with this text in them is refused; NULL: none */
    int checks;
    size_t rows[TASKS]; /* by task: of the last transaction; nothing: it had no part in it */
    target_set to_fill[TASKS], filled[TASKS]; /* by task: what acquisition says; all marks so far */
};

/* ---- Kafka ---- */

static void poll_group(struct consume *consume, struct consume_event *ret_event) {
    if (consume->group_count > 0) {
        *ret_event = consume->group[0];
        memmove(consume->group, consume->group + 1,
                --consume->group_count * sizeof *consume->group);
    }
}

static size_t poll_records(struct consume *consume, struct consume_event *events, size_t max) {
    size_t count = consume->record_count < max ? consume->record_count : max;
    memcpy(events, consume->records, count * sizeof *events);
    consume->record_count -= count;
    memmove(consume->records, consume->records + count, consume->record_count * sizeof *events);
    return count;
}

/* A record's handle counts how often it was given back. */
static void release(struct consume *consume, void *handle) {
    (void)consume;
    if (handle) {
        ++*(int *)handle;
    }
}

static enum err_kind assign(struct consume *consume, const struct topic_position *positions,
                            size_t count, struct err *reterr) {
    (void)reterr;
    consume->assigns++;
    consume->assigned_count = count;
    memcpy(consume->assigned, positions, count * sizeof *positions);
    return ERR_NONE;
}

static void revoked(struct consume *consume) {
    (void)consume;
}

static void pause_partition(struct consume *consume, int table, int32_t partition, bool paused) {
    consume->paused[table][partition] = paused;
}

static void commit_offsets(struct consume *consume, const struct topic_position *positions,
                           size_t count) {
    consume->commits++;
    for (size_t i = 0; i < count; i++) {
        consume->committed[positions[i].table][positions[i].partition] = positions[i].offset;
    }
}

static void members(struct consume *consume, char *out, size_t size) {
    (void)consume;
    (void)snprintf(out, size, "another");
}

static void announce(struct consume *consume, const char *sink, const char *sink_name) {
    (void)consume;
    (void)sink;
    (void)sink_name;
}

static int64_t heartbeat_ms(const struct consume *consume) {
    return consume->heartbeat_ms;
}

static int64_t log_end(const struct consume *consume, int table, int32_t partition) {
    (void)partition;
    return table + 1 == consume->untold ? -1 : consume->end;
}

static const struct consume_ops consume_ops = {
    .poll_group = poll_group,
    .poll_records = poll_records,
    .release = release,
    .assign = assign,
    .revoked = revoked,
    .pause = pause_partition,
    .commit = commit_offsets,
    .members = members,
    .announce = announce,
    .log_end = log_end,
    .heartbeat_ms = heartbeat_ms,
};

/* ---- the sink ---- */

static void tell_sink(struct sink *sink, enum sink_event_kind kind, const char *message) {
    struct sink_event *event = &sink->events[sink->event_count++];
    *event = (struct sink_event){.kind = kind, .results = sink->results};
    (void)err_set(&event->err, ERR_RETRY, "%s", message);
    sink->connected = kind == SINK_CONNECTED || (sink->connected && kind != SINK_LOST);
    sink->busy &= kind != SINK_LOST;
}

static bool sink_ready(const struct sink *sink) {
    return sink->connected && !sink->busy;
}

static void sink_commit(struct sink *sink, const struct txn *txn) {
    sink->busy = true;
    memset(sink->rows, 0, sizeof sink->rows);
    for (size_t i = 0; i < txn->part_count; i++) {
        sink->rows[txn->parts[i]->task] = txn_part_rows(txn->parts[i]);
        sink->newest[txn->parts[i]->task] = txn->parts[i]->after;
        sink->filled[txn->parts[i]->task] |= txn->parts[i]->filled;
    }
    if (!sink->silent) {
        tell_sink(sink, SINK_COMMITTED, "");
        sink->events[sink->event_count - 1].upserted_count = 3;
        sink->events[sink->event_count - 1].deleted_count = 1;
    }
}

static void answer_results(struct sink *sink, const int32_t *tasks, size_t count,
                           enum sink_event_kind kind) {
    sink->busy = true;
    for (size_t i = 0; i < count; i++) {
        sink->results[i] =
            (struct sink_result){.task = tasks[i],
                                 .newest = sink->newest[tasks[i]],
                                 .to_fill = sink->to_fill[tasks[i]] & ~sink->filled[tasks[i]]};
    }
    tell_sink(sink, kind, "");
    sink->events[sink->event_count - 1].result_count = count;
}

static void sink_acquire(struct sink *sink, const int32_t *tasks, size_t count, const char *owner) {
    for (size_t i = 0; i < count; i++) {
        struct progress *newest = &sink->newest[tasks[i]];
        newest->exists = true;
        newest->seq++;
        (void)snprintf(newest->owner, sizeof newest->owner, "%s", owner);
    }
    answer_results(sink, tasks, count, SINK_ACQUIRED);
}

static void sink_newest(struct sink *sink, const int32_t *tasks, size_t count) {
    answer_results(sink, tasks, count, SINK_NEWEST);
}

static void sink_check(struct sink *sink, int table, const struct row_array *rows) {
    (void)table;
    bool refused = false;
    for (size_t c = 0; sink->refused && c < rows->column_count; c++) {
        struct str text = buf_view(&rows->columns[c]);
        refused |= memmem(text.ptr, text.len, sink->refused, strlen(sink->refused)) != NULL;
    }
    sink->busy = true;
    sink->checks++;
    tell_sink(sink, refused ? SINK_REFUSED : SINK_CHECKED, refused ? "it does not fit" : "");
}

static void sink_poll(struct sink *sink, struct sink_event *ret_event) {
    if (sink->event_count > 0) {
        *ret_event = sink->events[0];
        memmove(sink->events, sink->events + 1, --sink->event_count * sizeof *sink->events);
        sink->busy &= ret_event->kind == SINK_CONNECTED;
    }
}

static const struct sink_ops sink_ops = {
    .ready = sink_ready,
    .commit = sink_commit,
    .acquire = sink_acquire,
    .newest = sink_newest,
    .check = sink_check,
    .poll = sink_poll,
};

#endif
