#include "decode/scan.h"

#include "base/utf8.h"

#include <endian.h>
#include <stdint.h>

/* Digits of a real that can't overflow a double, whatever they are. */
#define REAL_BYTES_MAX 100

/* ---- eight bytes at a time: a set top bit marks a byte; the lowest mark is right, those above it
 * may not be ---- */

#define EACH(byte) ((uint64_t)(byte)*0x0101010101010101)

static uint64_t load8(const char *at) {
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return le64toh(word); /* the first byte is the lowest */
}

static const char *first_marked(const char *at, uint64_t marks) {
    return at + __builtin_ctzll(marks) / 8;
}

/* The first byte that is a quote, a backslash, a control byte, or not ASCII. */
static const char *skip_plain(const char *at, const char *end) {
    for (; end - at >= 8; at += 8) {
        uint64_t word = load8(at);
        uint64_t quote = word ^ EACH('"'), backslash = word ^ EACH('\\');
        uint64_t marks =
            (word | (word - EACH(0x20)) | (quote - EACH(1)) | (backslash - EACH(1))) & EACH(0x80);
        if (marks) {
            return first_marked(at, marks);
        }
    }
    while (at < end && (unsigned char)(*at - 0x20) < 0x60 && *at != '"' && *at != '\\') {
        at++;
    }
    return at;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* The first byte that is no digit. */
static const char *skip_digit_bytes(const char *at, const char *end) {
    for (; end - at >= 8; at += 8) {
        uint64_t digits = load8(at) ^ EACH('0');
        uint64_t marks = (digits | (digits + EACH(0x80 - 10))) & EACH(0x80);
        if (marks) {
            return first_marked(at, marks);
        }
    }
    while (at < end && is_digit(*at)) {
        at++;
    }
    return at;
}

/* ---- tokens ---- */

static void skip_blanks(struct scan *scan) {
    while (scan->at < scan->end && (unsigned char)*scan->at <= ' ' &&
           (*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\n' || *scan->at == '\r')) {
        scan->at++;
    }
}

/* The byte at the cursor; 0, which is never JSON, behind the end. */
static char peek(const struct scan *scan) {
    return (char)(scan->at < scan->end ? *scan->at : '\0');
}

static bool take(struct scan *scan, char c) {
    skip_blanks(scan);
    if (peek(scan) != c) {
        return false;
    }
    scan->at++;
    return true;
}

static size_t skip_digits(struct scan *scan) {
    const char *start = scan->at;
    scan->at = skip_digit_bytes(start, scan->end);
    return (size_t)(scan->at - start);
}

/* The four digits behind `\u`. */
static bool take_hex4(struct scan *scan, uint32_t *ret_unit) {
    uint32_t unit = 0;
    if (scan->end - scan->at < 4) {
        return false;
    }
    for (int i = 0; i < 4; i++) {
        char c = *scan->at++;
        char lower = (char)(c | 0x20);
        if (is_digit(c)) {
            unit = unit << 4 | (uint32_t)(c - '0');
        } else if (lower >= 'a' && lower <= 'f') {
            unit = unit << 4 | (uint32_t)(lower - 'a' + 10);
        } else {
            return false;
        }
    }
    *ret_unit = unit;
    return true;
}

/* At the byte behind a backslash. */
static bool skip_escape(struct scan *scan) {
    switch (peek(scan)) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        scan->at++;
        return true;
    case 'u':
        scan->at++;
        break;
    default:
        return false;
    }
    uint32_t unit, low;
    if (!take_hex4(scan, &unit) || unit == 0) {
        return false;
    }
    if (unit < 0xD800 || unit > 0xDFFF) {
        return true;
    }
    if (unit > 0xDBFF || scan->end - scan->at < 2 || scan->at[0] != '\\' || scan->at[1] != 'u') {
        return false;
    }
    scan->at += 2;
    return take_hex4(scan, &low) && low >= 0xDC00 && low <= 0xDFFF;
}

/* At a byte that isn't ASCII: over all such characters. */
static bool skip_utf8(struct scan *scan) {
    while (scan->at < scan->end && (unsigned char)*scan->at >= 0x80) {
        uint32_t code;
        size_t len = utf8_decode(scan->at, scan->end, &code);
        if (len == 0) {
            return false;
        }
        scan->at += len;
    }
    return true;
}

/* At the opening quote. */
static bool skip_string(struct scan *scan, bool *ret_escaped) {
    *ret_escaped = false;
    scan->at++;
    for (;;) {
        scan->at = skip_plain(scan->at, scan->end);
        unsigned char c = (unsigned char)peek(scan);
        if (c == '"') {
            scan->at++;
            return true;
        }
        if (c == '\\') {
            *ret_escaped = true;
            scan->at++;
            if (!skip_escape(scan)) {
                return false;
            }
        } else if (c < 0x80 || !skip_utf8(scan)) {
            return false;
        }
    }
}

static bool fits_int64(const char *digits, size_t count) {
    return count < 19 || (count == 19 && memcmp(digits, "9223372036854775807", 19) <= 0);
}

/* Behind a real's integer part. */
static bool skip_fraction(struct scan *scan) {
    if (peek(scan) == '.') {
        scan->at++;
        if (skip_digits(scan) == 0) {
            return false;
        }
    }
    if (peek(scan) != 'e' && peek(scan) != 'E') {
        return true;
    }
    scan->at++;
    if (peek(scan) == '+' || peek(scan) == '-') {
        scan->at++;
    }
    size_t exponent = skip_digits(scan);
    return exponent > 0 && exponent <= 2;
}

static bool skip_number(struct scan *scan, enum scan_kind *ret_kind) {
    const char *start = scan->at;
    if (*start == '-') {
        scan->at++;
    }
    const char *digits = scan->at;
    size_t count = skip_digits(scan);
    if (count == 0 || (*digits == '0' && count > 1)) {
        return false;
    }
    char c = peek(scan);
    if (c != '.' && c != 'e' && c != 'E') {
        *ret_kind = SCAN_INTEGER;
        return fits_int64(digits, count);
    }
    *ret_kind = SCAN_REAL;
    return skip_fraction(scan) && scan->at - start <= REAL_BYTES_MAX;
}

static bool skip_word(struct scan *scan, const char *word) {
    size_t len = strlen(word);
    if ((size_t)(scan->end - scan->at) < len || memcmp(scan->at, word, len) != 0) {
        return false;
    }
    scan->at += len;
    return true;
}

static bool skip_scalar(struct scan *scan, enum scan_kind *ret_kind, bool *ret_escaped) {
    *ret_escaped = false;
    switch (peek(scan)) {
    case '"':
        *ret_kind = SCAN_STRING;
        return skip_string(scan, ret_escaped);
    case 't':
        *ret_kind = SCAN_TRUE;
        return skip_word(scan, "true");
    case 'f':
        *ret_kind = SCAN_FALSE;
        return skip_word(scan, "false");
    case 'n':
        *ret_kind = SCAN_NULL;
        return skip_word(scan, "null");
    case '-':
    case '0' ... '9':
        return skip_number(scan, ret_kind);
    default:
        return false;
    }
}

static bool skip_name(struct scan *scan) {
    bool escaped;
    skip_blanks(scan);
    return peek(scan) == '"' && skip_string(scan, &escaped) && take(scan, ':');
}

/* Not recursive: the brackets that close what is open. */
struct nest {
    char closing[SCAN_DEPTH_MAX];
    size_t depth;
};

/* At an opening bracket: steps to the first value within, or, false, over an empty container. */
static bool open_container(struct scan *scan, struct nest *nest, bool *ret_lost) {
    char closing = (char)(*scan->at == '{' ? '}' : ']');
    *ret_lost = nest->depth == SCAN_DEPTH_MAX;
    if (*ret_lost) {
        return false;
    }
    scan->at++;
    if (take(scan, closing)) {
        return false;
    }
    nest->closing[nest->depth++] = closing;
    *ret_lost = closing == '}' && !skip_name(scan);
    return true;
}

/* Behind a value: over the brackets that close, then, where still within, to the next value. */
static bool next_value(struct scan *scan, struct nest *nest) {
    while (nest->depth > 0 && take(scan, nest->closing[nest->depth - 1])) {
        nest->depth--;
    }
    if (nest->depth == 0) {
        return true;
    }
    return take(scan, ',') && (nest->closing[nest->depth - 1] == ']' || skip_name(scan));
}

static bool skip_container(struct scan *scan) {
    struct nest nest = {.depth = 0};
    do {
        skip_blanks(scan);
        char c = peek(scan);
        bool within = false;
        if (c == '{' || c == '[') {
            bool lost;
            within = open_container(scan, &nest, &lost);
            if (lost) {
                return false;
            }
        } else {
            enum scan_kind kind;
            bool escaped;
            if (!skip_scalar(scan, &kind, &escaped)) {
                return false;
            }
        }
        if (!within && !next_value(scan, &nest)) {
            return false;
        }
    } while (nest.depth > 0);
    return true;
}

bool scan_enter(struct scan *scan) {
    return take(scan, '{');
}

enum scan_step scan_member(struct scan *scan, size_t index, struct str *ret_name) {
    if (take(scan, '}')) {
        return SCAN_END;
    }
    if (index > 0 && !take(scan, ',')) {
        return SCAN_LOST;
    }
    skip_blanks(scan);
    const char *start = scan->at;
    bool escaped;
    if (peek(scan) != '"' || !skip_string(scan, &escaped) || escaped) {
        return SCAN_LOST;
    }
    *ret_name = (struct str){start + 1, (size_t)(scan->at - start) - 2};
    return take(scan, ':') ? SCAN_MEMBER : SCAN_LOST;
}

bool scan_enter_array(struct scan *scan) {
    return take(scan, '[');
}

enum scan_step scan_element(struct scan *scan, size_t index) {
    if (take(scan, ']')) {
        return SCAN_END;
    }
    return index > 0 && !take(scan, ',') ? SCAN_LOST : SCAN_MEMBER;
}

bool scan_value(struct scan *scan, struct scan_value *ret_value) {
    skip_blanks(scan);
    const char *start = scan->at;
    enum scan_kind kind;
    bool escaped = false;
    char c = peek(scan);
    if (c == '{' || c == '[') {
        kind = c == '{' ? SCAN_OBJECT : SCAN_ARRAY;
        if (!skip_container(scan)) {
            return false;
        }
    } else if (!skip_scalar(scan, &kind, &escaped)) {
        return false;
    }
    *ret_value = (struct scan_value){kind, {start, (size_t)(scan->at - start)}, escaped};
    return true;
}

bool scan_done(struct scan *scan) {
    skip_blanks(scan);
    return scan->at == scan->end;
}

struct str scan_string(const struct scan_value *value) {
    return (struct str){value->text.ptr + 1, value->text.len - 2};
}
