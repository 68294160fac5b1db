#include "pipeline/row_writer.h"

#include "base/memory.h"

#include <stdlib.h>

/* A row as decoded last. In a fan-out the same order comes with each line: it is decoded once. Rows
 * of a state that does not change have addresses of their own. */
struct decoded {
    int table;
    struct row_ref row;
    struct str *values;
    char *scratch;
};

struct row_writer {
    const struct plan *plan;
    struct decoded occurrences[OCCURRENCES_MAX]; /* of the target that is written */
    struct decoded single;                       /* of an op about one row */
    struct str *inputs;
};

static void decoded_init(struct decoded *decoded, const struct plan *plan) {
    size_t columns = 0, keys = 0;
    for (size_t t = 0; t < plan->relation_count; t++) {
        const struct relation *table = &plan->relations[t];
        columns = table->column_count > columns ? table->column_count : columns;
        keys = table->key_count > keys ? table->key_count : keys;
    }
    decoded->values = memory_new(columns, sizeof(struct str));
    decoded->scratch = memory_new(keys, ROW_PART_TEXT_MAX);
}

static void decoded_clear(struct decoded *decoded) {
    free(decoded->values);
    free(decoded->scratch);
}

struct row_writer *row_writer_new(const struct plan *plan) {
    struct row_writer *writer = memory_new(1, sizeof *writer);
    writer->plan = plan;
    size_t inputs = 0;
    for (size_t t = 0; t < plan->target_count; t++) {
        inputs = plan->targets[t].input_count > inputs ? plan->targets[t].input_count : inputs;
    }
    writer->inputs = memory_new(inputs, sizeof(struct str));
    for (size_t o = 0; o < OCCURRENCES_MAX; o++) {
        decoded_init(&writer->occurrences[o], plan);
    }
    decoded_init(&writer->single, plan);
    return writer;
}

void row_writer_destroy(struct row_writer **writer) {
    if (*writer) {
        for (size_t o = 0; o < OCCURRENCES_MAX; o++) {
            decoded_clear(&(*writer)->occurrences[o]);
        }
        decoded_clear(&(*writer)->single);
        free((*writer)->inputs);
        free(*writer);
        *writer = NULL;
    }
}

void row_writer_forget(struct row_writer *writer) {
    for (size_t o = 0; o < OCCURRENCES_MAX; o++) {
        writer->occurrences[o].row = (struct row_ref){0};
    }
    writer->single.row = (struct row_ref){0};
}

/* Of an optional occurrence without a row. */
static void no_row(const struct plan *plan, struct decoded *decoded, int table) {
    for (size_t i = 0; i < plan->relations[table].column_count; i++) {
        decoded->values[i] = STR_NONE;
    }
    decoded->row = (struct row_ref){0};
}

static enum err_kind decode_row(const struct plan *plan, struct decoded *decoded, int table,
                                struct row_ref row, struct err *reterr) {
    if (row.key.ptr && decoded->table == table && decoded->row.key.ptr == row.key.ptr &&
        decoded->row.value.ptr == row.value.ptr) {
        return ERR_NONE;
    }
    decoded->row = (struct row_ref){0};
    enum err_kind kind = row_decode(&plan->relations[table], row.key, row.value, decoded->scratch,
                                    decoded->values, reterr);
    if (kind == ERR_NONE) {
        decoded->table = table;
        decoded->row = row;
    }
    return kind;
}

enum err_kind row_writer_columns(struct row_writer *writer, int table, struct row_ref row,
                                 const struct str **ret_values, struct err *reterr) {
    *ret_values = writer->single.values;
    return decode_row(writer->plan, &writer->single, table, row, reterr);
}

enum err_kind row_writer_inputs(struct row_writer *writer, const struct row_op *op,
                                const struct str **ret_values, struct err *reterr) {
    const struct target *target = &writer->plan->targets[op->target];
    for (size_t o = 0; o < target->occurrence_count; o++) {
        int table = target->occurrences[o].relation;
        if (!op->rows[o].key.ptr) {
            no_row(writer->plan, &writer->occurrences[o], table);
            continue;
        }
        enum err_kind kind =
            decode_row(writer->plan, &writer->occurrences[o], table, op->rows[o], reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
    }
    for (size_t i = 0; i < target->input_count; i++) {
        const struct target_input *input = &target->inputs[i];
        writer->inputs[i] = writer->occurrences[input->occurrence].values[input->column];
    }
    *ret_values = writer->inputs;
    return ERR_NONE;
}

static void add_row(struct txn_part *part, struct row_array *rows, const struct str *values) {
    row_array_add(rows, values);
    for (size_t i = 0; i < rows->column_count; i++) {
        part->bytes += values[i].len;
    }
}

/* Of a delete. The others' first columns are the row's: the placement comes first in its key. */
static enum delete_kind delete_kind(const struct row_op *op) {
    return op->kind == ROW_OP_DELETE        ? DELETE_KEY
           : op->kind == ROW_OP_DELETE_NULL ? DELETE_NULL
                                            : DELETE_MATCHED;
}

enum err_kind row_writer_add(struct row_writer *writer, const struct row_op *op,
                             struct txn_part *part, struct err *reterr) {
    const struct str *values = NULL;
    enum err_kind kind = ERR_NONE;
    switch (op->kind) {
    case ROW_OP_DELETE:
    case ROW_OP_DELETE_NULL:
    case ROW_OP_DELETE_MATCHED:
        kind = row_writer_columns(writer, op->table, op->row, &values, reterr);
        if (kind == ERR_NONE) {
            add_row(part, &part->targets[op->target].deletes[delete_kind(op)][op->occurrence],
                    values);
        }
        break;
    case ROW_OP_CHECK:
        kind = row_writer_columns(writer, op->table, op->row, &values, reterr);
        if (kind == ERR_NONE) {
            add_row(part, &part->checks[op->table], values);
        }
        break;
    case ROW_OP_UPSERT:
        kind = row_writer_inputs(writer, op, &values, reterr);
        if (kind == ERR_NONE) {
            add_row(part, &part->targets[op->target].upserts, values);
        }
        break;
    case ROW_OP_END:
    case ROW_OP_PAUSE:
        break;
    }
    return kind;
}
