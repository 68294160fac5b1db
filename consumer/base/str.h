/* str.h: a view of bytes, passed by value.
 *
 * What:    pointer and length; not NUL-terminated; may hold any byte.
 * Owns:    nothing: whoever made the bytes says how long they are valid.
 * Units:   len in bytes.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct str {
    const char
        *ptr; /* NULL: absent, or SQL NULL where a value is meant; "" is ptr != NULL, len 0 */
    size_t len;
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
#define STR_NONE     ((struct str){NULL, 0})
/* printf's "%.*s" */
#define STR_FMT    "%.*s"
#define STR_ARG(s) (int)(s).len, ((s).ptr ? (s).ptr : "")

static inline struct str str_from(const char *nul_terminated) {
    return (struct str){nul_terminated, nul_terminated ? strlen(nul_terminated) : 0};
}

static inline bool str_equal(struct str a, struct str b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool str_is(struct str a, const char *nul_terminated) {
    return str_equal(a, str_from(nul_terminated));
}

static inline bool str_starts(struct str a, struct str prefix) {
    return a.len >= prefix.len && (prefix.len == 0 || memcmp(a.ptr, prefix.ptr, prefix.len) == 0);
}

/* Byte order, a shorter one before its continuations: LMDB's order too. */
static inline int str_compare(struct str a, struct str b) {
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n ? memcmp(a.ptr, b.ptr, n) : 0;
    if (c != 0) {
        return c;
    }
    return a.len < b.len ? -1 : a.len > b.len;
}

#endif
