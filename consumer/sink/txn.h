/* txn.h: one fenced transaction for the sink, as data.
 *
 * What:    for each task its fence (seq, offsets before and after, owner) and its row ops, as
 *          column arrays ready for PostgreSQL.
 * Owns:    a struct txn_part owns its arrays until txn_part_clear. It stays unchanged until its
 *          outcome is known, since a retry must send the same.
 * Units:   rows.
 * Limits:  the caller keeps a transaction to batch.max.rows rows over all parts.
 */
#ifndef SINK_TXN_H
#define SINK_TXN_H

#include "base/buf.h"
#include "base/err.h"
#include "plan/plan.h"

_Static_assert(TARGETS_MAX <= 64, "a target_set holds all");

#define OWNER_LEN    32     /* hex digits of a random token */
#define TXN_ROWS_MAX 100000 /* of one part's upserts */

/* Rows of text values, column by column: the elements of PostgreSQL's binary text[] (a be32 length
 * and the bytes; -1: NULL) without the array header, so that parts can be concatenated. */
struct row_array {
    struct buf *columns;
    size_t column_count;
    size_t row_count;
};

void row_array_init(struct row_array *rows, size_t column_count);
void row_array_clear(struct row_array *rows);
void row_array_reset(struct row_array *rows);
/* values: column_count of them; copied. ptr NULL is SQL NULL. */
void row_array_add(struct row_array *rows, const struct str *values);
/* Walks a column: *position starts at 0; false at the end. For tests and the simulator. */
bool row_array_next(const struct row_array *rows, size_t column, size_t *position,
                    struct str *ret_value);

/* Targets by number: 1 << target. */
typedef uint64_t target_set;

static inline bool target_set_has(target_set set, size_t target) {
    return set >> target & 1;
}

/* The first count of them. */
static inline target_set target_set_all(size_t count) {
    return ~(target_set)0 >> (64 - count);
}

/* A log anchor: the last applied record of a partition, by its offset and the timestamp that the
 * broker has for it. Shows later whether a log is still the one that was applied. In sync_progress
 * it is in column marks. */
struct log_anchor {
    int64_t offset, timestamp_ms; /* timestamp_ms 0: none */
};

/* The newest sync_progress row of a task, or what it should be. */
struct progress {
    bool exists; /* false: no row at all */
    int64_t seq;
    bool has_offsets;                         /* false: '{}', no progress */
    int64_t offsets[RELATIONS_MAX];           /* by table: next to read */
    struct log_anchor anchors[RELATIONS_MAX]; /* by table: the last record applied */
    char owner[OWNER_LEN + 1];
    int64_t generation; /* of the sink table: how often it was filled again; set by the sink */
};

/* Does not compare anchors, which follow from the offsets and which older rows lack, nor the
 * generation, which follows from the owner. */
bool progress_equal(const struct progress *a, const struct progress *b, size_t table_count);

/* A record that can't be applied. Bytes are borrowed until the outcome is known. */
struct dead_letter {
    struct str topic; /* the relation's slot */
    int table;
    int32_t partition;
    int64_t offset;
    struct str key, value; /* as received; ptr NULL: none */
    struct str row_key;    /* row_key_encode; ptr NULL: not readable */
    struct str kept;       /* the state's version before it (row_value_encode); ptr NULL: absent */
    uint32_t checksum;     /* of key and value: is the record at the offset still this one? */
    bool decided;          /* replaces the row with the operator's decision */
    const char *reason;
};

/* Which sink rows a delete is about. */
enum delete_kind {
    DELETE_KEY,     /* all that show a row of the occurrence: its key columns */
    DELETE_NULL,    /* those without a partner in an optional occurrence: the placement columns */
    DELETE_MATCHED, /* those with one: likewise */
    DELETE_KINDS,
};

/* What is written to one target. */
struct target_rows {
    struct row_array *deletes[DELETE_KINDS]; /* by core occurrence */
    size_t core_count;
    struct row_array upserts; /* inputs */
};

struct txn_part {
    int32_t task;
    struct progress before;           /* must be the newest row */
    struct progress after;            /* seq + 1, the same owner */
    struct row_array *checks;         /* by table, all used columns */
    struct target_rows *targets;      /* by target */
    struct dead_letter *dead_letters; /* by txn_part_add_dead_letter */
    size_t dead_letter_count, dead_letter_cap;
    size_t table_count, target_count;
    size_t bytes; /* of the values added; the pipeline's, 0 after a reset */
    /* Keys whose entries in sync_refused are deleted; by txn_part_add_cleared, bytes borrowed as
     * those of dead letters. */
    struct str *cleared;
    size_t cleared_count, cleared_cap;
    /* With this transaction all rows of the task are in these targets: their marks are written. Of
     * an initial load: all targets. */
    target_set filled;
    /* Rows that the sink table refuses for their own values are found by bisection, left out and
     * recorded in sync_refused, at most refused_max of them; otherwise such a row fails the
     * transaction. The part is alone in its transaction. */
    bool savepoints;
    size_t refused_max;
};

void txn_part_init(struct txn_part *part, const struct plan *plan);
void txn_part_clear(struct txn_part *part);
/* Empties the row ops and dead letters. */
void txn_part_reset(struct txn_part *part);
/* Copies *dead_letter, not the bytes it points to. */
void txn_part_add_dead_letter(struct txn_part *part, const struct dead_letter *dead_letter);
void txn_part_add_cleared(struct txn_part *part, struct str row_key);
/* Rows and dead letters in all its arrays. */
size_t txn_part_rows(const struct txn_part *part);

/* Appends the key of a sink row in sync_refused: each value of target.key_outputs (of NULL a
 * byte 0xff) and a NUL; then, of all targets but the first one, its number, a byte that
 * sync_refused does not hold. values: input_count of them. */
void sink_key_append(const struct target *target, const struct str *values, struct buf *out);
/* The target's number. */
int sink_key_target(struct str row_key);
/* Appends what the keys of all sink rows begin with that are made from the occurrence's row whose
 * key_count key columns are values. */
void sink_key_begin(const struct occurrence *occurrence, size_t key_count, const struct str *values,
                    struct buf *out);
/* Whether the sink row of row_key is made from the occurrence's row whose key columns are values.
 */
bool sink_key_has(const struct occurrence *occurrence, size_t key_count, struct str row_key,
                  const struct str *values);
/* Whether the one of target.key_outputs is NULL there. */
bool sink_key_is_null(struct str row_key, size_t position);
/* Appends `order_id=7 line_no=9`. */
void sink_key_show(const struct target *target, struct str row_key, struct buf *out);

/* The rows of an initial load, one at a time. *ret_values: input_count texts, valid until the next
 * call; NULL: none yet, ask again in the next poll; *ret_end: there are no more. */
struct load_source {
    void *ctx;
    enum err_kind (*next)(void *ctx, const struct str **ret_values, bool *ret_end,
                          struct err *reterr);
    /* The rows of the next target, after the end of the one before; not called for the first one.
     */
    void (*begin)(void *ctx, int target);
};

struct txn {
    struct txn_part **parts; /* ascending by task */
    size_t part_count;
    /* NULL: no initial load. With one there is one part, whose row arrays are empty (it may have
     * dead letters): the rows come from here, by COPY, or by INSERT with savepoints. */
    const struct load_source *load;
};

#endif
