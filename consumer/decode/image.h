/* image.h: a JSON object of columns → the texts of the columns that the view uses.
 *
 * What:    reads `after`, `before` and the Kafka key by a table's columns.
 * Owns:    a struct image owns the JSON its values point into, until image_drop or the next read;
 *          its arrays are the decoder's.
 * Errors:  ERR_RECORD: not JSON; an array whose elements Debezium has spoilt; in the key, a value
 *          of another kind than the column's. ERR_HALT: a column is not there, a row's value is of
 *          another kind or form than the column's, or Debezium does not have it (TOAST). Names the
 *          column.
 * Limits:  jansson's.
 */
#ifndef DECODE_IMAGE_H
#define DECODE_IMAGE_H

#include "base/arena.h"
#include "base/err.h"
#include "decode/scalar.h"
#include "plan/plan.h"

#include <jansson.h>

struct image {
    json_t *json;                       /* NULL: nothing is read */
    int64_t ts_us;                      /* of the record, see form.h: the caller's to set */
    struct str *values;                 /* as table->columns; ptr NULL: SQL NULL */
    char (*numbers)[SCALAR_NUMBER_MAX]; /* where values of numbers are printed */
    struct arena texts;                 /* where values of arrays and objects are */
};

enum image_part { IMAGE_AFTER, IMAGE_BEFORE, IMAGE_KEY };

/* Room for columns values, from memory. */
void image_init(struct image *image, size_t columns, struct arena *memory);
void image_drop(struct image *image);
void image_clear(struct image *image);
/* Reads the first count columns of table from text, which part names in messages. */
MUST_CHECK enum err_kind image_read(struct image *image, enum image_part part, struct str text,
                                    const struct relation *table, size_t count, struct err *reterr);
/* What was read of table holds nothing but the primary key, see blank.h: all columns are looked at,
 * read or not. */
bool image_is_blank(const struct image *image, const struct relation *table);
/* `after`, `before`, `the key`. */
const char *image_part_name(enum image_part part);

#endif
