/* template.h: JSON text of which only the values vary, to read the next one that looks alike.
 *
 * What:    a sample of an object's text, with slots where values vary. A text that has the sample's
 *          bytes between the slots, and any JSON value in each of them, is JSON and has the
 *          sample's members: what the scanner once found out holds again, for the price of a
 *          memcmp.
 * Owns:    a struct template owns its sample until template_clear; matched values point into the
 *          matched text.
 * Errors:  false: not alike, or not to be learned; the text may be anything then.
 * Limits:  TEMPLATE_BYTES_MAX, TEMPLATE_VALUES_MAX; an object whose members have escapes in their
 *          names isn't learned.
 *
 * A value that somebody reads has a slot; one that nobody reads gets one when it is first seen to
 * differ (template_merge).
 */
#ifndef DECODE_TEMPLATE_H
#define DECODE_TEMPLATE_H

#include "base/buf.h"
#include "decode/scan.h"

#define TEMPLATE_BYTES_MAX  ((size_t)64 * 1024)
#define TEMPLATE_VALUES_MAX 1024
#define TEMPLATE_DEPTH_MAX  4
/* The one slot of all values that nobody reads. */
#define TEMPLATE_UNREAD 0

struct template_object;
/* A member that is read, or looked into. */
struct template_name {
    struct str name;
    size_t slot;                          /* where template_match puts the value */
    const struct template_object *object; /* what is read within; NULL: not looked into */
};
/* Of other members the names are of no interest. */
struct template_object {
    const struct template_name *names;
    size_t count;
    bool flat; /* no object passes as the value in a slot: a name may come twice in there */
};

struct template_value {
    size_t at, len; /* in the sample */
    size_t slot;
    bool varies; /* it is a slot */
    bool flat;   /* its object's */
};
struct template {
    struct buf sample; /* empty: nothing is learned */
    struct template_value *values;
    size_t count, cap;
};

/* An all-zero struct template is valid and matches nothing. */
void template_clear(struct template *template);
/* Puts each value into slots[its slot]; those of members that the template doesn't have stay as
 * they are. On failure they may hold anything. */
bool template_match(const struct template *template, struct str text, struct scan_value *slots);
/* Makes text, an object with the members of object, the sample of template, which was empty. In
 * text no name comes twice in an object: the caller knows that. A member that is to be looked into
 * and is no object now is part of the sample. */
bool template_learn(struct template *template, struct str text,
                    const struct template_object *object);
/* Adds the slots of older, and those where the samples differ; false: they have other members. */
bool template_merge(struct template *template, const struct template *older);
bool template_has(const struct template *template, size_t slot);

#endif
