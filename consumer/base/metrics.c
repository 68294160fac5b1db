#include "base/memory.h"
#include "base/metrics_impl.h"

#include <assert.h>
#include <dirent.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static size_t values_of(const struct metrics *metrics, const struct metric_info *info) {
    if (info->type == METRIC_HISTOGRAM) {
        return METRIC_HISTOGRAM_VALUES;
    }
    size_t words = 0;
    switch (info->label) {
    case LABEL_NONE:
    case LABEL_VERSION:
        return 1;
    case LABEL_TASK:
        return (size_t)metrics->task_count;
    case LABEL_TABLE:
        return metrics->table_count;
    case LABEL_TASK_TABLE:
        return (size_t)metrics->task_count * metrics->table_count;
    case LABEL_VIEW:
        return metrics->view_count;
    case LABEL_TASK_VIEW:
        return (size_t)metrics->task_count * metrics->view_count;
    case LABEL_WORD:
        while (info->words[words]) {
            words++;
        }
        return words;
    }
    return 0;
}

/* There may be thousands of tasks, of which this member has a few: values by task are shown from
 * their first count on. The others are shown from the start, so that a rate can be computed. */
static bool starts_unset(const struct metric_info *info) {
    return info->label == LABEL_TASK || info->label == LABEL_TASK_TABLE ||
           info->label == LABEL_TASK_VIEW;
}

static struct str *names_copy(struct arena *arena, const struct str *names, size_t count) {
    struct str *copy = arena_alloc(arena, count * sizeof *copy);
    for (size_t i = 0; i < count; i++) {
        copy[i] = arena_copy(arena, names[i]);
    }
    return copy;
}

struct metrics *metrics_new(const struct metrics_options *options) {
    struct metrics *metrics = memory_new(1, sizeof *metrics);
    metrics->task_count = options->task_count;
    metrics->table_count = options->table_count;
    metrics->tables = names_copy(&metrics->names, options->tables, options->table_count);
    metrics->views = names_copy(&metrics->names, options->views, options->view_count);
    metrics->view_count = options->view_count > 0 ? options->view_count : 1;
    (void)snprintf(metrics->version, sizeof metrics->version, "%s",
                   options->version ? options->version : "unknown");
    size_t total = 0;
    for (int metric = 0; metric < METRIC_COUNT; metric++) {
        metrics->first[metric] = total;
        metrics->count[metric] = values_of(metrics, &metric_table[metric]);
        total += metrics->count[metric];
    }
    metrics->memory = memory_new(total, sizeof *metrics->values);
    metrics->values = metrics->memory;
    for (int metric = 0; metric < METRIC_COUNT; metric++) {
        for (size_t i = 0; starts_unset(&metric_table[metric]) && i < metrics->count[metric]; i++) {
            metrics_unset(metrics, (enum metric)metric, i);
        }
    }
    metrics_set(metrics, METRIC_BUILD_INFO, 0, 1);
    return metrics;
}

void metrics_destroy(struct metrics **metrics) {
    struct metrics *m = metrics ? *metrics : NULL;
    if (!m) {
        return;
    }
    *metrics = NULL;
    arena_clear(&m->names);
    free(m->memory);
    free(m);
}

size_t metrics_at(const struct metrics *metrics, int32_t task, size_t table) {
    return metrics ? (size_t)task * metrics->table_count + table : 0;
}

size_t metrics_at_view(const struct metrics *metrics, int32_t task, size_t view) {
    return metrics ? (size_t)task * metrics->view_count + view : 0;
}

/* A value has one writer: no read-modify-write is needed. */
static void put(struct metrics *metrics, size_t index, int64_t value) {
    atomic_store_explicit(&metrics->values[index], value, memory_order_relaxed);
}

void metrics_add(struct metrics *metrics, enum metric metric, size_t at, int64_t amount) {
    if (!metrics) {
        return;
    }
    assert(at < metrics->count[metric]);
    int64_t value = metrics_value(metrics, metric, at);
    put(metrics, metrics->first[metric] + at, value == METRIC_UNSET ? amount : value + amount);
}

void metrics_set(struct metrics *metrics, enum metric metric, size_t at, int64_t value) {
    if (metrics) {
        assert(at < metrics->count[metric]);
        put(metrics, metrics->first[metric] + at, value);
    }
}

void metrics_unset(struct metrics *metrics, enum metric metric, size_t at) {
    metrics_set(metrics, metric, at, METRIC_UNSET);
}

void metrics_observe(struct metrics *metrics, enum metric metric, int64_t time_us) {
    if (!metrics) {
        return;
    }
    assert(metric_table[metric].type == METRIC_HISTOGRAM);
    time_us = time_us < 0 ? 0 : time_us;
    size_t bucket = 0;
    while (bucket < METRIC_BUCKETS && time_us > metric_bucket_us[bucket]) {
        bucket++;
    }
    metrics_add(metrics, metric, METRIC_HISTOGRAM_SUM, time_us);
    metrics_add(metrics, metric, bucket, 1);
}

int64_t metrics_get(const struct metrics *metrics, enum metric metric, size_t at) {
    assert(at < metrics->count[metric]);
    if (metric_table[metric].type != METRIC_HISTOGRAM) {
        int64_t value = metrics_value(metrics, metric, at);
        return value == METRIC_UNSET ? 0 : value;
    }
    int64_t observed = 0;
    for (size_t i = 0; i <= METRIC_BUCKETS; i++) {
        observed += metrics_value(metrics, metric, i);
    }
    return observed;
}

bool metrics_is_set(const struct metrics *metrics, enum metric metric, size_t at) {
    assert(at < metrics->count[metric]);
    return metrics_value(metrics, metric, at) != METRIC_UNSET;
}

int32_t metrics_task_count(const struct metrics *metrics) {
    return metrics->task_count;
}

const char *metrics_version(const struct metrics *metrics) {
    return metrics->version;
}

int64_t metrics_get_views(const struct metrics *metrics, enum metric metric) {
    int64_t sum = 0;
    for (size_t view = 0; view < metrics->view_count; view++) {
        sum += metrics_get(metrics, metric, view);
    }
    return sum;
}

/* The second number of /proc/self/statm: pages. */
static int64_t resident_bytes(void) {
    char text[128] = "";
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file) {
        return METRIC_UNSET;
    }
    size_t len = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    text[len] = '\0';
    const char *second = strchr(text, ' ');
    return second ? strtoll(second, NULL, 10) * sysconf(_SC_PAGESIZE) : METRIC_UNSET;
}

static int64_t open_files(void) {
    DIR *dir = opendir("/proc/self/fd");
    if (!dir) {
        return METRIC_UNSET;
    }
    int64_t count = -1; /* the folder's own */
    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        count += entry->d_name[0] != '.';
    }
    (void)closedir(dir);
    return count;
}

static int64_t max_files(void) {
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY
               ? (int64_t)limit.rlim_cur
               : METRIC_UNSET;
}

static int64_t clock_us(clockid_t clock) {
    struct timespec time = {0};
    (void)clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

/* Field 22 of /proc/self/stat is the start in ticks since boot; the fields are counted behind the
 * program's name, which may hold anything. */
static int64_t start_us(void) {
    char text[1024] = "";
    FILE *file = fopen("/proc/self/stat", "re");
    if (!file) {
        return METRIC_UNSET;
    }
    size_t len = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    text[len] = '\0';
    const char *field = strrchr(text, ')');
    for (int i = 2; field && i < 22; i++) {
        field = strchr(field + 1, ' ');
    }
    if (!field) {
        return METRIC_UNSET;
    }
    int64_t since_boot_us = strtoll(field, NULL, 10) * 1000000 / sysconf(_SC_CLK_TCK);
    return clock_us(CLOCK_REALTIME) - clock_us(CLOCK_BOOTTIME) + since_boot_us;
}

void metrics_look_at_process(struct metrics *metrics) {
    metrics_set(metrics, METRIC_RESIDENT_MEMORY, 0, resident_bytes());
    metrics_set(metrics, METRIC_OPEN_FILES, 0, open_files());
    metrics_set(metrics, METRIC_MAX_FILES, 0, max_files());
    metrics_set(metrics, METRIC_CPU_TIME, 0, clock_us(CLOCK_PROCESS_CPUTIME_ID));
    if (metrics && metrics_value(metrics, METRIC_START_TIME, 0) == 0) { /* once: clocks drift */
        metrics_set(metrics, METRIC_START_TIME, 0, start_us());
    }
}
