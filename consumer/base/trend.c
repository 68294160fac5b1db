#include "base/trend.h"

#include "base/memory.h"
#include "base/metrics_impl.h"

#include <pthread.h>
#include <stdlib.h>

struct sample {
    int64_t at_ms, records, sum_us;
    int64_t buckets[METRIC_BUCKETS + 1];
    bool ready;
};

struct trend {
    pthread_mutex_t mutex; /* guards the rest */
    uint64_t count;        /* ever taken */
    struct sample samples[TREND_STEPS + 1];
};

struct trend *trend_new(void) {
    struct trend *trend = memory_new(1, sizeof *trend);
    (void)pthread_mutex_init(&trend->mutex, NULL);
    return trend;
}

void trend_destroy(struct trend **trend) {
    struct trend *h = trend ? *trend : NULL;
    if (h) {
        (void)pthread_mutex_destroy(&h->mutex);
        free(h);
        *trend = NULL;
    }
}

static struct sample *sample_at(struct trend *trend, uint64_t number) {
    return &trend->samples[number % (TREND_STEPS + 1)];
}

static struct sample sample_of(const struct metrics *metrics, int64_t now_ms) {
    struct sample sample = {.at_ms = now_ms, .ready = metrics_get(metrics, METRIC_READY, 0) == 1};
    for (size_t task = 0; task < (size_t)metrics->task_count; task++) {
        sample.records += metrics_get(metrics, METRIC_RECORDS_APPLIED, task);
    }
    for (size_t i = 0; i <= METRIC_BUCKETS; i++) {
        sample.buckets[i] = metrics_value(metrics, METRIC_COMMIT_TO_VISIBLE, i);
    }
    sample.sum_us = metrics_value(metrics, METRIC_COMMIT_TO_VISIBLE, METRIC_HISTOGRAM_SUM);
    return sample;
}

void trend_look(struct trend *trend, const struct metrics *metrics, int64_t now_ms) {
    if (!trend || !metrics) {
        return;
    }
    /* Only this thread changes count. A clock that was set back counts as a step. */
    int64_t since_ms =
        trend->count > 0 ? now_ms - sample_at(trend, trend->count - 1)->at_ms : TREND_STEP_MS;
    if (since_ms >= 0 && since_ms < TREND_STEP_MS) {
        return;
    }
    struct sample sample = sample_of(metrics, now_ms);
    (void)pthread_mutex_lock(&trend->mutex);
    *sample_at(trend, trend->count++) = sample;
    (void)pthread_mutex_unlock(&trend->mutex);
}

static struct trend_step step_between(const struct sample *from, const struct sample *to) {
    struct trend_step step = {
        .at_ms = to->at_ms, .records = to->records - from->records, .ready = to->ready};
    for (size_t i = 0; i <= METRIC_BUCKETS; i++) {
        int64_t observed = to->buckets[i] - from->buckets[i];
        step.commits += observed;
        if (observed > 0) {
            step.slowest_us = i < METRIC_BUCKETS ? metric_bucket_us[i] : -1;
        }
    }
    step.mean_us = step.commits > 0 ? (to->sum_us - from->sum_us) / step.commits : 0;
    return step;
}

bool trend_get(struct trend *trend, size_t i, struct trend_step *ret_step) {
    (void)pthread_mutex_lock(&trend->mutex);
    bool there = i < TREND_STEPS && i + 1 < trend->count;
    if (there) {
        uint64_t newest = trend->count - 1 - i;
        *ret_step = step_between(sample_at(trend, newest - 1), sample_at(trend, newest));
    }
    (void)pthread_mutex_unlock(&trend->mutex);
    return there;
}
