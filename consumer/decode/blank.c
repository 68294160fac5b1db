#include "decode/blank.h"

#include "base/hash.h"

static bool all_zeros(struct str text) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '0' && text.ptr[i] != '.') {
            return false;
        }
    }
    return true;
}

/* As Debezium 3.6.1 fills them in; seen on the real connector. */
bool blank_value(const struct relation_column *column, struct str text) {
    if (!text.ptr || text.len == 0) {
        return true;
    }
    switch (column->scalar) {
    case SCALAR_INTEGER:
    case SCALAR_NUMBER:
        return str_is(text, "0") || str_is(text, "-0");
    case SCALAR_BOOLEAN:
        return str_is(text, "false");
    case SCALAR_ARRAY:
        return str_is(text, "{}");
    case SCALAR_STRING:
    case SCALAR_POINT: /* these tell nothing */
    case SCALAR_WKB:
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
    case FORM_DAY_MICROSECONDS:
    case FORM_DAY_MILLISECONDS:
    case FORM_INTERVAL:
    case FORM_BASE64:
        break;
    }
    return false;
}

bool blank_row(const struct relation *table, const struct str *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (table->columns[i].tells && !blank_value(&table->columns[i], values[i])) {
            return false;
        }
    }
    return true;
}

uint64_t blank_number(const struct relation *table, const struct str *values) {
    uint64_t hash = FNV1A_START;
    for (size_t i = 0; i < table->key_count; i++) {
        hash = fnv1a(hash, values[i].ptr ? values[i] : STR_NONE);
        hash = fnv1a_one(hash, values[i].ptr ? 0x100U : 0x101U);
    }
    hash = fnv1a(hash, table->topic);
    return hash ? hash : 1;
}
