/* key_match.h: do two JSON objects name the same row?
 *
 * What:    compares an object's members with the key columns' texts, without parsing it: a
 *          record's Kafka key, or `before`, with the row that was read.
 * Errors:  none: false only means that it can't be seen this way, image_read has to say.
 * Limits:  the scanner's.
 */
#ifndef DECODE_KEY_MATCH_H
#define DECODE_KEY_MATCH_H

#include "plan/plan.h"

/* json is an object that holds every key column of table once, with the text that values has. */
bool key_matches(struct str json, const struct relation *table, const struct str *values);

#endif
