/* scan.h: a cursor that walks JSON text without building anything.
 *
 * What:    finds where values begin and end, and checks on the way that they are JSON.
 * Owns:    nothing: slices point into the text.
 * Threads: pure functions over a struct scan on the caller's stack.
 * Errors:  false or SCAN_LOST: the text is not JSON, or it is JSON of a kind not worth knowing
 *          here; jansson is asked then. What the scanner accepts jansson accepts too, but for
 *          names that come twice in an object nobody looks at.
 * Limits:  SCAN_DEPTH_MAX; integers of int64 (but its two smallest); reals whose size can't be in
 *          doubt.
 */
#ifndef DECODE_SCAN_H
#define DECODE_SCAN_H

#include "base/str.h"

#define SCAN_DEPTH_MAX 64

enum scan_kind {
    SCAN_OBJECT,
    SCAN_ARRAY,
    SCAN_STRING,
    SCAN_INTEGER,
    SCAN_REAL,
    SCAN_TRUE,
    SCAN_FALSE,
    SCAN_NULL,
};

struct scan_value {
    enum scan_kind kind;
    struct str text; /* all of it, with quotes or brackets */
    bool escaped;    /* a string with a backslash in it */
};

struct scan {
    const char *at, *end;
};

enum scan_step {
    SCAN_MEMBER, /* a name, or an element: its value is next */
    SCAN_END,    /* the closing bracket */
    SCAN_LOST,   /* neither, or a name with an escape in it */
};

static inline struct scan scan_start(struct str text) {
    return (struct scan){text.ptr, text.ptr + text.len};
}
/* Steps over the opening bracket of an object. */
bool scan_enter(struct scan *scan);
/* The object's member number index, counted from 0 by the caller. */
enum scan_step scan_member(struct scan *scan, size_t index, struct str *ret_name);
/* The same for an array: its bracket, and what is before element number index. */
bool scan_enter_array(struct scan *scan);
enum scan_step scan_element(struct scan *scan, size_t index);
/* Steps over a value and all within. */
bool scan_value(struct scan *scan, struct scan_value *ret_value);
/* Nothing but blanks is left. */
bool scan_done(struct scan *scan);
/* What a string without escapes says. */
struct str scan_string(const struct scan_value *value);

#endif
