/* decode.h: a Kafka record → a change of one row.
 *
 * What:    finds op, before, after and source.ts_us in Debezium's JSON envelope, with or without
 *          the schema wrapper, and encodes the row image by the view's columns.
 * Owns:    nothing: the change's bytes live in the caller's arena.
 * Threads: a struct decoder belongs to one thread.
 * Units:   ts_us since the epoch.
 * Errors:  ERR_RECORD: this record can't be read (bad JSON, unknown op, null key where one is
 *          needed, key too long): dead letter. ERR_HALT: the log isn't what the design needs (op
 *          t, wrong partition, `before` missing on u or d, a used column missing, a value of
 *          another kind or form than its type's, an unavailable TOAST value): names the setting to
 *          look at.
 * Limits:  nesting and sizes are jansson's; keys ROW_KEY_MAX.
 */
#ifndef DECODE_DECODE_H
#define DECODE_DECODE_H

#include "base/arena.h"
#include "consume/record.h"
#include "plan/row.h"

/* The wire letter is the value. All but CHANGE_DELETE say: the row is now `value`. */
enum change_op {
    CHANGE_READ = 'r',
    CHANGE_CREATE = 'c',
    CHANGE_UPDATE = 'u',
    CHANGE_DELETE = 'd', /* also a tombstone */
};

/* What source.snapshot says of the record. */
enum snapshot_mark {
    SNAPSHOT_NONE,        /* nothing, or that no snapshot read the row */
    SNAPSHOT_PART,        /* one did, and more comes */
    SNAPSHOT_LAST,        /* the last record of the last table */
    SNAPSHOT_INCREMENTAL, /* read beside the stream, on request */
};

struct change {
    enum change_op op;
    int table;      /* index into plan->relations */
    struct str key; /* row_key_encode; ptr NULL: a part of the join key is NULL: in no state, emits
                       nothing */
    struct str value; /* row_value_encode; ptr NULL for CHANGE_DELETE */
    int64_t ts_us;    /* commit time in the source; 0: the record does not say */
    uint64_t blank;   /* blank.h: of a row, or an old row, without content; 0: it has some */
    enum snapshot_mark snapshot;
    int32_t
        task; /* of a filtered relation: whose row it is; TASK_UNKNOWN: the key isn't readable */
};

#define TASK_UNKNOWN (-1)

struct decoder;

struct decoder *decoder_new(const struct plan *plan);
void decoder_destroy(struct decoder **decoder);

/* Decodes record. A tombstone is a delete by the record's key, ignored (ret key NULL) when its key
 * does not route to its partition. On failure *ret_change's key is the row the record's Kafka key
 * names, where that can still be read (its dead letter keeps that row's version), else ptr NULL;
 * the rest is unset. */
MUST_CHECK enum err_kind decode(struct decoder *decoder, const struct record *record,
                                struct arena *arena, struct change *ret_change, struct err *reterr);

#endif
