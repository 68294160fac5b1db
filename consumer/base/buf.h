/* buf.h: a growing byte buffer.
 *
 * What:    append-only bytes that are reused batch after batch.
 * Owns:    its memory until buf_clear.
 * Errors:  out of memory ends the process (abort), see arena.h.
 * Limits:  none of its own: callers bound what they append.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/str.h"

#include <endian.h>
#include <stdint.h>

struct buf {
    char *ptr;
    size_t len, cap;
};

/* An all-zero struct buf is valid and empty. */
void buf_clear(struct buf *buf);
/* buf_reserve's long way: there is too little room. */
void buf_grow(struct buf *buf, size_t more);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* These are called for each value of each row. */

/* Room for `more` bytes beyond len; returns where they go. Does not change len. */
static inline char *buf_reserve(struct buf *buf, size_t more) {
    if (buf->cap - buf->len < more) {
        buf_grow(buf, more);
    }
    return buf->ptr + buf->len;
}
static inline void buf_append(struct buf *buf, const void *bytes, size_t len) {
    if (len > 0) {
        memcpy(buf_reserve(buf, len), bytes, len);
        buf->len += len;
    }
}
static inline void buf_str(struct buf *buf, struct str s) {
    buf_append(buf, s.ptr, s.len);
}
/* Big-endian, as PostgreSQL's wire format has it. */
static inline void buf_be32(struct buf *buf, uint32_t value) {
    uint32_t be = htobe32(value);
    buf_append(buf, &be, sizeof be);
}
static inline void buf_be64(struct buf *buf, uint64_t value) {
    uint64_t be = htobe64(value);
    buf_append(buf, &be, sizeof be);
}
static inline void buf_reset(struct buf *buf) {
    buf->len = 0;
}
static inline struct str buf_view(const struct buf *buf) {
    return (struct str){buf->ptr ? buf->ptr : "", buf->len};
}

#endif
