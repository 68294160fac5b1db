#include "sink/array.h"

#include "base/memory.h"

#include <endian.h>
#include <inttypes.h>
#include <stdlib.h>

#define HEADER_BYTES 20 /* dimensions, has NULLs, element type, count, lower bound: be32 each */
#define COUNT_AT     12

void array_begin(struct buf *out, uint32_t element_oid) {
    buf_reset(out);
    buf_be32(out, 1);
    buf_be32(out, 1); /* may hold NULLs: PostgreSQL checks that itself */
    buf_be32(out, element_oid);
    buf_be32(out, 0);
    buf_be32(out, 1);
}

void array_add(struct buf *out, struct str element) {
    if (!element.ptr) {
        buf_be32(out, UINT32_MAX);
        return;
    }
    buf_be32(out, (uint32_t)element.len);
    buf_str(out, element);
}

void array_add_int32(struct buf *out, int32_t element) {
    buf_be32(out, sizeof element);
    buf_be32(out, (uint32_t)element);
}

void array_add_int64(struct buf *out, int64_t element) {
    buf_be32(out, sizeof element);
    buf_be64(out, (uint64_t)element);
}

void array_end(struct buf *out, size_t count) {
    uint32_t be = htobe32((uint32_t)count);
    memcpy(out->ptr + COUNT_AT, &be, sizeof be);
}

int32_t read_be32(const char *bytes) {
    uint32_t be = 0;
    memcpy(&be, bytes, sizeof be);
    return (int32_t)be32toh(be);
}

int64_t read_be64(const char *bytes) {
    uint64_t be = 0;
    memcpy(&be, bytes, sizeof be);
    return (int64_t)be64toh(be);
}

bool array_read_int64(struct str binary, int64_t *ret_elements, size_t max, size_t *ret_count) {
    if (binary.len < COUNT_AT || read_be32(binary.ptr + 8) != (int32_t)OID_INT8) {
        return false;
    }
    int32_t dimensions = read_be32(binary.ptr);
    if (dimensions == 0) {
        *ret_count = 0;
        return true;
    }
    if (dimensions != 1 || binary.len < HEADER_BYTES) {
        return false;
    }
    int32_t count = read_be32(binary.ptr + COUNT_AT);
    if (count < 0 || (size_t)count > max || binary.len != HEADER_BYTES + (size_t)count * 12) {
        return false;
    }
    for (size_t i = 0; i < (size_t)count; i++) {
        const char *element = binary.ptr + HEADER_BYTES + i * 12;
        if (read_be32(element) != (int32_t)sizeof(int64_t)) {
            return false;
        }
        ret_elements[i] = read_be64(element + 4);
    }
    *ret_count = (size_t)count;
    return true;
}

void offsets_text(struct buf *out, const struct progress *progress, size_t table_count) {
    buf_append(out, "{", 1);
    for (size_t i = 0; progress->has_offsets && i < table_count; i++) {
        buf_printf(out, i > 0 ? ",%" PRId64 : "%" PRId64, progress->offsets[i]);
    }
    buf_append(out, "}", 1);
}

void anchors_text(struct buf *out, const struct progress *progress, size_t table_count) {
    buf_append(out, "{", 1);
    for (size_t t = 0; t < table_count; t++) {
        const struct log_anchor *anchor = &progress->anchors[t];
        buf_printf(out, "%s%lld,%lld", t > 0 ? "," : "", (long long)anchor->offset,
                   (long long)anchor->timestamp_ms);
    }
    buf_append(out, "}", 1);
}

/* Length of the UTF-8 character at p; 0: not valid, which surrogates and overlong forms are not. */
static size_t utf8_len(const unsigned char *p, size_t left) {
    static const struct {
        unsigned char first, last, low, high; /* bounds of the first byte, and of the second */
        size_t len;
    } forms[] = {
        {0x01, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (p[0] < forms[i].first || p[0] > forms[i].last) {
            continue;
        }
        size_t len = forms[i].len;
        if (len > left || (len > 1 && (p[1] < forms[i].low || p[1] > forms[i].high))) {
            return 0;
        }
        for (size_t k = 2; k < len; k++) {
            if ((p[k] & 0xc0U) != 0x80) {
                return 0;
            }
        }
        return len;
    }
    return 0;
}

void text_clean(struct buf *out, struct str text) {
    for (size_t i = 0; i < text.len;) {
        size_t len = utf8_len((const unsigned char *)text.ptr + i, text.len - i);
        if (len == 0) {
            buf_append(out, "?", 1);
            i++;
        } else {
            buf_append(out, text.ptr + i, len);
            i += len;
        }
    }
}

void slicer_clear(struct slicer *slicer) {
    free((void *)slicer->arrays);
    free(slicer->positions);
    free(slicer->starts);
    *slicer = (struct slicer){0};
}

void slicer_reset(struct slicer *slicer) {
    slicer->array_count = 0;
    slicer->current = 0;
    slicer->row = 0;
}

void slicer_add(struct slicer *slicer, const struct row_array *rows) {
    if (rows->row_count == 0) {
        return;
    }
    slicer->arrays = memory_grow((void *)slicer->arrays, slicer->array_count, &slicer->array_cap,
                                 sizeof(const struct row_array *));
    if (slicer->position_cap < rows->column_count) {
        slicer->position_cap = rows->column_count;
        slicer->positions = memory_resize(slicer->positions, slicer->position_cap, sizeof(size_t));
        slicer->starts = memory_resize(slicer->starts, slicer->position_cap, sizeof(size_t));
    }
    slicer->arrays[slicer->array_count++] = rows;
}

/* Bytes of the element at position in column, its length word included. */
static size_t element_bytes(const struct buf *column, size_t position) {
    int32_t len = read_be32(column->ptr + position);
    return sizeof(uint32_t) + (len < 0 ? 0 : (size_t)len);
}

/* How many rows of the current array fit. Moves positions behind them. */
static size_t slice_rows(struct slicer *slicer, size_t room, size_t *bytes) {
    const struct row_array *rows = slicer->arrays[slicer->current];
    size_t taken = 0;
    while (taken < room && slicer->row + taken < rows->row_count && *bytes < SLICE_BYTES) {
        for (size_t c = 0; c < rows->column_count; c++) {
            size_t len = element_bytes(&rows->columns[c], slicer->positions[c]);
            slicer->positions[c] += len;
            *bytes += len;
        }
        taken++;
    }
    return taken;
}

size_t slicer_next(struct slicer *slicer, struct buf *columns, size_t column_count) {
    size_t count = 0, bytes = 0;
    for (size_t c = 0; c < column_count; c++) {
        array_begin(&columns[c], OID_TEXT);
    }
    while (slicer->current < slicer->array_count && count < SLICE_ROWS && bytes < SLICE_BYTES) {
        const struct row_array *rows = slicer->arrays[slicer->current];
        if (slicer->row == 0) {
            memset(slicer->positions, 0, rows->column_count * sizeof(size_t));
        }
        memcpy(slicer->starts, slicer->positions, rows->column_count * sizeof(size_t));
        size_t taken = slice_rows(slicer, SLICE_ROWS - count, &bytes);
        for (size_t c = 0; c < column_count; c++) {
            size_t start = slicer->starts[c];
            buf_append(&columns[c], rows->columns[c].ptr + start, slicer->positions[c] - start);
        }
        count += taken;
        slicer->row += taken;
        if (slicer->row == rows->row_count) {
            slicer->current++;
            slicer->row = 0;
        }
    }
    for (size_t c = 0; c < column_count; c++) {
        array_end(&columns[c], count);
    }
    return count;
}
