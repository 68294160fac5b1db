/* Liveness: a core of the world is healed and quiet, faults beside it go on for ever, and the core
 * must converge all the same.
 *
 * The core is some members and some tasks. Its members never crash, freeze or lose a connection or
 * a cache again, and the group has given the tasks to them. All else stays as bad as it was: other
 * members come and go, wake up and write what they had in hand; other tasks are refused by a
 * trigger or halt at records that nobody decides about, also tasks that members of the core hold,
 * and are resumed again and again; their rows change on and on; the connector repeats itself; logs
 * are compacted. */
#include "world.h"

#include "base/safeguard.h"

#define LIVE_ROUNDS    3000 /* seen to be needed: some hundreds */
#define LIVE_AT_LEAST  120  /* converged or not: it must stay so */
#define OPERATOR_LOOKS 3    /* at what had halted when the core was healed */
#define LOOK_ROUNDS    20

bool world_faulty(const struct world *world, int member) {
    return world->faults && !(world->healed && world->core_members[member]);
}

bool world_is_core(const struct world *world, int table, cells_t cells) {
    return world->healed &&
           (world->schema.tables[world_feed(world, table)].lookup || /* every task reads them */
            world->core_tasks[source_partition(world, table, cells)]);
}

/* At least one of count. */
static void draw_some(struct world *world, bool *chosen, int count) {
    for (int i = 0; i < count; i++) {
        chosen[i] = rng_chance(&world->rng, 0.5);
    }
    chosen[rng_below(&world->rng, count)] = true;
}

static int some_core_member(struct world *world) {
    int member = rng_below(&world->rng, world->members);
    while (!world->core_members[member]) {
        member = (member + 1) % world->members;
    }
    return member;
}

/* Halted tasks of the core are looked after: once more where a halt was under way. */
static void look_after(struct world *world) {
    for (int i = 0; i < world->members; i++) {
        if (world->core_members[i]) {
            node_resume(world->nodes[i]);
        }
    }
}

static void heal_member(struct world *world, int member, bool begins) {
    struct node *node = world->nodes[member];
    memory_disk_fail(world->disks[node_host(node)], 0, ERR_NONE);
    if (begins) {
        node_restart(node);
    }
    node_pause(node, false);
    sim_consume_learn(node_consume(node), false);
}

static void heal_core(struct world *world) {
    draw_some(world, world->core_members, world->members);
    draw_some(world, world->core_tasks, world->partitions);
    world->healed = true;
    connector_step(world, INT64_MAX); /* and what halts a task of the core can be decided about */
    world->repeats_from = world->sent_count;
    for (int32_t p = 0; p < world->partitions; p++) {
        if (world->core_tasks[p]) {
            world->assignment[p] = some_core_member(world);
        }
        world_trace(world, "CORE task %d: %s, member %d", p, world->core_tasks[p] ? "yes" : "no",
                    world->assignment[p]);
    }
    bool decided = world_decide_all(world, world->core_tasks); /* seen by who begins after it */
    for (int i = 0; i < world->members; i++) {
        if (world->core_members[i] && SAFEGUARD("sim: members of the core are healed")) {
            heal_member(world, i, decided);
        }
    }
    for (int tries = 0; tries < 10 && world->trigger == 0; tries++) {
        int target = world_some_target(world);
        const struct schema_target *of = world_target(world, target);
        cells_t join = schema_join(of, rng_below(&world->rng, schema_join_count(of)));
        world->trigger = world->core_tasks[sim_sink_task(world, target, join)] ? 0 : join;
        world->trigger_target = target;
    }
    world->trigger_halts = rng_chance(&world->rng, 0.3);
}

/* All records of the core are applied, into the table that is there. */
static bool has_converged(const struct world *world) {
    bool has = true;
    for (int32_t p = 0; p < world->partitions && has; p++) {
        has =
            !world->core_tasks[p] || (oracle_caught_up(world, p) && sim_sink_table_known(world, p));
    }
    return has;
}

static int64_t core_halts(const struct world *world) {
    int64_t halts = 0;
    for (int32_t p = 0; p < world->partitions; p++) {
        for (int i = 0; i < world->members && world->core_tasks[p]; i++) {
            halts += world->core_members[i] ? node_halts(world->nodes[i], p) : 0;
        }
    }
    return halts;
}

static void live_round(struct world *world) {
    world->now_us += 50000;
    world->steps++;
    for (int i = 0; i < world->members; i++) {
        struct node *node = world->nodes[i];
        if (!node_paused(node) && (world->core_members[i] || rng_chance(&world->rng, 0.5))) {
            node_step(node);
        }
        sim_sink_execute(world);
    }
    double x = rng_unit(&world->rng);
    if (x < 0.3) {
        source_step(world);
    } else if (x < 0.6) {
        connector_step(world, 1 + rng_below(&world->rng, 5));
    } else if (x < 0.9) {
        world_fault(world);
    } else {
        node_resume(world->nodes[rng_below(&world->rng, world->members)]);
    }
}

void play_live(struct world *world) {
    world_steps(world, world_pick(world, world->knobs.steps));
    world_trace(world, "---- a core is healed");
    heal_core(world);
    int64_t halts = 0;
    bool converged = false;
    int round = 0;
    for (; round < LIVE_ROUNDS && !world->failure[0]; round++) {
        if (round <= OPERATOR_LOOKS * LOOK_ROUNDS && round % LOOK_ROUNDS == 0) {
            look_after(world);
            halts = core_halts(world);
        }
        live_round(world);
        converged = has_converged(world);
        if (converged && round >= LIVE_AT_LEAST) {
            break;
        }
    }
    world_trace(world, "---- %d rounds", round);
    for (int i = 0; i < HOSTS_MAX; i++) {
        memory_disk_fail(world->disks[i], 0, ERR_NONE); /* they are looked at */
    }
    if (!converged) {
        world_fail(world, "O8: the core does not converge within %d rounds", LIVE_ROUNDS);
    }
    if (core_halts(world) > halts) {
        world_fail(world, "O8: a task of the core halted for what is beside it");
    }
    for (int32_t p = 0; p < world->partitions && !world->failure[0]; p++) {
        if (world->core_tasks[p]) {
            oracle_task(world, p, "in the core");
        }
    }
}
