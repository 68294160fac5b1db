/* session.h: one connection to the OLAP database, and who writes through it.
 *
 * What:    struct session: its job, whose turn it is, what is in flight.
 * Owns:    borrows its tasks.
 */
#ifndef PIPELINE_SESSION_H
#define PIPELINE_SESSION_H

#include "base/backoff.h"
#include "pipeline/options.h"
#include "pipeline/row_writer.h"

struct row_bisection;
struct member;
struct task;

enum job { JOB_NONE, JOB_COMMIT, JOB_ACQUIRE, JOB_NEWEST, JOB_CHECK };

/* Something that does not work now, for /readyz. */
struct trouble {
    int64_t since_ms; /* wall time; 0: none */
    bool hinted;      /* the log has said what to do about it */
    char message[ERR_MESSAGE_BYTES];
};

/* One connection to the OLAP database: its job, the tasks that write through it, whose turn it is.
 * A task keeps its session for as long as it is assigned. */
struct session {
    struct member *member;
    struct sink *sink;
    int number;
    bool connected;
    bool must_verify;   /* newest rows must be compared before anything is sent */
    int64_t look_at_ms; /* they are compared again then: quiet tasks would not notice */
    enum job job;
    struct txn txn;          /* JOB_COMMIT */
    struct txn_part **parts; /* its parts */
    int64_t sent_us;         /* ... when, monotonic */
    int32_t *asked;          /* ACQUIRE, NEWEST: tasks */
    size_t asked_count;
    char owner[OWNER_LEN + 1]; /* ACQUIRE */
    struct row_writer *writer;
    struct load_source load;
    size_t load_looks;      /* that the join has left before load must pause */
    struct err load_error;  /* why load ended early; ERR_NONE: it did not */
    struct task *load_task; /* whose rows load gives; NULL: taken away, the load must end */
    struct row_bisection *bisection; /* JOB_CHECK */
    bool bisection_waits;            /* transactions have their turn between two checks */
    struct row_array checked;        /* ... what the sink reads; outlives the bisection */
    int32_t turn;                    /* the task that is served first next time */
    bool tiny_went; /* the last transaction was for quiet tasks alone: now the others */
    struct backoff backoff;
    int64_t retry_at_ms;
    struct trouble trouble;
    bool outcome_unknown; /* the connection was lost during a commit: the newest rows will tell */
};

#endif
