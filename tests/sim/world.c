/* One run: faults at random, then quiet, then everything must be right; then once more after a
 * restart. */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define DRAIN_ROUNDS   4000
#define EDITION_ROUNDS 100
#define RESUME_ROUNDS  20 /* where tasks halt, they are tried again so often */

int world_pick(struct world *world, struct range range) {
    return schema_pick(&world->rng, range);
}

int world_some_target(struct world *world) {
    int count = world->schema.target_count;
    return count == 1 ? 0 : rng_below(&world->rng, count);
}

void world_fail(struct world *world, const char *format, ...) {
    if (world->failure[0]) {
        return;
    }
    va_list args;
    va_start(args, format);
    (void)vsnprintf(world->failure, sizeof world->failure, format, args);
    va_end(args);
}

void world_trace_line(const struct world *world, const char *format, ...) {
    (void)printf("%4lld ", (long long)world->steps);
    va_list args;
    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
    (void)printf("\n");
    (void)fflush(stdout);
}

static void trace_schema(const struct world *world) {
    struct buf sql = {0};
    schema_sql_tables(&world->schema, &sql);
    schema_sql_views(&world->schema, &sql);
    world_trace(world, "family %s, %d partitions, %d members, batches of %zu rows\n" STR_FMT,
                world->knobs.name, world->partitions, world->members, world->batch_rows,
                STR_ARG(buf_view(&sql)));
    buf_clear(&sql);
}

void world_init(struct world *world, uint64_t seed, const struct knobs *knobs, bool trace) {
    *world = (struct world){.rng = {seed * 0x2545f4914f6cdd1dULL + 1},
                            .knobs = *knobs,
                            .faults = true,
                            .trace = trace,
                            .misrouted_task = -1,
                            .now_us = 1000000000};
    if (knobs->draw) {
        knobs->draw(&world->knobs, &world->rng);
    }
    knobs = &world->knobs;
    const struct schema_knobs sizes = {knobs->joins, knobs->rows, knobs->shape};
    world->partitions = world_pick(world, knobs->partitions);
    world->members = world_pick(world, knobs->members);
    knobs->schema(&world->schema, &world->rng, &sizes);
    schema_view_fill(&world->plan, &world->schema, (1U << world->schema.target_count) - 1,
                     world->partitions);
    for (int i = 0; i < world->schema.target_count; i++) {
        world->knobs.unique &= world->schema.targets[i].unique;
        world->knobs.inserts_only &= world->schema.targets[i].is_plain;
    }
    world_editions_begin(world);
    world->batch_rows = (size_t)world_pick(world, knobs->batch_rows);
    world->poll_records = world_pick(world, knobs->poll_records);
    world->dead_letters_max = world_pick(world, knobs->dead_letters);
    world->refused_max = world_pick(world, knobs->refused);
    world->conflict_ms = 200 + rng_below(&world->rng, 3000);
    if (knobs->unique) { /* moves pass, however slow another task is: nobody may halt */
        world->conflict_ms += 20000;
    }
    world->lag_ms = (int64_t)world_pick(world, knobs->lag_steps) * 50;
    for (int i = 0; i < HOSTS_MAX; i++) {
        world->disks[i] = memory_disk_new();
        world->parted_commits = seed % 2 == 1;
        if (world->parted_commits) {
            memory_disk_part(world->disks[i], 1); /* each change is a part */
        }
    }
    for (int32_t p = 0; p < world->partitions; p++) {
        world->assignment[p] = rng_below(&world->rng, world->members);
    }
    for (int i = 0; i < world->members; i++) {
        world->nodes[i] = node_new(world, i, rng_below(&world->rng, HOSTS_MAX));
    }
    if (trace) {
        trace_schema(world);
    }
}

void world_clear(struct world *world) {
    for (int i = 0; i < world->members; i++) {
        node_destroy(&world->nodes[i]);
    }
    for (int i = 0; i < HOSTS_MAX; i++) {
        memory_disk_destroy(&world->disks[i]);
    }
    sim_sink_clear(world);
    for (int t = 0; t < SCHEMA_TABLES_MAX; t++) {
        for (int32_t p = 0; p < world->partitions; p++) {
            free(world->log[t][p].entries);
        }
    }
    for (int i = 0; i < world->edition_count; i++) {
        free(world->editions[i]);
    }
    arena_clear(&world->texts);
    free(world->references);
    free(world->events);
    free(world->history);
}

static void run_node(struct world *world) {
    struct node *node = world->nodes[rng_below(&world->rng, world->members)];
    for (int i = rng_below(&world->rng, 5); i >= 0; i--) {
        if (!node_paused(node)) {
            node_step(node);
        }
        if (rng_chance(&world->rng, 0.5)) {
            sim_sink_execute(world);
        }
    }
}

static void step(struct world *world) {
    world->now_us += 20000 + rng_below(&world->rng, 60000);
    world->steps++;
    double x = rng_unit(&world->rng);
    if (x < 0.16) {
        source_step(world);
    } else if (x < 0.30) {
        connector_step(world, 1 + rng_below(&world->rng, 5));
    } else if (x < 0.68) {
        run_node(world);
    } else if (x < 0.84) {
        sim_sink_execute(world);
    } else {
        world_fault(world);
    }
}

static bool at_rest(const struct world *world) {
    bool ready = true;
    for (int i = 0; i < world->members && world->misrouted_task < 0; i++) {
        ready &= node_ready(world->nodes[i]);
    }
    for (int32_t p = 0; p < world->partitions && ready && world->misrouted_task < 0; p++) {
        ready = sim_sink_table_known(world, p) && oracle_caught_up(world, p);
    }
    return ready && sim_sink_idle(world);
}

void world_rounds(struct world *world, int count) {
    for (int round = 0; round < count && !world->failure[0]; round++) {
        world->now_us += 50000;
        world->steps++;
        for (int i = 0; i < world->members; i++) {
            node_step(world->nodes[i]);
            sim_sink_execute(world);
        }
    }
}

static void resume_all(struct world *world) {
    for (int i = 0; i < world->members; i++) {
        node_resume(world->nodes[i]);
    }
}

void world_drain(struct world *world) {
    world->faults = false;
    connector_step(world, INT64_MAX);
    for (int i = 0; i < HOSTS_MAX; i++) {
        memory_disk_fail(world->disks[i], 0, ERR_NONE);
    }
    for (int i = 0; i < world->members; i++) {
        node_pause(world->nodes[i], false);
        if (sim_consume_outdated(node_consume(world->nodes[i]))) {
            sim_consume_learn(node_consume(world->nodes[i]), false);
        }
    }
    world_finish_editions(world);
    int rest = 0;
    for (int round = 0; round < DRAIN_ROUNDS && !world->failure[0]; round++) {
        if (world->knobs.halts > 0 && round % RESUME_ROUNDS == 0) {
            world_decide(world);
            resume_all(world);
        }
        if (round % EDITION_ROUNDS == EDITION_ROUNDS - 1) {
            world_look_after_tables(world);
        }
        world_rounds(world, 1);
        rest = at_rest(world) ? rest + 1 : 0;
        if (rest > (world->misrouted_task >= 0 ? 200 : 2)) {
            return;
        }
    }
    for (int32_t p = 0; p < world->partitions; p++) {
        world_trace(world, "task %d: caught up %d, tables known %d, to fill %x", p,
                    oracle_caught_up(world, p), sim_sink_table_known(world, p),
                    sim_sink_to_fill(world, world_edition(world), p));
    }
    world_fail(world, "O5: not at rest after %d rounds", DRAIN_ROUNDS);
}

/* Everything restarts, some caches are lost. */
static void restart_all(struct world *world) {
    for (int i = 0; i < world->members; i++) {
        node_restart(world->nodes[i]);
    }
    for (int32_t p = 0; p < world->partitions; p++) {
        for (int host = 0; host < HOSTS_MAX; host++) {
            if (rng_chance(&world->rng, 0.3)) {
                memory_disk_restore(world->disks[host], p, NULL);
            }
        }
    }
}

/* After a restart some rows are touched: wrong states become visible. */
static void probe(struct world *world) {
    restart_all(world);
    if (rng_chance(&world->rng, 0.5)) {
        world->now_us += world->lag_ms * 1000;
        for (int i = 0; i < 3 * world->partitions; i++) {
            log_compact(world);
        }
    }
    world->knobs.bad =
        -world->knobs.bad; /* no new refused values; the oracle still knows of them */
    for (int i = 0; i < 4; i++) {
        source_step(world);
    }
    if (world->knobs.stray) {
        world_add_strays(world);
        if (rng_chance(&world->rng, 0.5)) { /* rebuilds must take them away as batches do */
            restart_all(world);
        }
    }
    world->knobs.bad = -world->knobs.bad;
}

void world_steps(struct world *world, int count) {
    for (int i = 0; i < count && !world->failure[0]; i++) {
        step(world);
    }
}

void play_at_random(struct world *world) {
    world_steps(world, world_pick(world, world->knobs.steps));
    world_trace(world, "---- no more faults");
    world_drain(world);
    if (!world->failure[0]) {
        oracle_final(world, "at rest");
    }
    if (!world->failure[0]) {
        world_trace(world, "---- restart and touch");
        probe(world);
        world_drain(world);
    }
    if (!world->failure[0]) {
        oracle_final(world, "after a restart");
    }
}

bool world_run(struct world *world) {
    world->knobs.play(world);
    for (int i = 0; i < world->members; i++) {
        node_destroy(&world->nodes[i]);
    }
    if (!world->failure[0]) {
        oracle_caches(world);
    }
    return !world->failure[0];
}
