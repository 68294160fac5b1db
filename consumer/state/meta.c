#include "state/meta.h"

#include "state/crc32c.h"

#include <endian.h>

/* crc32c be32 | format be32 | table_count be32 | flags be32 | wall_ms be64 |
 * offsets be64 each | identity to the end. The CRC covers what follows it; it and the format stay
 * where they are in every format to come. */
#define CRC_BYTES       4
#define HEAD_BYTES      8
#define FIXED_BYTES     24
#define FLAG_INCOMPLETE 1U

static uint32_t be32_at(struct str s, size_t at) {
    uint32_t be = 0;
    memcpy(&be, s.ptr + at, sizeof be);
    return be32toh(be);
}

static uint64_t be64_at(struct str s, size_t at) {
    uint64_t be = 0;
    memcpy(&be, s.ptr + at, sizeof be);
    return be64toh(be);
}

void meta_encode(const struct meta_record *record, struct buf *out) {
    buf_reset(out);
    buf_be32(out, 0); /* the CRC's place */
    buf_be32(out, META_FORMAT);
    buf_be32(out, (uint32_t)record->table_count);
    buf_be32(out, record->incomplete ? FLAG_INCOMPLETE : 0);
    buf_be64(out, (uint64_t)record->wall_ms);
    for (size_t i = 0; i < record->table_count; i++) {
        buf_be64(out, (uint64_t)record->offsets[i]);
    }
    buf_str(out, record->identity);
    uint32_t crc = htobe32(crc32c(0, out->ptr + CRC_BYTES, out->len - CRC_BYTES));
    memcpy(out->ptr, &crc, sizeof crc);
}

enum meta_verdict meta_decode(struct str stored, struct meta_record *record) {
    if (stored.len < HEAD_BYTES ||
        be32_at(stored, 0) != crc32c(0, stored.ptr + CRC_BYTES, stored.len - CRC_BYTES)) {
        return META_DAMAGED;
    }
    if (be32_at(stored, 4) != META_FORMAT) {
        return META_FOREIGN;
    }
    size_t offsets_bytes = record->table_count * sizeof(int64_t);
    if (stored.len < FIXED_BYTES + offsets_bytes || be32_at(stored, 8) != record->table_count) {
        return META_FOREIGN;
    }
    size_t identity_at = FIXED_BYTES + offsets_bytes;
    struct str identity = {stored.ptr + identity_at, stored.len - identity_at};
    if (record->identity.ptr && !str_equal(identity, record->identity)) {
        return META_FOREIGN;
    }
    record->identity = record->identity.ptr ? record->identity : identity;
    record->incomplete = (be32_at(stored, 12) & FLAG_INCOMPLETE) != 0;
    record->wall_ms = (int64_t)be64_at(stored, 16);
    for (size_t i = 0; i < record->table_count; i++) {
        record->offsets[i] = (int64_t)be64_at(stored, FIXED_BYTES + i * sizeof(int64_t));
    }
    return META_GOOD;
}
