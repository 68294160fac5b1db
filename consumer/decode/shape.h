/* shape.h: what JSON text looked like the last time, to read the next one that looks alike.
 *
 * What:    a sample of an object's text with holes where values vary. Text with the sample's bytes
 *          between the holes and any JSON value in each of them is JSON, and has the sample's
 *          members: what the scanner once found out holds again, for the price of a memcmp.
 * Owns:    a struct shape owns its sample until shape_clear; slots point into the matched text.
 * Errors:  false: not alike, or not to be learned; the text may be anything then.
 * Limits:  SHAPE_BYTES_MAX, SHAPE_VALUES_MAX; an object whose members have escapes in their names
 *          isn't learned.
 *
 * A value that somebody reads is a hole; one that nobody reads becomes a hole when it is first seen
 * to differ (shape_merge).
 */
#ifndef DECODE_SHAPE_H
#define DECODE_SHAPE_H

#include "base/buf.h"
#include "decode/scan.h"

#define SHAPE_BYTES_MAX  ((size_t)64 * 1024)
#define SHAPE_VALUES_MAX 1024
#define SHAPE_DEPTH_MAX  4
/* The slot of all values that nobody reads. */
#define SHAPE_UNREAD 0

struct shape_object;
/* A member that is read, or looked into. */
struct shape_name {
    struct str name;
    size_t slot;                       /* where shape_match puts the value */
    const struct shape_object *object; /* what is read within; NULL: not looked into */
};
/* Of other members the names are of no interest. */
struct shape_object {
    const struct shape_name *names;
    size_t count;
    bool flat; /* no object passes as the value of a hole: a name may come twice in there */
};

struct shape_value {
    size_t at, len; /* in the sample */
    size_t slot;
    bool varies; /* a hole */
    bool flat;   /* its object's */
};
struct shape {
    struct buf sample; /* empty: nothing is learned */
    struct shape_value *values;
    size_t count, cap;
};

/* An all-zero struct shape is valid and matches nothing. */
void shape_clear(struct shape *shape);
/* Fills the slots of the sample's holes; those of members that it doesn't have stay as they are. On
 * failure they may hold anything. */
bool shape_match(const struct shape *shape, struct str text, struct scan_value *slots);
/* Makes text, an object with the members of object, the sample of shape, which was empty. In text
 * no name comes twice in an object: the caller knows that. A member that is to be looked into and
 * is no object now is part of the shape. */
bool shape_learn(struct shape *shape, struct str text, const struct shape_object *object);
/* Adds the holes of older, and those where the samples differ; false: they have other members. */
bool shape_merge(struct shape *shape, const struct shape *older);
bool shape_has(const struct shape *shape, size_t slot);

#endif
