/* The job commit: one fenced transaction. BEGIN, lock, fence, deletes, checks, filter, upserts,
 * dead letters, trim, COMMIT are sent in one pipeline with one Sync. After a lock timeout (a frozen
 * process holds the lock) follow the rounds of pg_fence.c.
 */
#include "sink/pg_internal.h"

#include "base/safeguard.h"

#include <stdio.h>

enum phase {
    PHASE_OPEN,
    PHASE_DELETES,
    PHASE_CHECKS,
    PHASE_FILTER, /* of a view with WHERE */
    PHASE_UPSERTS,
    PHASE_CLEARED,
    PHASE_DEAD_LETTERS,
    PHASE_CLOSE
};

/* A row that WHERE does not let pass (any more) is one that the upsert leaves alone. */
bool filters(const struct target *target) {
    return target->sql_filter.ptr && SAFEGUARD("a row that leaves the filter is deleted");
}

/* Deletes go first: a key that one row gives up may be another's in the same transaction. */
static enum phase phase_after(const struct sink *sink, enum phase phase) {
    const bool deletes_first = SAFEGUARD("deletes go before upserts");
    const struct target *first = sink->plan->targets;
    const enum phase upserts = filters(first) ? PHASE_FILTER : PHASE_UPSERTS;
    switch (phase) {
    case PHASE_OPEN:
        return deletes_first ? PHASE_DELETES : upserts;
    case PHASE_DELETES:
        return PHASE_CHECKS;
    case PHASE_CHECKS:
        return deletes_first ? upserts : PHASE_CLEARED;
    case PHASE_FILTER:
        return PHASE_UPSERTS;
    case PHASE_UPSERTS:
        return deletes_first ? PHASE_CLEARED : PHASE_DELETES;
    case PHASE_CLEARED:
        return PHASE_DEAD_LETTERS;
    case PHASE_DEAD_LETTERS:
    case PHASE_CLOSE:
        return PHASE_CLOSE;
    }
    return PHASE_CLOSE;
}

const char *delete_name(size_t target, size_t occurrence, enum delete_kind kind,
                        char out[NAME_MAX_BYTES]) {
    static const char *const kinds[DELETE_KINDS] = {
        [DELETE_KEY] = "", [DELETE_NULL] = "null_", [DELETE_MATCHED] = "matched_"};
    char name[NAME_MAX_BYTES / 2];
    (void)snprintf(name, sizeof name, "sync_delete_%s%zu", kinds[kind], occurrence);
    return target_statement(name, target, out);
}

size_t delete_columns(const struct sink *sink, const struct target *target, size_t occurrence,
                      enum delete_kind kind) {
    const struct relation *relation = occurrence_relation(sink->plan, target, (int)occurrence);
    return kind == DELETE_KEY ? relation->key_count : relation->placement_count;
}

static const struct row_array *rows_of(const struct txn_part *part, enum phase phase,
                                       struct step step, enum delete_kind kind) {
    if (phase == PHASE_DELETES) {
        return &part->targets[step.target].deletes[kind][step.table];
    }
    return phase == PHASE_CHECKS ? &part->checks[step.table] : &part->targets[step.target].upserts;
}

/* Begins a phase, or its next target or table, or the next kind of an occurrence's deletes. */
static void enter(struct sink *sink, enum phase phase, struct step step, enum delete_kind kind) {
    const struct txn *txn = sink->write.txn;
    sink->write.phase = (int)phase;
    sink->write.target = step.target;
    sink->write.table = step.table;
    sink->write.delete_kind = kind;
    slicer_reset(&sink->slicer);
    bool rows = phase >= PHASE_DELETES && phase <= PHASE_UPSERTS;
    for (size_t i = 0; rows && i < txn->part_count; i++) {
        slicer_add(&sink->slicer, rows_of(txn->parts[i], phase, step, kind));
    }
}

static void enter_next(struct sink *sink) {
    enter(sink, phase_after(sink, (enum phase)sink->write.phase), (struct step){0}, DELETE_KEY);
}

/* The next statement of rows; false when there are no more. */
static bool send_rows(struct sink *sink, enum step_kind kind, const char *name,
                      size_t column_count) {
    if (slicer_next(&sink->slicer, sink->columns, column_count) == 0) {
        return false;
    }
    params_begin(sink);
    params_add_columns(sink, column_count);
    struct step step = {kind, sink->write.table, sink->write.target};
    flight_prepared(sink, step, name);
    return true;
}

/* An occurrence has a statement for each kind that there is of its deletes. */
static void send_deletes(struct sink *sink) {
    const struct write *write = &sink->write;
    const struct target *target = &sink->plan->targets[write->target];
    struct step step = {STEP_DELETE, write->table, write->target};
    char name[NAME_MAX_BYTES];
    if (send_rows(sink, STEP_DELETE, delete_name(step.target, step.table, write->delete_kind, name),
                  delete_columns(sink, target, step.table, write->delete_kind))) {
        return;
    }
    bool more = target->occurrences[step.table].adds_key && write->delete_kind + 1 < DELETE_KINDS &&
                SAFEGUARD("no row without a partner stands beside one with a partner");
    if (more) {
        enter(sink, PHASE_DELETES, step, write->delete_kind + 1);
    } else if (step.table + 1 < target->core_count) {
        step.table++;
        enter(sink, PHASE_DELETES, step, DELETE_KEY);
    } else if (step.target + 1 < sink->plan->target_count) {
        enter(sink, PHASE_DELETES, (struct step){STEP_DELETE, 0, step.target + 1}, DELETE_KEY);
    } else {
        enter_next(sink);
    }
}

/* Checks have a statement for each table. */
static void send_checks(struct sink *sink) {
    struct write *write = &sink->write;
    char name[40];
    (void)snprintf(name, sizeof name, "sync_check_%zu", write->table);
    if (send_rows(sink, STEP_CHECK, name, sink->plan->relations[write->table].column_count)) {
        return;
    }
    if (write->table + 1 < sink->plan->relation_count) {
        enter(sink, PHASE_CHECKS, (struct step){STEP_CHECK, write->table + 1, 0}, DELETE_KEY);
    } else {
        enter_next(sink);
    }
}

/* Filter and upserts of one target after the other. */
static void send_upserts(struct sink *sink) {
    const struct write *write = &sink->write;
    const bool filter = write->phase == PHASE_FILTER;
    const size_t target = write->target;
    char name[NAME_MAX_BYTES];
    if (send_rows(sink, filter ? STEP_FILTER : STEP_UPSERT,
                  target_statement(filter ? "sync_filter" : "sync_upsert", target, name),
                  sink->plan->targets[target].input_count)) {
        return;
    }
    if (filter) {
        enter(sink, PHASE_UPSERTS, (struct step){STEP_UPSERT, 0, target}, DELETE_KEY);
    } else if (target + 1 < sink->plan->target_count) {
        const struct target *next = &sink->plan->targets[target + 1];
        enter(sink, filters(next) ? PHASE_FILTER : PHASE_UPSERTS,
              (struct step){STEP_UPSERT, 0, target + 1}, DELETE_KEY);
    } else {
        enter_next(sink);
    }
}

static size_t dead_letter_fill(struct sink *sink, const struct txn_part *part,
                               const struct dead_letter *dead_letter) {
    struct buf *c = sink->columns;
    const struct relation *table = &sink->plan->relations[dead_letter->table];
    struct buf *text = &sink->scratch;
    array_add_int32(&c[0], part->task);
    array_add(&c[1], dead_letter->topic);
    buf_reset(text);
    buf_printf(text, STR_FMT "." STR_FMT, STR_ARG(table->schema), STR_ARG(table->name));
    array_add(&c[2], buf_view(text));
    array_add_int32(&c[3], dead_letter->partition);
    array_add_int64(&c[4], dead_letter->offset);
    array_add(&c[5], dead_letter->key);
    array_add(&c[6], dead_letter->value);
    array_add(&c[7], dead_letter->row_key);
    array_add(&c[8], dead_letter->kept);
    buf_reset(text);
    text_clean(text, str_from(dead_letter->reason));
    array_add(&c[9], buf_view(text));
    array_add_int64(&c[10], dead_letter->checksum);
    return dead_letter->key.len + dead_letter->value.len + dead_letter->row_key.len +
           dead_letter->kept.len + text->len;
}

/* The keys of all parts in one statement. False: no part has any, and nothing was sent. */
static bool send_cleared(struct sink *sink) {
    struct buf *c = sink->columns;
    size_t count = 0;
    array_begin(&c[0], OID_TEXT);
    array_begin(&c[1], OID_INT4);
    array_begin(&c[2], OID_BYTEA);
    for (size_t i = 0; i < sink->write.txn->part_count; i++) {
        const struct txn_part *part = sink->write.txn->parts[i];
        for (size_t k = 0; k < part->cleared_count; k++) {
            refused_key_add(sink, part->cleared[k], &c[0], &c[2]);
            array_add_int32(&c[1], part->task);
            count++;
        }
    }
    if (count == 0) {
        return false;
    }
    static const Oid arrays[] = {OID_TEXT_ARRAY, OID_INT4_ARRAY, OID_BYTEA_ARRAY};
    params_begin(sink);
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        array_end(&c[i], count);
        params_add(sink, arrays[i], buf_view(&c[i]));
    }
    flight_prepared(sink, (struct step){STEP_REFUSED, 0, 0}, "sync_clear");
    return true;
}

static bool send_dead_letters(struct sink *sink) {
    static const uint32_t types[] = {OID_INT4,  OID_TEXT,  OID_TEXT,  OID_INT4, OID_INT8, OID_BYTEA,
                                     OID_BYTEA, OID_BYTEA, OID_BYTEA, OID_TEXT, OID_INT8};
    static const uint32_t arrays[] = {OID_INT4_ARRAY,  OID_TEXT_ARRAY,  OID_TEXT_ARRAY,
                                      OID_INT4_ARRAY,  OID_INT8_ARRAY,  OID_BYTEA_ARRAY,
                                      OID_BYTEA_ARRAY, OID_BYTEA_ARRAY, OID_BYTEA_ARRAY,
                                      OID_TEXT_ARRAY,  OID_INT8_ARRAY};
    struct write *write = &sink->write;
    const size_t column_count = sizeof types / sizeof types[0];
    size_t count = 0, bytes = 0;
    bool decided = false; /* of this statement's: there is one statement for each kind */
    for (size_t c = 0; c < column_count; c++) {
        array_begin(&sink->columns[c], types[c]);
    }
    while (write->part < sink->write.txn->part_count && count < SLICE_ROWS && bytes < SLICE_BYTES) {
        const struct txn_part *part = sink->write.txn->parts[write->part];
        if (write->dead_letter == part->dead_letter_count) {
            write->part++;
            write->dead_letter = 0;
            continue;
        }
        const struct dead_letter *dead_letter = &part->dead_letters[write->dead_letter];
        if (count > 0 && dead_letter->decided != decided) {
            break;
        }
        decided = dead_letter->decided;
        bytes += dead_letter_fill(sink, part, dead_letter);
        write->dead_letter++;
        count++;
    }
    if (count == 0) {
        return false;
    }
    params_begin(sink);
    params_add(sink, OID_TEXT, sink->plan->name);
    for (size_t c = 0; c < column_count; c++) {
        array_end(&sink->columns[c], count);
        params_add(sink, arrays[c], buf_view(&sink->columns[c]));
    }
    flight_prepared(sink, (struct step){STEP_DEAD_LETTERS, 0, 0},
                    decided ? "sync_decided" : "sync_letters");
    return true;
}

static void send_trim(struct sink *sink) {
    struct buf *c = sink->columns;
    size_t count = 0;
    array_begin(&c[0], OID_INT4);
    array_begin(&c[1], OID_INT8);
    for (size_t i = 0; i < sink->write.txn->part_count; i++) {
        const struct txn_part *part = sink->write.txn->parts[i];
        if (part->after.seq % 100 == 0) {
            array_add_int32(&c[0], part->task);
            array_add_int64(&c[1], part->after.seq);
            count++;
        }
    }
    if (count == 0) {
        return;
    }
    array_end(&c[0], count);
    array_end(&c[1], count);
    params_begin(sink);
    params_add(sink, OID_TEXT, sink->plan->name);
    params_add(sink, OID_INT4_ARRAY, buf_view(&c[0]));
    params_add(sink, OID_INT8_ARRAY, buf_view(&c[1]));
    flight_prepared(sink, (struct step){STEP_TRIM, 0, 0}, "sync_trim");
}

/* A plan of one target has no marks: its progress says as much. */
static void send_marks(struct sink *sink) {
    const struct plan *plan = sink->plan;
    struct buf *c = sink->columns;
    size_t count = 0;
    array_begin(&c[0], OID_INT4);
    array_begin(&c[1], OID_TEXT);
    for (size_t i = 0; plan->target_count > 1 && i < sink->write.txn->part_count; i++) {
        const struct txn_part *part = sink->write.txn->parts[i];
        for (size_t t = 0; t < plan->target_count; t++) {
            if (target_set_has(part->filled, t)) {
                array_add_int32(&c[0], part->task);
                array_add(&c[1], plan->targets[t].name);
                count++;
            }
        }
    }
    if (count == 0) {
        return;
    }
    array_end(&c[0], count);
    array_end(&c[1], count);
    params_begin(sink);
    params_add(sink, OID_TEXT, plan->name);
    params_add(sink, OID_INT4_ARRAY, buf_view(&c[0]));
    params_add(sink, OID_TEXT_ARRAY, buf_view(&c[1]));
    flight_prepared(sink, (struct step){STEP_MARKS, 0, 0}, "sync_marks");
}

void send_end(struct sink *sink) {
    send_marks(sink);
    send_trim(sink);
}

bool send_tail(struct sink *sink) {
    if (sink->write.phase != PHASE_DEAD_LETTERS) {
        sink->write.phase = PHASE_DEAD_LETTERS;
        if (send_cleared(sink)) {
            return true;
        }
    }
    return send_dead_letters(sink);
}

bool send_head(struct sink *sink) {
    switch ((enum phase)sink->write.phase) {
    case PHASE_OPEN:
        send_begin(sink);
        enter_next(sink);
        return true;
    case PHASE_DELETES:
        send_deletes(sink);
        return true;
    case PHASE_CHECKS:
        send_checks(sink);
        return true;
    case PHASE_FILTER:
    case PHASE_UPSERTS:
    case PHASE_CLEARED:
    case PHASE_DEAD_LETTERS:
    case PHASE_CLOSE:
        break;
    }
    return false;
}

static void commit_send(struct sink *sink) {
    struct write *write = &sink->write;
    if (sent_instead(sink)) {
        return;
    }
    switch ((enum phase)write->phase) {
    case PHASE_OPEN:
    case PHASE_DELETES:
    case PHASE_CHECKS:
        (void)send_head(sink);
        break;
    case PHASE_FILTER:
    case PHASE_UPSERTS:
        send_upserts(sink);
        break;
    case PHASE_CLEARED:
    case PHASE_DEAD_LETTERS:
        if (!send_tail(sink)) {
            write->phase = PHASE_CLOSE;
        }
        break;
    case PHASE_CLOSE:
        send_end(sink);
        send_commit(sink);
        flight_sync(sink);
        break;
    }
}

static void commit_synced(struct sink *sink) {
    if (contention_is_on(sink)) {
        contention_synced(sink);
    } else if (contention_needed(sink)) {
        contention_begin(sink);
    } else if (sink->flight.failure.set) {
        write_fail(sink);
    } else {
        write_end(sink);
    }
}

const struct job commit_job = {
    .name = "commit", .send = commit_send, .answer = write_answer, .synced = commit_synced};
