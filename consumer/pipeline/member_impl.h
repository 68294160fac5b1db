/* member_impl.h: the member's inside, shared by the files of this room and by no other.
 *
 * What:    struct member and the steps each file gives to member.c.
 * Owns, Threads, Units, Errors, Limits: as member.h.
 */
#ifndef PIPELINE_MEMBER_IMPL_H
#define PIPELINE_MEMBER_IMPL_H

#include "base/safeguard.h"
#include "pipeline/member.h"
#include "pipeline/task.h"

enum job { JOB_NONE, JOB_COMMIT, JOB_ACQUIRE, JOB_NEWEST, JOB_CHECK };

/* Who takes no more records, since those held have reached their bound. */
enum hold { HOLD_NONE, HOLD_BUSY, HOLD_ALL };

struct hunt;

/* Something that does not work now, for /readyz. */
struct trouble {
    int64_t since_ms; /* wall time; 0: none */
    bool hinted;      /* the log has said what to do about it */
    char message[ERR_MESSAGE_BYTES];
};

/* report.c's memory. */
struct report {
    struct trouble kafka;
    int64_t kafka_until_ms; /* then it counts as over: librdkafka does not say when it is */
    int64_t health_at_ms, gauges_at_ms;
    bool ready; /* as reported last */
};

/* origin.c's memory. */
struct origin {
    struct board_news *news;  /* as last taken; all-zero: none yet */
    struct board_news *spare; /* the next is written into */
    int64_t at_ms;            /* the next look at the board */
};

/* copy.c's memory: the connector's first snapshot, as its records tell. */
struct copy {
    bool running;
    bool ended;    /* its end is known: what was read until then is still to be applied */
    int64_t ts_us; /* of its newest record, in the source */
    int64_t
        end_ts_us; /* of the newest record that ends one, whether or not it was running; -1: none */
    int64_t wall_ms; /* ... when it was written to Kafka */
    uint32_t looks;  /* of the watch, before it began */
    int64_t
        *targets;  /* by task and table: applied up to here, it is over; -1: it is not waited for */
    int64_t at_ms; /* the next look */
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
    struct err load_error;    /* why load ended early; ERR_NONE: it did not */
    struct task *load_task;   /* whose rows load gives; NULL: taken away, the load must end */
    struct hunt *hunt;        /* JOB_CHECK */
    bool hunt_waits;          /* transactions have their turn between two checks */
    struct row_array checked; /* ... what the sink reads; outlives the hunt */
    int32_t turn;             /* the task that is served first next time */
    bool tiny_went;           /* the last transaction was for quiet tasks alone: now the others */
    struct backoff backoff;
    int64_t retry_at_ms;
    struct trouble trouble;
    bool outcome_unknown; /* the connection was lost during a commit: the newest rows will tell */
};

/* How often somebody else took a task that the group has given to this member. */
struct contest {
    int count;
    int64_t last_ms;
};

struct member {
    struct member_options o;
    const struct plan *plan;
    struct decoder *decoder;
    struct session *sessions; /* o.sink_count of them */
    struct task **tasks;      /* by partition; NULL: not ours */
    /* Tasks taken away while their transaction was in flight: kept until its outcome is known. */
    struct task **ghosts;
    size_t ghost_count;
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
    struct origin origin;
    struct copy copy;
    struct err error;
};

static inline int64_t now_ms(const struct member *m) {
    return clock_mono_ms(&m->o.clock);
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

/* group.c */
/* The group's next event; false: there is none. */
bool group_event(struct member *m);
/* Takes our leave of revoked tasks. */
size_t group_leave(struct member *m);
/* Halts what the group has kept split for too long. */
void group_watch(struct member *m);
/* task's transaction is with the sink, which reads task->part. */
bool task_in_flight(const struct task *task);
/* Sets a task in flight aside until its transaction is over. */
void task_become_ghost(struct member *m, struct task *task);
/* The session's job is over: its ghosts go. */
void group_free_ghosts(struct session *s);
/* Says to Kafka what to read, when it changed and every task that can be opened soon is. */
size_t group_assign(struct member *m);
void member_needs_assign(struct member *m);

/* open.c */
void task_acquired(struct member *m, struct task *task, const struct sink_result *result);
/* Opens the cache of a task in OPENING; returns whether anything was done. */
bool task_open(struct member *m, struct task *task);
/* Empties the cache and reads the log from its start. */
void task_read_again(struct member *m, struct task *task, enum cache_discard why);

/* letters.c */
/* The dead letters of a task just acquired, by (table, offset); may change what they keep.
 * ERR_HALT: one is of a record that this task can't have put aside. */
MUST_CHECK enum err_kind task_take_letters(struct member *m, struct task *task,
                                           struct known_letter *letters, size_t count,
                                           struct err *reterr);
/* The dead letter that stands for the record, in *ret_letter; NULL: none. ERR_HALT: one stands
 * there, but of another record. */
MUST_CHECK enum err_kind task_letter_of(const struct member *m, const struct task *task,
                                        const struct record *record,
                                        const struct known_letter **ret_letter, struct err *reterr);
/* What follows for a record that decode ended with kind and *err for, when the operator may have
 * decided to put it aside: then ERR_RECORD, and *err says so. */
enum err_kind task_decision(const struct member *m, const struct task *task,
                            const struct record *record, enum err_kind kind, struct err *err);

/* take.c */
#define EVENTS_MAX 128 /* taken from Kafka at a time */
size_t take_records(struct member *m);

/* load.c */
/* READING has reached the end of every topic: begin to write what it found. */
void task_begin_writing(struct member *m, struct task *task);
/* READING came upon a record that can't be decoded: it goes with the last transaction of WRITING.
 * *ret_absent: its row was not there before it. ERR_HALT where there are too many. */
enum err_kind task_found_letter(const struct member *m, struct task *task,
                                const struct record *record, struct str row_key,
                                const struct err *why, bool *ret_absent, struct err *reterr);
/* A change READING came upon is a refused version: the row is taken away, the record kept for its
 * dead letter. */
bool task_meets_refused(struct task *task, const struct change *change,
                        const struct record *record);
/* Finds the rows of task that PostgreSQL refuses, by check jobs. */
void hunt_begin(struct member *m, struct task *task, const struct err *refusal);
/* Checks the rows that no COPY will try, since they have no partner, before an initial load: a row
 * is refused by its own values, not when its partner comes. */
void survey_begin(struct task *task);
void hunt_submit(struct session *s);
void hunt_answer(struct session *s, bool refused, const struct err *err);
void hunt_drop(struct session *s);

/* work.c */
/* Begins the next batch of a live task, of at most `limit` records; nothing when there are none. */
enum err_kind work_begin_batch(struct member *m, struct task *task, size_t limit,
                               struct err *reterr);
/* Builds the work's next transaction of at most `budget` rows into task->part. */
enum err_kind work_build(struct member *m, struct task *task, size_t budget, struct err *reterr);
/* Undoes a batch in the state and gives its records back to the task. */
void work_undo(struct task *task);
/* Begins a rebuild anew, its deletes ahead. */
void work_deletes_ahead(struct task *task);
/* ERR_HALT: dead.letter.max. */
enum err_kind letters_too_many(const struct member *m, const char *newest, struct err *reterr);
/* Copies a record's bytes and reason into letter. */
void letter_fill(struct dead_letter *letter, const struct member *m, const struct task *task,
                 const struct record *record, const char *reason);

/* turn.c */
/* Builds what goes into the next transaction and puts it into s->txn, which may stay empty. Returns
 * the task that goes alone, if one must. */
struct task *turn_take(struct session *s);
/* A transaction is in flight: builds the next one where a whole one waits. */
void turn_build_ahead(struct session *s);
/* Something that was built waits to be sent. */
bool turn_is_built(const struct session *s);

/* commit.c */
/* Sends the session's next job, when it is free. */
size_t commit_submit(struct session *s);
/* The transaction in task->part is in; event NULL: its answer was lost. */
void task_committed(struct member *m, struct task *task, const struct sink_event *event);
/* Commits caches that have rested dirty, and tells Kafka how far we are. */
void commit_caches(struct member *m);
/* When the caches together hold cache_commit_bytes of changes in memory: commits the one that holds
 * most. One at a time, since the others' records wait meanwhile; beside live tasks already when it
 * holds a share of that. */
void commit_dirty_caches(struct member *m);

/* report.c: what is counted, and what /readyz says */
void report_change(struct member *m, struct task *task, const struct record *record,
                   const struct change *change);
/* Before the event is acted on. */
void report_sink_event(struct session *s, const struct sink_event *event);
/* What is noted in the tables now: the operator may have removed some of it. */
void report_noted(struct task *task, const struct sink_result *result);
/* The transaction in task->part is in; before task forgets it. */
void report_committed(struct member *m, const struct task *task);
/* What a task's part of a transaction without an answer turned out to be. */
void report_settled(const struct session *s, enum unknown_settled settled);
void report_kafka_trouble(struct member *m, const struct err *err);
/* What the log says to do about a server that is away: once, until it was there again; else NULL.
 */
const char *report_hint(const struct member *m, struct trouble *trouble);
/* How far the task has come: to its position when nothing is left of what was read. */
int64_t task_applied_to(const struct task *task, size_t table);
/* At the end of each step. */
void report_step(struct member *m);

/* refuse.c */
/* The transaction that task->part was alone in is refused. */
void task_refused(struct member *m, struct task *task, const struct sink_event *event);
/* Halts the task; for what its work is about a single record, that is named. */
void task_halt_at_work(const struct member *m, struct task *task, const struct err *why);
/* task->part is to look for refused rows. */
void task_take_care(const struct member *m, struct task *task);
/* An op of task->part: entries of the rows it deletes or writes go. values: its table's columns, of
 * an UPSERT the outputs. */
void task_clear_refused(const struct member *m, struct task *task, const struct row_op *op,
                        const struct str *values);
/* All entries go: an initial load. */
void task_clear_all_refused(struct task *task);
/* The transaction in task->part is in: what stands in sync_refused now. */
void task_note_refused(struct member *m, struct task *task, const struct sink_event *event);
/* The transaction in task->part is in: what was tried again has passed. */
void task_conflict_over(struct task *task);

/* copy.c: whether the connector's first snapshot is still coming */
void copy_init(struct member *m);
void copy_clear(struct member *m);
void copy_note(struct member *m, const struct record *record, const struct change *change);
void copy_step(struct member *m);
/* The operator knows better (SIGHUP). */
void copy_forget(struct member *m);
void copy_add_reason(const struct member *m, struct health_report *report);

/* origin.c: what the watch on the source database found */
void origin_init(struct member *m);
void origin_clear(struct member *m);
/* Takes its news: says, counts, and halts the tasks where they must not go on. */
void origin_step(struct member *m);
/* Forgets them, and has it look again. */
void origin_resume(struct member *m);
/* Whether anything is found for which the member is not ready. */
bool origin_is_red(const struct member *m);
void origin_add_reasons(const struct member *m, struct health_report *report);

/* check.c: asserts, at the end of a step */
void task_check(const struct member *m, const struct task *task);
void session_check(const struct session *s);
void ghost_check(const struct member *m, const struct task *task);

/* settle.c */
size_t sink_step(struct session *s);

/* apply.c */
/* Does what the pending verdicts say. A pointer to a task does not outlive this. */
void apply_verdicts(struct member *m);

/* member.c */
void task_set_live(struct member *m, struct task *task);

#endif
