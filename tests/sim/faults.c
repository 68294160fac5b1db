/* What goes wrong: one fault at a time; beside the core, where one is healed. */
#include "world.h"

/* NULL: all are of the core. */
static struct node *some_node(struct world *world) {
    int first = rng_below(&world->rng, world->members);
    for (int i = 0; i < world->members; i++) {
        int member = (first + i) % world->members;
        if (!world->healed || !world->core_members[member]) {
            return world->nodes[member];
        }
    }
    return NULL;
}

/* Nobody of the core has caches there. */
static bool may_fail(const struct world *world, int host) {
    for (int i = 0; i < world->members && world->healed; i++) {
        if (world->core_members[i] && node_host(world->nodes[i]) == host) {
            return false;
        }
    }
    return true;
}

/* A cache is gone, or back where it was committed some time ago: whoever has it open dies first. */
static void lose_cache(struct world *world) {
    int host = rng_below(&world->rng, HOSTS_MAX);
    if (!may_fail(world, host)) {
        return;
    }
    for (int i = 0; i < world->members; i++) {
        if (node_host(world->nodes[i]) == host) {
            node_restart(world->nodes[i]);
        }
    }
    int32_t task = rng_below(&world->rng, world->partitions);
    if (rng_chance(&world->rng, 0.3)) {
        memory_disk_damage(world->disks[host], task);
    } else {
        memory_disk_restore(world->disks[host], task, NULL);
    }
    world_trace(world, "CACHE LOST host %d task %d", host, task);
}

static void rebalance(struct world *world) {
    int32_t p = rng_below(&world->rng, world->partitions);
    int member = rng_below(&world->rng, world->members);
    if (world->healed && (world->core_tasks[p] || world->core_members[member])) {
        return;
    }
    world->assignment[p] = member;
    world_trace(world, "REBALANCE task %d -> member %d", p, world->assignment[p]);
    if (rng_chance(&world->rng, 0.5)) {
        sim_consume_learn(node_consume(world->nodes[world->assignment[p]]), false);
    }
}

static void let_learn(struct world *world) {
    struct node *node = some_node(world);
    if (node && !node_paused(node) && sim_consume_outdated(node_consume(node))) {
        sim_consume_learn(node_consume(node), rng_chance(&world->rng, 0.3));
    }
}

/* Halted records of a task are put aside by the operator's decision: of each log the next one. */
static bool decide_task(struct world *world, int32_t task) {
    const struct progress *progress = &world->sink.progress[task];
    bool decided = false;
    for (int t = 0; t < world->schema.table_count; t++) {
        const struct topic_log *log = world_log(world, t, task);
        int64_t at = progress->has_offsets ? progress->offsets[t] : 0;
        while (at < log->count && (log->entries[at].flaw != FLAW_COLUMN ||
                                   !schema_is_of(&world->schema.tables[t], log->entries[at].cells,
                                                 task, world->partitions) ||
                                   sim_sink_dead_letter(world, t, task, at))) {
            at++;
        }
        if (at < log->count) {
            sim_sink_decide(world, t, task, at);
            decided = true;
        }
    }
    return decided;
}

void world_decide(struct world *world) {
    for (int32_t p = 0; p < world->partitions && world->knobs.decides; p++) {
        if (!world->healed || world->core_tasks[p]) { /* about the others nobody does */
            (void)decide_task(world, p);
        }
    }
}

bool world_decide_all(struct world *world, const bool *tasks) {
    bool decided = false;
    for (int32_t p = 0; p < world->partitions && world->knobs.decides; p++) {
        while (tasks[p] && decide_task(world, p)) {
            decided = true;
        }
    }
    return decided;
}

/* A partition can't be read on, a member is told to try again, or to stop. */
static void halt_or_resume(struct world *world, struct node *node) {
    double x = rng_unit(&world->rng);
    if (x < 0.3) {
        sim_consume_halt(node_consume(node));
    } else if (x < 0.7) {
        if (rng_chance(&world->rng, 0.5)) {
            world_decide(world);
        }
        node_resume(node);
    } else {
        node_stop(node);
    }
}

enum fault {
    FAULT_CRASH,
    FAULT_REPEAT,
    FAULT_COMPACT,
    FAULT_CACHE_LOSS,
    FAULT_CACHE,
    FAULT_RESTORE,
    FAULT_REBALANCE,
    FAULT_ZOMBIE,
    FAULT_LOST,
    FAULT_HALTS,
    FAULT_TABLE,
    FAULT_EDITION,
    FAULT_LEARN,
};

/* One, or all of them. */
static void lose_tables(struct world *world) {
    int count = world->schema.target_count, one = world_some_target(world);
    bool all = count == 1 || rng_chance(&world->rng, 0.2);
    for (int i = 0; i < count; i++) {
        if (all || i == one) {
            sim_sink_lose_rows(world, i);
        }
    }
}

static size_t pick_weighted(struct world *world, const double *weights, size_t count) {
    double total = 0;
    for (size_t i = 0; i < count; i++) {
        total += weights[i];
    }
    double at = rng_unit(&world->rng) * total;
    size_t which = 0;
    while (at > weights[which]) {
        at -= weights[which++];
    }
    return which;
}

/* One of a member's own. */
static void member_fault(struct world *world, struct node *node, enum fault fault) {
    if (fault == FAULT_CRASH) {
        node_restart(node);
    } else if (fault == FAULT_CACHE && may_fail(world, node_host(node))) {
        memory_disk_fail(world->disks[node_host(node)], 1 + rng_next(&world->rng) % 60,
                         rng_chance(&world->rng, 0.5) ? ERR_CACHE : ERR_RETRY);
        world_trace(world, "CACHE FAULT host %d", node_host(node));
    } else if (fault == FAULT_ZOMBIE) {
        node_pause(node, !node_paused(node));
    } else if (fault == FAULT_LOST) {
        sim_sink_cut(node_sink(node, rng_below(&world->rng, node_sessions(node))),
                     rng_chance(&world->rng, 0.7));
    } else if (fault == FAULT_HALTS) {
        halt_or_resume(world, node);
    }
}

void world_fault(struct world *world) {
    const struct knobs *k = &world->knobs;
    const double weights[] = {[FAULT_CRASH] = k->crash * 2,
                              [FAULT_REPEAT] = k->duplicate * 1.5,
                              [FAULT_COMPACT] = k->compact * 2.5,
                              [FAULT_CACHE_LOSS] = k->cache_loss,
                              [FAULT_CACHE] = k->cache_fault,
                              [FAULT_RESTORE] = k->restore * 1.5,
                              [FAULT_REBALANCE] = k->rebalance * 2,
                              [FAULT_ZOMBIE] = k->zombie * 1.5,
                              [FAULT_LOST] = k->lost * 1.5,
                              [FAULT_HALTS] = k->halts * 4,
                              [FAULT_TABLE] = k->table_loss,
                              [FAULT_EDITION] = k->editions,
                              [FAULT_LEARN] = 3};
    enum fault which = (enum fault)pick_weighted(world, weights, sizeof weights / sizeof *weights);
    struct node *node = some_node(world);
    bool everywhere = which == FAULT_RESTORE || which == FAULT_TABLE || which == FAULT_EDITION;
    if (everywhere && world->healed) {
        return; /* it would be the core's, too */
    }
    switch (which) {
    case FAULT_REPEAT:
        connector_repeat(world);
        break;
    case FAULT_COMPACT:
        log_compact(world);
        break;
    case FAULT_CACHE_LOSS:
        lose_cache(world);
        break;
    case FAULT_RESTORE:
        sim_sink_restore(world, 1 + rng_below(&world->rng, rng_chance(&world->rng, 0.6) ? 3 : 20));
        break;
    case FAULT_REBALANCE:
        rebalance(world);
        break;
    case FAULT_TABLE:
        lose_tables(world);
        break;
    case FAULT_EDITION:
        world_change_edition(world);
        break;
    case FAULT_LEARN:
        let_learn(world);
        break;
    case FAULT_CRASH:
    case FAULT_CACHE:
    case FAULT_ZOMBIE:
    case FAULT_LOST:
    case FAULT_HALTS:
        if (node) {
            member_fault(world, node, which);
        }
        break;
    }
}
