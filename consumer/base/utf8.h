/* utf8.h: one character of UTF-8.
 *
 * What:    decodes and checks a sequence as RFC 3629 has it: no overlong forms, no surrogates,
 *          nothing above U+10FFFF.
 * Errors:  length 0: not UTF-8.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Length of the character at at (at < end), 0 if it is none; *ret_code gets its code point. */
static inline size_t utf8_decode(const char *at, const char *end, uint32_t *ret_code) {
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char lead = (unsigned char)*at;
    if (lead < 0x80) {
        *ret_code = lead;
        return 1;
    }
    size_t len = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || (size_t)(end - at) < len) {
        return 0;
    }
    uint32_t code = lead & (0x7FU >> len);
    for (size_t i = 1; i < len; i++) {
        unsigned char byte = (unsigned char)at[i];
        if ((byte & 0xC0) != 0x80) {
            return 0;
        }
        code = code << 6 | (byte & 0x3FU);
    }
    if (code < smallest[len] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
        return 0;
    }
    *ret_code = code;
    return len;
}

#endif
