/* envelope.h: Debezium's JSON around a row image.
 *
 * What:    finds op, before, after and the few members of source that are used, with or without
 *          the {"schema", "payload"} wrapper.
 * Owns:    nothing: slices point into the text, or into the caller's arena.
 * Units:   ts_us since the epoch.
 * Errors:  ERR_RECORD: not JSON, or not an object; says where, never what stands there.
 * Limits:  jansson's.
 *
 * The scanner reads what Debezium writes; anything else goes to jansson, whole: either it knows
 * what is wrong, or the text is odd but right (a name with escapes, deep nesting). Both ways give
 * the same envelope. Members that aren't used may be anything, one that is used comes once.
 */
#ifndef DECODE_ENVELOPE_H
#define DECODE_ENVELOPE_H

#include "base/arena.h"
#include "base/err.h"
#include "decode/decode.h"
#include "decode/scan.h"

#include <jansson.h>
#include <stdint.h>

struct envelope {
    bool tombstone; /* the text is null, or a wrapped null; nothing else is set */
    char op;        /* 0: there is none, or it isn't one letter */
    enum snapshot_mark snapshot;
    int64_t ts_us;     /* commit time in the source; 0: source does not say */
    struct str before; /* the member's JSON; ptr NULL: absent or null */
    struct str after;
};

/* The scalars of an envelope that are used; all but op are members of source. */
enum envelope_scalar {
    ENVELOPE_OP,
    ENVELOPE_TS_US,
    ENVELOPE_TS_MS,
    ENVELOPE_SNAPSHOT,
    ENVELOPE_SCALARS,
};

/* Sets op, ts_us and snapshot from what the scanner found; text.ptr NULL: not there. False: left to
 * jansson. */
bool envelope_set(struct envelope *envelope, const struct scan_value scalars[ENVELOPE_SCALARS]);
/* By the scanner, and by jansson where that is lost. */
MUST_CHECK enum err_kind envelope_read(struct str text, struct arena *arena,
                                       struct envelope *ret_envelope, struct err *reterr);
/* By jansson alone. */
MUST_CHECK enum err_kind envelope_load(struct str text, struct arena *arena,
                                       struct envelope *ret_envelope, struct err *reterr);

/* Parses text strictly: no duplicates, no NUL. what is its name in the message, which holds no part
 * of text. Caller owns *ret_json. */
MUST_CHECK enum err_kind json_read(struct str text, const char *what, json_t **ret_json,
                                   struct err *reterr);
/* The payload of an object that has exactly the members schema and payload; else json itself. */
json_t *json_unwrap(json_t *json);

#endif
