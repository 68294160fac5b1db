#include "serve/status.h"

#include "base/log_json.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static void set_count(json_t *object, const char *name, int64_t value) {
    (void)json_object_set_new(object, name, json_integer(value));
}

/* Absent where the task has no such figure now. */
static void set_gauge(json_t *object, const char *name, const struct metrics *metrics,
                      enum metric metric, size_t task) {
    if (metrics_is_set(metrics, metric, task)) {
        set_count(object, name, metrics_get(metrics, metric, task));
    }
}

/* Over all tasks. */
static void set_sum(json_t *object, const char *name, const struct metrics *metrics,
                    enum metric metric) {
    int64_t sum = 0;
    for (size_t task = 0; task < (size_t)metrics_task_count(metrics); task++) {
        sum += metrics_get(metrics, metric, task);
    }
    set_count(object, name, sum);
}

static json_t *task_json(const struct metrics *metrics, size_t task) {
    json_t *object = json_object();
    int64_t phase = metrics_get(metrics, METRIC_TASK_PHASE, task);
    set_count(object, "task", (int64_t)task);
    (void)json_object_set_new(object, "phase",
                              json_string(metric_table[METRIC_TASKS].words[phase]));
    set_gauge(object, "lag_records", metrics, METRIC_LAG, task);
    set_gauge(object, "cache_rows", metrics, METRIC_CACHE_ROWS, task);
    set_gauge(object, "dead_letters", metrics, METRIC_STORED_DEAD_LETTERS, task);
    set_gauge(object, "refused_rows", metrics, METRIC_STORED_REFUSED_ROWS, task);
    set_count(object, "records_applied", metrics_get(metrics, METRIC_RECORDS_APPLIED, task));
    return object;
}

static json_t *tasks_json(const struct metrics *metrics) {
    json_t *tasks = json_array();
    for (size_t task = 0; task < (size_t)metrics_task_count(metrics); task++) {
        if (metrics_is_set(metrics, METRIC_TASK_PHASE, task)) {
            (void)json_array_append_new(tasks, task_json(metrics, task));
        }
    }
    return tasks;
}

static json_t *reasons_json(const struct health_report *report) {
    json_t *reasons = json_array();
    const char *line = report->text;
    while (*line) {
        size_t len = strcspn(line, "\n");
        json_t *reason = json_stringn(line, len);
        (void)json_array_append_new(reasons, reason ? reason : json_string("(not UTF-8)"));
        line += len + (line[len] == '\n');
    }
    return reasons;
}

static json_t *step_json(const struct trend_step *step) {
    json_t *object = json_object();
    set_count(object, "at_ms", step->at_ms);
    set_count(object, "records", step->records);
    if (step->commits > 0) {
        (void)json_object_set_new(object, "visible_mean_ms",
                                  json_real((double)step->mean_us / 1000));
        if (step->slowest_us >= 0) {
            set_count(object, "visible_max_ms", step->slowest_us / 1000);
        }
    }
    (void)json_object_set_new(object, "ready", json_boolean(step->ready));
    return object;
}

static json_t *history_json(struct trend *trend) {
    json_t *steps = json_array();
    struct trend_step step;
    for (size_t i = 0; trend && trend_get(trend, i, &step); i++) {
        (void)json_array_append_new(steps, step_json(&step));
    }
    return steps;
}

static json_t *recent_json(struct recent *recent) {
    json_t *lines = json_array();
    struct buf line = {0};
    for (size_t i = 0; recent && recent_get(recent, i, &line); i++) {
        char text[2 * RECENT_BYTES];
        size_t len = log_json(text, sizeof text, buf_view(&line));
        json_t *object = json_loadb(text, len, 0, NULL);
        if (object) {
            (void)json_array_append_new(lines, object);
        }
        buf_reset(&line);
    }
    buf_clear(&line);
    return lines;
}

static void set_counts(json_t *all, const struct metrics *metrics) {
    if (metrics_is_set(metrics, METRIC_FRESHNESS, 0)) {
        (void)json_object_set_new(
            all, "freshness_s",
            json_real((double)metrics_get(metrics, METRIC_FRESHNESS, 0) / 1000000));
    }
    set_sum(all, "records_applied", metrics, METRIC_RECORDS_APPLIED);
    set_count(all, "rows_upserted", metrics_get_views(metrics, METRIC_ROWS_UPSERTED));
    set_count(all, "rows_deleted", metrics_get_views(metrics, METRIC_ROWS_DELETED));
    set_sum(all, "dead_letters", metrics, METRIC_STORED_DEAD_LETTERS);
    set_sum(all, "refused_rows", metrics, METRIC_STORED_REFUSED_ROWS);
    set_count(all, "resident_bytes", metrics_get(metrics, METRIC_RESIDENT_MEMORY, 0));
    set_count(all, "started_s", metrics_get(metrics, METRIC_START_TIME, 0) / 1000000);
}

void status_json(const struct serve_options *of, struct buf *out) {
    json_t *all = json_object();
    struct health_report report;
    health_read(of->health, &report);
    int64_t beat_ms = health_last_beat_ms(of->health);
    (void)json_object_set_new(all, "version", json_string(metrics_version(of->metrics)));
    (void)json_object_set_new(all, "view", json_string(of->view ? of->view : ""));
    (void)json_object_set_new(all, "member", json_string(of->member ? of->member : ""));
    set_count(all, "now_ms", clock_wall_ms(&of->clock));
    (void)json_object_set_new(
        all, "alive",
        json_boolean(beat_ms >= 0 && clock_mono_ms(&of->clock) - beat_ms < SERVE_BEAT_MAX_MS));
    (void)json_object_set_new(all, "ready", json_boolean(report.ready));
    (void)json_object_set_new(all, "reasons", reasons_json(&report));
    set_count(all, "partitions", metrics_task_count(of->metrics));
    set_counts(all, of->metrics);
    (void)json_object_set_new(all, "tasks", tasks_json(of->metrics));
    set_count(all, "history_step_ms", TREND_STEP_MS);
    (void)json_object_set_new(all, "history", history_json(of->trend));
    (void)json_object_set_new(all, "recent", recent_json(of->recent));
    char *text = json_dumps(all, JSON_COMPACT | JSON_REAL_PRECISION(6));
    json_decref(all);
    if (!text) {
        abort(); /* out of memory, as everywhere */
    }
    buf_str(out, str_from(text));
    buf_str(out, STR("\n"));
    free(text);
}
