#include "decode/scan.h"

#include "decode/utf8.h"

#include <stdint.h>

/* Digits of a real that can't overflow a double, whatever they are. */
#define REAL_BYTES_MAX 100

static void skip_blanks(struct scan *scan) {
    while (scan->at < scan->end &&
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

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static size_t skip_digits(struct scan *scan) {
    const char *start = scan->at;
    while (is_digit(peek(scan))) {
        scan->at++;
    }
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
    char c = peek(scan);
    if (c == '\0' || !strchr("\"\\/bfnrtu", c)) {
        return false;
    }
    scan->at++;
    if (c != 'u') {
        return true;
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

/* At the opening quote. */
static bool skip_string(struct scan *scan, bool *ret_escaped) {
    *ret_escaped = false;
    scan->at++;
    while (scan->at < scan->end) {
        unsigned char c = (unsigned char)*scan->at;
        if (c >= 0x80) {
            uint32_t code;
            size_t len = utf8_decode(scan->at, scan->end, &code);
            if (len == 0) {
                return false;
            }
            scan->at += len;
        } else if (c == '"') {
            scan->at++;
            return true;
        } else if (c == '\\') {
            *ret_escaped = true;
            scan->at++;
            if (!skip_escape(scan)) {
                return false;
            }
        } else if (c < 0x20) {
            return false;
        } else {
            scan->at++;
        }
    }
    return false;
}

static bool fits_int64(const char *digits, size_t count) {
    return count < 19 || (count == 19 && memcmp(digits, "9223372036854775807", 19) <= 0);
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
    *ret_kind = SCAN_INTEGER;
    if (peek(scan) == '.') {
        *ret_kind = SCAN_REAL;
        scan->at++;
        if (skip_digits(scan) == 0) {
            return false;
        }
    }
    if (peek(scan) == 'e' || peek(scan) == 'E') {
        *ret_kind = SCAN_REAL;
        scan->at++;
        if (peek(scan) == '+' || peek(scan) == '-') {
            scan->at++;
        }
        size_t exponent = skip_digits(scan);
        if (exponent == 0 || exponent > 2) {
            return false;
        }
    }
    return *ret_kind == SCAN_INTEGER ? fits_int64(digits, count)
                                     : scan->at - start <= REAL_BYTES_MAX;
}

static bool skip_word(struct scan *scan, const char *word) {
    size_t len = strlen(word);
    if ((size_t)(scan->end - scan->at) < len || memcmp(scan->at, word, len) != 0) {
        return false;
    }
    scan->at += len;
    return true;
}

static bool skip_scalar(struct scan *scan, struct scan_value *value) {
    switch (peek(scan)) {
    case '"':
        value->kind = SCAN_STRING;
        return skip_string(scan, &value->escaped);
    case 't':
        value->kind = SCAN_TRUE;
        return skip_word(scan, "true");
    case 'f':
        value->kind = SCAN_FALSE;
        return skip_word(scan, "false");
    case 'n':
        value->kind = SCAN_NULL;
        return skip_word(scan, "null");
    case '-':
    case '0' ... '9':
        return skip_number(scan, &value->kind);
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
            struct scan_value scalar;
            if (!skip_scalar(scan, &scalar)) {
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

bool scan_value(struct scan *scan, struct scan_value *ret_value) {
    skip_blanks(scan);
    struct scan_value value = {.text.ptr = scan->at};
    char c = peek(scan);
    if (c == '{' || c == '[') {
        value.kind = c == '{' ? SCAN_OBJECT : SCAN_ARRAY;
        if (!skip_container(scan)) {
            return false;
        }
    } else if (!skip_scalar(scan, &value)) {
        return false;
    }
    value.text.len = (size_t)(scan->at - value.text.ptr);
    *ret_value = value;
    return true;
}

bool scan_done(struct scan *scan) {
    skip_blanks(scan);
    return scan->at == scan->end;
}

struct str scan_string(const struct scan_value *value) {
    return (struct str){value->text.ptr + 1, value->text.len - 2};
}
