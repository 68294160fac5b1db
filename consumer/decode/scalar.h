/* scalar.h: a JSON scalar → the column's text.
 *
 * What:    the same text for a scalar as the scanner found it, and by way of jansson.
 * Owns:    nothing: text points into the value, or into the caller's scratch.
 * Errors:  false: of another kind than the column's, or odd (-0, an unavailable value): image_read
 *          has to say.
 */
#ifndef DECODE_SCALAR_H
#define DECODE_SCALAR_H

#include "base/buf.h"
#include "decode/scan.h"
#include "plan/plan.h"

#include <jansson.h>

/* An int64 or a double with its NUL. */
#define SCALAR_NUMBER_MAX 32

/* NULL's text has ptr NULL. Appends to scratch; other texts stay where they are when it has room
 * for the value and SCALAR_NUMBER_MAX. */
bool scalar_text(const struct scan_value *value, const struct relation_column *column,
                 struct buf *scratch, struct str *ret_text);
/* The shortest text that reads as the same double: what Debezium wrote. Returns its length. */
size_t scalar_print_real(double value, char number[SCALAR_NUMBER_MAX]);
/* The same by jansson: whether a value that isn't null is of the kind; and its text, which points
 * into it or to number. */
bool scalar_json_fits(enum scalar scalar, const json_t *json);
struct str scalar_json_text(const json_t *json, char number[SCALAR_NUMBER_MAX]);
/* What Debezium sends for a value that the WAL doesn't hold (unavailable.value.placeholder). */
bool scalar_is_unavailable(const struct relation_column *column, struct str text);

#endif
