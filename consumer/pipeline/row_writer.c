#include "pipeline/row_writer.h"

#include "base/memory.h"

#include <stdlib.h>

/* One table's row as decoded last. In a fan-out the same order comes with each line: it is
 * decoded once. Rows of a state that does not change have addresses of their own. */
struct decoded {
    struct row_ref row;
    struct str *values;
    char *scratch;
};

struct row_writer {
    const struct plan *plan;
    struct decoded tables[RELATIONS_MAX];
    struct str *outputs;
};

struct row_writer *row_writer_new(const struct plan *plan) {
    struct row_writer *writer = memory_new(1, sizeof *writer);
    writer->plan = plan;
    size_t outputs = 0;
    for (size_t t = 0; t < plan->target_count; t++) {
        outputs = plan->targets[t].output_count > outputs ? plan->targets[t].output_count : outputs;
    }
    writer->outputs = memory_new(outputs, sizeof(struct str));
    for (size_t t = 0; t < plan->relation_count; t++) {
        writer->tables[t].values = memory_new(plan->relations[t].column_count, sizeof(struct str));
        writer->tables[t].scratch = memory_new(plan->relations[t].key_count, ROW_PART_TEXT_MAX);
    }
    return writer;
}

void row_writer_destroy(struct row_writer **writer) {
    if (*writer) {
        for (size_t t = 0; t < (*writer)->plan->relation_count; t++) {
            free((*writer)->tables[t].values);
            free((*writer)->tables[t].scratch);
        }
        free((*writer)->outputs);
        free(*writer);
        *writer = NULL;
    }
}

void row_writer_forget(struct row_writer *writer) {
    for (size_t t = 0; t < writer->plan->relation_count; t++) {
        writer->tables[t].row = (struct row_ref){0};
    }
}

enum err_kind row_writer_columns(struct row_writer *writer, int table, struct row_ref row,
                                 const struct str **ret_values, struct err *reterr) {
    struct decoded *decoded = &writer->tables[table];
    if (!row.key.ptr || decoded->row.key.ptr != row.key.ptr ||
        decoded->row.value.ptr != row.value.ptr) {
        decoded->row = (struct row_ref){0};
        enum err_kind kind = row_decode(&writer->plan->relations[table], row.key, row.value,
                                        decoded->scratch, decoded->values, reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
        decoded->row = row;
    }
    *ret_values = decoded->values;
    return ERR_NONE;
}

enum err_kind row_writer_outputs(struct row_writer *writer, const struct row_op *op,
                                 const struct str **ret_values, struct err *reterr) {
    const struct target *target = &writer->plan->targets[op->target];
    const struct str *values[OCCURRENCES_MAX];
    for (size_t o = 0; o < target->occurrence_count; o++) {
        enum err_kind kind = row_writer_columns(writer, target->occurrences[o].relation,
                                                op->rows[o], &values[o], reterr);
        if (kind != ERR_NONE) {
            return kind;
        }
    }
    for (size_t i = 0; i < target->output_count; i++) {
        const struct target_output *output = &target->outputs[i];
        writer->outputs[i] = values[output->occurrence][output->column];
    }
    *ret_values = writer->outputs;
    return ERR_NONE;
}

static void add_row(struct txn_part *part, struct row_array *rows, const struct str *values) {
    row_array_add(rows, values);
    for (size_t i = 0; i < rows->column_count; i++) {
        part->bytes += values[i].len;
    }
}

enum err_kind row_writer_add(struct row_writer *writer, const struct row_op *op,
                             struct txn_part *part, struct err *reterr) {
    const struct str *values = NULL;
    enum err_kind kind = ERR_NONE;
    switch (op->kind) {
    case ROW_OP_DELETE:
        kind = row_writer_columns(writer, op->table, op->row, &values, reterr);
        if (kind == ERR_NONE) {
            add_row(part, &part->targets[op->target].deletes[op->occurrence], values);
        }
        break;
    case ROW_OP_CHECK:
        kind = row_writer_columns(writer, op->table, op->row, &values, reterr);
        if (kind == ERR_NONE) {
            add_row(part, &part->checks[op->table], values);
        }
        break;
    case ROW_OP_UPSERT:
        kind = row_writer_outputs(writer, op, &values, reterr);
        if (kind == ERR_NONE) {
            add_row(part, &part->targets[op->target].upserts, values);
        }
        break;
    case ROW_OP_END:
        break;
    }
    return kind;
}
