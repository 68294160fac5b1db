/* What the simulated sink refuses: values by the own checks, and what the user put on its table. */
#include "sim_sink_impl.h"

#include <stdlib.h>

bool sim_check_refuses(const struct world *world, const struct job *job) {
    for (size_t i = 0; i < job->part_count; i++) {
        for (size_t k = 0; k < job->parts[i].op_count; k++) {
            const struct sim_op *op = &job->parts[i].ops[k];
            if (op->kind == SIM_CHECK && op->versions[0] < 0) {
                return !world->mended;
            }
        }
    }
    return false;
}

/* A trigger of the user's objects to every row of one join key. */
static bool trigger_raises(const struct world *world, const struct job *job) {
    bool raises = false;
    for (size_t i = 0; i < job->part_count && !world->mended; i++) {
        for (size_t k = 0; k < job->parts[i].op_count; k++) {
            const struct sim_op *op = &job->parts[i].ops[k];
            const struct schema_target *target = world_target(world, op->target);
            raises |= op->kind == SIM_UPSERT && world->trigger != 0 &&
                      op->target == world->trigger_target && schema_passes(target, op->versions) &&
                      (op->key & target->join) == world->trigger;
        }
    }
    return raises;
}

bool sim_sink_refuses(const struct world *world, int target, const int *versions) {
    const struct schema_target *of = world_target(world, target);
    int sum = target; /* not the rows that another one refuses */
    for (int o = 0; o < of->occurrence_count; o++) {
        sum += of->hides[o] ? 0 : versions[o] * (7 + 6 * o);
    }
    bool checked = world->knobs.checked > 0 && sum % world->knobs.checked == 0;
    bool computed = of->computed && sum % 5 == 0;
    return (checked || computed) && !world->mended && schema_passes(of, versions);
}

/* The rows as the transaction finds them at its upserts: where the sink has a unique index. */
struct trial {
    struct sim_key *keys; /* of rows that are there */
    size_t count, refused_count;
};

static void trial_remove(struct trial *trial, const struct sim_op *op) {
    size_t count = 0;
    for (size_t i = 0; i < trial->count; i++) {
        if (trial->keys[i].target != op->target || trial->keys[i].key != op->key) {
            trial->keys[count++] = trial->keys[i];
        }
    }
    trial->count = count;
}

static void trial_delete(const struct world *world, struct trial *trial, const struct sim_op *op) {
    const struct schema_target *target = world_target(world, op->target);
    size_t count = 0;
    for (size_t i = 0; i < trial->count; i++) {
        if (trial->keys[i].target != op->target ||
            !sim_sink_deletes(target, op, trial->keys[i].key)) {
            trial->keys[count++] = trial->keys[i];
        }
    }
    trial->count = count;
}

static void trial_begin(const struct world *world, const struct job *job, struct trial *trial) {
    *trial = (struct trial){0};
    if (!world->knobs.unique) {
        return;
    }
    size_t cap = world->sink.row_count + 1;
    for (size_t i = 0; i < job->part_count; i++) {
        cap += job->parts[i].op_count;
    }
    trial->keys = calloc(cap, sizeof *trial->keys);
    if (!trial->keys) {
        abort();
    }
    for (size_t i = 0; i < world->sink.row_count; i++) {
        const struct sink_row *row = &world->sink.rows[i];
        if (row->there) {
            trial->keys[trial->count++] = (struct sim_key){row->target, row->key};
        }
    }
    for (size_t i = 0; i < job->part_count; i++) {
        for (size_t k = 0; k < job->parts[i].op_count; k++) {
            const struct sim_op *op = &job->parts[i].ops[k];
            if (op->kind < SIM_CHECK) {
                trial_delete(world, trial, op);
            }
        }
    }
}

/* The unique index: another row has the same beside the join key. false: the row is there now. */
static bool trial_is_taken(struct trial *trial, const struct world *world,
                           const struct sim_op *op) {
    if (!world->knobs.unique) {
        return false;
    }
    for (size_t i = 0; i < trial->count; i++) {
        cells_t differs = trial->keys[i].key ^ op->key;
        bool same = trial->keys[i].target == op->target;
        if (same && differs == 0) {
            return false;
        }
        if (same && (differs & ~world_target(world, op->target)->join) == 0) {
            return true;
        }
    }
    trial->keys[trial->count++] = (struct sim_key){op->target, op->key};
    return false;
}

/* BLAME_RECORD: nobody's, the row is written, or is left out by a part with savepoints. */
static enum blame try_upsert(struct world *world, const struct sim_part *part, struct sim_op *op,
                             struct trial *trial) {
    const struct schema_target *target = world_target(world, op->target);
    if (!schema_passes(target, op->versions)) {
        trial_remove(trial, op);
        return BLAME_RECORD;
    }
    bool bad = false;
    for (int o = 0; o < target->occurrence_count; o++) {
        bad |= !world->mended && op->versions[o] < 0;
    }
    if (bad && part->savepoints) {
        world_fail(world, "the row %s has a value that no own check was asked about",
                   schema_show_sink(target, op->key));
    }
    if (bad || sim_sink_refuses(world, op->target, op->versions)) {
        trial_remove(trial, op);
        op->refused = true;
        world_trace(world, "  refuses %s, for %s", schema_show_sink(target, op->key),
                    bad ? "a value" : "the row");
        return part->savepoints && ++trial->refused_count <= part->refused_max ? BLAME_RECORD
                                                                               : BLAME_ROW;
    }
    return trial_is_taken(trial, world, op) ? BLAME_OTHERS : BLAME_RECORD;
}

struct str sim_sink_key(struct sink *sink, int target, cells_t key) {
    const struct schema_target *of = world_target(sink->world, target);
    struct buf text = {0};
    for (int k = 0; k < of->key_count; k++) {
        const struct schema_place *place = &of->outputs[of->key_outputs[k]];
        char scratch[SCHEMA_TEXT_MAX];
        struct str value =
            schema_text(&schema_table_of(of, place->occurrence)->columns[place->column],
                        cell_at(key, k), scratch);
        buf_str(&text, value.ptr ? value : STR("\xff"));
        buf_append(&text, "", 1);
    }
    int number = sink->view->targets_of[target];
    if (number > 0) {
        buf_append(&text, &(char){(char)number}, 1);
    }
    struct str copy = arena_copy(&sink->keys, buf_view(&text));
    buf_clear(&text);
    return copy;
}

static void add_refusal(struct job *job, const struct sim_op *op, struct sink_event *event) {
    struct sink *sink = job->sink;
    if (!sink) {
        return;
    }
    if (event->refusal_count == sink->refusal_cap) {
        sink->refusal_cap = sink->refusal_cap ? sink->refusal_cap * 2 : 8;
        sink->refusals = reallocarray(sink->refusals, sink->refusal_cap, sizeof *sink->refusals);
        if (!sink->refusals) {
            abort();
        }
    }
    struct str key = sim_sink_key(sink, op->target, op->key);
    sink->refusals[event->refusal_count++] = (struct refusal){
        .row_key = key, .key = str_from(key.ptr), .sqlstate = "23514", .message = STR("simulated")};
    event->refusals = sink->refusals;
}

static bool try_parts(struct world *world, struct job *job, struct trial *trial,
                      struct sink_event *event) {
    for (size_t i = 0; i < job->part_count; i++) {
        struct sim_part *part = &job->parts[i];
        for (size_t k = 0; k < part->op_count; k++) {
            struct sim_op *op = &part->ops[k];
            enum blame blame =
                op->kind == SIM_UPSERT ? try_upsert(world, part, op, trial) : BLAME_RECORD;
            if (blame != BLAME_RECORD) {
                event->blame = blame;
                event->refusal_count = 0;
                if (part->savepoints) {
                    add_refusal(job, op, event);
                }
                return false;
            }
            if (op->kind == SIM_UPSERT && op->refused) {
                add_refusal(job, op, event);
            }
        }
    }
    return true;
}

bool sim_constraints_pass(struct world *world, struct job *job, struct sink_event *event) {
    struct trial trial;
    event->kind = SINK_REFUSED;
    if (trigger_raises(world,
                       job)) { /* one that is to be tried again, or an error of another kind */
        event->kind = world->trigger_halts ? SINK_HALT : SINK_REFUSED;
        event->blame = BLAME_OTHERS;
        return false;
    }
    if (sim_check_refuses(world, job)) {
        event->blame = BLAME_RECORD;
        return false;
    }
    trial_begin(world, job, &trial);
    bool pass = try_parts(world, job, &trial, event);
    free(trial.keys);
    return pass;
}
