#include "verify/order.h"

static bool is_negative(struct str text) {
    return text.len > 0 && *text.ptr == '-';
}

/* Decimal integers as PostgreSQL writes them, of any length. */
static int compare_integers(struct str a, struct str b) {
    bool negative = is_negative(a);
    if (negative != is_negative(b)) {
        return negative ? -1 : 1;
    }
    int longer = a.len == b.len ? str_compare(a, b) : a.len < b.len ? -1 : 1;
    return negative ? -longer : longer;
}

static struct str trimmed(struct str text) {
    while (text.len > 0 && text.ptr[text.len - 1] == ' ') {
        text.len--;
    }
    return text;
}

static int compare_values(enum order_kind kind, struct str a, struct str b) {
    if (!a.ptr || !b.ptr) {
        return (a.ptr == NULL) - (b.ptr == NULL);
    }
    switch (kind) {
    case ORDER_INTEGER:
        return compare_integers(a, b);
    case ORDER_PADDED:
        return str_compare(trimmed(a), trimmed(b));
    case ORDER_NATIVE:
    case ORDER_TEXT:
    case ORDER_SHOWN:
        break;
    }
    return str_compare(a, b);
}

int order_compare(const struct order *order, const struct str *a, const struct str *b) {
    int result = 0;
    for (size_t i = 0; i < order->key_count && result == 0; i++) {
        size_t column = order->keys[i].column;
        result = compare_values(order->keys[i].kind, a[column], b[column]);
    }
    return result;
}
