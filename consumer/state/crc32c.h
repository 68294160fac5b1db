/* crc32c.h: CRC-32C (Castagnoli), for bytes that a disk may have changed.
 *
 * What:    the checksum of RFC 3720, by the processor where it has the instruction.
 * Limits:  finds damage, not intent.
 */
#ifndef STATE_CRC32C_H
#define STATE_CRC32C_H

#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

/* crc 0 begins; the result of one call continues in the next as if the bytes stood together. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t len);
/* The same without the processor's help: for machines that have none, and for the test. */
uint32_t crc32c_portable(uint32_t crc, const void *bytes, size_t len);

/* Over a space of a store, a key and its value: a value that slipped to another key is found too.
 */
static inline uint32_t crc32c_entry(int space, struct str key, struct str value) {
    unsigned char head = (unsigned char)space;
    uint32_t crc = crc32c(0, &head, 1);
    crc = crc32c(crc, key.ptr, key.len);
    return crc32c(crc, value.ptr, value.len);
}

#endif
