/* What the simulated sink refuses: values by the own checks, and what the user put on its table. */
#include "sim_sink_impl.h"

#include <stdio.h>

bool sim_check_refuses(const struct world *world, const struct job *job) {
    for (size_t i = 0; i < job->part_count; i++) {
        for (size_t k = 0; k < job->parts[i].op_count; k++) {
            const struct sim_op *op = &job->parts[i].ops[k];
            if (op->kind == SIM_CHECK && op->name < 0) {
                return !world->mended;
            }
        }
    }
    return false;
}

/* A trigger of the user's objects to every row of one student. */
static bool trigger_raises(const struct world *world, const struct job *job) {
    bool raises = false;
    for (size_t i = 0; i < job->part_count && !world->mended; i++) {
        for (size_t k = 0; k < job->parts[i].op_count; k++) {
            const struct sim_op *op = &job->parts[i].ops[k];
            raises |= op->kind == SIM_UPSERT && op->student == world->trigger_student;
        }
    }
    return raises;
}

bool sim_sink_refuses(const struct world *world, int name, int number) {
    return world->knobs.checked > 0 && !world->mended &&
           (name * 7 + number * 13) % world->knobs.checked == 0;
}

/* The rows as the transaction finds them at its upserts. */
struct trial {
    bool there[STUDENTS_MAX + 1][CONTACTS_MAX + 1];
    size_t refused_count;
};

static void trial_begin(const struct world *world, const struct job *job, struct trial *trial) {
    *trial = (struct trial){0};
    for (int s = 0; s <= STUDENTS_MAX; s++) {
        for (int c = 0; c <= CONTACTS_MAX; c++) {
            trial->there[s][c] = world->sink.rows[s][c].there;
        }
    }
    for (size_t i = 0; i < job->part_count; i++) {
        for (size_t k = 0; k < job->parts[i].op_count; k++) {
            const struct sim_op *op = &job->parts[i].ops[k];
            for (int c = 0; op->kind == SIM_DELETE && c <= CONTACTS_MAX; c++) {
                trial->there[op->student][c] &= op->table == 1 && c != op->contact;
            }
        }
    }
}

/* BLAME_RECORD: nobody's, the row is written, or is left out by a careful part. */
static enum blame try_upsert(struct world *world, const struct sim_part *part, struct sim_op *op,
                             struct trial *trial) {
    bool taken = false;
    for (int s = 0; world->knobs.unique && s <= STUDENTS_MAX; s++) {
        taken |= s != op->student && trial->there[s][op->contact];
    }
    bool bad = !world->mended && (op->name < 0 || op->number < 0);
    if (bad && part->careful) {
        world_fail(world, "the row (%d,%d) has a value that no own check was asked about",
                   op->student, op->contact);
    }
    if (bad || sim_sink_refuses(world, op->name, op->number)) {
        trial->there[op->student][op->contact] = false;
        op->refused = true;
        return part->careful && ++trial->refused_count <= part->refused_max ? BLAME_RECORD
                                                                            : BLAME_ROW;
    }
    trial->there[op->student][op->contact] |= !taken;
    return taken ? BLAME_OTHERS : BLAME_RECORD;
}

static void add_refusal(struct world *world, struct job *job, const struct sim_op *op,
                        struct sink_event *event) {
    if (!job->sink) {
        return;
    }
    size_t at = event->refusal_count++;
    char *key = job->sink->keys[at];
    int len = snprintf(key, sizeof job->sink->keys[at], "%d", op->student) + 1;
    len += snprintf(key + len, sizeof job->sink->keys[at] - (size_t)len, "%d", op->contact) + 1;
    job->sink->refusals[at] = (struct refusal){.row_key = {key, (size_t)len},
                                               .key = str_from(key),
                                               .sqlstate = "23514",
                                               .message = STR("simulated")};
    event->refusals = job->sink->refusals;
    (void)world;
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
    for (size_t i = 0; i < job->part_count; i++) {
        struct sim_part *part = &job->parts[i];
        for (size_t k = 0; k < part->op_count; k++) {
            struct sim_op *op = &part->ops[k];
            enum blame blame =
                op->kind == SIM_UPSERT ? try_upsert(world, part, op, &trial) : BLAME_RECORD;
            if (blame != BLAME_RECORD) {
                event->blame = blame;
                event->refusal_count = 0;
                if (part->careful) {
                    add_refusal(world, job, op, event);
                }
                return false;
            }
            if (op->kind == SIM_UPSERT && op->refused) {
                add_refusal(world, job, op, event);
            }
        }
    }
    return true;
}
