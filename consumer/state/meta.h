/* meta.h: the record that says what a cache is and where it stands.
 *
 * What:    encoding with a format version and a CRC-32C.
 * Units:   as state.h.
 * Errors:  a verdict, not an err: what to do about it is state.c's.
 * Limits:  STATE_TABLES_MAX tables.
 */
#ifndef STATE_META_H
#define STATE_META_H

#include "base/buf.h"
#include "state/state.h"

/* Raise it whenever what is stored changes its form or meaning: older caches are then rebuilt. */
#define META_FORMAT 3

struct meta_record {
    struct str identity;
    size_t table_count;
    int64_t offsets[STATE_TABLES_MAX];
    int64_t wall_ms;
    bool incomplete;
};

enum meta_verdict {
    META_GOOD,
    META_FOREIGN, /* another format, identity or number of tables: a cache of something else */
    META_DAMAGED,
};

/* Replaces what is in out. */
void meta_encode(const struct meta_record *record, struct buf *out);
/* record->identity and table_count say what is expected; the rest is filled on META_GOOD. Without
 * an identity (ptr NULL) any will do, and it is filled, too: it points into stored. */
enum meta_verdict meta_decode(struct str stored, struct meta_record *record);

#endif
