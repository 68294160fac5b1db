#include "decode/scalar.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* So many digits always come back from a double as they were. */
#define SAFE_DIGITS 15

bool scalar_is_unavailable(const struct relation_column *column, struct str text) {
    return column->unavailable.ptr && text.ptr && str_equal(text, column->unavailable);
}

/* ---- strings: the scanner has checked them ---- */

static uint32_t hex4(const char *at) {
    uint32_t unit = 0;
    for (int i = 0; i < 4; i++) {
        uint32_t digit = (unsigned char)at[i];
        unit = unit << 4 | ((digit & 15) + (digit > '9' ? 9 : 0));
    }
    return unit;
}

static char *put_utf8(char *out, uint32_t code) {
    if (code < 0x80) {
        *out++ = (char)code;
        return out;
    }
    static const uint32_t leads[] = {0, 0xC0, 0xE0, 0xF0};
    int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3; /* bytes behind the first */
    *out++ = (char)(leads[more] | code >> 6 * more);
    while (more-- > 0) {
        *out++ = (char)(0x80 | (code >> 6 * more & 0x3F));
    }
    return out;
}

/* At the byte behind a backslash; returns the byte behind the escape. */
static const char *unescape_one(const char *at, char **out) {
    switch (*at) {
    case 'b':
        *(*out)++ = '\b';
        return at + 1;
    case 'f':
        *(*out)++ = '\f';
        return at + 1;
    case 'n':
        *(*out)++ = '\n';
        return at + 1;
    case 'r':
        *(*out)++ = '\r';
        return at + 1;
    case 't':
        *(*out)++ = '\t';
        return at + 1;
    case 'u':
        break;
    default: /* itself */
        *(*out)++ = *at;
        return at + 1;
    }
    uint32_t code = hex4(at + 1);
    at += 5;
    if (code >= 0xD800 && code <= 0xDBFF) {
        code = 0x10000 + ((code - 0xD800) << 10) + (hex4(at + 2) - 0xDC00);
        at += 6;
    }
    *out = put_utf8(*out, code);
    return at;
}

static struct str unescape(struct str text, struct buf *scratch) {
    char *start = buf_reserve(scratch, text.len), *out = start;
    const char *at = text.ptr, *end = text.ptr + text.len;
    const char *backslash;
    while (at < end && (backslash = memchr(at, '\\', (size_t)(end - at)))) {
        memcpy(out, at, (size_t)(backslash - at));
        out += backslash - at;
        at = unescape_one(backslash + 1, &out);
    }
    memcpy(out, at, (size_t)(end - at));
    out += end - at;
    scratch->len += (size_t)(out - start);
    return (struct str){start, (size_t)(out - start)};
}

static struct str string_text(const struct scan_value *value, struct buf *scratch) {
    struct str text = scan_string(value);
    return value->escaped ? unescape(text, scratch) : text;
}

/* ---- reals ---- */

size_t scalar_print_real(double value, char number[SCALAR_NUMBER_MAX]) {
    int len = 0;
    for (int digits = SAFE_DIGITS; digits <= 17; digits++) {
        len = snprintf(number, SCALAR_NUMBER_MAX, "%.*g", digits, value);
        if (strtod(number, NULL) == value) {
            break;
        }
    }
    return (size_t)len;
}

/* Length of what %.15g would print, where that is the start of text: 1.50 without its last 0. 0:
 * can't be seen this way. */
static size_t plain_real(struct str text) {
    size_t sign = *text.ptr == '-', point = 0, first = 0; /* first: digit that isn't 0 */
    if (text.len - sign > SAFE_DIGITS + 1) {
        return 0;
    }
    for (size_t i = sign; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == 'e' || c == 'E') {
            return 0;
        }
        if (c == '.') {
            point = i;
        } else if (c != '0' && first == 0) {
            first = i + 1; /* 1-based: 0 is none */
        }
    }
    if (first > point + 5) { /* less than 0.0001: with an exponent */
        return 0;
    }
    size_t len = text.len;
    while (text.ptr[len - 1] == '0') {
        len--;
    }
    return len - 1 == point ? point : len;
}

/* The scanner has seen that it has no more than 100 bytes, and fits. */
static struct str real_text(struct str text, struct buf *scratch) {
    char copy[128];
    size_t len = plain_real(text);
    if (len > 0) {
        return (struct str){text.ptr, len};
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    char *number = buf_reserve(scratch, SCALAR_NUMBER_MAX);
    len = scalar_print_real(strtod(copy, NULL), number);
    scratch->len += len;
    return (struct str){number, len};
}

/* ---- all of them ---- */

static bool kind_fits(enum scalar scalar, enum scan_kind kind) {
    switch (scalar) {
    case SCALAR_INTEGER:
        return kind == SCAN_INTEGER;
    case SCALAR_NUMBER:
        return kind == SCAN_INTEGER || kind == SCAN_REAL || kind == SCAN_STRING;
    case SCALAR_BOOLEAN:
        return kind == SCAN_TRUE || kind == SCAN_FALSE;
    case SCALAR_STRING:
        return kind == SCAN_STRING;
    case SCALAR_ARRAY:
    case SCALAR_POINT:
    case SCALAR_WKB:
        break; /* nested.h */
    }
    return false;
}

bool scalar_text(const struct scan_value *value, const struct relation_column *column,
                 struct buf *scratch, struct str *ret_text) {
    if (value->kind == SCAN_NULL) {
        *ret_text = STR_NONE;
        return true;
    }
    if (!kind_fits(column->scalar, value->kind)) {
        return false;
    }
    if (value->kind == SCAN_STRING) {
        *ret_text = string_text(value, scratch);
        return !scalar_is_unavailable(column, *ret_text);
    }
    *ret_text = value->kind == SCAN_REAL ? real_text(value->text, scratch) : value->text;
    return !(value->kind == SCAN_INTEGER && str_equal(value->text, STR("-0")));
}

/* ---- by jansson ---- */

static struct str print_integer(json_int_t value, char *number) {
    int len = snprintf(number, SCALAR_NUMBER_MAX, "%" JSON_INTEGER_FORMAT, value);
    return (struct str){number, (size_t)len};
}

bool scalar_json_fits(enum scalar scalar, const json_t *json) {
    switch (scalar) {
    case SCALAR_INTEGER:
        return json_is_integer(json);
    case SCALAR_NUMBER:
        return json_is_number(json) || json_is_string(json);
    case SCALAR_BOOLEAN:
        return json_is_boolean(json);
    case SCALAR_STRING:
        return json_is_string(json);
    case SCALAR_ARRAY:
    case SCALAR_POINT:
    case SCALAR_WKB:
        break; /* nested.h */
    }
    return false;
}

struct str scalar_json_text(const json_t *json, char number[SCALAR_NUMBER_MAX]) {
    switch (json_typeof(json)) {
    case JSON_STRING:
        return (struct str){json_string_value(json), json_string_length(json)};
    case JSON_INTEGER:
        return print_integer(json_integer_value(json), number);
    case JSON_REAL:
        return (struct str){number, scalar_print_real(json_real_value(json), number)};
    case JSON_TRUE:
        return STR("true");
    case JSON_FALSE:
        return STR("false");
    case JSON_NULL:
    case JSON_OBJECT:
    case JSON_ARRAY:
        break;
    }
    return STR_NONE;
}
