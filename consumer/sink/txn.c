#include "sink/txn.h"

#include "base/memory.h"
#include "base/safeguard.h"
#include "sink/array.h"
#include "sink/sink.h"

#include <stdlib.h>

void row_array_init(struct row_array *rows, size_t column_count) {
    *rows = (struct row_array){.columns = memory_new(column_count, sizeof(struct buf)),
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

static void target_rows_init(struct target_rows *rows, const struct plan *plan,
                             const struct target *target) {
    rows->core_count = target->core_count;
    for (int kind = 0; kind < DELETE_KINDS; kind++) {
        rows->deletes[kind] = memory_new(target->core_count, sizeof *rows->deletes[kind]);
        for (size_t o = 0; o < target->core_count; o++) {
            const struct relation *relation = occurrence_relation(plan, target, (int)o);
            row_array_init(&rows->deletes[kind][o],
                           kind == DELETE_KEY ? relation->key_count : relation->placement_count);
        }
    }
    row_array_init(&rows->upserts, target->input_count);
}

void txn_part_init(struct txn_part *part, const struct plan *plan) {
    *part = (struct txn_part){
        .checks = memory_new(plan->relation_count, sizeof *part->checks),
        .table_count = plan->relation_count,
        .targets = memory_new(plan->target_count, sizeof *part->targets),
        .target_count = plan->target_count,
    };
    for (size_t t = 0; t < plan->relation_count; t++) {
        row_array_init(&part->checks[t], plan->relations[t].column_count);
    }
    for (size_t t = 0; t < plan->target_count; t++) {
        target_rows_init(&part->targets[t], plan, &plan->targets[t]);
    }
}

static void for_each_delete(struct target_rows *rows, void (*act)(struct row_array *deletes)) {
    for (int kind = 0; kind < DELETE_KINDS; kind++) {
        for (size_t o = 0; o < rows->core_count; o++) {
            act(&rows->deletes[kind][o]);
        }
    }
}

void txn_part_clear(struct txn_part *part) {
    for (size_t t = 0; t < part->table_count; t++) {
        row_array_clear(&part->checks[t]);
    }
    for (size_t t = 0; t < part->target_count; t++) {
        for_each_delete(&part->targets[t], row_array_clear);
        for (int kind = 0; kind < DELETE_KINDS; kind++) {
            free(part->targets[t].deletes[kind]);
        }
        row_array_clear(&part->targets[t].upserts);
    }
    free(part->checks);
    free(part->targets);
    free(part->dead_letters);
    free(part->cleared);
    *part = (struct txn_part){0};
}

void txn_part_reset(struct txn_part *part) {
    for (size_t t = 0; t < part->table_count; t++) {
        row_array_reset(&part->checks[t]);
    }
    for (size_t t = 0; t < part->target_count; t++) {
        for_each_delete(&part->targets[t], row_array_reset);
        row_array_reset(&part->targets[t].upserts);
    }
    part->bytes = 0;
    part->dead_letter_count = 0;
    part->cleared_count = 0;
    part->filled = 0;
    part->savepoints = false;
    part->refused_max = 0;
}

void txn_part_add_dead_letter(struct txn_part *part, const struct dead_letter *dead_letter) {
    part->dead_letters = memory_grow(part->dead_letters, part->dead_letter_count,
                                     &part->dead_letter_cap, sizeof *part->dead_letters);
    part->dead_letters[part->dead_letter_count++] = *dead_letter;
}

void txn_part_add_cleared(struct txn_part *part, struct str row_key) {
    part->cleared =
        memory_grow(part->cleared, part->cleared_count, &part->cleared_cap, sizeof *part->cleared);
    part->cleared[part->cleared_count++] = row_key;
}

#define KEY_NULL STR("\xff") /* no text of PostgreSQL's */

static void append_key_value(struct buf *out, struct str value) {
    buf_str(out, value.ptr ? value : KEY_NULL);
    buf_append(out, "", 1);
}

void sink_key_append(const struct target *target, const struct str *values, struct buf *out) {
    for (size_t i = 0; i < target->key_output_count; i++) {
        append_key_value(out, values[key_input(target, i)]);
    }
    if (target->number > 0 && SAFEGUARD("keys of refused rows tell their target")) {
        buf_append(out, &(char){(char)target->number}, 1);
    }
}

int sink_key_target(struct str row_key) {
    return row_key.len > 0 ? (unsigned char)row_key.ptr[row_key.len - 1] : 0;
}

void sink_key_begin(const struct occurrence *occurrence, size_t key_count, const struct str *values,
                    struct buf *out) {
    for (size_t i = 0; i < key_count && occurrence->key_positions[i] == i; i++) {
        append_key_value(out, values[i]);
    }
}

/* The value of one of target->key_outputs; ptr NULL: NULL. */
static struct str key_value(struct str row_key, size_t position) {
    const char *at = row_key.ptr, *end = row_key.ptr + row_key.len;
    for (; position > 0 && at < end; position--) {
        at += strnlen(at, (size_t)(end - at)) + 1;
    }
    struct str value = at < end ? (struct str){at, strnlen(at, (size_t)(end - at))} : STR_NONE;
    return str_equal(value, KEY_NULL) ? STR_NONE : value;
}

bool sink_key_has(const struct occurrence *occurrence, size_t key_count, struct str row_key,
                  const struct str *values) {
    bool has = true;
    for (size_t i = 0; i < key_count; i++) {
        struct str value = key_value(row_key, occurrence->key_positions[i]);
        has &= value.ptr && str_equal(value, values[i]);
    }
    return has;
}

bool sink_key_is_null(struct str row_key, size_t position) {
    return !key_value(row_key, position).ptr;
}

void sink_key_show(const struct target *target, struct str row_key, struct buf *out) {
    for (size_t i = 0; i < target->key_output_count; i++) {
        struct str value = key_value(row_key, i);
        buf_printf(out, "%s" STR_FMT "=" STR_FMT, i > 0 ? " " : "",
                   STR_ARG(target->outputs[target->key_outputs[i]].name),
                   STR_ARG(value.ptr ? value : STR("NULL")));
    }
}

size_t txn_part_rows(const struct txn_part *part) {
    size_t rows = part->dead_letter_count;
    for (size_t t = 0; t < part->table_count; t++) {
        rows += part->checks[t].row_count;
    }
    for (size_t t = 0; t < part->target_count; t++) {
        rows += part->targets[t].upserts.row_count;
        const struct target_rows *target = &part->targets[t];
        for (size_t o = 0; o < target->core_count * DELETE_KINDS; o++) {
            rows += target->deletes[o % DELETE_KINDS][o / DELETE_KINDS].row_count;
        }
    }
    return rows;
}

int known_dead_letter_compare(const void *left, const void *right) {
    const struct known_dead_letter *a = left, *b = right;
    if (a->table != b->table) {
        return a->table < b->table ? -1 : 1;
    }
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}
