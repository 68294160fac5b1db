/* array.h: PostgreSQL's binary arrays, and row arrays cut into statements.
 *
 * What:    encodes one-dimensional arrays for parameters, decodes bigint[] from results, and
 *          distributes the rows of several parts over statements of bounded size.
 * Owns:    nothing: writes into the caller's bufs; a slicer owns its positions until slicer_clear.
 * Units:   rows, bytes.
 * Errors:  array_read_int64 returns false for bytes that are no bigint[] without NULLs.
 * Limits:  SLICE_ROWS, SLICE_BYTES a statement (a larger row is sent alone).
 *
 * Private to sink/.
 */
#ifndef SINK_ARRAY_H
#define SINK_ARRAY_H

#include "sink/txn.h"

#define OID_BYTEA       17U
#define OID_INT8        20U
#define OID_INT4        23U
#define OID_TEXT        25U
#define OID_BYTEA_ARRAY 1001U
#define OID_INT4_ARRAY  1007U
#define OID_TEXT_ARRAY  1009U
#define OID_INT8_ARRAY  1016U

#define SLICE_ROWS  2000
#define SLICE_BYTES ((size_t)32 * 1024 * 1024)

/* Empties out and begins an array; array_end fills in the number of elements added since. */
void array_begin(struct buf *out, uint32_t element_oid);
void array_add(struct buf *out, struct str element); /* ptr NULL is SQL NULL */
void array_add_int32(struct buf *out, int32_t element);
void array_add_int64(struct buf *out, int64_t element);
void array_end(struct buf *out, size_t count);

/* At most max elements; *ret_count is set on success only. */
bool array_read_int64(struct str binary, int64_t *ret_elements, size_t max, size_t *ret_count);
int32_t read_be32(const char *bytes);
int64_t read_be64(const char *bytes);

/* Appends the offsets of a progress row as PostgreSQL's array text: `{}`, `{1,2}`. */
void offsets_text(struct buf *out, const struct progress *progress, size_t table_count);
/* Appends its log anchors, two numbers each. */
void anchors_text(struct buf *out, const struct progress *progress, size_t table_count);
/* Appends text with every byte that is not UTF-8, or NUL, shown as `?`. */
void text_clean(struct buf *out, struct str text);

/* Walks the rows of several row arrays of the same columns. */
struct slicer {
    const struct row_array **arrays;
    size_t array_count, array_cap;
    size_t current;    /* the array to read next */
    size_t row;        /* its next row */
    size_t *positions; /* where that row begins, by column */
    size_t *starts;    /* where the present statement's rows of this array begin, by column */
    size_t position_cap;
};

/* An all-zero struct slicer is valid and empty. */
void slicer_clear(struct slicer *slicer);
void slicer_reset(struct slicer *slicer);
/* rows is borrowed until slicer_reset. */
void slicer_add(struct slicer *slicer, const struct row_array *rows);
/* Fills one text[] for each column with the next rows; returns how many, 0 at the end. */
size_t slicer_next(struct slicer *slicer, struct buf *columns, size_t column_count);

#endif
