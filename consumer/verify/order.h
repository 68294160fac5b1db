/* order.h: the order in which both databases give their rows, and the same in C.
 *
 * What:    rows are ordered by the sink's key, each column so that every server and we agree,
 *          whatever collation the databases have: integers by value, texts by their bytes.
 * Threads: pure.
 *
 * Private to verify/.
 */
#ifndef VERIFY_ORDER_H
#define VERIFY_ORDER_H

#include "base/str.h"

#define ORDER_KEY_MAX 64

enum order_kind {
    ORDER_INTEGER,
    ORDER_NATIVE, /* its type's order is that of its text's bytes: uuid, boolean */
    ORDER_TEXT,
    ORDER_PADDED, /* char(n): blanks at the end don't count */
    ORDER_SHOWN,  /* any other type, by the bytes of its text */
};

struct order_key {
    size_t column; /* of the outputs */
    enum order_kind kind;
};

struct order {
    struct order_key keys[ORDER_KEY_MAX];
    size_t key_count;
    size_t column_count; /* of the outputs */
};

/* Of two rows, by outputs. NULLs come last. */
int order_compare(const struct order *order, const struct str *a, const struct str *b);

#endif
