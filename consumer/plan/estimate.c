#include "plan/estimate.h"

/* LMDB's: a node has a head of 8 bytes and a place of 2 in its page, which has a head of 16. Rows
 * that come in order leave little of a page free. */
#define NODE_BYTES    10.0
#define CHECKSUM      4.0
#define PAGE_FULL     0.95
#define TEXT_GUESSED  20.0
#define VARINT_1_MAX  126.0 /* longer ones have two bytes before them, and more */
#define ARRAY_GUESSED 40.0

static double string_width(const struct relation_column *column) {
    switch (column->form) {
    case FORM_UUID:
        return 36;
    case FORM_ZONED:
        return 27;
    case FORM_DECIMAL:
    case FORM_FRACTION:
        return 8;
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
    return TEXT_GUESSED;
}

static double integer_width(const struct relation_column *column) {
    switch (column->form) {
    case FORM_SMALLINT:
        return 3;
    case FORM_DATE:
        return 5;
    case FORM_MICROSECONDS:
        return 16;
    case FORM_MILLISECONDS:
        return 13;
    case FORM_DAY_MICROSECONDS:
        return 11;
    case FORM_DAY_MILLISECONDS:
        return 8;
    case FORM_ANY:
    case FORM_INTEGER:
    case FORM_REAL:
    case FORM_DECIMAL:
    case FORM_FRACTION:
    case FORM_UUID:
    case FORM_ZONED:
    case FORM_INTERVAL:
    case FORM_BASE64:
        break;
    }
    return 6;
}

double estimate_width(const struct relation_column *column) {
    switch (column->scalar) {
    case SCALAR_INTEGER:
        return integer_width(column);
    case SCALAR_NUMBER:
        return 8;
    case SCALAR_BOOLEAN:
        return 4.5;
    case SCALAR_STRING:
        return string_width(column);
    case SCALAR_ARRAY:
    case SCALAR_POINT:
    case SCALAR_WKB:
        break;
    }
    return ARRAY_GUESSED;
}

static double width_of(const struct relation *relation, size_t column, const double *widths) {
    return widths ? widths[column] : estimate_width(&relation->columns[column]);
}

static double part_bytes(const struct relation *relation, size_t column, const double *widths) {
    switch (relation->columns[column].key) {
    case KEY_INTEGER:
    case KEY_BIGINT:
        return 8;
    case KEY_UUID:
        return 16;
    case KEY_TEXT:
    case KEY_NONE:
        break;
    }
    return width_of(relation, column, widths) + 1;
}

static double key_bytes(const struct relation *relation, const double *widths) {
    double bytes = 0;
    for (size_t i = 0; i < relation->key_count; i++) {
        bytes += part_bytes(relation, i, widths);
    }
    return bytes;
}

static double value_bytes(const struct relation *relation, const double *widths) {
    double bytes = 0;
    for (size_t i = relation->key_count; i < relation->column_count; i++) {
        double width = width_of(relation, i, widths);
        bytes += width + (width > VARINT_1_MAX ? 2 : 1);
    }
    return bytes;
}

double estimate_bytes(const struct relation *relation, double rows, const double *widths) {
    double key = key_bytes(relation, widths);
    double row = NODE_BYTES + key + CHECKSUM + value_bytes(relation, widths);
    for (size_t r = 0; r < relation->reference_count; r++) {
        const struct reference *reference = &relation->references[r];
        row += NODE_BYTES + key + CHECKSUM;
        for (size_t i = 0; i < reference->column_count; i++) {
            row += part_bytes(relation, reference->columns[i], widths);
        }
    }
    return rows * row / PAGE_FULL;
}
