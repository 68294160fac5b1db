/* sim: the real view, decode, join, state and pipeline over simulated edges; one seed is one run.
 *
 *   sim                      every family, 2,000 seeds each
 *   sim --seeds N            N seeds each      --first S      from seed S on
 *   sim --family NAME        one family        --jobs N       processes (default: processors)
 *   sim --family star:mix    a view's family under one profile
 *   sim --stop-at-first            ends a process at its first failure
 *   sim --seed S --family NAME --trace         one run as a readable history
 *   sim --check-schemas N                        N schemas as the product reads their SQL
 */
#include "world.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct options {
    const char *family;
    uint64_t first, count, schemas;
    int jobs;
    bool trace, stop_at_first;
};

static const char *family_now;
static uint64_t seed_now;

static void on_abort(int number) {
    (void)signal(number, SIG_DFL);
    (void)dprintf(STDOUT_FILENO, "FAIL %s seed %llu: signal %d\n", family_now,
                  (unsigned long long)seed_now, number);
    (void)raise(number);
}

static bool run_seed(const struct knobs *knobs, uint64_t seed, bool trace) {
    static struct world world;
    family_now = knobs->name;
    seed_now = seed;
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
    for (size_t f = 0; f < (options->family ? 1 : family_count); f++) {
        struct knobs knobs = families[f];
        if (options->family) {
            (void)family_find(options->family, &knobs);
            knobs.name = options->family;
        }
        for (uint64_t i = (uint64_t)job;
             i < options->count && failures < (options->stop_at_first ? 1 : 100);
             i += (uint64_t)options->jobs) {
            failures += !run_seed(&knobs, options->first + i, options->trace);
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
        } else if (strcmp(argv[i], "--check-schemas") == 0) {
            options->schemas = strtoull(argv[++i], NULL, 10);
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
    struct knobs knobs;
    if (!parse(argc, argv, &options) || (options.family && !family_find(options.family, &knobs))) {
        (void)fprintf(stderr, "usage: sim [--family NAME] [--seeds N] [--first S] [--jobs N] "
                              "[--seed S --trace] [--check-schemas N]\n");
        return 2;
    }
    if (options.schemas > 0) {
        return schema_check(options.schemas) > 0;
    }
    (void)signal(SIGABRT, on_abort); /* an assertion says where, this which run it was */
    (void)signal(SIGSEGV, on_abort);
    int failures = options.count == 1 && options.family ? (options.jobs = 1, run_share(&options, 0))
                                                        : run_all(&options);
    size_t count = options.family ? 1 : family_count;
    (void)printf("sim: %llu runs, %d failed\n", (unsigned long long)(options.count * count),
                 failures);
    return failures > 0;
}
