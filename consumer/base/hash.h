/* hash.h: FNV-1a of 64 bits, for tables in memory and for numbers that are kept.
 *
 * What:    fnv1a(FNV1A_START, bytes) is the hash as published; a hash is carried on by giving it in
 *          place of the start. Stored and compared across versions: it must not change.
 * Limits:  no defence against those who choose the bytes.
 * Source:  Fowler, Noll, Vo: draft-eastlake-fnv.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/str.h"

#include <stdint.h>

#define FNV1A_START UINT64_C(0xcbf29ce484222325)

/* One byte more, or a number above 255, which no byte is. */
static inline uint64_t fnv1a_one(uint64_t hash, unsigned one) {
    return (hash ^ one) * UINT64_C(0x100000001b3);
}

static inline uint64_t fnv1a(uint64_t hash, struct str bytes) {
    for (size_t i = 0; i < bytes.len; i++) {
        hash = fnv1a_one(hash, (unsigned char)bytes.ptr[i]);
    }
    return hash;
}

#endif
