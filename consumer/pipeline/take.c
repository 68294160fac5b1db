/* Records from Kafka into the tasks: held for their transaction, or put into the state at once
 * while a cache is filled. */
#include "pipeline/member_impl.h"

#define EVENTS_A_STEP 256 /* taken in one step at most: the sink must be looked after too */
#define SHARE_MIN     ((size_t)64 << 10)
#define SHORT_CHUNKS  4 /* transactions of a fan-out that others rather wait for: see is_slow */

static bool holds_records(const struct task *task) {
    return task->phase == TASK_LIVE || task->phase == TASK_SILENT || task->phase == TASK_WRITING;
}

/* Of a slow task: what it holds does not count with the others', but has its share of their bound.
 */
static bool is_full(const struct member *m, const struct task *task) {
    size_t share = m->o.held_max_bytes / (size_t)m->partition_count;
    share = share > SHARE_MIN ? share : SHARE_MIN;
    return holds_records(task) &&
           (batch_full(&task->next, m->o.batch_max_rows) || batch_bytes(&task->next) >= share);
}

/* The task won't take records soon, while others could: its partitions are paused rather than all
 * kept waiting. Not lightly: librdkafka drops what it has fetched of a paused partition. */
static bool is_slow(const struct member *m, const struct task *task) {
    return task->phase != TASK_LIVE ||
           (task->conflict_since_ms > 0 && SAFEGUARD("a task in conflict lets others read")) ||
           task->work.chunk_count > SHORT_CHUNKS || task->session->load_task ||
           task->session->hunt || !task_is_proven(task, m->plan->relation_count);
}

static bool holds_freely(const struct member *m, const struct task *task) {
    return task_reads(task) && !is_slow(m, task);
}

/* A silent task goes on reading what it does not hold: the topics that lie behind the sink. So does
 * a task whose log is not known yet. */
static bool may_pause(const struct task *task, size_t t) {
    if (task->proof[t].timestamp_ms != 0) {
        return false;
    }
    return task->phase != TASK_SILENT || task->position[t] >= task->progress.offsets[t];
}

static void pause_task(struct member *m, struct task *task, bool paused) {
    for (size_t t = 0; t < m->plan->relation_count; t++) {
        bool wanted = paused && may_pause(task, t);
        if (task->paused[t] != wanted) {
            task->paused[t] = wanted;
            m->o.consume_ops->pause(m->o.consume, (int)t, task->number, wanted);
        }
    }
}

/* The tasks that most of what was taken lately belongs to. Returns whether others took something,
 * too. */
static bool find_busy(struct member *m) {
    size_t tasks = 0, taken = 0;
    for (int32_t p = 0; p < m->partition_count; p++) {
        if (holds_freely(m, m->tasks[p])) {
            tasks++;
            taken += m->tasks[p]->taken_bytes;
        }
    }
    bool others = false;
    for (int32_t p = 0; p < m->partition_count; p++) {
        struct task *task = m->tasks[p];
        if (holds_freely(m, task)) {
            task->busy = task->taken_bytes * tasks * 2 >= taken;
            others |= !task->busy && task->taken_bytes > 0;
        }
    }
    return others;
}

/* What is held has reached its bound, or has gone down from it far enough. */
static void watch_held(struct member *m, size_t held) {
    if (m->hold == HOLD_NONE && held >= m->o.held_max_bytes) {
        m->hold = find_busy(m) ? HOLD_BUSY : HOLD_ALL;
    } else if ((m->hold == HOLD_ALL && held <= m->o.held_max_bytes / 4 * 3) ||
               (m->hold == HOLD_BUSY && held <= m->o.held_max_bytes / 2)) {
        m->hold = HOLD_NONE;
        for (int32_t p = 0; p < m->partition_count; p++) {
            if (m->tasks[p]) {
                m->tasks[p]->taken_bytes = 0;
                m->tasks[p]->busy = false;
            }
        }
    }
}

/* Whether more records may be taken; pauses and resumes tasks. Where the bound is reached and some
 * tasks are quiet, the busy ones are paused: the client delivers all partitions through one queue.
 */
static bool has_room(struct member *m) {
    size_t held = 0;
    for (int32_t p = 0; p < m->partition_count; p++) {
        const struct task *task = m->tasks[p];
        held += holds_freely(m, task) ? batch_bytes(&task->current) + batch_bytes(&task->next) : 0;
    }
    watch_held(m, held);
    for (int32_t p = 0; p < m->partition_count; p++) {
        struct task *task = m->tasks[p];
        if (task_reads(task)) {
            bool busy = m->hold == HOLD_BUSY && task->busy;
            pause_task(m, task, is_slow(m, task) ? is_full(m, task) : busy);
        }
    }
    return m->hold != HOLD_ALL && held <= m->o.held_max_bytes / 2 * 3;
}

/* A record so old when it is read that others between it and us may have been compacted away: only
 * a task that has just been opened, after a long time, can meet one. */
static bool too_old(const struct member *m, const struct record *record) {
    return record->timestamp_ms > 0 && SAFEGUARD("a log left unread for long is read anew") &&
           clock_wall_ms(&m->o.clock) - record->timestamp_ms > m->o.min_compaction_lag_ms / 2;
}

static void log_record(const struct member *m, const struct record *record,
                       const struct change *change) {
    if (log_enabled(m->o.log, LOG_DEBUG)) {
        char key[256] = "-";
        if (change->key.ptr) {
            (void)row_key_show(&m->plan->relations[record->table], change->key, key, sizeof key);
        }
        log_line(m->o.log, LOG_DEBUG, "pipeline", "record",
                 "topic=%s partition=%d offset=%lld op=%c %s",
                 m->plan->relations[record->table].topic.ptr, record->partition,
                 (long long)record->offset, (char)change->op, key);
    }
}

static void hold_record(struct member *m, struct task *task, const struct record *record) {
    struct pending item = {.kind = PENDING_CHANGE, .record = *record};
    struct err err;
    struct arena *arena = &task->next.arena;
    enum err_kind kind = decode(m->decoder, record, arena, &item.change, &err);
    if (SAFEGUARD("a live task sees decisions")) {
        kind = task_decision(m, task, record, kind, &err);
    }
    if (kind == ERR_NONE) {
        log_record(m, record, &item.change);
        report_change(m, task, record, &item.change);
    }
    if (kind != ERR_NONE) {
        item.kind = kind == ERR_RECORD ? PENDING_LETTER : PENDING_HALT;
        struct err *copy = arena_alloc(arena, sizeof *copy);
        *copy = err;
        item.err = copy;
    }
    task->taken_bytes += record->key.len + record->value.len;
    batch_add(&task->next, &item);
}

/* A rebuild writes the rows that the log touched at or after the sink's offsets. */
static enum err_kind touch(struct task *task, int table, int64_t offset, struct str key,
                           bool deleted, struct err *reterr) {
    bool touches =
        task->phase == TASK_READING && !task->initial && offset >= task->progress.offsets[table];
    return touches && SAFEGUARD("a rebuild writes what it read")
               ? state_touch(task->state, table, key, deleted, reterr)
               : ERR_NONE;
}

static enum err_kind set(struct task *task, int table, struct str key, struct str value,
                         struct err *reterr) {
    return task->phase == TASK_READING ? state_bulk_put(task->state, table, key, value, reterr)
                                       : state_set(task->state, table, key, value, reterr);
}

/* What a record says about its row, into the state, without writing to the sink. */
static enum err_kind apply_change(struct task *task, const struct change *change,
                                  const struct record *record, struct err *reterr) {
    if (change->blank && SAFEGUARD("blank rows that are replayed are known")) {
        enum err_kind kind = state_number_add(task->state, change->blank, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
    }
    if (!change->key.ptr) {
        return ERR_NONE;
    }
    bool refused = task->phase == TASK_READING && task_meets_refused(task, change, record);
    bool deleted = refused || change->op == CHANGE_DELETE;
    enum err_kind kind =
        set(task, change->table, change->key, deleted ? STR_NONE : change->value, reterr);
    return kind != ERR_NONE
               ? kind
               : touch(task, change->table, record->offset, change->key, deleted, reterr);
}

/* A dead letter that stands in the sink counts as absent from the log: its row keeps the version
 * before it. Its offset is passed in the sink: nothing is to be written for it. */
static enum err_kind apply_letter(struct task *task, const struct known_letter *letter,
                                  struct err *reterr) {
    return letter->row_key.ptr ? set(task, letter->table, letter->row_key, letter->kept, reterr)
                               : ERR_NONE;
}

/* READING can't decode a record: its row stays what it is so far. Where that is nothing, the sink
 * may still hold a version that was compacted away. */
static enum err_kind put_aside(const struct member *m, struct task *task,
                               const struct record *record, struct str row_key,
                               const struct err *why, struct err *reterr) {
    bool absent = false;
    enum err_kind kind = task_found_letter(m, task, record, row_key, why, &absent, reterr);
    return kind == ERR_NONE && row_key.ptr &&
                   (!absent || SAFEGUARD("a row that the log has lost is deleted"))
               ? touch(task, record->table, record->offset, row_key, absent, reterr)
               : kind;
}

static void apply_silently(struct member *m, struct task *task, const struct record *record) {
    struct err err;
    const struct known_letter *letter;
    enum err_kind kind = task_letter_of(m, task, record, &letter, &err);
    if (kind == ERR_NONE && letter) {
        kind = SAFEGUARD("what a letter keeps is applied") ? apply_letter(task, letter, &err)
                                                           : ERR_NONE;
    } else if (kind == ERR_NONE) {
        struct change change;
        arena_reset(&m->scratch);
        kind = decode(m->decoder, record, &m->scratch, &change, &err);
        if (SAFEGUARD("a rebuild sees decisions")) {
            kind = task_decision(m, task, record, kind, &err);
        }
        if (kind == ERR_NONE) {
            report_change(m, task, record, &change);
            kind = apply_change(task, &change, record, &err);
        } else if (kind == ERR_RECORD && task->phase == TASK_READING) {
            struct err why = err;
            kind = put_aside(m, task, record, change.key, &why, &err);
        } else if (kind == ERR_RECORD) {
            kind = ERR_NONE; /* its transaction is in the sink: it was no obstacle then */
        }
    }
    if (kind != ERR_NONE) {
        verdict_fail(&task->verdict, &err);
    }
}

/* SILENT ends when every topic has come to the sink's offset; READING when every topic's end was
 * seen. */
static void after_progress(struct member *m, struct task *task) {
    bool silent_done = true, reading_done = true;
    if (task_awaits_verdict(task)) {
        return;
    }
    for (size_t t = 0; t < m->plan->relation_count; t++) {
        silent_done &= task->position[t] >= task->progress.offsets[t] ||
                       !SAFEGUARD("a replay reads to the progress of every topic");
        reading_done &=
            task->at_end[t] || (!SAFEGUARD("a rebuild reads to the end of the log") &&
                                !task->initial && task->position[t] >= task->progress.offsets[t]);
    }
    if (task->phase == TASK_SILENT && silent_done) {
        task_set_live(m, task);
    } else if (task->phase == TASK_READING && reading_done) {
        task_begin_writing(m, task);
    }
}

/* Records before this one were compacted away unread. What they said, a record behind them says
 * once more that was in the log by then. */
static void note_gap(const struct member *m, struct task *task, const struct record *record) {
    int t = record->table;
    if (task->phase != TASK_READING && record->offset > task->position[t] &&
        SAFEGUARD("gaps in the log are noted")) {
        int64_t end = m->o.consume_ops->log_end(m->o.consume, t, record->partition);
        task->gap_end[t] = end >= 0 ? end : INT64_MAX;
    }
}

static bool take_record(struct member *m, struct task *task, const struct record *record) {
    bool first = !task->first_seen[record->table];
    task->first_seen[record->table] = true;
    if (first && task->phase != TASK_READING && task->phase != TASK_WRITING && too_old(m, record)) {
        verdict_distrust(&task->verdict, DISCARD_LOG_TOO_OLD);
        return false;
    }
    note_gap(m, task, record);
    task->position[record->table] = record->offset + 1;
    task->read[record->table] = record_mark(record);
    bool live = record->offset >= task->progress.offsets[record->table];
    if (holds_records(task) && (task->phase != TASK_SILENT || live)) {
        hold_record(m, task, record);
        return true;
    }
    apply_silently(m, task, record);
    return false;
}

/* The first record at or after the proof says whether this is the log that was applied: a record
 * never changes its time. false: it is another one, and the task halts. */
static bool log_is_known(struct member *m, struct task *task, const struct record *record) {
    struct mark *proof = &task->proof[record->table];
    if (proof->timestamp_ms == 0 || record->offset < proof->offset) {
        return true;
    }
    int64_t applied_ms = proof->timestamp_ms;
    /* else it was compacted away */
    bool here = record->offset == proof->offset || !SAFEGUARD("only the record itself is compared");
    proof->timestamp_ms = 0;
    if (!here || applied_ms == PROOF_ANY || record->timestamp_ms <= 0 ||
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
    (void)err_about(&err, m->plan->relations[record->table].topic.ptr, task->number,
                    record->offset);
    verdict_halt(&task->verdict, &err);
    return false;
}

/* The partition can't be read at the proof (records were deleted on purpose, up to what comes
 * next), or where the task would go on: that is seen there. */
static void take_halt(struct member *m, struct task *task, const struct consume_event *event) {
    struct mark *proof = &task->proof[event->record.table];
    if (proof->timestamp_ms > 0 && SAFEGUARD("records deleted on purpose prove nothing")) {
        proof->timestamp_ms = PROOF_ANY;
        member_needs_assign(m);
        return;
    }
    verdict_halt(&task->verdict, &event->err);
}

static void take_end(struct member *m, struct task *task, const struct record *end) {
    int t = end->table;
    if (end->offset > task->position[t]) {
        task->position[t] = end->offset; /* the rest was compacted away */
    }
    task->at_end[t] = true;
    bool replays =
        (task->phase == TASK_SILENT && SAFEGUARD("a replay sees a log that is too short")) ||
        (task->phase == TASK_READING && !task->initial &&
         SAFEGUARD("a rebuild sees a log that is too short"));
    bool proves =
        task->proof[t].timestamp_ms != 0 && SAFEGUARD("a proof sees a log that is too short");
    task->proof[t].timestamp_ms = 0;
    if ((replays || proves) && end->offset < task->progress.offsets[t]) {
        struct err err;
        (void)err_set(
            &err, ERR_HALT,
            "the log ends at offset %lld, but the OLAP database has applied it up to %lld: "
            "the topic was deleted and created again, or truncated. See docs/operations.md",
            (long long)end->offset, (long long)task->progress.offsets[t]);
        (void)err_about(&err, m->plan->relations[t].topic.ptr, task->number, end->offset);
        verdict_halt(&task->verdict, &err);
    }
}

static void take_event(struct member *m, struct consume_event *event) {
    struct record *record = &event->record;
    bool ours =
        event->kind == CONSUME_RECORD || event->kind == CONSUME_EOF || event->kind == CONSUME_HALT;
    struct task *task = ours && record->partition >= 0 && record->partition < m->partition_count
                            ? m->tasks[record->partition]
                            : NULL;
    bool held = false;
    if (event->kind == CONSUME_TROUBLE) {
        report_kafka_trouble(m, &event->err);
    } else if (event->kind == CONSUME_FATAL) {
        m->error = event->err;
    } else if (task_reads(task)) {
        if (event->kind == CONSUME_HALT) {
            take_halt(m, task, event);
        } else if (event->kind == CONSUME_EOF) {
            take_end(m, task, record);
            after_progress(m, task);
        } else if (log_is_known(m, task, record) &&
                   record->offset >= task->position[record->table]) {
            metrics_add(m->o.metrics, METRIC_RECORDS_TAKEN, (size_t)record->table, 1);
            held = take_record(m, task, record);
            after_progress(m, task);
        }
    }
    if (event->kind == CONSUME_RECORD && !held) {
        m->o.consume_ops->release(m->o.consume, record->handle);
    }
}

size_t take_records(struct member *m) {
    size_t total = 0;
    while (total < EVENTS_A_STEP && has_room(m)) {
        size_t count = m->o.consume_ops->poll_records(m->o.consume, m->events, EVENTS_MAX);
        for (size_t i = 0; i < count; i++) {
            take_event(m, &m->events[i]);
        }
        total += count;
        commit_dirty_caches(m);
        if (count < EVENTS_MAX) {
            break;
        }
    }
    return total;
}
