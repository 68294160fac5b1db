/* sim: the real view, decode, join, state and pipeline over simulated edges; one seed is one run.
 *
 *   sim                      every family, 2,000 seeds each
 *   sim --seeds N            N seeds each      --first S      from seed S on
 *   sim --family NAME        one family        --jobs N       processes (default: processors)
 *   sim --stop-at-first            ends a process at its first failure
 *   sim --seed S --family NAME --trace         one run as a readable history
 */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* A family is the defaults and what it overrides. */
#pragma GCC diagnostic ignored "-Woverride-init"
#define DEFAULTS                                                                                   \
    .plan = plan_shipped, .partitions = {1, 5}, .members = {1, 4}, .joins = {1, 4},                \
    .rows = {1, 5}, .batch_rows = {1, 40}, .steps = {30, 220}, .poll_records = {1, 10},            \
    .lag_steps = {20, 400}, .crash = 1, .duplicate = 1, .compact = 1, .cache_loss = 0.7,           \
    .cache_fault = 0.5, .rebalance = 1, .zombie = 1, .lost = 1, .letters = {1000, 1000},           \
    .refused = {1000, 1000}, .play = play_at_random

static const struct knobs families[] = {
    {.name = "core", DEFAULTS},
    {.name = "split", DEFAULTS, .joins = {1, 2}, .rows = {4, 8}, .batch_rows = {1, 3}},
    {.name = "group",
     DEFAULTS,
     .partitions = {3, 7},
     .members = {2, 4},
     .rebalance = 3,
     .zombie = 3,
     .split = true},
    {.name = "compact", DEFAULTS, .compact = 4, .lag_steps = {4, 60}, .cache_loss = 2},
    {.name = "restore", DEFAULTS, .restore = 1, .cache_loss = 0.6},
    {.name = "nodel",
     DEFAULTS,
     .inserts_only = true,
     .compact = 4,
     .lag_steps = {4, 40},
     .cache_loss = 1},
    {.name = "rebuild",
     DEFAULTS,
     .inserts_only = true,
     .compact = 5,
     .lag_steps = {4, 40},
     .cache_loss = 4,
     .crash = 3,
     .poll_records = {1, 3}},
    {.name = "letters", DEFAULTS, .bad = 0.15, .flawed = 0.4, .compact = 2, .cache_loss = 1},
    {.name = "torn", /* fan-outs of several transactions, with letters in them */
     DEFAULTS,
     .partitions = {1, 2},
     .joins = {1, 2},
     .rows = {4, 8},
     .batch_rows = {1, 4},
     .cache_loss = 2,
     .compact = 3,
     .lag_steps = {5, 100},
     .bad = 0.3,
     .flawed = 0.5},
    {.name = "async",
     DEFAULTS,
     .partitions = {1, 2},
     .members = {1, 2},
     .joins = {1, 2},
     .rows = {3, 8},
     .batch_rows = {1, 3},
     .restore = 2},
    {.name = "stray", DEFAULTS, .stray = true, .compact = 0.5},
    {.name = "table", DEFAULTS, .table_loss = 1.5},
    {.name = "tablemix",
     DEFAULTS,
     .table_loss = 1,
     .restore = 0.6,
     .halts = 0.5,
     .cache_loss = 1,
     .batch_rows = {1, 8}},
    {.name = "tableletters", DEFAULTS, .table_loss = 1, .bad = 0.15, .cache_loss = 1},
    {.name = "misroute", DEFAULTS, .misroute = true},
    {.name = "mix",
     DEFAULTS,
     .restore = 0.6,
     .compact = 2,
     .cache_loss = 1,
     .zombie = 1.5,
     .lag_steps = {5, 60},
     .batch_rows = {1, 8}},
    {.name = "mixletters",
     DEFAULTS,
     .restore = 0.6,
     .compact = 2,
     .cache_loss = 1,
     .bad = 0.1,
     .flawed = 0.4,
     .batch_rows = {1, 8},
     .lag_steps = {5, 60}},
    {.name = "halts", DEFAULTS, .halts = 1, .cache_loss = 1, .batch_rows = {1, 8}},
    {.name = "haltletters", DEFAULTS, .halts = 1, .bad = 0.15, .flawed = 0.4, .cache_loss = 1},
    {.name = "remade", DEFAULTS, .partitions = {1, 3}, .steps = {30, 100}, .play = play_remade},
    {.name = "trimmed",
     DEFAULTS,
     .partitions = {1, 3},
     .steps = {30, 100},
     .lag_steps = {20000, 20000},
     .play = play_trimmed},
    {.name = "hole",
     DEFAULTS,
     .partitions = {1, 2},
     .members = {1, 2},
     .joins = {2, 5},
     .batch_rows = {1, 3},
     .lag_steps = {20000, 20000},
     .bad = 0.5,
     .flawed = 0.4,
     .play = play_hole},
    {.name = "legacy",
     DEFAULTS,
     .partitions = {1, 2},
     .members = {1, 2},
     .joins = {1, 2},
     .rows = {1, 3},
     .batch_rows = {1, 8},
     .steps = {30, 150},
     .lag_steps = {20000, 20000},
     .bad = 0.6,
     .flawed = 0.5,
     .play = play_legacy},
    {.name = "checked", DEFAULTS, .checked = 4, .batch_rows = {1, 20}},
    {.name = "checkmix",
     DEFAULTS,
     .checked = 3,
     .bad = 0.1,
     .restore = 0.6,
     .compact = 2,
     .cache_loss = 1,
     .halts = 0.5,
     .batch_rows = {1, 8},
     .lag_steps = {5, 60}},
    {.name = "unique", DEFAULTS, .unique = true, .batch_rows = {1, 20}, .cache_loss = 1},
    {.name = "uniquemix",
     DEFAULTS,
     .unique = true,
     .checked = 5,
     .bad = 0.1,
     .compact = 2,
     .cache_loss = 1,
     .batch_rows = {1, 8},
     .lag_steps = {5, 60}},
    {.name = "swapped",
     DEFAULTS,
     .partitions = {1, 3},
     .joins = {1, 3},
     .steps = {30, 120},
     .lag_steps = {20000, 20000},
     .bad = 0.3,
     .flawed = 0.5,
     .play = play_swapped},
    {.name = "decided",
     DEFAULTS,
     .partitions = {1, 3},
     .compact = 2,
     .cache_loss = 1.5,
     .restore = 0.3,
     .halts = 0.6,
     .bad = 0.2,
     .flawed = 0.8,
     .lag_steps = {20, 20000}, /* a halted task that is rebuilt reads its decision there */
     .decides = true},
    {.name = "fewrefused",
     DEFAULTS,
     .steps = {30, 150},
     .checked = 3,
     .refused = {0, 3},
     .lag_steps = {20000, 20000},
     .play = play_mended},
    {.name = "trigger",
     DEFAULTS,
     .partitions = {2, 6},
     .members = {1, 3},
     .joins = {2, 5},
     .steps = {30, 150},
     .lag_steps = {20000, 20000},
     .play = play_trigger},
    {.name = "mended",
     DEFAULTS,
     .steps = {30, 150},
     .bad = 0.25,
     .letters = {1, 3},
     .lag_steps = {20000, 20000},
     .play = play_mended},
};
#define FAMILIES (sizeof families / sizeof *families)

struct options {
    const char *family;
    uint64_t first, count;
    int jobs;
    bool trace, stop_at_first;
};

static bool run_seed(const struct knobs *knobs, uint64_t seed, bool trace) {
    static struct world world;
    world_init(&world, seed, knobs, trace);
    bool good = world_run(&world);
    world_clear(&world);
    good &= world.failure[0] == '\0'; /* clearing counts what was not given back */
    if (!good) {
        (void)printf("FAIL %s seed %llu: %s\n", knobs->name, (unsigned long long)seed,
                     world.failure);
        (void)fflush(stdout);
    }
    return good;
}

/* The share of process `job`: every jobs-th seed of every family. Returns failures, at most 100. */
static int run_share(const struct options *options, int job) {
    int failures = 0;
    for (size_t f = 0; f < FAMILIES; f++) {
        if (options->family && strcmp(options->family, families[f].name) != 0) {
            continue;
        }
        for (uint64_t i = (uint64_t)job;
             i < options->count && failures < (options->stop_at_first ? 1 : 100);
             i += (uint64_t)options->jobs) {
            failures += !run_seed(&families[f], options->first + i, options->trace);
        }
    }
    return failures;
}

static int run_all(const struct options *options) {
    int failures = 0;
    for (int job = 0; job < options->jobs; job++) {
        pid_t child = fork();
        if (child == 0) {
            _exit(run_share(options, job));
        }
        failures += child < 0;
    }
    int status;
    while (wait(&status) > 0) {
        failures += WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    }
    return failures;
}

static bool parse(int argc, char **argv, struct options *options) {
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--trace") == 0) {
            options->trace = true;
        } else if (strcmp(argv[i], "--stop-at-first") == 0) {
            options->stop_at_first = true;
        } else if (i + 1 == argc) {
            return false;
        } else if (strcmp(argv[i], "--family") == 0) {
            options->family = argv[++i];
        } else if (strcmp(argv[i], "--seeds") == 0) {
            options->count = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--first") == 0) {
            options->first = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--seed") == 0) {
            options->first = strtoull(argv[++i], NULL, 10);
            options->count = 1;
        } else if (strcmp(argv[i], "--jobs") == 0) {
            options->jobs = atoi(argv[++i]);
        } else {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv) {
    struct options options = {
        .first = 1, .count = 2000, .jobs = (int)sysconf(_SC_NPROCESSORS_ONLN)};
    if (!parse(argc, argv, &options)) {
        (void)fprintf(stderr, "usage: sim [--family NAME] [--seeds N] [--first S] [--jobs N] "
                              "[--seed S --trace]\n");
        return 2;
    }
    int failures = options.count == 1 && options.family ? (options.jobs = 1, run_share(&options, 0))
                                                        : run_all(&options);
    size_t count = options.family ? 1 : FAMILIES;
    (void)printf("sim: %llu runs, %d failed\n", (unsigned long long)(options.count * count),
                 failures);
    return failures > 0;
}
