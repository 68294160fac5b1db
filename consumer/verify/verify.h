/* verify.h: compares a view's rows in the OLTP database with its table in the OLAP database.
 *
 * What:    reads both in the order of the sink's key, looks again at what differs until the changes
 *          on their way have arrived, and says of the rest what is known about it.
 * Owns:    its connections: two to each database, that only read.
 * Threads: the caller's.
 * Units:   milliseconds, rows.
 * Errors:  ERR_CONFIG: a setting, a right, a table; ERR_RETRY: not reachable, or told to stop.
 * Limits:  memory for DIFFERENCES_MAX differences or DIFFERENCES_BYTES_MAX of their values, and two
 *          rows.
 */
#ifndef VERIFY_VERIFY_H
#define VERIFY_VERIFY_H

#include "base/err.h"
#include "plan/plan.h"

#include <signal.h>

#define DIFFERENCES_MAX       100000
#define DIFFERENCES_BYTES_MAX ((size_t)64 * 1024 * 1024)

struct verify_database {
    const char *const *keywords; /* libpq's, NULL-terminated, and their values */
    const char *const *values;
    const char *name;    /* for messages: "OLTP database" */
    const char *setting; /* ... and its settings: "oltp" */
};

enum verify_kind {
    VERIFY_MISSING,   /* the table lacks a row of the view */
    VERIFY_EXTRA,     /* the view lacks a row of the table */
    VERIFY_DIFFERENT, /* columns differ */
};

/* A difference that stays. Borrowed for the call. */
struct verify_finding {
    enum verify_kind kind;
    bool known;   /* the service has recorded why: a refused row, a dead letter */
    int32_t task; /* -1: not known */
    const struct str *source, *sink; /* by outputs; NULL: no such row */
    const bool *columns;             /* VERIFY_DIFFERENT */
    struct str why;
};

struct verify_progress {
    uint64_t rows;    /* compared */
    double expected;  /* about so many there are; 0: not known */
    int64_t since_ms; /* how long it takes until now */
    size_t pending;   /* differences that are looked at again */
    bool settling;    /* nothing else is done now */
};

struct verify_key {
    const char *name, *value; /* a column of the sink's key */
};

struct verify_options {
    struct verify_database oltp, olap;
    const char *slot;              /* the connector's */
    int32_t task;                  /* only its rows; -1: all */
    const struct verify_key *keys; /* only these rows */
    size_t key_count;
    int64_t sample_ms;   /* rows of keys by chance, for so long; 0: all */
    int64_t settle_ms;   /* how long a change may take from Kafka to the table */
    int64_t wait_ms;     /* longest wait for differences to go */
    int64_t snapshot_ms; /* longest age of a snapshot: then a new one is taken */
    size_t stop_after;   /* so many differences; 0: never */
    void *ctx;
    bool (*stopped)(void *ctx);
    const sigset_t *waiting; /* the signal mask while waiting; NULL: as it is */
    void (*progress)(void *ctx, const struct verify_progress *progress);
    void (*finding)(void *ctx, const struct verify_finding *finding);
    void (*note)(void *ctx, const char *text); /* what to mind about the result */
};

struct verify_result {
    uint64_t source_rows, sink_rows;    /* compared */
    uint64_t missing, extra, different; /* not known */
    uint64_t known;
    uint64_t arrived;  /* differences that a later look did not show any more */
    uint64_t moving;   /* rows that were other ones at each look, so that nothing is said of them */
    uint64_t excluded; /* rows that the view's expressions fail for, refused or set aside */
    uint64_t behind;   /* of missing, extra and different: changes may still be on their way */
    uint64_t snapshots;
    bool stopped_early; /* stop_after */
    int64_t took_ms;
};

static inline bool verify_differs(const struct verify_result *result) {
    return result->missing + result->extra + result->different > 0;
}

MUST_CHECK enum err_kind verify_run(const struct plan *plan, const struct target *target,
                                    const struct verify_options *options,
                                    struct verify_result *ret_result, struct err *reterr);

#endif
