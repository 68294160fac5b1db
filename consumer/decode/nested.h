/* nested.h: a JSON array or object in a column's place → the column's text.
 *
 * What:    an array of scalars becomes PostgreSQL's array literal; a point (x,y); a geometry its
 *          bytes in base64.
 * Owns:    nothing: text is appended to the caller's buffer.
 * Errors:  see enum nested.
 * Limits:  arrays of one dimension: Debezium shows no other.
 *
 * An array of nothing but NULLs passes for NESTED_SPOILT: as such comes an array of arrays.
 */
#ifndef DECODE_NESTED_H
#define DECODE_NESTED_H

#include "base/buf.h"
#include "decode/scan.h"
#include "plan/plan.h"

#include <jansson.h>

enum nested {
    NESTED_FITS,
    NESTED_MISFIT, /* of another kind or form than the column's */
    NESTED_SPOILT, /* what the value was can't be told */
};

bool nested_is(enum scalar scalar);
enum nested nested_read(const json_t *json, const struct relation_column *column, int64_t ts_us,
                        struct buf *out);
/* The same text from the scanner's value. False: nested_read has to say. out has room for the
 * value's length times NESTED_GROWTH: it does not move. */
bool nested_scan(const struct scan_value *value, const struct relation_column *column,
                 int64_t ts_us, struct buf *out);

/* 1e9 becomes 1000000000; and a comma. */
#define NESTED_GROWTH 8

#endif
