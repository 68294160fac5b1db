/* row.h: rows of a source table in their encoded form, by the plan's columns.
 *
 * What:    key bytes that sort by (placement, rest of the primary key), so that rows are found by a
 *          prefix; value bytes with the other used columns. State, join and sink pass these around.
 * Owns:    nothing: encoders append to the caller's buf; decoded text points into the encoded bytes
 *          or the caller's scratch.
 * Errors:  ERR_RECORD for a key part that can't be encoded (an integer out of range, a uuid that is
 *          none) or a key longer than ROW_KEY_MAX, or such a reference; ERR_CACHE for bytes that no
 *          encoder wrote.
 * Limits:  ROW_KEY_MAX, LMDB's.
 *
 * Key part: KEY_INTEGER and KEY_BIGINT 8 bytes big-endian with the sign bit flipped; KEY_UUID 16
 * bytes; KEY_TEXT its bytes and 0x00 (PostgreSQL's text holds no NUL).
 * Value: for each non-key column a varint of len + 1 (0: NULL), and the bytes of its text.
 */
#ifndef PLAN_ROW_H
#define PLAN_ROW_H

#include "base/buf.h"
#include "base/err.h"
#include "plan/plan.h"

#define ROW_KEY_MAX       511
#define ROW_KEY_PARTS_MAX 64 /* placement and primary key, 32 columns each at most */
/* Room that one key part may need to be shown as text, unless it is KEY_TEXT, which is shown in
 * place. */
#define ROW_PART_TEXT_MAX 40

/* Appends the key of the row whose first key_count values are given, in table->columns' order, none
 * of them NULL. */
MUST_CHECK enum err_kind row_key_encode(const struct relation *table, const struct str *values,
                                        struct buf *key, struct err *reterr);
/* Appends the value of a row: values[key_count .. column_count). ptr NULL is SQL NULL. */
void row_value_encode(const struct relation *table, const struct str *values, struct buf *value);

/* The text of all columns of a row into values[0 .. column_count); scratch must have key_count *
 * ROW_PART_TEXT_MAX bytes. With value.ptr NULL only the key columns are filled. */
MUST_CHECK enum err_kind row_decode(const struct relation *table, struct str key, struct str value,
                                    char *scratch, struct str *values, struct err *reterr);
/* Appends the key of the row that a row refers to by one of table->references, as row_key_encode
 * writes it there. *ret_has false: a part is NULL, it refers to none, and nothing is appended. */
MUST_CHECK enum err_kind row_reference(const struct relation *table, size_t reference,
                                       struct str key, struct str value, struct buf *out,
                                       bool *ret_has, struct err *reterr);
/* Whether the references of a row (values in table->columns' order, its key of key_len bytes) can
 * be indexed: ERR_RECORD for one that can't be encoded, or takes more than ROW_KEY_MAX bytes
 * together with the row's key. Writes behind scratch's length, and leaves that. */
MUST_CHECK enum err_kind row_references_check(const struct relation *table,
                                              const struct str *values, size_t key_len,
                                              struct buf *scratch, struct err *reterr);
/* Length of the first `parts` parts of key; 0 if key is too short for them. */
size_t row_key_prefix(const struct relation *table, struct str key, size_t parts);
/* `order_id=7 line_no=9`: a key for people. Cut to size. Returns out. */
const char *row_key_show(const struct relation *table, struct str key, char *out, size_t size);

#endif
