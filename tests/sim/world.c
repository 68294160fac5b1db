/* One run: faults at random, then quiet, then everything must be right; then once more after a
 * restart. */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define DRAIN_ROUNDS  4000
#define RESUME_ROUNDS 20 /* where tasks halt, they are tried again so often */

int world_pick(struct world *world, struct range range) {
    return plan_pick(&world->rng, range);
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

static void trace_plan(const struct world *world) {
    struct buf sql = {0};
    plan_sql_tables(&world->plan, &sql);
    plan_sql_view(&world->plan, &sql);
    world_trace(world, STR_FMT, STR_ARG(buf_view(&sql)));
    buf_clear(&sql);
}

void world_init(struct world *world, uint64_t seed, const struct knobs *knobs, bool trace) {
    *world = (struct world){.rng = {seed * 0x2545f4914f6cdd1dULL + 1},
                            .knobs = *knobs,
                            .faults = true,
                            .trace = trace,
                            .misrouted_task = -1,
                            .now_us = 1000000000};
    const struct plan_knobs sizes = {knobs->joins, knobs->rows};
    world->partitions = world_pick(world, knobs->partitions);
    world->members = world_pick(world, knobs->members);
    knobs->plan(&world->plan, &world->rng, &sizes);
    plan_view_fill(&world->view, &world->plan, world->partitions);
    world->knobs.unique &= world->plan.unique;
    world->batch_rows = (size_t)world_pick(world, knobs->batch_rows);
    world->poll_records = world_pick(world, knobs->poll_records);
    world->letters_max = world_pick(world, knobs->letters);
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
        trace_plan(world);
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
    for (int t = 0; t < PLAN_TABLES_MAX; t++) {
        for (int32_t p = 0; p < world->partitions; p++) {
            free(world->log[t][p].entries);
        }
    }
    arena_clear(&world->texts);
    free(world->events);
    free(world->history);
}

static struct node *some_node(struct world *world) {
    return world->nodes[rng_below(&world->rng, world->members)];
}

/* A cache is gone, or back where it was committed some time ago: whoever has it open dies first. */
static void lose_cache(struct world *world) {
    int host = rng_below(&world->rng, HOSTS_MAX);
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
    world->assignment[p] = rng_below(&world->rng, world->members);
    world_trace(world, "REBALANCE task %d -> member %d", p, world->assignment[p]);
    if (rng_chance(&world->rng, 0.5)) {
        sim_consume_learn(node_consume(world->nodes[world->assignment[p]]), false);
    }
}

static void let_learn(struct world *world) {
    struct node *node = some_node(world);
    if (!node_paused(node) && sim_consume_outdated(node_consume(node))) {
        sim_consume_learn(node_consume(node), rng_chance(&world->rng, 0.3));
    }
}

/* Halted records are put aside by the operator's decision: of each log the next one. */
static void decide(struct world *world) {
    for (int32_t p = 0; p < world->partitions && world->knobs.decides; p++) {
        const struct progress *progress = &world->sink.progress[p];
        for (int t = 0; t < world->plan.table_count; t++) {
            const struct topic_log *log = &world->log[t][p];
            int64_t at = progress->has_offsets ? progress->offsets[t] : 0;
            while (at < log->count &&
                   (log->entries[at].flaw != FLAW_COLUMN || sim_sink_letter(world, t, p, at))) {
                at++;
            }
            if (at < log->count) {
                sim_sink_decide(world, t, p, at);
            }
        }
    }
}

/* A partition can't be read on, a member is told to try again, or to stop. */
static void halt_or_resume(struct world *world) {
    struct node *node = some_node(world);
    double x = rng_unit(&world->rng);
    if (x < 0.3) {
        sim_consume_halt(node_consume(node));
    } else if (x < 0.7) {
        if (rng_chance(&world->rng, 0.5)) {
            decide(world);
        }
        node_resume(node);
    } else {
        node_stop(node);
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

static void fault(struct world *world) {
    const struct knobs *k = &world->knobs;
    const double weights[] = {k->crash * 2,   k->duplicate * 1.5, k->compact * 2.5, k->cache_loss,
                              k->cache_fault, k->restore * 1.5,   k->rebalance * 2, k->zombie * 1.5,
                              k->lost * 1.5,  k->halts * 4,       k->table_loss,    3};
    size_t which = pick_weighted(world, weights, sizeof weights / sizeof *weights);
    struct node *node = some_node(world);
    switch (which) {
    case 0:
        node_restart(node);
        break;
    case 1:
        connector_repeat(world);
        break;
    case 2:
        log_compact(world);
        break;
    case 3:
        lose_cache(world);
        break;
    case 4:
        memory_disk_fail(world->disks[node_host(node)], 1 + rng_next(&world->rng) % 60,
                         rng_chance(&world->rng, 0.5) ? ERR_CACHE : ERR_RETRY);
        world_trace(world, "CACHE FAULT host %d", node_host(node));
        break;
    case 5:
        sim_sink_restore(world, 1 + rng_below(&world->rng, rng_chance(&world->rng, 0.6) ? 3 : 20));
        break;
    case 6:
        rebalance(world);
        break;
    case 7:
        node_pause(node, !node_paused(node));
        break;
    case 8:
        sim_sink_cut(node_sink(node, rng_below(&world->rng, node_sessions(node))),
                     rng_chance(&world->rng, 0.7));
        break;
    case 9:
        halt_or_resume(world);
        break;
    case 10:
        sim_sink_lose_rows(world);
        break;
    default:
        let_learn(world);
        break;
    }
}

static void run_node(struct world *world) {
    struct node *node = some_node(world);
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
        fault(world);
    }
}

static bool at_rest(const struct world *world) {
    bool ready = true;
    for (int i = 0; i < world->members; i++) {
        ready &= node_ready(world->nodes[i]) || world->misrouted_task >= 0;
    }
    ready &= sim_sink_table_known(world) || world->misrouted_task >= 0;
    return ready && sim_sink_idle(world) && (oracle_caught_up(world) || world->misrouted_task >= 0);
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
    int rest = 0;
    for (int round = 0; round < DRAIN_ROUNDS && !world->failure[0]; round++) {
        if (world->knobs.halts > 0 && round % RESUME_ROUNDS == 0) {
            decide(world);
            resume_all(world);
        }
        world_rounds(world, 1);
        rest = at_rest(world) ? rest + 1 : 0;
        if (rest > (world->misrouted_task >= 0 ? 200 : 2)) {
            return;
        }
    }
    world_fail(world, "O5: not at rest after %d rounds", DRAIN_ROUNDS);
}

/* A row of the table under the join key, or NULL: the nth, counted round. */
static const struct source_row *row_under(const struct world *world, int table, cells_t join,
                                          int nth) {
    const struct source_table *rows = &world->source[table];
    for (int i = 0; i < rows->count; i++) {
        const struct source_row *row = &rows->rows[(nth + i) % rows->count];
        if ((row->cells & world->plan.join) == join) {
            return row;
        }
    }
    return NULL;
}

/* Every other table has a row under the join key. */
static bool has_partners(const struct world *world, int table, cells_t join) {
    bool all = true;
    for (int t = 0; t < world->plan.table_count; t++) {
        all &= t == table || row_under(world, t, join, 0);
    }
    return all;
}

/* A change of a row of the table that must take away every sink row that shows it; 0: there is none
 * under this join key. */
static cells_t heal(struct world *world, int table, cells_t join) {
    bool partners = has_partners(world, table, join);
    const struct plan_table *of = &world->plan.tables[table];
    const struct source_row *found = row_under(world, table, join, rng_below(&world->rng, 9));
    cells_t cells = found ? found->cells : 0;
    int version = source_new_version(world);
    if (found && partners) { /* inserted again, it heals what is there */
        source_delete(world, table, cells);
        if (rng_chance(&world->rng, 0.5)) {
            source_put(world, table, cells, version);
        }
    } else if (found) {
        source_put(world, table, cells, version);
    } else if (!partners) {
        cells = plan_primary(of, rng_below(&world->rng, plan_primary_count(of)));
        cells = (cells & ~world->plan.join) | join;
        if (source_find(world, table, cells)) {
            return 0;
        }
        source_put(world, table, cells, version);
    }
    return cells;
}

/* A sink row that shows this row of the table, and of the others none that the source ever had;
 * 0: the others have nothing to show but the join key, and all have a row. */
static cells_t stray_key(const struct world *world, int table, cells_t cells) {
    cells_t all = ~(cells_t)0 >> (64 - 4 * world->plan.key_count);
    cells_t others = all & ~plan_sink_mask(&world->plan, table);
    bool only_row = others == 0 && has_partners(world, table, cells & world->plan.join);
    return only_row ? 0 : plan_sink_key(&world->plan, table, cells) | others;
}

/* Rows that the state does not know stand in the sink; what the rules emit must take them away. */
static void add_strays(struct world *world) {
    world->stray_now = true;
    world_drain(world);
    for (int i = 0; i < plan_join_count(&world->plan) && !world->failure[0]; i++) {
        int table = rng_below(&world->rng, world->plan.table_count);
        cells_t cells = heal(world, table, plan_join(&world->plan, i));
        cells_t key = cells ? stray_key(world, table, cells) : 0;
        if (key) {
            struct sink_row *row = sim_sink_add_row(world, key);
            row->there = true;
            for (int t = 0; t < world->plan.table_count; t++) {
                row->versions[t] = 1;
            }
            world_trace(world, "STRAY row %s", plan_show_sink(&world->plan, key));
        }
    }
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
        add_strays(world);
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
