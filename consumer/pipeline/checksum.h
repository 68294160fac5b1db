/* checksum.h: by which a dead letter and its record are known to belong together.
 *
 * What:    CRC-32C over a record's key and value.
 * Limits:  finds a topic that was made anew, not intent.
 */
#ifndef PIPELINE_CHECKSUM_H
#define PIPELINE_CHECKSUM_H

#include "consume/record.h"
#include "state/crc32c.h"

#include <endian.h>

static inline uint32_t record_checksum(const struct record *record) {
    uint32_t key_len = htobe32((uint32_t)record->key.len); /* so that no byte changes sides */
    uint32_t crc = crc32c(0, &key_len, sizeof key_len);
    crc = crc32c(crc, record->key.ptr, record->key.len);
    return crc32c(crc, record->value.ptr, record->value.len);
}

#endif
