#include "verify/copy_line.h"

static char unescaped(char c) {
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'v':
        return '\v';
    default:
        return c;
    }
}

/* Into scratch, which has room. */
static struct str unescape(struct str field, struct buf *scratch) {
    char *begin = scratch->ptr + scratch->len, *to = begin;
    for (size_t i = 0; i < field.len; i++) {
        if (field.ptr[i] == '\\' && i + 1 < field.len) {
            *to++ = unescaped(field.ptr[++i]);
        } else {
            *to++ = field.ptr[i];
        }
    }
    scratch->len += (size_t)(to - begin);
    return (struct str){begin, (size_t)(to - begin)};
}

bool copy_line_split(struct str line, struct str *values, size_t count, struct buf *scratch) {
    buf_reset(scratch);
    (void)buf_reserve(scratch, line.len + 1);
    const char *at = line.ptr, *end = line.ptr + line.len;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && (at == end || *at++ != '\t')) {
            return false;
        }
        const char *tab = memchr(at, '\t', (size_t)(end - at));
        struct str field = {at, (size_t)((tab ? tab : end) - at)};
        at += field.len;
        if (str_is(field, "\\N")) {
            field = STR_NONE;
        } else if (memchr(field.ptr, '\\', field.len)) {
            field = unescape(field, scratch);
        }
        values[i] = field;
    }
    return at == end;
}
