/* What PostgreSQL does with a job: the fence, the rows, the progress; and the promises that are
 * checked at each transaction. */
#include "sim_sink_impl.h"

#include "base/safeguard.h"

#include <stdio.h>
#include <stdlib.h>

#define HALT_SHARE 0.02 /* of the jobs of a family that halts */

static void check_offsets(struct world *world, const struct progress *now,
                          const struct sim_part *part) {
    for (int t = 0; t < world->schema.table_count && now->has_offsets; t++) {
        if (!part->after.has_offsets || part->after.offsets[t] < now->offsets[t]) {
            world_fail(world, "O3: the offsets of task %d fall", part->task);
        }
    }
    if (part->after.seq != now->seq + 1) {
        world_fail(world, "O3: task %d goes from seq %lld to %lld", part->task, (long long)now->seq,
                   (long long)part->after.seq);
    }
}

/* The row shows something that the source never had. */
static bool is_stray(const struct schema_target *target, cells_t key) {
    bool stray = false;
    for (int k = 0; k < target->key_count; k++) {
        stray |= cell_at(key, k) == SCHEMA_CELL_MAX;
    }
    return stray;
}

bool sim_sink_deletes(const struct schema_target *target, const struct sim_op *op, cells_t key) {
    cells_t own = schema_own_mask(target, op->occurrence);
    if (op->kind == SIM_DELETE && (op->mask & ~target->join) != 0 &&
        !SAFEGUARD("sim: a delete names the join key")) {
        return (key & own) == (op->key & own);
    }
    return (key & op->mask) == op->key && (op->kind != SIM_DELETE_NULL || (key & own) == 0) &&
           (op->kind != SIM_DELETE_MATCHED || (key & own) != 0);
}

static void remove_rows(struct world *world, const struct sim_part *part, const struct sim_op *op) {
    const struct schema_target *target = world_target(world, op->target);
    bool past = oracle_is_past(world, part->task, &part->before);
    for (size_t i = world->sink.row_count; i-- > 0;) {
        struct sink_row *row = &world->sink.rows[i];
        if (row->target != op->target || !row->there) {
            continue;
        }
        bool left_out =
            (!SAFEGUARD("sim: a delete by range takes every row") && is_stray(target, row->key)) ||
            (op->kind != SIM_DELETE &&
             !SAFEGUARD("sim: no row without a partner stands beside one with a partner"));
        if (!sim_sink_deletes(target, op, row->key) || left_out) {
            continue;
        }
        if (world->knobs.inserts_only && past && !world->stray_now) {
            world_fail(world, "O6: the valid row %s is removed, though nothing was ever deleted",
                       schema_show_sink(target, row->key));
        }
        sim_sink_drop_row(world, row);
    }
}

/* `v3 v17 -`, for people. */
static const char *show_versions(const struct schema_target *target, const int *versions) {
    static char text[SCHEMA_OCCURRENCES_MAX * 12];
    size_t len = 0;
    for (int o = 0; o < target->occurrence_count; o++) {
        len +=
            (size_t)snprintf(text + len, sizeof text - len, "%sv%d", o > 0 ? " " : "", versions[o]);
    }
    return text;
}

/* What WHERE does not let pass. */
static void filter_row(struct world *world, const struct sim_op *op) {
    struct sink_row *row = sim_sink_row(world, op->target, op->key);
    world_trace(world, "  FILTERED %s", schema_show_sink(world_target(world, op->target), op->key));
    if (row && row->there && SAFEGUARD("sim: a row that leaves the filter is deleted")) {
        sim_sink_drop_row(world, row);
    }
}

static void put_row(struct world *world, const struct sim_op *op, bool load) {
    const struct schema_target *target = world_target(world, op->target);
    struct sink_row *row = sim_sink_add_row(world, op->target, op->key);
    if (row->statement == world->statement_count) {
        world_fail(world, "21000: the row %s comes twice in one statement",
                   schema_show_sink(target, op->key));
    }
    row->statement = world->statement_count;
    if (load && row->there) {
        world_fail(world, "the initial load meets the row %s", schema_show_sink(target, op->key));
    }
    memcpy(row->versions, op->versions, sizeof row->versions);
    row->there = true;
    world_trace(world, "  UPSERT %s %s", schema_show_sink(target, op->key),
                show_versions(target, op->versions));
}

static void clear_entries(struct world *world, const struct sim_part *part) {
    for (size_t i = 0; i < part->cleared_count; i++) {
        const struct sim_key *cleared = &part->cleared[i];
        struct sink_row *row = sim_sink_row(world, cleared->target, cleared->key);
        world_trace(world, "  CLEARED %s",
                    schema_show_sink(world_target(world, cleared->target), cleared->key));
        if (row) {
            row->refused = false;
            if (!row->there) {
                sim_sink_drop_row(world, row);
            }
        }
    }
}

static void refuse_row(struct world *world, const struct sim_op *op) {
    struct sink_row *row = sim_sink_add_row(world, op->target, op->key);
    world_trace(world, "  REFUSED %s", schema_show_sink(world_target(world, op->target), op->key));
    row->there &= !SAFEGUARD("sim: a refused row shows no older version");
    row->refused = true;
}

static void apply_upsert(struct world *world, const struct sim_part *part, const struct sim_op *op,
                         bool load) {
    if (!schema_passes(world_target(world, op->target), op->versions)) {
        filter_row(world, op);
    } else if (op->refused) {
        refuse_row(world, op);
    } else {
        put_row(world, op, load);
        oracle_written(world, part->task, sim_sink_row(world, op->target, op->key),
                       load ? world->sink.ends[part->task] : part->after.offsets);
    }
}

static void apply_ops(struct world *world, const struct sim_part *part, bool load) {
    static const char *const kinds[] = {[SIM_DELETE] = "DELETE",
                                        [SIM_DELETE_NULL] = "DELETE NULL",
                                        [SIM_DELETE_MATCHED] = "DELETE MATCHED"};
    world->statement_count++;
    for (size_t i = 0; i < part->op_count; i++) {
        const struct sim_op *op = &part->ops[i];
        if (op->kind == SIM_UPSERT) {
            apply_upsert(world, part, op, load);
        } else if (op->kind != SIM_CHECK) {
            const struct schema_target *target = world_target(world, op->target);
            world_trace(world, "  %s of %s: %s", kinds[op->kind],
                        schema_table_of(target, op->occurrence)->name,
                        schema_show_sink(target, op->key));
            remove_rows(world, part, op);
        }
    }
}

/* The furthest that the task's works aimed at: where a transaction leaves the offsets as they are,
 * no more is known than how far the logs went. */
static void note_aim(struct world *world, const struct sim_part *part) {
    bool last = !part->before.has_offsets;
    for (int t = 0; t < world->schema.table_count; t++) {
        last |= part->after.offsets[t] != part->before.offsets[t];
    }
    for (int t = 0; t < world->schema.table_count; t++) {
        int64_t aim = last ? part->after.offsets[t] : world_log(world, t, part->task)->count;
        int64_t *furthest = &world->aims[part->task][t];
        *furthest = aim > *furthest ? aim : *furthest;
    }
}

static void check_refused(struct world *world, int32_t task) {
    int count = 0;
    for (size_t i = 0; i < world->sink.row_count; i++) {
        const struct sink_row *row = &world->sink.rows[i];
        count += row->refused && schema_view_has(world->sink.plan, row->target) &&
                 sim_sink_task(world, row->target, row->key) == task;
    }
    if (count > world->refused_max) {
        world_fail(world, "task %d has %d refused rows, %d are allowed", task, count,
                   world->refused_max);
    }
}

/* The points whose names begin with "sim:" are in the simulator's own sink: without them it is seen
 * that the oracle would notice. Those of the product's SQL are taken out on a real PostgreSQL. */
static bool fence_passes(const struct world *world, const struct job *job, size_t i) {
    const struct sim_part *part = &job->parts[i];
    const struct progress *newest = &world->sink.progress[part->task];
    if (!SAFEGUARD("sim: the fence compares the progress") ||
        (job->session == 1 && !SAFEGUARD("sim: each session is fenced")) ||
        (i > 0 && !SAFEGUARD("sim: each task of a transaction is fenced"))) {
        return true;
    }
    return SAFEGUARD("sim: the fence compares more than the owner")
               ? progress_equal(newest, &part->before, (size_t)world->schema.table_count)
               : strcmp(newest->owner, part->before.owner) == 0;
}

static enum sink_event_kind commit(struct world *world, struct job *job, struct sink_event *event) {
    for (size_t i = 0; i < job->part_count; i++) {
        const struct sim_part *part = &job->parts[i];
        world_trace(world, "TXN member %d session %d task %d seq %lld owner %.4s: %zu ops%s",
                    job->member, job->session, part->task, (long long)part->before.seq,
                    part->before.owner, part->op_count, job->sink ? "" : " (orphan)");
        if (!fence_passes(world, job, i)) {
            return SINK_FENCED;
        }
        if (sim_sink_is_other(world, job->view, &part->before) &&
            SAFEGUARD("sim: the fence compares the table")) {
            return SINK_OTHER_TABLE;
        }
    }
    if (job->load_failed || (world_faulty(world, job->member) && rng_chance(&world->rng, 0.02))) {
        return SINK_AGAIN;
    }
    if (!sim_constraints_pass(world, job, event)) {
        return event->kind;
    }
    sim_sink_remember(world);
    for (size_t i = 0; i < job->part_count; i++) {
        const struct sim_part *part = &job->parts[i];
        check_offsets(world, &world->sink.progress[part->task], part);
        world->sink.progress[part->task] = part->after;
        world->sink.had_offsets[part->task] |= part->after.has_offsets;
        sim_sink_apply_dead_letters(world, part);
        clear_entries(world, part);
        apply_ops(world, part, job->loads);
        sim_sink_mark(world, part);
        note_aim(world, part);
        check_refused(world, part->task);
    }
    for (size_t i = 0; i < job->part_count; i++) {
        if (rng_chance(&world->rng, 0.2)) {
            oracle_visible(world, job->parts[i].task);
        }
    }
    return SINK_COMMITTED;
}

void sim_sink_execute(struct world *world) {
    int count = 0;
    for (const struct job *job = world->jobs; job; job = job->next) {
        count++;
    }
    if (count == 0) {
        return;
    }
    int nth = rng_below(&world->rng, count);
    struct job *job = world->jobs;
    while (nth-- > 0) {
        job = job->next;
    }
    if (!sim_sink_read(world, job)) {
        return; /* its load goes on later */
    }
    struct sink_event event = {.kind = SINK_NOTHING};
    if (job->sink) {
        arena_reset(&job->sink->keys);
    }
    world->job_count += job->kind != SIM_NEWEST;
    if (world_faulty(world, job->member) && world->knobs.halts > 0 &&
        rng_chance(&world->rng, HALT_SHARE)) {
        event.kind = SINK_HALT;
    } else if (job->kind == SIM_COMMIT) {
        event.kind = commit(world, job, &event);
    } else if (job->kind == SIM_CHECK_JOB) {
        event.kind = sim_check_refuses(world, job) ? SINK_REFUSED : SINK_CHECKED;
    } else {
        if (job->kind == SIM_ACQUIRE && rng_chance(&world->rng, 0.3)) {
            sim_sink_terminate_holders(world, job);
        }
        sim_sink_answer_tasks(world, job, &event);
    }
    if (event.kind == SINK_REFUSED || event.kind == SINK_AGAIN || event.kind == SINK_FENCED ||
        event.kind == SINK_OTHER_TABLE || event.kind == SINK_HALT || event.kind == SINK_UNFIT) {
        (void)err_set(&event.err, event.kind == SINK_HALT ? ERR_HALT : ERR_RECORD, "simulated");
        bool taken =
            event.kind == SINK_REFUSED && event.blame == BLAME_OTHERS && world->knobs.unique;
        (void)snprintf(event.err.sqlstate, sizeof event.err.sqlstate, "%s", taken ? "23505" : "");
        world_trace(world, "  = %d", (int)event.kind);
    }
    sim_sink_answer(world, job, &event);
}
