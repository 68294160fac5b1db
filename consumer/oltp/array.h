/* array.h: text[] as a parameter of a query. Private to oltp/.
 *
 * Owns:    nothing: it is built in the caller's buf.
 */
#ifndef OLTP_ARRAY_H
#define OLTP_ARRAY_H

#include "base/buf.h"

static inline void array_begin(struct buf *array) {
    buf_reset(array);
    buf_str(array, STR("{"));
}

static inline void array_add(struct buf *array, struct str item) {
    buf_str(array, array->len > 1 ? STR(",\"") : STR("\""));
    for (size_t i = 0; i < item.len; i++) {
        if (item.ptr[i] == '"' || item.ptr[i] == '\\') {
            buf_str(array, STR("\\"));
        }
        buf_append(array, &item.ptr[i], 1);
    }
    buf_str(array, STR("\""));
}

/* Its text, until the buf changes. */
static inline const char *array_end(struct buf *array) {
    buf_append(array, "}", 2); /* with its NUL */
    return array->ptr;
}

#endif
