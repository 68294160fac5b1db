#include "base/buf.h"

#include "base/memory.h"

#include <endian.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buf_clear(struct buf *buf) {
    free(buf->ptr);
    *buf = (struct buf){0};
}

char *buf_reserve(struct buf *buf, size_t more) {
    if (buf->cap - buf->len < more) {
        size_t cap = buf->cap ? buf->cap : 256;
        while (cap - buf->len < more) {
            if (cap > SIZE_MAX / 2) {
                abort();
            }
            cap *= 2;
        }
        buf->ptr = memory_resize(buf->ptr, cap, 1);
        buf->cap = cap;
    }
    return buf->ptr + buf->len;
}

void buf_append(struct buf *buf, const void *bytes, size_t len) {
    if (len > 0) {
        memcpy(buf_reserve(buf, len), bytes, len);
        buf->len += len;
    }
}

void buf_str(struct buf *buf, struct str s) {
    buf_append(buf, s.ptr, s.len);
}

void buf_printf(struct buf *buf, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0) {
        abort();
    }
    (void)vsnprintf(buf_reserve(buf, (size_t)len + 1), (size_t)len + 1, format, again);
    va_end(again);
    buf->len += (size_t)len;
}

void buf_be32(struct buf *buf, uint32_t value) {
    uint32_t be = htobe32(value);
    buf_append(buf, &be, sizeof be);
}

void buf_be64(struct buf *buf, uint64_t value) {
    uint64_t be = htobe64(value);
    buf_append(buf, &be, sizeof be);
}
