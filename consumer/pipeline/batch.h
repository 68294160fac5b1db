/* batch.h: records of one task that wait for their transaction, decoded, in log order.
 *
 * What:    a growing array of changes, dead letters and halts, and the arena their bytes live in.
 * Owns:    its arena and the records' handles, which it gives back on reset; of records that other
 *          batches hold, too, the last one does.
 * Units:   records; bytes.
 * Limits:  soft: ingest.c stops taking records by batch_full and batch_bytes.
 */
#ifndef PIPELINE_BATCH_H
#define PIPELINE_BATCH_H

#include "base/safeguard.h"
#include "consume/consume.h"
#include "decode/decode.h"

#define BATCH_BYTES_MAX ((size_t)4 * 1024 * 1024)

enum pending_kind {
    PENDING_CHANGE,
    PENDING_DEAD_LETTER, /* can't be decoded: a dead letter; change.key is its row, where readable
                          */
    PENDING_HALT,        /* the task stops before this record */
};

struct pending {
    enum pending_kind kind;
    struct change change;
    struct record record;
    const struct err *err; /* DEAD_LETTER, HALT: why */
};

/* The bytes of a record that several tasks hold. */
struct shared_record {
    void *handle;
    size_t holders; /* batches */
};

struct batch {
    struct arena arena;
    struct pending *items;
    size_t count, cap;
    size_t consumed; /* items whose transaction is in */
    size_t bytes;    /* of the records that are held, whole: unused columns stay in memory too */
    size_t patient;  /* patience.c: so many items were looked at */
    bool pressing;   /* ... and one of them can't wait */
    struct shared_record **shared; /* those that others may hold, too */
    size_t shared_count, shared_cap;
};

/* An all-zero struct batch is valid and empty. */
void batch_clear(struct batch *batch, const struct consume_ops *ops, struct consume *consume);
/* Gives the records back and empties the batch; keeps a little of its memory. */
void batch_reset(struct batch *batch, const struct consume_ops *ops, struct consume *consume);
/* Takes item's record handle. */
void batch_add(struct batch *batch, const struct pending *item);
/* Takes the handle; nobody holds it yet. */
struct shared_record *shared_record_new(void *handle);
/* Adds an item whose bytes are shared's: of readers tasks each is charged with its part of them. */
void batch_add_shared(struct batch *batch, const struct pending *item, struct shared_record *shared,
                      size_t readers);
/* Records whose transaction is not in yet. */
static inline size_t batch_waiting(const struct batch *batch) {
    return batch->count - batch->consumed;
}
/* Bytes held: of the records, whole, and of what they were decoded into. */
static inline size_t batch_bytes(const struct batch *batch) {
    return batch->bytes + batch->arena.used + batch->count * sizeof *batch->items;
}
/* Holds max_records records, or as many bytes as a batch may have. */
bool batch_full(const struct batch *batch, size_t max_records);

#endif
