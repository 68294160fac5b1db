/* Serves the status page with what standard input says, a word a line, for page.py:
 *
 *   live      two tasks are live, the member is ready
 *   halted    task 1 is halted
 *   applied   100 records of task 0 were applied, 5 ms after their commit; 5 s have passed
 *   warn      a warning is logged
 *
 * Prints the port, then each word when it is done.
 */
#include "base/log.h"
#include "serve/serve.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct page_server {
    struct metrics *metrics;
    struct health *health;
    struct trend *trend;
    struct log log;
    int64_t shift_ms; /* of the clock */
};

enum { LIVE = 5, HALTED = 6 };

static void set_phases(struct page_server *s, int second) {
    struct health_report report;
    health_report_begin(&report);
    if (second == HALTED) {
        health_report_add(&report, "task 1 halted: column <b>note</b> does not exist");
    }
    while (!health_publish(s->health, &report)) {
    }
    metrics_set(s->metrics, METRIC_READY, 0, report.ready);
    for (size_t task = 0; task < 2; task++) {
        metrics_set(s->metrics, METRIC_TASK_PHASE, task, task == 1 ? second : LIVE);
        metrics_set(s->metrics, METRIC_LAG, task, 0);
        metrics_set(s->metrics, METRIC_CACHE_ROWS, task, 1000);
    }
}

static void apply_records(struct page_server *s) {
    struct clock clock = clock_real();
    metrics_add(s->metrics, METRIC_RECORDS_APPLIED, 0, 100);
    metrics_observe(s->metrics, METRIC_COMMIT_TO_VISIBLE, 5000);
    s->shift_ms += TREND_STEP_MS;
    trend_look(s->trend, s->metrics, clock_wall_ms(&clock) + s->shift_ms);
}

static void obey(struct page_server *s, const char *word) {
    struct clock clock = clock_real();
    health_beat(s->health, clock_mono_ms(&clock));
    if (strcmp(word, "live") == 0) {
        set_phases(s, LIVE);
    } else if (strcmp(word, "halted") == 0) {
        set_phases(s, HALTED);
    } else if (strcmp(word, "applied") == 0) {
        apply_records(s);
    } else if (strcmp(word, "warn") == 0) {
        log_line(&s->log, LOG_WARN, "sink", "trouble",
                 "message=\"the <i>server</i> is away\" hint=\"start it\"");
    } else {
        (void)fprintf(stderr, "no such word: %s\n", word);
        exit(1);
    }
    (void)printf("%s\n", word);
    (void)fflush(stdout);
}

int main(void) {
    static const struct str tables[] = {{"public.a", 8}};
    struct metrics_options counted = {8, tables, 1, "0.0", NULL, 0};
    struct page_server s = {.metrics = metrics_new(&counted),
                            .health = health_new(),
                            .trend = trend_new(),
                            .log = {.fd = open("/dev/null", O_WRONLY | O_CLOEXEC),
                                    .member = "one",
                                    .recent = recent_new()}};
    struct clock clock = clock_real();
    struct serve_options options = {.address = "127.0.0.1",
                                    .metrics = s.metrics,
                                    .health = s.health,
                                    .trend = s.trend,
                                    .recent = s.log.recent,
                                    .view = "a_view",
                                    .member = "one",
                                    .clock = clock};
    struct serve *serve = NULL;
    struct err err;
    s.shift_ms = -INT64_C(12) * TREND_STEP_MS;
    trend_look(s.trend, s.metrics, clock_wall_ms(&clock) + s.shift_ms);
    if (serve_start(&options, &serve, &err) != ERR_NONE) {
        (void)fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    (void)printf("%d\n", serve_port(serve));
    (void)fflush(stdout);
    char word[40];
    while (scanf("%39s", word) == 1) {
        obey(&s, word);
    }
    serve_stop(&serve);
    recent_destroy(&s.log.recent);
    trend_destroy(&s.trend);
    health_destroy(&s.health);
    metrics_destroy(&s.metrics);
    (void)close(s.log.fd);
    return 0;
}
