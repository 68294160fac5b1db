#include "decode/route.h"

#include "base/utf8.h"

#include <assert.h>
#include <inttypes.h>

/* String.hashCode: over UTF-16 code units. */
static uint32_t hash_text(struct str text) {
    uint32_t hash = 0;
    const char *at = text.ptr, *end = text.ptr + text.len;
    while (at < end) {
        uint32_t code = 0;
        size_t len = utf8_decode(at, end, &code);
        assert(len > 0);
        at += len;
        if (code >= 0x10000) {
            hash = 31 * hash + (0xD800 + ((code - 0x10000) >> 10));
            code = 0xDC00 + ((code - 0x10000) & 0x3FF);
        }
        hash = 31 * hash + code;
    }
    return hash;
}

/* Two's complement of a decimal integer. */
static uint64_t integer(struct str text) {
    bool negative = text.len > 0 && *text.ptr == '-';
    uint64_t value = 0;
    for (size_t i = negative; i < text.len; i++) {
        value = value * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    return negative ? 0 - value : value;
}

static uint32_t hash_part(const struct relation_column *column, struct str text) {
    switch (column->key) {
    case KEY_INTEGER:
        return (uint32_t)integer(text);
    case KEY_BIGINT: {
        uint64_t value = integer(text);
        return (uint32_t)(value ^ value >> 32);
    }
    case KEY_UUID:
        return hash_text(text);
    case KEY_TEXT:
        if (column->scalar == SCALAR_BOOLEAN) {
            return str_is(text, "true") ? 1231 : 1237;
        }
        return hash_text(text);
    case KEY_NONE:
        break;
    }
    assert(false);
    return 0;
}

int32_t route_partition(const struct relation *table, const struct str *values,
                        int32_t partition_count) {
    uint32_t sum = 0;
    for (size_t i = 0; i < table->placement_count; i++) {
        sum += hash_part(&table->columns[i], values[i]);
    }
    sum &= INT32_MAX;
    if (sum == INT32_MAX) { /* the transform counts it as 0 */
        sum = 0;
    }
    return (int32_t)sum % partition_count;
}
