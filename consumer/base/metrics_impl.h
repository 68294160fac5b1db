/* metrics_impl.h: the values behind metrics.h; private to its files.
 *
 * What, Owns, Threads, Units, Errors, Limits: as metrics.h.
 */
#ifndef BASE_METRICS_IMPL_H
#define BASE_METRICS_IMPL_H

#include "base/arena.h"
#include "base/metrics.h"

#include <stdatomic.h>

#define METRIC_UNSET INT64_MIN

/* Upper limits of a histogram's buckets, except the last one, which has none. */
#define METRIC_BUCKETS 15
extern const int64_t metric_bucket_us[METRIC_BUCKETS];
/* A histogram's values: the buckets, not cumulative, and the sum. */
#define METRIC_HISTOGRAM_VALUES (METRIC_BUCKETS + 2)
#define METRIC_HISTOGRAM_SUM    (METRIC_BUCKETS + 1)

struct metrics {
    int32_t task_count;
    size_t table_count, view_count;
    struct arena names;
    struct str *tables, *views; /* in names */
    char version[32];
    size_t first[METRIC_COUNT], count[METRIC_COUNT]; /* of values, by metric */
    _Atomic int64_t *values;
    void *memory; /* values, for free */
};

static inline int64_t metrics_value(const struct metrics *metrics, enum metric metric, size_t at) {
    return atomic_load_explicit(&metrics->values[metrics->first[metric] + at],
                                memory_order_relaxed);
}

#endif
