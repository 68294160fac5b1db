/* What was sent to the simulated sink, read when a job is executed: rows of text become versions
 * and cells, and every output must follow from them. */
#include "sim_sink_impl.h"

#include "base/safeguard.h"

#include <stdlib.h>

static int parse_version(struct str text) {
    return text.len > 0 && text.ptr[0] == 'b' ? -schema_parse(text) : schema_parse(text);
}

static void read_delete(const struct schema_target *target, struct sim_op *op,
                        const struct str *values) {
    cells_t cells = 0;
    for (int c = 0; c < schema_table_of(target, op->occurrence)->key_count; c++) {
        cells |= cell_of(c, schema_parse(values[c]));
    }
    op->key = schema_sink_key(target, op->occurrence, cells);
    op->mask = schema_sink_mask(target, op->occurrence);
}

/* The rows of a join key without a partner of the table, or with one. */
static void read_delete_null(const struct schema_target *target, struct sim_op *op,
                             const struct str *values) {
    for (int c = 0; c < schema_table_of(target, op->occurrence)->join_count; c++) {
        op->key |= cell_of(c, schema_parse(values[c]));
    }
    op->mask = target->join;
}

/* The cell that an output must show, given the row's key and versions. */
static int shown_cell(const struct world *world, const struct sim_op *op,
                      const struct schema_place *place) {
    const struct schema_target *target = world_target(world, op->target);
    int o = place->occurrence;
    if (op->versions[o] == 0) {
        return 0;
    }
    if (schema_table_of(target, o)->columns[place->column].role == SCHEMA_REFERENCE) {
        return cell_at(world_references(world, op->versions[o]), place->column);
    }
    return cell_at(sim_sink_cells(world, target, op->key, op->versions, o), place->column);
}

cells_t sim_sink_cells(const struct world *world, const struct schema_target *target, cells_t key,
                       const int *versions,
                       int occurrence) { /* NOLINT(misc-no-recursion): up to a core table */
    cells_t references = world_references(world, versions[occurrence]);
    if (occurrence < target->core_count) {
        return schema_row(target, occurrence, key) | references;
    }
    const struct schema_node *node = &target->nodes[occurrence - target->core_count];
    cells_t parent = sim_sink_cells(world, target, key, versions, node->parent);
    return versions[node->parent] == 0 ? references
                                       : schema_referred(target, node, parent) | references;
}

/* Of occurrences whose version is not selected: whether there is a row. */
static void read_hidden(const struct schema_target *target, struct sim_op *op) {
    for (int o = 0; o < target->occurrence_count; o++) {
        bool there = !schema_is_optional(target, o) ||
                     (o < target->core_count && (op->key & schema_own_mask(target, o)) != 0);
        op->versions[o] = target->hides[o] ? (there ? SCHEMA_HIDDEN : 0) : op->versions[o];
    }
}

/* Every output is a version, or a cell that follows from the sink's key and the versions. */
static void read_upsert(struct world *world, struct sim_op *op, const struct str *values) {
    const struct schema_target *target = world_target(world, op->target);
    for (int k = 0; k < target->key_count; k++) {
        op->key |= cell_of(k, schema_parse(values[target->key_outputs[k]]));
    }
    for (int i = 0; i < target->output_count; i++) {
        const struct schema_place *place = &target->outputs[i];
        if (place->column == schema_table_of(target, place->occurrence)->column_count - 1) {
            op->versions[place->occurrence] = parse_version(values[i]);
        }
    }
    read_hidden(target, op);
    for (int i = 0; i < target->output_count; i++) {
        const struct schema_place *place = &target->outputs[i];
        const struct schema_table *table = schema_table_of(target, place->occurrence);
        int cell = schema_parse(values[i]);
        if (place->column != table->column_count - 1 && cell != shown_cell(world, op, place)) {
            world_fail(world, "the row %s shows %d as %s.%s", schema_show_sink(target, op->key),
                       cell, table->name, table->columns[place->column].name);
        }
    }
}

/* what: as the op of each row is to be. */
static void copy_rows(struct world *world, struct sim_part *part, const struct row_array *rows,
                      struct sim_op what) {
    const struct schema_target *target = world_target(world, what.target);
    size_t at[SCHEMA_OUTPUTS_MAX] = {0};
    for (size_t r = 0; r < rows->row_count; r++) {
        struct sim_op *op = &part->ops[part->op_count++];
        *op = what;
        struct str value[SCHEMA_OUTPUTS_MAX];
        for (size_t c = 0; c < rows->column_count; c++) {
            (void)row_array_next(rows, c, &at[c], &value[c]);
        }
        if (what.kind == SIM_UPSERT) {
            read_upsert(world, op, value);
        } else if (what.kind == SIM_CHECK) {
            op->versions[0] = parse_version(value[rows->column_count - 1]);
        } else if (what.kind == SIM_DELETE) {
            read_delete(target, op, value);
        } else {
            read_delete_null(target, op, value);
        }
    }
}

/* A dead letter's record is what the log holds there. */
static void check_dead_letter(struct world *world, const struct schema_view *view, int32_t task,
                              const struct dead_letter *dead_letter) {
    const int table = view->tables[dead_letter->table];
    const struct topic_log *log = world_log(world, table, task);
    const struct entry *entry = dead_letter->offset >= 0 && dead_letter->offset < log->count
                                    ? &log->entries[dead_letter->offset]
                                    : NULL;
    if (dead_letter->partition != world_partition(world, table, task) || !entry ||
        !str_equal(dead_letter->key, entry->key) || !str_equal(dead_letter->value, entry->value) ||
        !dead_letter->reason[0] ||
        !str_equal(dead_letter->topic, view->of_tables[dead_letter->table].slot)) {
        world_fail(world, "the dead letter of %d[%d]@%lld is not its record", table, task,
                   (long long)dead_letter->offset);
    }
}

static void copy_dead_letters(struct world *world, const struct schema_view *view,
                              struct sim_part *to, const struct txn_part *part) {
    to->dead_letters = calloc(part->dead_letter_count + 1, sizeof *to->dead_letters);
    if (!to->dead_letters) {
        abort();
    }
    to->dead_letter_count = part->dead_letter_count;
    for (size_t i = 0; i < part->dead_letter_count; i++) {
        const struct dead_letter *from = &part->dead_letters[i];
        check_dead_letter(world, view, part->task, from);
        struct stored_dead_letter *dead_letter = &to->dead_letters[i];
        *dead_letter =
            (struct stored_dead_letter){.task = part->task,
                                        .table = view->tables[from->table],
                                        .offset = from->offset,
                                        .row_key = arena_copy(&world->texts, from->row_key),
                                        .kept = arena_copy(&world->texts, from->kept)};
        dead_letter->has_checksum = true;
        dead_letter->checksum = from->checksum;
        dead_letter->pending = from->decided; /* takes the place of one */
        dead_letter->key = arena_copy(&world->texts, from->key);
        dead_letter->value = arena_copy(&world->texts, from->value);
    }
}

static void copy_upserts(struct world *world, const struct schema_view *view, struct sim_part *to,
                         const struct txn_part *part) {
    for (size_t i = 0; i < view->plan.target_count; i++) {
        copy_rows(world, to, &part->targets[i].upserts,
                  (struct sim_op){.kind = SIM_UPSERT, .target = view->numbers[i]});
    }
}

static void copy_deletes(struct world *world, const struct schema_view *view, struct sim_part *to,
                         const struct txn_part *part) {
    static const enum sim_op_kind kinds[] = {[DELETE_KEY] = SIM_DELETE,
                                             [DELETE_NULL] = SIM_DELETE_NULL,
                                             [DELETE_MATCHED] = SIM_DELETE_MATCHED};
    for (size_t i = 0; i < view->plan.target_count; i++) {
        for (size_t o = 0; o < view->targets[i].core_count; o++) {
            for (int kind = 0; kind < DELETE_KINDS; kind++) {
                copy_rows(world, to, &part->targets[i].deletes[kind][o],
                          (struct sim_op){.kind = kinds[kind],
                                          .target = view->numbers[i],
                                          .occurrence = (int)o});
            }
        }
    }
}

/* "7", NUL, "1", NUL, and of all targets but the first one its number. */
static struct sim_key read_row_key(const struct world *world, const struct schema_view *view,
                                   struct str row_key) {
    struct sim_key key = {.target = view->numbers[sink_key_target(row_key)]};
    const char *at = row_key.ptr;
    for (int k = 0; k < world_target(world, key.target)->key_count; k++) {
        struct str text = str_from(at);
        key.key |= cell_of(k, schema_parse(text));
        at += text.len + 1;
    }
    return key;
}

/* By the schema's tables; of those that are not in the plan there is nothing. */
static struct progress read_progress(const struct schema_view *view, const struct progress *from) {
    struct progress to = *from;
    memset(to.offsets, 0, sizeof to.offsets);
    memset(to.anchors, 0, sizeof to.anchors);
    for (size_t t = 0; t < view->plan.relation_count; t++) {
        to.offsets[view->tables[t]] = from->offsets[t];
        to.anchors[view->tables[t]] = from->anchors[t];
    }
    return to;
}

static unsigned read_filled(const struct schema_view *view, target_set filled) {
    unsigned read = 0;
    for (size_t i = 0; i < view->plan.target_count; i++) {
        read |= target_set_has(filled, i) ? 1U << view->numbers[i] : 0;
    }
    return read;
}

static void copy_part(struct world *world, const struct schema_view *view, struct sim_part *to,
                      const struct txn_part *part) {
    *to = (struct sim_part){.task = part->task,
                            .before = read_progress(view, &part->before),
                            .after = read_progress(view, &part->after),
                            .filled = read_filled(view, part->filled),
                            .savepoints = part->savepoints,
                            .refused_max = part->refused_max};
    to->ops = calloc(txn_part_rows(part) + 1, sizeof *to->ops);
    to->cleared = calloc(part->cleared_count + 1, sizeof *to->cleared);
    if (!to->ops || !to->cleared) {
        abort();
    }
    const bool deletes_first = SAFEGUARD("sim: deletes go before upserts");
    if (!deletes_first) {
        copy_upserts(world, view, to, part);
    }
    copy_deletes(world, view, to, part);
    for (size_t t = 0; t < view->plan.relation_count; t++) {
        copy_rows(world, to, &part->checks[t],
                  (struct sim_op){.kind = SIM_CHECK, .table = view->tables[t]});
    }
    if (deletes_first) {
        copy_upserts(world, view, to, part);
    }
    copy_dead_letters(world, view, to, part);
    for (size_t i = 0; i < part->cleared_count; i++) {
        to->cleared[to->cleared_count++] = read_row_key(world, view, part->cleared[i]);
    }
}

static struct sim_op *add_op(struct sim_part *part, size_t *cap) {
    if (part->op_count == *cap) {
        *cap = *cap ? *cap * 2 : 16;
        part->ops = reallocarray(part->ops, *cap, sizeof *part->ops);
        if (!part->ops) {
            abort();
        }
    }
    return &part->ops[part->op_count++];
}

/* Rows of an initial load are pulled while the job is executed, until the source pauses: those of
 * one target after the other. */
static void pull_load(struct world *world, struct job *job) {
    for (;;) {
        const struct load_source *load = job->load;
        const struct str *values = NULL;
        bool end = false;
        struct err err;
        if (load->next(load->ctx, &values, &end, &err) != ERR_NONE) {
            job->load_failed = true;
            job->load = NULL;
            return;
        }
        if (end && ++job->load_target < (int)job->view->plan.target_count) {
            load->begin(load->ctx, job->load_target);
            continue;
        }
        if (end) {
            job->load = NULL;
        }
        if (!values || end) {
            return;
        }
        struct sim_op *op = add_op(&job->parts[0], &job->load_cap);
        *op = (struct sim_op){.kind = SIM_UPSERT, .target = job->view->numbers[job->load_target]};
        read_upsert(world, op, values);
    }
}

uint64_t sim_sink_sum(const struct row_array *rows) {
    uint64_t sum = rows->row_count;
    for (size_t c = 0; c < rows->column_count; c++) {
        struct str bytes = buf_view(&rows->columns[c]);
        for (size_t i = 0; i < bytes.len; i++) {
            sum = sum * 31 + (unsigned char)bytes.ptr[i];
        }
    }
    return sum;
}

bool sim_sink_read(struct world *world, struct job *job) {
    const struct txn *txn = job->txn;
    for (size_t i = 0; txn && i < job->part_count; i++) {
        copy_part(world, job->view, &job->parts[i], txn->parts[i]);
    }
    if (txn && txn->load) {
        job->loads = true;
        job->load = txn->load;
        job->load_cap = job->parts[0].op_count;
    }
    if (job->load) {
        pull_load(world, job);
    }
    if (job->check && sim_sink_sum(job->check) != job->check_sum) {
        world_fail(world, "rows that were sent to be checked changed before they were");
    } else if (job->check) {
        struct sim_part *part = &job->parts[job->part_count++];
        part->ops = calloc(job->check->row_count + 1, sizeof *part->ops);
        if (!part->ops) {
            abort();
        }
        copy_rows(world, part, job->check,
                  (struct sim_op){.kind = SIM_CHECK, .table = job->view->tables[job->check_table]});
    }
    job->txn = NULL;
    job->check = NULL;
    return job->load == NULL;
}
