#include "decode/key_match.h"

#include "decode/scan.h"

/* The value says text, seen without unescaping, and is of the kind that the column wants. */
static bool says(const struct scan_value *value, enum scalar scalar, struct str text) {
    bool is_string = value->kind == SCAN_STRING;
    bool is_boolean = value->kind == SCAN_TRUE || value->kind == SCAN_FALSE;
    if (value->kind == SCAN_NULL || !text.ptr) {
        return value->kind == SCAN_NULL && !text.ptr;
    }
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
    case SCALAR_ARRAY: /* no key */
    case SCALAR_POINT:
    case SCALAR_WKB:
        break;
    }
    return false;
}

bool key_matches(struct str json, const struct relation *table, const struct str *values) {
    struct scan scan = scan_start(json);
    bool seen[COLUMNS_MAX] = {false};
    size_t seen_count = 0;
    if (!scan_enter(&scan)) {
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
            const struct relation_column *column = &table->columns[i];
            if (str_equal(name, column->name)) {
                if (seen[i] || !says(&value, column->scalar, values[i])) {
                    return false;
                }
                seen[i] = true;
                seen_count++;
                break;
            }
        }
    }
    return scan_done(&scan) && seen_count == table->key_count;
}
