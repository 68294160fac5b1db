/* metrics.h: all counters, gauges and histograms, in one table.
 *
 * What:    the metrics (metrics_table.c) and their values; their text for Prometheus and for
 *          docs/operations.md.
 * Owns:    its values; copies the names of tables and views.
 * Threads: each value has one writing thread (the pipeline's; for process_*, the one that asks for
 *          the text); any thread may read. No locks, no allocation.
 * Units:   whole numbers; times in microseconds, shown as seconds.
 * Errors:  none; a NULL struct metrics counts nothing.
 * Limits:  a label that is out of range is a bug (assert).
 */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum metric {
    /* records */
    METRIC_RECORDS_TAKEN,
    METRIC_RECORDS_APPLIED,
    METRIC_DEAD_LETTERS,
    METRIC_ROWS_REFUSED,
    METRIC_COMMIT_TIME_REGRESSIONS,
    METRIC_LATE_SNAPSHOT_RECORDS,
    /* the sink */
    METRIC_TRANSACTIONS,
    METRIC_ROWS_UPSERTED,
    METRIC_ROWS_DELETED,
    METRIC_UNKNOWN_OUTCOMES,
    METRIC_SINK_CONNECTS,
    METRIC_SINK_LOSSES,
    METRIC_TRANSACTION_TIME,
    METRIC_COMMIT_TO_VISIBLE,
    METRIC_FRESHNESS,
    METRIC_TASK_FRESHNESS,
    METRIC_TASK_CHANGE_AGE,
    /* tasks */
    METRIC_TASKS,
    METRIC_TASK_PHASE,
    METRIC_REACQUISITIONS,
    METRIC_HALTS,
    METRIC_INITIAL_LOADS,
    METRIC_REBUILDS,
    METRIC_FILLS,
    METRIC_CACHE_DISCARDS,
    METRIC_APPLIED_OFFSET,
    METRIC_LAG,
    METRIC_CACHE_ROWS,
    METRIC_CACHE_DIRTY_BYTES,
    METRIC_STORED_DEAD_LETTERS,
    METRIC_STORED_REFUSED_ROWS,
    METRIC_TABLES_TO_FILL,
    /* the source */
    METRIC_SOURCE_FINDINGS,
    METRIC_SOURCE_DIFFERENCES,
    METRIC_SOURCE_ANSWERS,
    METRIC_SOURCE_SLOT_LAG,
    /* the member */
    METRIC_READY,
    METRIC_REBALANCES,
    METRIC_KAFKA_TROUBLES,
    METRIC_BUILD_INFO,
    METRIC_RESIDENT_MEMORY,
    METRIC_OPEN_FILES,
    METRIC_MAX_FILES,
    METRIC_CPU_TIME,
    METRIC_START_TIME,
    METRIC_COUNT,
};

/* The label values of METRIC_TRANSACTIONS. */
enum transaction_outcome {
    TRANSACTION_COMMITTED,
    TRANSACTION_REFUSED,
    TRANSACTION_FENCED,
    TRANSACTION_RETRIED
};
/* ... of METRIC_UNKNOWN_OUTCOMES' */
enum unknown_settled { UNKNOWN_WAS_COMMITTED, UNKNOWN_WAS_NOT, UNKNOWN_OVERTAKEN };
/* ... of METRIC_REACQUISITIONS' */
enum reacquired {
    REACQUIRED_FENCED,
    REACQUIRED_SINK_WENT_BACK,
    REACQUIRED_CACHE,
    REACQUIRED_RESUMED,
    REACQUIRED_UNKNOWN,
    REACQUIRED_TABLE, /* the sink table was created again or emptied */
    REACQUIRED_TOPIC  /* a lookup topic was gone */
};
/* ... of METRIC_CACHE_DISCARDS' */
enum cache_discard {
    DISCARD_NONE = -1,
    DISCARD_NO_PROGRESS,
    DISCARD_DAMAGED,
    DISCARD_DISTRUSTED,
    DISCARD_MISSING,
    DISCARD_INCOMPLETE,
    DISCARD_TOO_OLD,
    DISCARD_LOG_TOO_OLD,
    DISCARD_ROWS_REFUSED,
    DISCARD_CONFLICT,
};
/* ... of METRIC_REBALANCES' */
enum rebalance { REBALANCE_ASSIGNED, REBALANCE_REVOKED, REBALANCE_LOST };

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

enum metric_label {
    LABEL_NONE,
    LABEL_TASK,       /* at: the task's number */
    LABEL_TABLE,      /* at: the table's index */
    LABEL_TASK_TABLE, /* at: metrics_at */
    /* Where there are several views; else LABEL_NONE and LABEL_TASK. */
    LABEL_VIEW,      /* at: the view's index */
    LABEL_TASK_VIEW, /* at: metrics_at_view */
    LABEL_WORD,      /* at: index of one of the words */
    LABEL_VERSION,   /* at: 0 */
};

struct metric_info {
    const char *name; /* with unit and _total, by Prometheus' conventions */
    const char *help; /* one sentence, without characters that Prometheus would escape */
    enum metric_type type;
    enum metric_label label;
    const char *word_label;   /* WORD: the label's name */
    const char *const *words; /* WORD: NULL-terminated */
    bool is_time;             /* microseconds, shown as seconds */
};

/* By enum metric. */
extern const struct metric_info metric_table[METRIC_COUNT];

struct metrics_options {
    int32_t task_count;
    const struct str *tables; /* names, by index */
    size_t table_count;
    const char *version;
    const struct str *views; /* names, by index */
    size_t view_count;       /* 0 is 1: there is no label for one */
};

struct metrics;

struct metrics *metrics_new(const struct metrics_options *options);
/* Accepts NULL and a pointer to NULL. */
void metrics_destroy(struct metrics **metrics);

/* The index of a task's value for a table. */
size_t metrics_at(const struct metrics *metrics, int32_t task, size_t table);
/* The same for a view. */
size_t metrics_at_view(const struct metrics *metrics, int32_t task, size_t view);
/* For a counter. */
void metrics_add(struct metrics *metrics, enum metric metric, size_t at, int64_t amount);
/* For a gauge; also for METRIC_CPU_TIME, which the kernel counts. */
void metrics_set(struct metrics *metrics, enum metric metric, size_t at, int64_t value);
/* For a gauge: does not show it (any more). */
void metrics_unset(struct metrics *metrics, enum metric metric, size_t at);
/* For a histogram. A negative time (two machines' clocks) counts as 0. */
void metrics_observe(struct metrics *metrics, enum metric metric, int64_t time_us);

/* The value; 0 if there is none. For a histogram, the number of observations. */
int64_t metrics_get(const struct metrics *metrics, enum metric metric, size_t at);
/* False: a gauge that is not shown. */
bool metrics_is_set(const struct metrics *metrics, enum metric metric, size_t at);
int32_t metrics_task_count(const struct metrics *metrics);
const char *metrics_version(const struct metrics *metrics);

/* The sum of a metric's values by view. */
int64_t metrics_get_views(const struct metrics *metrics, enum metric metric);

/* Prometheus' text format 0.0.4. */
void metrics_text(const struct metrics *metrics, struct buf *out);
/* Updates the process_ metrics. */
void metrics_look_at_process(struct metrics *metrics);
/* The table of docs/operations.md. */
void metrics_markdown(FILE *out);

#endif
