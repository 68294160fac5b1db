/* checksummed.h: what stands in which space of the store, and a value as it is stored: behind its
 * checksum, which is big-endian.
 *
 * What:    the checksum covers space, key and value. The meta record has one of its own (meta.h).
 * Errors:  false: damaged.
 */
#ifndef STATE_CHECKSUMMED_H
#define STATE_CHECKSUMMED_H

#include "base/buf.h"
#include "state/crc32c.h"

#include <endian.h>
#include <stdint.h>

/* The meta record's is first, so that a cache of a view with another number of tables is
 * recognised. The tables' rows follow, then their changed rows: a table number before a key would
 * not fit beside the longest. */
#define META_SPACE 0
#define META_KEY   STR("meta")
#define ROWS_SPACE 1 /* of the first table */
/* Those two for each table, then the numbers' (state_number_add), then the indexes. So a view
 * without references has the spaces that it had before there were any. */
#define INDEX_SPACE(tables)           (ROWS_SPACE + 2 * (tables) + 1) /* of the first reference */
#define SPACES_OF(tables, references) (INDEX_SPACE(tables) + (references))

#define CHECKSUM_BYTES 4

static inline struct str checksum_add(struct buf *buf, int space, struct str key,
                                      struct str value) {
    buf_reset(buf);
    buf_be32(buf, crc32c_entry(space, key, value));
    buf_str(buf, value);
    return buf_view(buf);
}

/* false: *ret_value is untouched. */
static inline bool checksum_remove(int space, struct str key, struct str stored,
                                   struct str *ret_value) {
    if (stored.len < CHECKSUM_BYTES) {
        return false;
    }
    struct str value = {stored.ptr + CHECKSUM_BYTES, stored.len - CHECKSUM_BYTES};
    uint32_t crc = 0;
    memcpy(&crc, stored.ptr, sizeof crc);
    if (be32toh(crc) != crc32c_entry(space, key, value)) {
        return false;
    }
    *ret_value = value;
    return true;
}

#endif
