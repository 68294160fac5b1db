#include "decode/record_key.h"

#include "decode/scan.h"

/* The value says text, seen without unescaping, and is of the kind that the column wants. */
static bool says(const struct scan_value *value, enum scalar scalar, struct str text) {
    bool is_string = value->kind == SCAN_STRING;
    bool is_boolean = value->kind == SCAN_TRUE || value->kind == SCAN_FALSE;
    switch (scalar) {
    case SCALAR_INTEGER:
        return value->kind == SCAN_INTEGER && str_equal(value->text, text);
    case SCALAR_BOOLEAN:
        return is_boolean && str_equal(value->text, text);
    case SCALAR_NUMBER:
        if (value->kind == SCAN_INTEGER || value->kind == SCAN_REAL) {
            return str_equal(value->text, text);
        }
        return is_string && !value->escaped && str_equal(scan_string(value), text);
    case SCALAR_STRING:
        return is_string && !value->escaped && str_equal(scan_string(value), text);
    }
    return false;
}

bool record_key_names(struct str key, const struct view_table *table, const struct str *values) {
    struct scan scan = scan_start(key);
    uint64_t seen = 0;
    if (table->key_count > 64 || !scan_enter(&scan)) {
        return false;
    }
    for (size_t member = 0;; member++) {
        struct str name;
        struct scan_value value;
        enum scan_step step = scan_member(&scan, member, &name);
        if (step == SCAN_END) {
            break;
        }
        if (step == SCAN_LOST || !scan_value(&scan, &value)) {
            return false;
        }
        for (size_t i = 0; i < table->key_count; i++) {
            const struct view_column *column = &table->columns[i];
            if (str_equal(name, column->name)) {
                if (seen >> i & 1 || !says(&value, column->scalar, values[i])) {
                    return false;
                }
                seen |= UINT64_C(1) << i;
                break;
            }
        }
    }
    return scan_done(&scan) && seen == UINT64_MAX >> (64 - table->key_count);
}
