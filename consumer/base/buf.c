#include "base/buf.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buf_clear(struct buf *buf) {
    free(buf->ptr);
    *buf = (struct buf){0};
}

void buf_grow(struct buf *buf, size_t more) {
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
