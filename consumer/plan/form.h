/* form.h: what the text of a value looks like, as the connector that plan prints sends it.
 *
 * What:    tells a value that the column's declared type can't have sent: it comes from a column of
 *          another type, or from a connector that is set otherwise.
 * Units:   ts_us as in decode.h.
 * Errors:  none: false is a doubt, and the caller's to say.
 * Limits:  what looks right passes: milliseconds where microseconds are due are seen only where a
 *          time is about that of the record itself. No value that the type can hold is doubted,
 *          but for times that nobody has: see form.c.
 */
#ifndef PLAN_FORM_H
#define PLAN_FORM_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum form {
    FORM_ANY,      /* its JSON kind is all there is to know */
    FORM_SMALLINT, /* an integer of 16 bits */
    FORM_INTEGER,  /* of 32 bits */
    FORM_REAL,     /* a number, or NaN, Infinity, -Infinity */
    FORM_DECIMAL,  /* 12, -0.50, 1E-7; NAN, POSITIVE_INFINITY, NEGATIVE_INFINITY */
    FORM_FRACTION, /* the same of a type with digits behind the point: they are there */
    FORM_UUID,     /* 36 characters */
    FORM_DATE,     /* days since 1970 */
    FORM_MICROSECONDS,
    FORM_MILLISECONDS, /* since 1970 */
    FORM_ZONED,        /* ISO 8601 with a zone, or an infinity */
    FORM_DAY_MICROSECONDS,
    FORM_DAY_MILLISECONDS, /* since midnight, 24:00 included */
    FORM_INTERVAL,         /* ISO 8601: P1Y2M-3DT4H5M6.7S */
    FORM_BASE64,
};

/* ts_us: commit time of the record; 0: not known. */
bool form_fits(enum form form, struct str text, int64_t ts_us);
/* An array's element that Debezium spoils: a time that it moves from one calendar to another, or an
 * array within the array. What it was can't be told. */
bool form_spoilt(enum form form, struct str text);
/* "a number of microseconds": what should stand there. */
const char *form_name(enum form form);

#endif
