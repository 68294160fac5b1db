/* record_key.h: does a record's Kafka key name the row that its value holds?
 *
 * What:    compares the key's JSON with the key columns' texts, without parsing it.
 * Owns:    nothing.
 * Threads: pure.
 * Units:   none.
 * Errors:  none: false only means that it can't be seen this way, image_read has to say.
 * Limits:  the scanner's.
 */
#ifndef DECODE_RECORD_KEY_H
#define DECODE_RECORD_KEY_H

#include "view/view.h"

/* key is an object that holds every key column of table once, with the text that values has. */
bool record_key_names(struct str key, const struct view_table *table, const struct str *values);

#endif
