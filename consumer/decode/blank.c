#include "decode/blank.h"

static bool all_zeros(struct str text) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '0' && text.ptr[i] != '.') {
            return false;
        }
    }
    return true;
}

/* As Debezium 3.6.1 fills them in; seen on the real connector. */
bool blank_value(const struct view_column *column, struct str text) {
    if (!text.ptr || text.len == 0) {
        return true;
    }
    switch (column->scalar) {
    case SCALAR_INTEGER:
    case SCALAR_NUMBER:
        return str_is(text, "0") || str_is(text, "-0");
    case SCALAR_BOOLEAN:
        return str_is(text, "false");
    case SCALAR_STRING:
        break;
    }
    switch (column->form) {
    case FORM_DECIMAL:
    case FORM_FRACTION:
        return all_zeros(text);
    case FORM_UUID:
        return str_is(text, "00000000-0000-0000-0000-000000000000");
    case FORM_ZONED:
        return str_is(text, "1970-01-01T00:00:00Z");
    case FORM_ANY:
    case FORM_SMALLINT:
    case FORM_INTEGER:
    case FORM_REAL:
    case FORM_DATE:
    case FORM_MICROSECONDS:
    case FORM_MILLISECONDS:
        break;
    }
    return false;
}

bool blank_row(const struct view_table *table, const struct str *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (table->columns[i].tells && !blank_value(&table->columns[i], values[i])) {
            return false;
        }
    }
    return true;
}

uint64_t blank_number(const struct view_table *table, const struct str *values) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (size_t i = 0; i < table->key_count; i++) {
        for (size_t b = 0; values[i].ptr && b < values[i].len; b++) {
            hash = (hash ^ (unsigned char)values[i].ptr[b]) * UINT64_C(0x100000001b3);
        }
        hash = (hash ^ (values[i].ptr ? 0x100U : 0x101U)) * UINT64_C(0x100000001b3);
    }
    for (size_t i = 0; i < table->topic.len; i++) {
        hash = (hash ^ (unsigned char)table->topic.ptr[i]) * UINT64_C(0x100000001b3);
    }
    return hash ? hash : 1;
}
