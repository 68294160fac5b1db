#include "decode/decode.h"

#include "base/memory.h"
#include "base/safeguard.h"
#include "decode/blank.h"
#include "decode/decoder.h"
#include "decode/envelope.h"
#include "decode/key_match.h"
#include "decode/route.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct decoder *decoder_new(const struct plan *plan) {
    struct decoder *decoder = memory_new(1, sizeof *decoder);
    size_t columns = 0, keys = 0;
    for (size_t i = 0; i < plan->relation_count; i++) {
        const struct relation *table = &plan->relations[i];
        columns = table->column_count > columns ? table->column_count : columns;
        keys = table->key_count > keys ? table->key_count : keys;
    }
    decoder->plan = plan;
    quick_init(&decoder->quick, plan, &decoder->memory);
    image_init(&decoder->after, columns, &decoder->memory);
    image_init(&decoder->before, keys, &decoder->memory);
    image_init(&decoder->key, keys, &decoder->memory);
    return decoder;
}

void decoder_destroy(struct decoder **decoder) {
    struct decoder *d = *decoder;
    if (!d) {
        return;
    }
    image_clear(&d->after);
    image_clear(&d->before);
    image_clear(&d->key);
    quick_clear(&d->quick);
    arena_clear(&d->memory);
    buf_clear(&d->key_bytes);
    buf_clear(&d->value_bytes);
    free(d);
    *decoder = NULL;
}

/* One record on its way through the functions below. */
struct job {
    struct decoder *decoder;
    const struct relation *table;
    const struct record *record;
    struct arena *arena;
    struct change *change;
};

static bool join_key_is_null(const struct job *job, const struct str *values) {
    for (size_t i = 0; i < job->table->placement_count; i++) {
        if (!values[i].ptr) {
            return true;
        }
    }
    return false;
}

/* The change's key from the key columns' texts; none of it when the join key is NULL. */
static enum err_kind set_key(const struct job *job, const struct str *values, struct err *reterr) {
    const struct relation *table = job->table;
    struct buf *bytes = &job->decoder->key_bytes;
    if (join_key_is_null(job, values)) {
        return ERR_NONE;
    }
    for (size_t i = table->placement_count; i < table->key_count; i++) {
        if (!values[i].ptr) {
            return err_set(reterr, ERR_RECORD, "primary key column " STR_FMT " is null",
                           STR_ARG(table->columns[i].name));
        }
    }
    buf_reset(bytes);
    enum err_kind kind = row_key_encode(table, values, bytes, reterr);
    if (kind == ERR_NONE) {
        job->change->key = arena_copy(job->arena, buf_view(bytes));
    }
    return kind;
}

static bool is_widened(const struct relation *table) {
    bool widened = false;
    for (size_t i = 0; i < table->placement_count; i++) {
        widened |= column_is_widened(&table->columns[i]);
    }
    return widened;
}

static enum err_kind wrong_partition(const struct job *job, int32_t expected, struct err *reterr) {
    struct str topic = job->table->topic;
    return err_set(reterr, ERR_HALT,
                   "the join key of this record belongs to partition %" PRId32
                   ", it came in partition %" PRId32 " of topic " STR_FMT " (N = %" PRId32
                   "). Look at the connector's transforms.*: "
                   "partition.payload.fields must be %s, partition.topic.num "
                   "%" PRId32 ", partition.hash.function java, for this topic too; and the topic "
                   "must have %" PRId32 " partitions",
                   expected, job->record->partition, STR_ARG(topic), job->table->partition_count,
                   is_widened(job->table) ? "as `plan --connector` prints it, with the casts before"
                                          : "change.<join column>",
                   job->table->partition_count, job->table->partition_count);
}

static void set_task(const struct job *job, const struct str *values) {
    if (job->table->filtered && job->change->key.ptr) {
        job->change->task =
            route_partition(job->table, values, job->decoder->plan->partition_count);
    }
}

static enum err_kind check_partition(const struct job *job, const struct str *values,
                                     struct err *reterr) {
    if (!job->change->key.ptr) {
        return ERR_NONE;
    }
    if (job->table->filtered) {
        set_task(job, values);
        return ERR_NONE;
    }
    int32_t expected = route_partition(job->table, values, job->table->partition_count);
    return expected == job->record->partition || !SAFEGUARD("a record is in its partition")
               ? ERR_NONE
               : wrong_partition(job, expected, reterr);
}

static enum err_kind read_record_key(const struct job *job, struct err *reterr) {
    if (!job->record->key.ptr) {
        return err_set(reterr, ERR_RECORD,
                       "the record has no key: a compacted topic needs one, it names the row");
    }
    return image_read(&job->decoder->key, IMAGE_KEY, job->record->key, job->table,
                      job->table->key_count, reterr);
}

/* NULL is not the empty text. */
static bool same_value(struct str a, struct str b) {
    return !a.ptr == !b.ptr && str_equal(a, b);
}

/* The Kafka key, by which compaction keeps and drops, must name the row that part holds. */
static enum err_kind check_record_key(const struct job *job, enum image_part part,
                                      const struct str *values, struct err *reterr) {
    struct str key = job->record->key;
    if (key.ptr && key_matches(key, job->table, values)) {
        return ERR_NONE;
    }
    enum err_kind kind = read_record_key(job, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    for (size_t i = 0; i < job->table->key_count; i++) {
        /* a NULL may have become the column's default in the key: replace.null.with.default */
        if (values[i].ptr && !same_value(values[i], job->decoder->key.values[i])) {
            return err_set(reterr, ERR_HALT,
                           "column " STR_FMT " differs between the record's key and %s: either "
                           "the REPLICA IDENTITY of " STR_FMT "." STR_FMT " is not FULL (ALTER "
                           "TABLE " STR_FMT "." STR_FMT " REPLICA IDENTITY FULL), or a transform "
                           "of the connector rewrites keys",
                           STR_ARG(job->table->columns[i].name), image_part_name(part),
                           STR_ARG(job->table->schema), STR_ARG(job->table->name),
                           STR_ARG(job->table->schema), STR_ARG(job->table->name));
        }
    }
    return ERR_NONE;
}

static enum err_kind read_before(const struct job *job, const struct envelope *envelope,
                                 struct err *reterr) {
    const struct relation *table = job->table;
    if (!envelope->before.ptr) {
        return err_set(reterr, ERR_HALT,
                       "`before` is missing: the REPLICA IDENTITY of " STR_FMT "." STR_FMT
                       " is not FULL: ALTER TABLE " STR_FMT "." STR_FMT
                       " REPLICA IDENTITY FULL, then reload with new topics: what was changed "
                       "or deleted before may be wrong in the sink",
                       STR_ARG(table->schema), STR_ARG(table->name), STR_ARG(table->schema),
                       STR_ARG(table->name));
    }
    return image_read(&job->decoder->before, IMAGE_BEFORE, envelope->before, table,
                      table->key_count, reterr);
}

static bool key_is_primary(const struct relation *table) {
    return table->role == ROLE_LOOKUP ||
           (table->filtered && table->key_count == table->primary_key_count);
}

/* An update's `before`: it is there, and it is the same row. A row whose key changed comes as `d`
 * and `c`, never as `u`. */
static enum err_kind check_before(const struct job *job, const struct envelope *envelope,
                                  struct err *reterr) {
    const struct str *before = job->decoder->before.values;
    const struct str *after = job->decoder->after.values;
    if (envelope->before.ptr && key_matches(envelope->before, job->table, after)) {
        return ERR_NONE;
    }
    enum err_kind kind = read_before(job, envelope, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    for (size_t i = 0; i < job->table->key_count; i++) {
        if (!same_value(before[i], after[i])) {
            return err_set(reterr, ERR_HALT,
                           "an update changed key column " STR_FMT " of " STR_FMT "." STR_FMT
                           " and came as `u`, not as `d` and `c`: the connector's "
                           "message.key.columns must %s; set it, then start with new topics",
                           STR_ARG(job->table->columns[i].name), STR_ARG(job->table->schema),
                           STR_ARG(job->table->name),
                           key_is_primary(job->table)
                               ? "not name this table, whose key is its primary key"
                               : "list the join key and the primary key of this table");
        }
    }
    return ERR_NONE;
}

static void set_blank(const struct job *job, const struct image *image) {
    if (job->table->blanks_tell && image_is_blank(image, job->table)) {
        job->change->blank = blank_number(job->table, image->values);
    }
}

static enum err_kind decode_upsert(const struct job *job, const struct envelope *envelope,
                                   struct err *reterr) {
    const struct relation *table = job->table;
    struct image *after = &job->decoder->after;
    if (!envelope->after.ptr) {
        return err_set(reterr, ERR_RECORD, "op %c without `after`", envelope->op);
    }
    enum err_kind kind =
        image_read(after, IMAGE_AFTER, envelope->after, table, table->column_count, reterr);
    if (kind == ERR_NONE && envelope->op == CHANGE_UPDATE) {
        kind = check_before(job, envelope, reterr);
    }
    if (kind == ERR_NONE) {
        kind = check_record_key(job, IMAGE_AFTER, after->values, reterr);
    }
    if (kind == ERR_NONE) {
        kind = set_key(job, after->values, reterr);
    }
    if (kind == ERR_NONE) {
        kind = check_partition(job, after->values, reterr);
    }
    struct buf *bytes = &job->decoder->value_bytes;
    buf_reset(bytes);
    if (kind == ERR_NONE && job->change->key.ptr) {
        kind = row_references_check(table, after->values, job->change->key.len, bytes, reterr);
    }
    if (kind == ERR_NONE) {
        row_value_encode(table, after->values, bytes);
        set_blank(job, after);
        job->change->value = arena_copy(job->arena, buf_view(bytes));
    }
    return kind;
}

static enum err_kind decode_delete(const struct job *job, const struct envelope *envelope,
                                   struct err *reterr) {
    const struct str *before = job->decoder->before.values;
    enum err_kind kind = read_before(job, envelope, reterr);
    if (kind == ERR_NONE) {
        kind = check_record_key(job, IMAGE_BEFORE, before, reterr);
    }
    if (kind == ERR_NONE) {
        kind = set_key(job, before, reterr);
    }
    if (kind == ERR_NONE) {
        kind = check_partition(job, before, reterr);
    }
    if (kind == ERR_NONE) {
        set_blank(job, &job->decoder->before);
    }
    return kind;
}

/* Tombstones are routed by the producer's hash of the key, not by the transform: one in another
 * partition than its row's says nothing, and the row's own partition had the `d`. */
static enum err_kind decode_tombstone(const struct job *job, struct err *reterr) {
    const struct str *values = job->decoder->key.values;
    job->change->op = CHANGE_DELETE;
    enum err_kind kind = read_record_key(job, reterr);
    if (kind == ERR_NONE) {
        kind = set_key(job, values, reterr);
    }
    if (kind != ERR_NONE || !job->change->key.ptr) {
        return kind;
    }
    if (job->table->filtered) {
        set_task(job, values);
    } else if (route_partition(job->table, values, job->table->partition_count) !=
               job->record->partition) {
        job->change->key = STR_NONE;
    }
    return ERR_NONE;
}

static enum err_kind truncated(const struct job *job, struct err *reterr) {
    struct str schema = job->table->schema, name = job->table->name;
    return err_set(reterr, ERR_HALT,
                   "table " STR_FMT "." STR_FMT " was truncated: the record names no rows, so they "
                   "can't be taken out of the sink. Set the connector's skipped.operations=t, "
                   "forbid TRUNCATE by a trigger (schemas/oltp.sql), and reload with new topics",
                   STR_ARG(schema), STR_ARG(name));
}

static enum err_kind decode_envelope(const struct job *job, const struct envelope *envelope,
                                     struct err *reterr) {
    job->change->ts_us = envelope->ts_us;
    job->decoder->after.ts_us = envelope->ts_us;
    job->decoder->before.ts_us = envelope->ts_us;
    job->change->snapshot = envelope->snapshot;
    switch (envelope->op) {
    case 'r':
    case 'c':
    case 'u':
        job->change->op = (enum change_op)envelope->op;
        return decode_upsert(job, envelope, reterr);
    case 'd':
        job->change->op = CHANGE_DELETE;
        return decode_delete(job, envelope, reterr);
    case 't':
        return truncated(job, reterr);
    case '\0':
        return err_set(reterr, ERR_RECORD, "the value is not a Debezium envelope: it has no op");
    case 'm':
        return err_set(reterr, ERR_RECORD, "op m: a logical message is not a row");
    default: /* a byte of the record, not an enum */
        return err_set(reterr, ERR_RECORD, "op is none of r, c, u, d, t, m");
    }
}

static enum err_kind decode_record(const struct job *job, struct err *reterr) {
    struct str value = job->record->value;
    struct envelope envelope = {.tombstone = true};
    if (value.ptr) {
        enum err_kind kind = job->decoder->by_jansson
                                 ? envelope_load(value, job->arena, &envelope, reterr)
                                 : envelope_read(value, job->arena, &envelope, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
    }
    return envelope.tombstone ? decode_tombstone(job, reterr)
                              : decode_envelope(job, &envelope, reterr);
}

/* The row that the Kafka key names, if it does: what a dead letter is about. */
static void set_key_of_record(const struct job *job) {
    *job->change = (struct change){.table = job->record->table, .task = TASK_UNKNOWN};
    if (read_record_key(job, NULL) == ERR_NONE) {
        (void)set_key(job, job->decoder->key.values, NULL);
        set_task(job, job->decoder->key.values);
    }
}

/* What always helps, where it is right: the operator decides. */
static void advise_decision(struct err *err) {
    size_t len = strlen(err->message);
    (void)snprintf(err->message + len, sizeof err->message - len,
                   ". To put this record aside: oltp-olap-sync dead-letters add %s %" PRId32
                   " %" PRId64 ", then SIGHUP",
                   err->topic, err->partition, err->offset);
}

enum err_kind decode(struct decoder *decoder, const struct record *record, struct arena *arena,
                     struct change *ret_change, struct err *reterr) {
    if (!decoder->by_jansson && quick_decode(&decoder->quick, record, arena, ret_change)) {
        return ERR_NONE;
    }
    const struct relation *table = &decoder->plan->relations[record->table];
    struct change change = {.table = record->table, .task = TASK_UNKNOWN};
    struct job job = {decoder, table, record, arena, &change};
    enum err_kind kind = decode_record(&job, reterr);
    if (kind != ERR_NONE) {
        set_key_of_record(&job);
        if (reterr) {
            char topic[sizeof reterr->topic];
            (void)snprintf(topic, sizeof topic, STR_FMT, STR_ARG(table->slot));
            (void)err_about(reterr, topic, record->partition, record->offset);
            if (kind == ERR_HALT) {
                advise_decision(reterr);
            }
        }
    }
    *ret_change = change;
    image_drop(&decoder->after);
    image_drop(&decoder->before);
    image_drop(&decoder->key);
    return kind;
}
