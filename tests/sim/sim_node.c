/* A member process: the real pipeline over simulated edges. */
#include "world.h"

#include <stdlib.h>
#include <unistd.h>

#define STOP_MS 1000   /* a member that is told to stop has that long */
#define STEP_US 100000 /* and acts in the next step */

struct node {
    struct world *world;
    int index, host;
    int64_t born, began;
    bool paused, stopping;
    int64_t stop_us; /* when it was told to stop */
    int64_t late_us; /* its first step behind its time to stop; 0: none */
    const struct schema_view *view;
    struct member *member;
    struct consume *consume;
    struct sink *sinks[SESSIONS_MAX];
    int session_count;
    struct log log;
    struct metrics *metrics;
    struct health *health;
};

static int64_t node_now(void *ctx) {
    return ((struct world *)ctx)->now_us;
}

static void node_random(void *ctx, void *bytes, size_t size) {
    struct world *world = ctx;
    for (size_t i = 0; i < size; i++) {
        ((unsigned char *)bytes)[i] = (unsigned char)rng_next(&world->rng);
    }
}

static void start(struct node *node) {
    struct world *world = node->world;
    node->born = ++world->born_count;
    node->began = world->sink.conversions;
    node->view = world_edition(world);
    node->consume = sim_consume_new(world, node->index, node->view);
    node->session_count = 1 + rng_below(&world->rng, SESSIONS_MAX);
    for (int i = 0; i < node->session_count; i++) {
        node->sinks[i] = sim_sink_new(world, node->index, i, node->view);
    }
    node->log = (struct log){.fd = STDOUT_FILENO,
                             .level = world->trace ? LOG_DEBUG : (enum log_level)(LOG_ERROR + 1)};
    node->log.member[0] = (char)('0' + node->index);
    struct str tables[SCHEMA_TABLES_MAX];
    const struct plan *plan = &node->view->plan;
    for (size_t t = 0; t < plan->relation_count; t++) {
        tables[t] = plan->relations[t].name;
    }
    struct str views[SCHEMA_TARGETS_MAX];
    for (size_t t = 0; t < plan->target_count; t++) {
        views[t] = plan->targets[t].name;
    }
    const struct metrics_options counted = {
        world->partitions, tables, plan->relation_count, "sim", views, plan->target_count};
    node->metrics = metrics_new(&counted);
    node->health = health_new();
    struct member_options options = {
        .plan = plan,
        .consume_ops = &sim_consume_ops,
        .consume = node->consume,
        .sink_ops = &sim_sink_ops,
        .sinks = node->sinks,
        .sink_count = (size_t)node->session_count,
        .stores = memory_disk_factory(world->disks[node->host]),
        .clock = {node_now, node_now, world},
        .log = &node->log,
        .random = node_random,
        .random_ctx = world,
        .identity = str_from(node->view->identity),
        .batch_max_rows = world->batch_rows,
        .held_max_bytes = (size_t)1 << rng_below(&world->rng, 15), /* a record or two to all */
        .cache_commit_bytes = 1,
        .dead_letter_max = (size_t)world->dead_letters_max,
        .refused_row_max = (size_t)world->refused_max,
        .conflict_halt_ms = world->conflict_ms,
        .incomplete_halt_ms = 30000,
        .min_compaction_lag_ms = world->lag_ms,
        .metrics = node->metrics,
        .health = node->health,
        .checks = !getenv("SIM_UNCHECKED"), /* what the oracle sees without them */
    };
    if (rng_chance(&world->rng, 0.5)) {
        options.cache_commit_bytes = 1 << 20; /* commits when at rest only */
    }
    if (rng_chance(&world->rng, 0.5)) {
        options.rebuild_max_rows = 1 + (size_t)rng_below(&world->rng, 5);
    }
    node->member = member_new(&options);
}

struct node *node_new(struct world *world, int index, int host) {
    struct node *node = calloc(1, sizeof *node);
    if (!node) {
        abort();
    }
    node->world = world;
    node->index = index;
    node->host = host;
    start(node);
    return node;
}

static void end(struct node *node) {
    /* before what the sink borrows is gone */
    for (int i = 0; i < node->session_count; i++) {
        sim_sink_cut(node->sinks[i], rng_chance(&node->world->rng, 0.5));
    }
    member_destroy(&node->member); /* closes caches without committing: as kill -9 does */
    sim_consume_destroy(&node->consume);
    for (int i = 0; i < node->session_count; i++) {
        sim_sink_destroy(&node->sinks[i], false);
    }
    metrics_destroy(&node->metrics);
    health_destroy(&node->health);
}

void node_destroy(struct node **node) {
    if (*node) {
        end(*node);
        free(*node);
        *node = NULL;
    }
}

void node_restart(struct node *node) {
    world_trace(node->world, "CRASH member %d", node->index);
    end(node);
    node->paused = false;
    node->stopping = false;
    start(node);
}

void node_step(struct node *node) {
    (void)member_step(node->member);
    const struct err *err = member_error(node->member);
    if (err) {
        world_fail(node->world, "member %d ended: %s", node->index, err->message);
    }
    oracle_ready(node->world, node);
    if (!node->stopping) {
        return;
    }
    if (member_stopped(node->member)) {
        node_restart(node);
    } else if (node->world->now_us - node->stop_us > STOP_MS * 1000) {
        int64_t now = node->world->now_us;
        node->late_us = node->late_us > 0 ? node->late_us : now;
        if (now - node->late_us > STEP_US) { /* whatever else comes meanwhile */
            world_fail(node->world, "member %d does not stop", node->index);
        }
    }
}

void node_resume(struct node *node) {
    world_trace(node->world, "RESUME member %d", node->index);
    member_resume(node->member);
}

void node_stop(struct node *node) {
    if (!node->stopping) {
        world_trace(node->world, "STOP member %d", node->index);
        node->stopping = true;
        node->stop_us = node->world->now_us;
        node->late_us = 0;
        member_stop(node->member);
    }
}

int64_t node_halts(const struct node *node, int32_t task) {
    return metrics_get(node->metrics, METRIC_HALTS, (size_t)task);
}

void node_pause(struct node *node, bool paused) {
    node->paused = paused;
    world_trace(node->world, "%s member %d", paused ? "FREEZE" : "REVIVE", node->index);
}

bool node_paused(const struct node *node) {
    return node->paused;
}

struct consume *node_consume(const struct node *node) {
    return node->consume;
}

int node_sessions(const struct node *node) {
    return node->session_count;
}

struct sink *node_sink(const struct node *node, int session) {
    return node->sinks[session];
}

int node_host(const struct node *node) {
    return node->host;
}

int64_t node_born(const struct node *node) {
    return node->born;
}

int64_t *node_began(struct node *node) {
    return &node->began;
}

const struct schema_view *node_view(const struct node *node) {
    return node->view;
}

bool node_ready(const struct node *node) {
    return member_ready(node->member);
}
