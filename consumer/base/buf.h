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

#include <stdint.h>

struct buf {
    char *ptr;
    size_t len, cap;
};

/* An all-zero struct buf is valid and empty. */
void buf_clear(struct buf *buf);
/* Room for `more` bytes beyond len; returns where they go. Does not change len. */
char *buf_reserve(struct buf *buf, size_t more);
void buf_append(struct buf *buf, const void *bytes, size_t len);
void buf_str(struct buf *buf, struct str s);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Big-endian, as PostgreSQL's wire format has it. */
void buf_be32(struct buf *buf, uint32_t value);
void buf_be64(struct buf *buf, uint64_t value);

static inline void buf_reset(struct buf *buf) {
    buf->len = 0;
}
static inline struct str buf_view(const struct buf *buf) {
    return (struct str){buf->ptr ? buf->ptr : "", buf->len};
}

#endif
