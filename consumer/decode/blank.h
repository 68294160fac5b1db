/* blank.h: rows that hold nothing but their primary key.
 *
 * What:    while a table's replica identity is not FULL, the `before` of a delete holds the primary
 *          key, and NULL, 0, "" or false for the rest. Where the join key is part of the rest, the
 *          record speaks of a row without a partner, and the real row would stay in the sink. A row
 *          of the source may be like that, too; but then a record said so before. So each blank row
 *          has a number, under which the state keeps that it was seen.
 * Limits:  the number is a hash of 64 bits: a delete passes unnoticed where two are equal. Only of
 *          tables with blanks_tell: elsewhere `before` holds the whole key, or nothing tells.
 */
#ifndef DECODE_BLANK_H
#define DECODE_BLANK_H

#include "plan/plan.h"

/* Whether text is what the connector sends for a value that it doesn't have. */
bool blank_value(const struct relation_column *column, struct str text);
/* No column of the first count has a value that tells. */
bool blank_row(const struct relation *table, const struct str *values, size_t count);
/* The number of the row with these key columns, not 0. */
uint64_t blank_number(const struct relation *table, const struct str *values);

#endif
