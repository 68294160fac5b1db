#include "sink/txn.h"

#include "sink/array.h"

#include <stdlib.h>

static void *allocate(size_t count, size_t size) {
    void *memory = calloc(count ? count : 1, size);
    if (!memory) {
        abort();
    }
    return memory;
}

void row_array_init(struct row_array *rows, size_t column_count) {
    *rows = (struct row_array){.columns = allocate(column_count, sizeof(struct buf)),
                               .column_count = column_count};
}

void row_array_clear(struct row_array *rows) {
    for (size_t c = 0; c < rows->column_count; c++) {
        buf_clear(&rows->columns[c]);
    }
    free(rows->columns);
    *rows = (struct row_array){0};
}

void row_array_reset(struct row_array *rows) {
    for (size_t c = 0; c < rows->column_count; c++) {
        buf_reset(&rows->columns[c]);
    }
    rows->row_count = 0;
}

void row_array_add(struct row_array *rows, const struct str *values) {
    for (size_t c = 0; c < rows->column_count; c++) {
        array_add(&rows->columns[c], values[c]);
    }
    rows->row_count++;
}

bool row_array_next(const struct row_array *rows, size_t column, size_t *position,
                    struct str *ret_value) {
    const struct buf *bytes = &rows->columns[column];
    if (*position + sizeof(uint32_t) > bytes->len) {
        return false;
    }
    int32_t len = read_be32(bytes->ptr + *position);
    *position += sizeof(uint32_t);
    if (len < 0) {
        *ret_value = STR_NONE;
        return true;
    }
    *ret_value = (struct str){bytes->ptr + *position, (size_t)len};
    *position += (size_t)len;
    return true;
}

bool progress_equal(const struct progress *a, const struct progress *b, size_t table_count) {
    if (!a->exists || !b->exists) {
        return a->exists == b->exists;
    }
    if (a->seq != b->seq || a->has_offsets != b->has_offsets || strcmp(a->owner, b->owner) != 0) {
        return false;
    }
    return !a->has_offsets || memcmp(a->offsets, b->offsets, table_count * sizeof(int64_t)) == 0;
}

void txn_part_init(struct txn_part *part, const struct view *view) {
    *part = (struct txn_part){
        .deletes = allocate(view->table_count, sizeof(struct row_array)),
        .checks = allocate(view->table_count, sizeof(struct row_array)),
        .table_count = view->table_count,
    };
    for (size_t t = 0; t < view->table_count; t++) {
        row_array_init(&part->deletes[t], view->tables[t].key_count);
        row_array_init(&part->checks[t], view->tables[t].column_count);
    }
    row_array_init(&part->upserts, view->output_count);
}

void txn_part_clear(struct txn_part *part) {
    for (size_t t = 0; t < part->table_count; t++) {
        row_array_clear(&part->deletes[t]);
        row_array_clear(&part->checks[t]);
    }
    free(part->deletes);
    free(part->checks);
    row_array_clear(&part->upserts);
    free(part->letters);
    *part = (struct txn_part){0};
}

void txn_part_reset(struct txn_part *part) {
    for (size_t t = 0; t < part->table_count; t++) {
        row_array_reset(&part->deletes[t]);
        row_array_reset(&part->checks[t]);
    }
    row_array_reset(&part->upserts);
    part->bytes = 0;
    part->letter_count = 0;
}

void txn_part_add_letter(struct txn_part *part, const struct dead_letter *letter) {
    size_t count = part->letter_count;
    if ((count & (count - 1)) == 0) { /* 0 or a power of two: what was allocated is full */
        size_t cap = count ? count * 2 : 1;
        part->letters = reallocarray(part->letters, cap, sizeof *part->letters);
        if (!part->letters) {
            abort();
        }
    }
    part->letters[part->letter_count++] = *letter;
}

size_t txn_part_rows(const struct txn_part *part) {
    size_t rows = part->upserts.row_count + part->letter_count;
    for (size_t t = 0; t < part->table_count; t++) {
        rows += part->deletes[t].row_count + part->checks[t].row_count;
    }
    return rows;
}
