/* Records from Kafka into the tasks: held for their transaction, or put into the state at once
 * while a cache is filled. */
#include "pipeline/ingest.h"

#include "pipeline/arrival.h"
#include "pipeline/backfill.h"
#include "pipeline/checkpoint.h"
#include "pipeline/dead_letters.h"
#include "pipeline/flow.h"
#include "pipeline/lookup_topics.h"
#include "pipeline/phase.h"
#include "pipeline/replay.h"
#include "pipeline/report.h"

#define EVENTS_A_STEP 256 /* taken in one step at most: the sink must be looked after too */

/* A record so old when it is read that others between it and us may have been compacted away: only
 * a task that has just been opened, after a long time, can meet one. */
static bool too_old(const struct member_options *o, const struct record *record) {
    return record->timestamp_ms > 0 && SAFEGUARD("a log left unread for long is read anew") &&
           clock_wall_ms(&o->clock) - record->timestamp_ms > o->min_compaction_lag_ms / 2;
}

static void log_record(const struct member_options *o, const struct record *record,
                       const struct change *change) {
    if (log_enabled(o->log, LOG_DEBUG)) {
        char key[256] = "-";
        if (change->key.ptr) {
            (void)row_key_show(&o->plan->relations[record->table], change->key, key, sizeof key);
        }
        log_line(o->log, LOG_DEBUG, "pipeline", "record",
                 "topic=%s partition=%d offset=%lld op=%c %s",
                 o->plan->relations[record->table].slot.ptr, record->partition,
                 (long long)record->offset, (char)change->op, key);
    }
}

/* The bytes are the task's from now on; of a lookup topic's record they are every task's. */
static void hold(struct task *task, const struct pending *item, struct arrival *arrival) {
    const struct record *record = arrival->record;
    size_t bytes = record->key.len + record->value.len;
    if (arrival->readers == 0) {
        task->taken_bytes += bytes;
        batch_add(&task->next, item);
        return;
    }
    if (!*arrival->shared) {
        *arrival->shared = shared_record_new(record->handle);
    }
    task->taken_bytes += bytes / arrival->readers;
    batch_add_shared(&task->next, item, *arrival->shared, arrival->readers);
}

static void hold_record(struct member *m, struct task *task, struct arrival *arrival) {
    const struct record *record = arrival->record;
    struct pending item = {.kind = PENDING_CHANGE, .record = *record};
    struct err err;
    struct arena *arena = &task->next.arena;
    enum err_kind kind = arrival_decode(m, task, arrival, arena, &item.change, &err);
    if (arrival->readers > 0) {
        item.change.key = arena_copy(arena, item.change.key);
        item.change.value = arena_copy(arena, item.change.value);
    }
    if (SAFEGUARD("a live task sees decisions")) {
        kind = task_decision(&m->o, task, record, kind, &err);
    }
    if (kind == ERR_NONE) {
        log_record(&m->o, record, &item.change);
        arrival_report(m, task, arrival, &item.change);
    }
    if (kind != ERR_NONE) {
        item.kind = kind == ERR_RECORD ? PENDING_DEAD_LETTER : PENDING_HALT;
        struct err *copy = arena_alloc(arena, sizeof *copy);
        *copy = err;
        item.err = copy;
    }
    hold(task, &item, arrival);
}

/* CATCH_UP ends when every topic has come to the sink's offset; BOOTSTRAP_SCAN when every topic's
 * end was seen. */
static void after_progress(struct member *m, struct task *task) {
    bool caught_up = true, scanned = true;
    if (task_awaits_verdict(task)) {
        return;
    }
    for (size_t t = 0; t < m->plan->relation_count; t++) {
        caught_up &= task->position[t] >= task->progress.offsets[t] ||
                     !SAFEGUARD("a replay reads to the progress of every topic");
        scanned &=
            task->at_end[t] ||
            (!SAFEGUARD("a rebuild reads to the end of the log") && !task->initial &&
             task->position[t] >= task->progress.offsets[t]) ||
            (t >= m->core_count && !SAFEGUARD("lookups are read to their end before a load"));
    }
    if (task->phase == TASK_CATCH_UP && caught_up) {
        task_set_live(m, task);
    } else if (task->phase == TASK_BOOTSTRAP_SCAN && scanned) {
        backfill_begin(&m->o, task);
    }
}

/* Records before this one were compacted away unread. What they said, a record behind them says
 * once more that was in the log by then. */
static void note_gap(const struct member_options *o, struct task *task,
                     const struct record *record) {
    int t = record->table;
    if (task->phase != TASK_BOOTSTRAP_SCAN && record->offset > task->position[t] &&
        SAFEGUARD("gaps in the log are noted")) {
        int64_t end = task_log_end(o, task, (size_t)t);
        task->gap_end[t] = end >= 0 ? end : INT64_MAX;
    }
}

/* Returns whether the task holds the record. */
static bool ingest_record(struct member *m, struct task *task, struct arrival *arrival) {
    const struct record *record = arrival->record;
    bool first = !task->first_seen[record->table];
    task->first_seen[record->table] = true;
    if (first && task->phase != TASK_BOOTSTRAP_SCAN && task->phase != TASK_BACKFILL &&
        too_old(&m->o, record)) {
        verdict_distrust(&task->verdict, DISCARD_LOG_TOO_OLD);
        return false;
    }
    note_gap(&m->o, task, record);
    task->position[record->table] = record->offset + 1;
    task->read[record->table] = record_anchor(record);
    bool live = record->offset >= task->progress.offsets[record->table];
    if (task_holds_records(task) && (task->phase != TASK_CATCH_UP || live)) {
        hold_record(m, task, arrival);
        return true;
    }
    replay_record(m, task, arrival);
    return false;
}

/* The first record at or after the log anchor says whether this is the log that was applied: a
 * record never changes its time. false: it is another one, and the task halts. */
static bool log_is_known(const struct member_options *o, struct task *task,
                         const struct record *record) {
    struct log_anchor *anchor = &task->anchors_to_check[record->table];
    if (anchor->timestamp_ms == 0 || record->offset < anchor->offset) {
        return true;
    }
    int64_t applied_ms = anchor->timestamp_ms;
    /* else it was compacted away */
    bool here =
        record->offset == anchor->offset || !SAFEGUARD("only the record itself is compared");
    anchor->timestamp_ms = 0;
    if (!here || applied_ms == ANCHOR_ANY || record->timestamp_ms <= 0 ||
        record->timestamp_ms == applied_ms || !SAFEGUARD("the record applied last is compared")) {
        return true;
    }
    struct err err;
    (void)err_set(
        &err, ERR_HALT,
        "the record at offset %lld is not the one that was applied: its time is %lld, that one's "
        "was %lld (milliseconds since 1970). The topic was deleted and created again, or lost "
        "records, and was filled again. Nothing was written. See docs/operations.md",
        (long long)record->offset, (long long)record->timestamp_ms, (long long)applied_ms);
    (void)err_about(&err, o->plan->relations[record->table].slot.ptr, record->partition,
                    record->offset);
    verdict_halt(&task->verdict, &err);
    return false;
}

/* The partition can't be read at the log anchor (records were deleted on purpose, up to what comes
 * next), or where the task would go on: that is seen there. */
static void ingest_halt(struct member *m, struct task *task, const struct consume_event *event) {
    struct log_anchor *anchor = &task->anchors_to_check[event->record.table];
    if (anchor->timestamp_ms > 0 && SAFEGUARD("records deleted on purpose prove nothing")) {
        anchor->timestamp_ms = ANCHOR_ANY;
        member_needs_assign(m);
        return;
    }
    verdict_halt(&task->verdict, &event->err);
}

static void ingest_end(const struct member_options *o, struct task *task,
                       const struct record *end) {
    int t = end->table;
    if (end->offset > task->position[t]) {
        task->position[t] = end->offset; /* the rest was compacted away */
    }
    task->at_end[t] = true;
    bool replays =
        (task->phase == TASK_CATCH_UP && SAFEGUARD("a replay sees a log that is too short")) ||
        (task->phase == TASK_BOOTSTRAP_SCAN && !task->initial &&
         SAFEGUARD("a rebuild sees a log that is too short"));
    bool proves = task->anchors_to_check[t].timestamp_ms != 0 &&
                  SAFEGUARD("a log anchor shows a log that is too short");
    task->anchors_to_check[t].timestamp_ms = 0;
    bool applied = (replays || proves) && end->offset < task->progress.offsets[t];
    /* Where it is read again for others: of its own partition a task is told so by Kafka. */
    bool read = relation_is_whole(&o->plan->relations[t]) && end->offset < task->position[t] &&
                SAFEGUARD("a lookup topic that is shorter than what was read is seen");
    if (applied || read) {
        struct err err;
        (void)err_set(
            &err, ERR_HALT,
            "the log ends at offset %lld, but %s it up to %lld: "
            "the topic was deleted and created again, or truncated. See docs/operations.md",
            (long long)end->offset, applied ? "the OLAP database has applied" : "the task has read",
            (long long)(applied ? task->progress.offsets[t] : task->position[t]));
        (void)err_about(&err, o->plan->relations[t].slot.ptr, end->partition, end->offset);
        verdict_halt(&task->verdict, &err);
    }
}

/* Takes a record that the task has not read yet. Returns whether it holds it. */
static bool take_record(struct member *m, struct task *task, struct arrival *arrival) {
    const struct record *record = arrival->record;
    bool held = false;
    if (log_is_known(&m->o, task, record) && (record->offset >= task->position[record->table] ||
                                              !SAFEGUARD("a task skips what it has read"))) {
        if (!arrival->counted) {
            arrival->counted = true;
            metrics_add(m->o.metrics, METRIC_RECORDS_TAKEN, (size_t)record->table, 1);
        }
        held = ingest_record(m, task, arrival);
        after_progress(m, task);
    }
    return held;
}

/* What comes of a partition of a core topic, for the task of that number. */
static void ingest_core(struct member *m, struct consume_event *event) {
    struct record *record = &event->record;
    struct task *task = record->partition >= 0 && record->partition < m->partition_count
                            ? m->tasks[record->partition]
                            : NULL;
    bool held = false;
    if (task_reads(task)) {
        if (event->kind == CONSUME_HALT) {
            ingest_halt(m, task, event);
        } else if (event->kind == CONSUME_EOF) {
            ingest_end(&m->o, task, record);
            after_progress(m, task);
        } else {
            struct arrival arrival;
            arrival_begin(&arrival, record, 0, NULL);
            held = take_record(m, task, &arrival);
        }
    }
    if (event->kind == CONSUME_RECORD && !held) {
        m->o.consume_ops->release(m->o.consume, record->handle);
    }
}

/* A lookup topic is read for the task, and from no later than what it needs: what it has not got
 * would be missing without a sign, since a compacted log has gaps anyhow. */
static bool gets_lookups(const struct member *m, struct task *task, size_t lookup) {
    if (!task_reads(task) || task->cut[lookup]) {
        return false;
    }
    int64_t needs = member_reads_from(m, task, lookup);
    if (m->lookups[lookup].next <= needs ||
        !SAFEGUARD("records that passed a task by are noticed")) {
        return true;
    }
    struct err err;
    (void)err_set(&err, ERR_BUG,
                  "task %d needs offset %lld of a lookup topic that is read from %lld on",
                  (int)task->number, (long long)needs, (long long)m->lookups[lookup].next);
    log_err(m->o.log, LOG_ERROR, "pipeline", "passed_by", &err);
    verdict_reacquire(&task->verdict, REACQUIRED_CACHE, "records of a lookup topic passed it by");
    return false;
}

/* What comes of a lookup topic, in each role of its table. */
struct delivery {
    struct readers readers;
    struct consume_event events[2]; /* as the roles' own */
    struct arrival arrivals[2];
    struct shared_record *shared; /* NULL: nobody holds the record */
};

static size_t count_tasks(const struct member *m) {
    size_t tasks = 0;
    for (int32_t p = 0; p < m->partition_count; p++) {
        tasks += task_reads(m->tasks[p]);
    }
    return tasks;
}

static void delivery_begin(struct member *m, struct delivery *delivery,
                           const struct consume_event *event) {
    delivery->readers = member_readers(m, (size_t)event->record.table);
    delivery->shared = NULL;
    arena_reset(&m->lookup_scratch);
    size_t holders = count_tasks(m) * delivery->readers.count;
    for (size_t i = 0; i < delivery->readers.count; i++) {
        delivery->events[i] = *event;
        delivery->events[i].record.table = delivery->readers.relations[i];
        arrival_begin(&delivery->arrivals[i], &delivery->events[i].record, holders,
                      &delivery->shared);
    }
}

/* There is no room, for what the task has not read in some role. */
static bool must_cut(const struct member *m, const struct task *task, const struct record *record) {
    const struct readers readers = member_readers(m, (size_t)record->table);
    bool needed = false;
    for (size_t i = 0; i < readers.count; i++) {
        needed |= record->offset >= task->position[readers.relations[i]];
    }
    return task->paused[record->table] && needed;
}

/* In one role. */
static void deliver(struct member *m, struct task *task, struct consume_event *event,
                    struct arrival *arrival) {
    if (event->kind == CONSUME_RECORD) {
        (void)take_record(m, task, arrival);
    } else if (event->kind == CONSUME_EOF) {
        ingest_end(&m->o, task, &event->record);
        after_progress(m, task);
    } else if (task_read_from(task, event->record.table) <= event->record.offset) {
        ingest_halt(m, task, event);
    }
}

/* What comes of a lookup topic, for every task. */
static void ingest_lookup(struct member *m, struct consume_event *event) {
    struct record *record = &event->record;
    size_t t = (size_t)record->table;
    struct delivery delivery;
    delivery_begin(m, &delivery, event);
    for (int32_t p = 0; p < m->partition_count; p++) {
        struct task *task = m->tasks[p];
        if (!gets_lookups(m, task, t)) {
            continue;
        }
        if (event->kind == CONSUME_RECORD && must_cut(m, task, record)) {
            task->cut[t] = SAFEGUARD("what there is no room for is read again");
            continue;
        }
        for (size_t i = 0; i < delivery.readers.count && task_reads(task); i++) {
            deliver(m, task, &delivery.events[i], &delivery.arrivals[i]);
        }
    }
    if (event->kind == CONSUME_HALT) {
        member_needs_assign(m); /* for those that need only what lies behind */
        return;
    }
    int64_t next = record->offset + (event->kind == CONSUME_RECORD);
    m->lookups[t].next = next > m->lookups[t].next ? next : m->lookups[t].next;
    if (event->kind == CONSUME_RECORD && !delivery.shared) {
        m->o.consume_ops->release(m->o.consume, record->handle);
    }
}

static void ingest_event(struct member *m, struct consume_event *event) {
    bool ours =
        event->kind == CONSUME_RECORD || event->kind == CONSUME_EOF || event->kind == CONSUME_HALT;
    if (event->kind == CONSUME_TROUBLE) {
        report_kafka_trouble(m, &event->err);
    } else if (event->kind == CONSUME_FATAL) {
        member_fail(m, &event->err);
    } else if (event->kind == CONSUME_GONE) {
        lookup_topics_gone(m, event->record.table);
    } else if (ours && (size_t)event->record.table < m->parted_count) {
        ingest_core(m, event);
    } else if (ours) {
        ingest_lookup(m, event);
    }
}

size_t ingest_records(struct member *m) {
    size_t total = 0;
    while (total < EVENTS_A_STEP && flow_has_room(m)) {
        size_t count = m->o.consume_ops->poll_records(m->o.consume, m->events, EVENTS_MAX);
        for (size_t i = 0; i < count; i++) {
            ingest_event(m, &m->events[i]);
        }
        total += count;
        checkpoint_dirty(m);
        if (count < EVENTS_MAX) {
            break;
        }
    }
    return total;
}
