/* internal.h: the member's inside, for the files of this room and for no other.
 *
 * What:    struct member, and which of its tasks a step may touch.
 * Owns, Threads, Units, Errors, Limits: as member.h.
 */
#ifndef PIPELINE_INTERNAL_H
#define PIPELINE_INTERNAL_H

#include "pipeline/options.h"
#include "pipeline/origin.h"
#include "pipeline/report.h"
#include "pipeline/session.h"
#include "pipeline/snapshot.h"
#include "pipeline/task.h"

/* Who takes no more records, since those held have reached their bound. */
enum hold { HOLD_NONE, HOLD_BUSY, HOLD_ALL };

/* How often somebody else took a task that the group has given to this member. */
struct contest {
    int count;
    int64_t last_ms;
};

/* A lookup topic, whose one partition is read once for all tasks. */
struct lookup_topic {
    bool gone;    /* it was not there at the last look; outlives assignments */
    bool read;    /* as of the last assignment of partitions */
    bool paused;  /* none of the tasks has room */
    int64_t next; /* what comes next, for whom it may concern: at or before each task's position */
    int64_t wanted; /* ... when what is read is said anew */
};

/* A task that makes the others wait while lookup topics are read again for it. */
struct going_back {
    bool due;               /* with the next assignment */
    int64_t last_ms, at_ms; /* not again before */
    struct backoff backoff;
};

struct member {
    struct member_options o;
    const struct plan *plan;
    /* Relations with a partition for each task, which the tasks share out; behind them come the
     * filtered ones, which are read with their tables' lookups, and the lookups. */
    size_t parted_count, core_count;
    /* By lookup: the filtered relation that its topic is read for, too; -1: none. */
    int filtered[RELATIONS_MAX];
    struct lookup_topic lookups[RELATIONS_MAX]; /* by table */
    struct going_back *going_back;              /* by task; since the last assignment */
    struct arena lookup_scratch;                /* one lookup record's decoding, for all tasks */
    struct decoder *decoder;
    struct session *sessions; /* o.sink_count of them */
    struct task **tasks;      /* by partition; NULL: not ours */
    /* Tasks taken away while their transaction was in flight: kept until its outcome is known. */
    struct task **orphans;
    size_t orphan_count;
    struct contest *contests; /* by partition; since the last assignment */
    bool joined;              /* the group has given us an assignment */
    int32_t partition_count;
    /* Partitions the group gave us without their counterparts in the other topics. */
    bool *incomplete;
    int64_t incomplete_since_ms; /* 0: none */
    bool needs_assign;           /* what is read must be said anew to Kafka */
    int64_t needs_assign_since_ms;
    bool incomplete_reported;
    bool revoking, stopping, stopped;
    int64_t finish_by_ms; /* revoking or stopping: drop what is in flight then */
    int64_t assign_retry_at_ms;
    enum hold hold;
    struct arena scratch; /* one record's decoding */
    struct consume_event *events;
    bool ready;                 /* as logged last */
    int64_t kafka_commit_at_ms; /* the next courtesy commit */
    bool kafka_commit_due;
    struct report report;
    int64_t heartbeats_since_ms; /* it reads, and so expects them; wall time; 0: it does not */
    struct origin origin;
    struct snapshot snapshot;
    struct err error;
};

static inline int64_t now_ms(const struct member *m) {
    return clock_mono_ms(&m->o.clock);
}

/* The member ends with an error: the first one, which the others may follow from. */
static inline void member_fail(struct member *m, const struct err *err) {
    if (m->error.kind == ERR_NONE) {
        m->error = *err;
    }
}

/* What Kafka is to send must be said to it anew. */
static inline void member_needs_assign(struct member *m) {
    if (!m->needs_assign) {
        m->needs_assign = true;
        m->needs_assign_since_ms = now_ms(m);
    }
}

/* Topics whose partitions the group gives: those of relations 0 .. n - 1, or one without records,
 * in relation 0's place. */
static inline size_t member_group_topics(const struct member *m) {
    return m->parted_count > 0 ? m->parted_count : 1;
}

/* The relations that a lookup's topic is read for: those of its table's roles, filtered first. */
struct readers {
    int relations[2];
    size_t count;
};
static inline struct readers member_readers(const struct member *m, size_t lookup) {
    int filtered = m->filtered[lookup];
    return filtered >= 0 ? (struct readers){{filtered, (int)lookup}, 2}
                         : (struct readers){{(int)lookup}, 1};
}

/* Where the task needs a lookup's topic read from, in whatever role. */
static inline int64_t member_reads_from(const struct member *m, const struct task *task,
                                        size_t lookup) {
    int64_t from = task_read_from(task, (int)lookup);
    if (m->filtered[lookup] >= 0 &&
        SAFEGUARD("a topic is read from where each role of its table needs it")) {
        int64_t other = task_read_from(task, m->filtered[lookup]);
        from = other < from ? other : from;
    }
    return from;
}

/* The member's task p; NULL: it has none, or one that waits for its verdict. */
static inline struct task *member_task(const struct member *m, int32_t p) {
    struct task *task = m->tasks[p];
    return task && !task_awaits_verdict(task) ? task : NULL;
}

/* The same, if it writes through the session. */
static inline struct task *session_task(const struct session *s, int32_t p) {
    struct task *task = member_task(s->member, p);
    bool its = task && (task->session == s || !SAFEGUARD("a task writes through one session"));
    return its ? task : NULL;
}

#endif
