/* The OLAP database as members see it: jobs that are executed at random times, atomically, in any
 * order; the answer may be lost, the sender may be gone. The fence and the statements are
 * PostgreSQL's part and done here; what is sent is the pipeline's. */
#include "sim_sink_impl.h"

#include "base/safeguard.h"

#include <stdlib.h>

static struct job *job_new(struct sink *sink, enum sim_job kind) {
    struct job *job = calloc(1, sizeof *job);
    if (!job) {
        abort();
    }
    job->kind = kind;
    job->member = sink->member;
    job->session = sink->session;
    job->sink = sink;
    job->next = sink->world->jobs;
    sink->world->jobs = job;
    sink->job = job;
    return job;
}

static void job_free(struct world *world, struct job *job) {
    for (struct job **at = &world->jobs; *at; at = &(*at)->next) {
        if (*at == job) {
            *at = job->next;
            break;
        }
    }
    for (size_t i = 0; i < job->part_count; i++) {
        free(job->parts[i].ops);
        free(job->parts[i].dead_letters);
        free(job->parts[i].cleared);
    }
    free(job);
}

struct sink *sim_sink_new(struct world *world, int member, int session) {
    struct sink *sink = calloc(1, sizeof *sink);
    if (!sink) {
        abort();
    }
    sink->world = world;
    sink->member = member;
    sink->session = session;
    return sink;
}

/* The connection is gone: what was sent is still executed some time, or never. */
void sim_sink_cut(struct sink *sink, bool keep) {
    if (sink->job) {
        sink->job->sink = NULL;
        if (keep) {
            sim_sink_read(sink->world, sink->job);
        } else {
            job_free(sink->world, sink->job);
        }
        sink->job = NULL;
    }
    if (sink->connected) {
        sink->connected = false;
        sink->lost_due = true;
        sink->event_due = false;
        world_trace(sink->world, "CUT member %d", sink->member);
    }
}

void sim_sink_destroy(struct sink **sink, bool keep) {
    if (*sink) {
        sim_sink_cut(*sink, keep);
        free((*sink)->results);
        free((*sink)->dead_letters);
        free((*sink)->dead_letter_bytes);
        free((*sink)->refusals);
        free((*sink)->entries);
        arena_clear(&(*sink)->keys);
        free(*sink);
        *sink = NULL;
    }
}

void sim_sink_clear(struct world *world) {
    while (world->jobs) {
        job_free(world, world->jobs);
    }
    sink_content_clear(&world->sink);
    for (int i = 0; i < world->snapshot_count; i++) {
        sink_content_clear(&world->snapshots[i]);
    }
}

bool sim_sink_idle(const struct world *world) {
    bool idle = true;
    for (const struct job *job = world->jobs; job; job = job->next) {
        idle &= job->kind == SIM_NEWEST; /* members look once in a while, at rest too */
    }
    return idle;
}

bool sim_sink_writes(const struct sink *sink) {
    return sink->job && sink->job->kind == SIM_COMMIT;
}

static bool sim_ready(const struct sink *sink) {
    return sink->connected && !sink->job && !sink->event_due;
}

static int parse_version(struct str text) {
    return text.len > 0 && text.ptr[0] == 'b' ? -schema_parse(text) : schema_parse(text);
}

static void read_delete(const struct schema *schema, struct sim_op *op, const struct str *values) {
    cells_t cells = 0;
    for (int c = 0; c < schema->tables[op->table].key_count; c++) {
        cells |= cell_of(c, schema_parse(values[c]));
    }
    op->key = schema_sink_key(schema, op->table, cells);
    op->mask = schema_sink_mask(schema, op->table);
}

/* Every output is a version, or a cell that the sink's key shows, too. */
static void read_upsert(struct world *world, struct sim_op *op, const struct str *values) {
    const struct schema *schema = &world->schema;
    for (int i = 0; i < schema->output_count; i++) {
        const struct schema_place *place = &schema->outputs[i];
        const struct schema_table *table = &schema->tables[place->table];
        if (place->column == table->key_count) {
            op->versions[place->table] = parse_version(values[i]);
            continue;
        }
        int at = table->shown[place->column], cell = schema_parse(values[i]);
        if (cell_at(op->key, at) != 0 && cell_at(op->key, at) != cell) {
            world_fail(world, "the row %s shows one join column as %d, too",
                       schema_show_sink(schema, op->key), cell);
        }
        op->key |= cell_of(at, cell);
    }
}

static void copy_rows(struct world *world, struct sim_part *part, const struct row_array *rows,
                      enum sim_op_kind kind, int table) {
    size_t at[SCHEMA_OUTPUTS_MAX] = {0};
    for (size_t r = 0; r < rows->row_count; r++) {
        struct sim_op *op = &part->ops[part->op_count++];
        *op = (struct sim_op){.kind = kind, .table = table};
        struct str value[SCHEMA_OUTPUTS_MAX];
        for (size_t c = 0; c < rows->column_count; c++) {
            (void)row_array_next(rows, c, &at[c], &value[c]);
        }
        if (kind == SIM_UPSERT) {
            read_upsert(world, op, value);
        } else if (kind == SIM_CHECK) {
            op->versions[table] = parse_version(value[rows->column_count - 1]);
        } else {
            read_delete(&world->schema, op, value);
        }
    }
}

/* A dead letter's record is what the log holds there. */
static void check_dead_letter(struct world *world, int32_t task,
                              const struct dead_letter *dead_letter) {
    const struct topic_log *log = &world->log[dead_letter->table][task];
    const struct entry *entry = dead_letter->offset >= 0 && dead_letter->offset < log->count
                                    ? &log->entries[dead_letter->offset]
                                    : NULL;
    if (dead_letter->partition != task || !entry || !str_equal(dead_letter->key, entry->key) ||
        !str_equal(dead_letter->value, entry->value) || !dead_letter->reason[0] ||
        !str_equal(dead_letter->topic, world->plan.plan.relations[dead_letter->table].topic)) {
        world_fail(world, "the dead letter of %d[%d]@%lld is not its record", dead_letter->table,
                   task, (long long)dead_letter->offset);
    }
}

static void copy_dead_letters(struct world *world, struct sim_part *to,
                              const struct txn_part *part) {
    to->dead_letters = calloc(part->dead_letter_count + 1, sizeof *to->dead_letters);
    if (!to->dead_letters) {
        abort();
    }
    to->dead_letter_count = part->dead_letter_count;
    for (size_t i = 0; i < part->dead_letter_count; i++) {
        const struct dead_letter *from = &part->dead_letters[i];
        check_dead_letter(world, part->task, from);
        struct stored_dead_letter *dead_letter = &to->dead_letters[i];
        *dead_letter = (struct stored_dead_letter){.task = part->task,
                                                   .table = from->table,
                                                   .offset = from->offset,
                                                   .row_key_len = from->row_key.len,
                                                   .kept_len = from->kept.len,
                                                   .has_row_key = from->row_key.ptr != NULL,
                                                   .has_kept = from->kept.ptr != NULL};
        if (from->row_key.ptr) {
            memcpy(dead_letter->row_key, from->row_key.ptr, from->row_key.len);
        }
        if (from->kept.ptr) {
            memcpy(dead_letter->kept, from->kept.ptr, from->kept.len);
        }
        dead_letter->has_checksum = true;
        dead_letter->checksum = from->checksum;
        dead_letter->pending = from->decided; /* takes the place of one */
        dead_letter->key = arena_copy(&world->texts, from->key);
        dead_letter->value = arena_copy(&world->texts, from->value);
    }
}

static void copy_part(struct world *world, struct sim_part *to, const struct txn_part *part) {
    *to = (struct sim_part){.task = part->task,
                            .before = part->before,
                            .after = part->after,
                            .savepoints = part->savepoints,
                            .refused_max = part->refused_max};
    to->ops = calloc(txn_part_rows(part) + 1, sizeof *to->ops);
    if (!to->ops) {
        abort();
    }
    const bool deletes_first = SAFEGUARD("sim: deletes go before upserts");
    if (!deletes_first) {
        copy_rows(world, to, &part->targets[0].upserts, SIM_UPSERT, 0);
    }
    for (int t = 0; t < world->schema.table_count; t++) {
        copy_rows(world, to, &part->targets[0].deletes[DELETE_KEY][t], SIM_DELETE, t);
    }
    for (int t = 0; t < world->schema.table_count; t++) {
        copy_rows(world, to, &part->checks[t], SIM_CHECK, t);
    }
    if (deletes_first) {
        copy_rows(world, to, &part->targets[0].upserts, SIM_UPSERT, 0);
    }
    copy_dead_letters(world, to, part);
    to->cleared = calloc(part->cleared_count + 1, sizeof *to->cleared);
    if (!to->cleared) {
        abort();
    }
    for (size_t i = 0; i < part->cleared_count; i++) { /* "7", NUL, "1", NUL */
        const char *at = part->cleared[i].ptr;
        cells_t key = 0;
        for (int k = 0; k < world->schema.key_count; k++) {
            struct str text = str_from(at);
            key |= cell_of(k, schema_parse(text));
            at += text.len + 1;
        }
        to->cleared[to->cleared_count++] = key;
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

/* Rows of an initial load are pulled while the job is executed. */
static void copy_load(struct world *world, struct job *job, const struct load_source *load) {
    size_t cap = job->parts[0].op_count;
    job->load = true;
    for (;;) {
        const struct str *values;
        bool end = false;
        struct err err;
        if (load->next(load->ctx, &values, &end, &err) != ERR_NONE) {
            job->load_failed = true;
            return;
        }
        if (end) {
            return;
        }
        struct sim_op *op = add_op(&job->parts[0], &cap);
        *op = (struct sim_op){.kind = SIM_UPSERT};
        read_upsert(world, op, values);
    }
}

static void sim_commit(struct sink *sink, const struct txn *txn) {
    struct job *job = job_new(sink, SIM_COMMIT);
    job->txn = txn;
    for (size_t i = 0; i < txn->part_count; i++) {
        job->parts[job->part_count++].task = txn->parts[i]->task;
        if (i > 0 && txn->parts[i]->task <= txn->parts[i - 1]->task) {
            world_fail(sink->world, "the parts of a transaction are not in order");
        }
    }
}

static uint64_t sum_of(const struct row_array *rows) {
    uint64_t sum = rows->row_count;
    for (size_t c = 0; c < rows->column_count; c++) {
        struct str bytes = buf_view(&rows->columns[c]);
        for (size_t i = 0; i < bytes.len; i++) {
            sum = sum * 31 + (unsigned char)bytes.ptr[i];
        }
    }
    return sum;
}

void sim_sink_read(struct world *world, struct job *job) {
    const struct txn *txn = job->txn;
    for (size_t i = 0; txn && i < job->part_count; i++) {
        copy_part(world, &job->parts[i], txn->parts[i]);
    }
    if (txn && txn->load) {
        copy_load(world, job, txn->load);
    }
    if (job->check && sum_of(job->check) != job->check_sum) {
        world_fail(world, "rows that were sent to be checked changed before they were");
    } else if (job->check) {
        struct sim_part *part = &job->parts[job->part_count++];
        part->ops = calloc(job->check->row_count + 1, sizeof *part->ops);
        if (!part->ops) {
            abort();
        }
        copy_rows(world, part, job->check, SIM_CHECK, job->check_table);
    }
    job->txn = NULL;
    job->check = NULL;
}

static void ask(struct sink *sink, enum sim_job kind, const int32_t *tasks, size_t count) {
    struct job *job = job_new(sink, kind);
    job->task_count = count;
    for (size_t i = 0; i < count; i++) {
        job->tasks[i] = tasks[i];
    }
}

static void sim_acquire(struct sink *sink, const int32_t *tasks, size_t count, const char *owner) {
    ask(sink, SIM_ACQUIRE, tasks, count);
    memcpy(sink->job->owner, owner, OWNER_LEN + 1);
}

static void sim_newest(struct sink *sink, const int32_t *tasks, size_t count) {
    ask(sink, SIM_NEWEST, tasks, count);
}

static void sim_check(struct sink *sink, int table, const struct row_array *rows) {
    struct job *job = job_new(sink, SIM_CHECK_JOB);
    job->check = rows;
    job->check_table = table;
    job->check_sum = sum_of(rows);
}

static void sim_poll(struct sink *sink, struct sink_event *ret_event) {
    struct world *world = sink->world;
    *ret_event = (struct sink_event){.kind = SINK_NOTHING};
    if (sink->lost_due) {
        sink->lost_due = false;
        ret_event->kind = SINK_LOST;
        (void)err_set(&ret_event->err, ERR_RETRY, "cut");
    } else if (!sink->connected &&
               (!world_faulty(world, sink->member) || rng_chance(&world->rng, 0.3))) {
        sink->connected = true;
        ret_event->kind = SINK_CONNECTED;
    } else if (sink->event_due) {
        sink->event_due = false;
        *ret_event = sink->event;
        ret_event->results = sink->results;
    }
}

static void sim_wait(const struct sink *sink, int *ret_fd, short *ret_events,
                     int64_t *ret_deadline_ms) {
    (void)sink;
    *ret_fd = -1;
    *ret_events = 0;
    *ret_deadline_ms = -1;
}

/* The job was executed: its sender learns so, or loses the connection and learns nothing. */
void sim_sink_answer(struct world *world, struct job *job, struct sink_event *event) {
    struct sink *sink = job->sink;
    if (sink) {
        sink->job = NULL;
        if (world_faulty(world, job->member) && rng_chance(&world->rng, 0.12)) {
            world_trace(world, "  the answer is lost");
            sim_sink_cut(sink, false);
        } else {
            sink->event = *event;
            sink->event_due = true;
        }
    }
    job_free(world, job);
}

/* A backend that holds a lock for too long is terminated by who waits for it. */
void sim_sink_terminate_holders(struct world *world, const struct job *waiter) {
    struct job *next;
    for (struct job *job = world->jobs; job; job = next) {
        next = job->next;
        bool holds = false;
        for (size_t i = 0; job->kind == SIM_COMMIT && i < job->part_count; i++) {
            for (size_t k = 0; k < waiter->task_count; k++) {
                holds |= job->parts[i].task == waiter->tasks[k];
            }
        }
        if (holds) {
            if (job->sink) {
                sim_sink_cut(job->sink, false);
            } else {
                job_free(world, job);
            }
            next = world->jobs; /* the list has changed */
        }
    }
}

const struct sink_ops sim_sink_ops = {
    .ready = sim_ready,
    .commit = sim_commit,
    .acquire = sim_acquire,
    .newest = sim_newest,
    .check = sim_check,
    .poll = sim_poll,
    .wait = sim_wait,
};
