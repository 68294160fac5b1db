#include "state/undo.h"

/* A batch has 2,000 rows; the buffer of an unusual one is not kept. */
#define KEEP_BYTES ((size_t)1024 * 1024)

/* Stands behind its key and its bytes: the stack is read from the end. */
struct trailer {
    size_t key_len, before_len;
    int space;
    bool was_there;
};

void undo_clear(struct undo *undo) {
    buf_clear(&undo->bytes);
}

void undo_push(struct undo *undo, int space, struct str key, struct str before) {
    struct trailer trailer = {key.len, before.len, space, before.ptr != NULL};
    buf_str(&undo->bytes, key);
    if (before.ptr) {
        buf_str(&undo->bytes, before);
    }
    buf_append(&undo->bytes, &trailer, sizeof trailer);
}

bool undo_pop(struct undo *undo, int *ret_space, struct str *ret_key, struct str *ret_before) {
    if (undo->bytes.len == 0) {
        return false;
    }
    struct trailer trailer;
    undo->bytes.len -= sizeof trailer;
    memcpy(&trailer, undo->bytes.ptr + undo->bytes.len, sizeof trailer);
    undo->bytes.len -= trailer.before_len;
    *ret_before = trailer.was_there
                      ? (struct str){undo->bytes.ptr + undo->bytes.len, trailer.before_len}
                      : STR_NONE;
    undo->bytes.len -= trailer.key_len;
    *ret_key = (struct str){undo->bytes.ptr + undo->bytes.len, trailer.key_len};
    *ret_space = trailer.space;
    return true;
}

void undo_reset(struct undo *undo) {
    if (undo->bytes.cap > KEEP_BYTES) {
        buf_clear(&undo->bytes);
    }
    buf_reset(&undo->bytes);
}
