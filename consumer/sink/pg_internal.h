/* pg_internal.h: the parts of pg_sink.c's struct sink, for its own files.
 *
 * What:    a link (the connection and its state); a flight (the statements of one pipeline, matched
 *          to their answers by position); and a job (what was asked of the sink: one or more
 *          rounds, each a flight with a Sync).
 * Owns:    see the members.
 * Errors:  a connection that fails is dropped by sink_drop, which queues the event.
 * Limits:  at most FLIGHT_BYTES are handed to libpq before the socket has taken them.
 *
 * Private to sink/.
 */
#ifndef SINK_PG_INTERNAL_H
#define SINK_PG_INTERNAL_H

#include "base/arena.h"
#include "base/backoff.h"
#include "sink/array.h"
#include "sink/outcome.h"
#include "sink/pg_sink.h"

#include <libpq-fe.h>

#define FLIGHT_BYTES ((size_t)1024 * 1024)
#define EVENTS_MAX   4
#define ANSWER_MS    (120 * (int64_t)1000) /* for a whole job, unless the server is working on it */
/* statement_timeout, so that a batch can't hang. It is doubled for a statement that needs longer,
 * which would otherwise time out for ever. */
#define STATEMENT_LIMIT_S     30
#define STATEMENT_LIMIT_TEXT  TEXT_OF(STATEMENT_LIMIT_S) "s"
#define TEXT_OF(number)       TEXT_OF_TOKEN(number)
#define TEXT_OF_TOKEN(token)  #token
#define STATEMENT_LIMIT_MAX_S 3600
#define SINK_MESSAGE_MAX      400
/* The slices of the largest batch, and the halves of one slice. */
#define BISECT_RANGES_MAX ((TXN_ROWS_MAX + SLICE_ROWS - 1) / SLICE_ROWS + BISECT_DEPTH_MAX)
#define BISECT_DEPTH_MAX  11
_Static_assert(SLICE_ROWS <= 1 << BISECT_DEPTH_MAX, "each halving of a slice adds one range");

struct step {
    enum step_kind kind;
    size_t table;  /* CHECK: the relation; DELETE: the occurrence */
    size_t target; /* of steps that are one's */
};

/* The first error among the answers; what follows it was not executed. */
struct failure {
    bool set;
    struct step step;
    char sqlstate[6];
    char message[SINK_MESSAGE_MAX];
    bool by_code;                        /* raised inside a function; code says which */
    char code[160];                      /* the first line of the error's context */
    char schema[IDENTIFIER_MAX + 1];     /* of the constraint */
    char constraint[IDENTIFIER_MAX + 1]; /* "": none is named */
    bool other_table;                    /* the fence: the sink table is not as it is registered */
};

struct flight {
    struct step *steps; /* sent, in order */
    size_t count, cap;
    size_t answered;
    bool open;    /* the job has more to send before the Sync */
    bool broken;  /* a send failed: the connection is lost */
    bool blocked; /* the socket's send buffer is full */
    bool paused;  /* open, but the job has nothing to send before the next poll */
    size_t queued_bytes;
    struct failure failure;
};

/* What was asked of the sink. */
struct job {
    const char *name;
    /* Sends one or more steps; closes the round with flight_sync. */
    void (*send)(struct sink *sink);
    /* A step's answer, if it is not an error. May be NULL. */
    void (*answer)(struct sink *sink, struct step step, PGresult *result);
    /* The Sync's answer: begins the next round, or ends the job by job_end or job_fail. */
    void (*synced)(struct sink *sink);
    /* Replaces the flight's driver while sink->load.copying. May be NULL. */
    void (*copy)(struct sink *sink);
};

enum link_state { LINK_DOWN, LINK_CONNECTING, LINK_PREPARING, LINK_UP };

/* The connection, and the session on it: pg_link.c, pg_options.c. */
struct link {
    char **keywords, **values;
    char password_file[4096]; /* "": none */
    PGconn *conn;
    enum link_state state;
    PostgresPollingStatusType polling; /* LINK_CONNECTING */
    struct backoff backoff;
    /* Of the last connection. */
    char database_id[128], database_name[200];
    int32_t backend_pid;   /* as the server reports it; 0: not known */
    char started[48];      /* when the server was started, as it reports it */
    int statement_limit_s; /* more than STATEMENT_LIMIT_S after a statement took too long */
    /* How often the plan's progress was converted before the first connection: who converted it
     * later is a younger member. */
    int64_t version;
    bool version_known;
};

/* The second connection, which asks what the first one's backend is doing: pg_probe.c. */
struct probe {
    PGconn *conn; /* NULL: no probe is under way */
    PostgresPollingStatusType polling;
    bool asked;
    int silent;    /* how often in a row the server was not working on our statement */
    int64_t at_ms; /* when to probe; during a probe: when to give it up */
};

/* Parameters of the next statement: binary, borrowed until it is sent. */
struct params {
    Oid *types;
    const char **values;
    int *lengths, *formats;
    size_t count, cap;
    size_t bytes;
};

/* What inspect_answer saw of the sink tables: pg_table.c. */
struct table_state {
    size_t registered_count;
    int64_t generation; /* the sum of theirs */
    bool unfit;         /* one can't be written to now: sink->why */
};

/* Whose progress a job locks, reads or appends. */
struct task_list {
    const int32_t *items;
    size_t count;
    struct sink_result *results; /* of an acquisition, or of NEWEST; in sink->results */
};

/* A fenced transaction: of commit_job, bisect_job and load_job. */
struct write {
    const struct txn *txn;
    int phase; /* pg_commit.c's: what send_head and send_tail are at */
    size_t target, table;
    enum delete_kind delete_kind;
    size_t part, dead_letter; /* the next dead letter, or cleared key */
    bool committed;           /* COMMIT's tag was literally COMMIT */
    bool stale;               /* a newest row is not what the transaction expects */
    struct row_counts counts[TARGETS_MAX];
};

enum copy_phase { COPY_BEGIN, COPY_ROWS, COPY_END };

/* What load_job has beside its write: pg_load.c. */
struct load {
    bool copying; /* COPY has the connection, in place of the flight */
    enum copy_phase phase;
    size_t target;         /* whose rows are sent */
    struct row_array rows; /* if COPY can't be used: those of the INSERT being sent */
};

/* What bisect_job has beside its write: pg_bisect.c. */
struct bisection {
    size_t target;                /* whose rows are tried */
    struct row_array pulled;      /* of a load: the rows pulled last */
    const struct row_array *rows; /* that are tried now */
    size_t *starts;               /* where each row begins: (row, column) */
    size_t start_cap;
    struct {
        size_t begin, end;
    } ranges[BISECT_RANGES_MAX]; /* of rows still to be tried, as a stack */
    size_t range_count;
    bool saved, failed;       /* there is a savepoint; the last try must go back to it */
    uint64_t deleted_before;  /* the last try */
    bool ended;               /* the load's source has no more */
    struct row_array *keys;   /* of the refused rows, by target */
    struct refusal *refusals; /* in results */
    size_t refusal_count, refusal_cap;
    size_t sent; /* refusals whose entries were sent */
};

/* acquire_job's: pg_acquire.c. */
struct acquire {
    const char *owner;
    int tries;               /* how often lock holders were terminated */
    bool dead_letters_ahead; /* dead letters at or after the offsets stand there */
    bool committed;          /* COMMIT's tag was literally COMMIT */
    /* The plan's progress has another layout. */
    struct str old_layout; /* ptr NULL: it has this plan's */
    target_set kept;       /* the targets that were there then */
    int64_t version, kept_letters;
    bool newer;             /* some target has this plan's, and had progress before */
    int conversions;        /* tried so far */
    struct task_list asked; /* while all tasks are locked */
};

/* check_job's. */
struct check {
    int table;
};

/* What sink_poll will return. */
struct events {
    struct sink_event items[EVENTS_MAX];
    size_t count;
    bool given; /* one was returned: what it points to stays valid until the next poll */
};

struct sink {
    const struct plan *plan; /* borrowed */
    struct arena memory;
    struct sink_identity identity; /* in memory */
    const struct log *log;         /* borrowed */
    struct clock clock;

    struct link link;
    struct probe probe;
    int64_t answer_check_ms;
    int64_t deadline_ms; /* DOWN: next try; CONNECTING, or a job: give up; -1: none */

    /* The statements in flight, and the one being built. */
    struct flight flight;
    struct params params;
    struct buf *columns;
    size_t column_cap;
    struct buf scratch;
    struct slicer slicer;

    /* The job under way, and what its kind needs. */
    const struct job *job; /* NULL: none */
    int round;
    struct err why; /* why the job can't go on (a load's source failed, or what is stored does not
                       match); kind ERR_NONE: it can */
    struct table_state table;
    struct task_list tasks;
    struct write write;
    struct load load;
    struct bisection bisection;
    struct acquire acquire;
    struct check check;

    /* How it ended. */
    struct sink_event outcome; /* held back until its ROLLBACK is answered */
    struct failure explained;  /* the failure that outcome was made of */
    struct arena results;
    struct events events;
};

/* pg_sink.c: the target of a step that is one's. */
const struct target *step_target(const struct sink *sink, struct step step);
/* Its number by its name. -1: none has it. */
int target_number(const struct plan *plan, struct str name);
/* The prepared statement for a target. */
#define NAME_MAX_BYTES 48
const char *target_statement(const char *name, size_t target, char out[NAME_MAX_BYTES]);

/* pg_ddl.c */
/* Connects, blocking. *ret_conn is the caller's to finish, also on failure. */
MUST_CHECK enum err_kind ddl_connect(const struct pg_sink_options *options, PGconn **ret_conn,
                                     struct err *reterr);

/* pg_options.c */
/* For the next connection: reads the password file again. */
void link_read_password(struct sink *sink);
char **link_keywords(const struct pg_sink_options *options, char ***ret_values);
void link_keywords_free(char ***keywords, char ***values);
/* sink's keywords and values, then those that lead to the very server conn is connected to. */
char **link_keywords_to(const struct sink *sink, const PGconn *conn, char ***ret_values);
/* pg_link.c */
/* False: the server of this new connection is too old, or its database can't hold all values. */
bool link_fits(PGconn *conn, struct err *ret_err);
/* False: it is too old for the plan. */
bool link_fits_plan(const PGconn *conn, const struct plan *plan, struct err *ret_err);
void link_drive(struct sink *sink);
/* What libpq says about a connection that was lost or could not be made. ERR_HALT: the operator
 * must act. Connections have PQERRORS_VERBOSE: otherwise libpq does not tell the SQLSTATE of a
 * failed login. */
void link_describe(PGconn *conn, struct err *ret_err);
/* Closes the connection, tries again later, and queues LOST with err; a job's own outcome goes
 * first. */
void sink_drop(struct sink *sink, const struct err *err);
/* The same, but queues HALT if err says that the operator must act before it can work. */
void sink_drop_connect(struct sink *sink, const struct err *err);
/* The same as sink_drop, with libpq's message. */
void sink_drop_conn(struct sink *sink);
void sink_event_push(struct sink *sink, const struct sink_event *event);

/* pg_probe.c */
/* The server answered, or a job begins: no probe is needed for a while. */
void probe_heard(struct sink *sink);
/* During a job: probes the server if it has not answered for a while, and drops the connection if
 * the server is not working on the job. */
void probe_drive(struct sink *sink);
/* When to wake up: at deadline_ms (-1: none), or earlier for the probe. */
int64_t probe_wait_until(const struct sink *sink, int64_t deadline_ms);

/* pg_flight.c */
void flight_begin(struct sink *sink);
void params_clear(struct params *params);
void params_begin(struct sink *sink);
void params_add(struct sink *sink, Oid type, struct str bytes);
/* text[] of every column that slicer_next filled. */
void params_add_columns(struct sink *sink, size_t column_count);
void flight_prepare(struct sink *sink, size_t table, const char *name, const char *sql);
void flight_query(struct sink *sink, struct step step, const char *sql);
void flight_prepared(struct sink *sink, struct step step, const char *name);
void flight_sync(struct sink *sink);
void flight_drive(struct sink *sink);
void flight_fail(struct sink *sink, struct step step, const PGresult *result);
/* Binary value of a result, ptr NULL for NULL. */
struct str result_value(const PGresult *result, int row, int column);

/* pg_bisect.c */
/* Adds a key of refused rows to two columns of sync_refused: view, row_key. */
void refused_key_add(const struct sink *sink, struct str row_key, struct buf *views,
                     struct buf *row_keys);
void bisect_begin(struct sink *sink);
void bisect_clear(struct sink *sink);
/* pg_load.c: the next row of the load's source. */
enum load_next {
    LOAD_ROW,
    LOAD_PAUSE, /* none before the next poll */
    LOAD_END,   /* or sink->why is set */
};
/* As many as go together, into rows; what came after the last one, LOAD_ROW: they are as many. */
enum load_next load_pull_rows(struct sink *sink, struct row_array *rows);

/* pg_job.c */
void job_begin(struct sink *sink, const struct job *job, bool deadline);
/* Ends the job with event; rolls back first if a transaction is open. */
void job_end(struct sink *sink, const struct sink_event *event);
/* What the flight's failure means. */
struct sink_event job_failure(struct sink *sink);
/* Ends the job with it. */
void job_fail(struct sink *sink);
/* An event with its err filled. */
struct sink_event job_event(enum sink_event_kind kind, const char *sqlstate, const char *message);
void job_synced(struct sink *sink);
bool job_is_rollback(const struct sink *sink);

/* Statements used by several jobs. */
/* $1 the view, $2 sink->tasks. */
void params_begin_tasks(struct sink *sink);
/* text[] of the targets' names, in the given buffer, as the next parameter. */
void params_add_targets(struct sink *sink, struct buf *names);
void send_lock(struct sink *sink);
void send_newest(struct sink *sink);
void send_terminate(struct sink *sink);
/* pg_results.c: the result for each of sink->tasks. */
void results_begin(struct sink *sink);
/* NULL: not one of them. */
struct sink_result *result_of(struct sink *sink, int32_t task);
/* Reads task, seq, offsets, owner, anchors, generation. False: no progress row of this view. */
bool read_progress(const struct plan *plan, const PGresult *result, int row,
                   struct progress *ret_progress);
/* Reads such rows into the results. stored: the rows are from before this job, so that they may
 * belong to an earlier generation of the table. */
void results_progress(struct sink *sink, const PGresult *result, bool stored);
/* Ends the job with the results, or with sink->why if that is set. */
void results_end(struct sink *sink, enum sink_event_kind kind);
/* pg_fence.c: the rounds that follow a lock timeout, for commit and load. */
bool contention_needed(const struct sink *sink);
void contention_begin(struct sink *sink);
void contention_send(struct sink *sink);
void contention_answer(struct sink *sink, struct step step, const PGresult *result);
void contention_synced(struct sink *sink);
bool contention_is_on(const struct sink *sink);
/* True: the transaction's next statement must not be sent, and something else was: a round of the
 * above, or, after a failure, the Sync. */
bool sent_instead(struct sink *sink);
void log_terminated(struct sink *sink, const PGresult *result);
/* BEGIN, lock, fence of all txn's tasks. */
void send_begin(struct sink *sink);
void send_commit(struct sink *sink);
/* pg_identity.c: stores the view's text if none is stored yet; compares what is stored with what
 * this member has, into sink->why. */
void send_definition(struct sink *sink, size_t target);
void identity_answer(struct sink *sink, struct step step, const PGresult *result);
/* The layout of the plan's progress: text, as messages show it, and text[]. */
void layout_text(const struct plan *plan, struct buf *out);
void layout_array(const struct plan *plan, struct buf *out);
/* The table is another plan's. */
void err_belongs_elsewhere(const struct plan *plan, const struct target *target, struct str of,
                           struct err *ret_err);
/* Dead letters stand in the way of other targets. */
void err_letters_first(const struct plan *plan, int64_t count, struct err *ret_err);
void setting_differs(struct sink *sink, const struct target *target, const char *what,
                     struct str stored, struct str found);
/* pg_convert.c: acquisition by a plan that has other targets than the progress. */
bool convert_is_due(const struct sink *sink);
/* May this member change it? Else sink->why says what to do. */
void convert_check(struct sink *sink);
void convert_send(struct sink *sink);
/* The tasks that were asked for are those of the job again. */
void convert_end(struct sink *sink);
/* pg_commit.c: the next of BEGIN, fence, deletes and checks; false: there are no more. */
bool send_head(struct sink *sink);
/* The prepared statement that deletes rows of a core occurrence, and how many columns it takes. */
const char *delete_name(size_t target, size_t occurrence, enum delete_kind kind,
                        char out[NAME_MAX_BYTES]);
size_t delete_columns(const struct sink *sink, const struct target *target, size_t occurrence,
                      enum delete_kind kind);
/* Whether sync_filter goes before sync_upsert: the view has a WHERE. */
bool filters(const struct target *target);
/* The next statement that deletes cleared entries or writes dead letters; false when there are no
 * more. */
bool send_tail(struct sink *sink);
/* pg_job.c: asks the catalog what to add to the error message of a REFUSED with BLAME_OTHERS. */
void job_explain_send(struct sink *sink);
void job_explain_answer(struct sink *sink, const PGresult *result);
/* pg_table.c: is the sink table the one that the progress belongs to? */
/* Writes text, with the target's and the plan's names put in (statements.h), NUL-terminated, to
 * out.
 */
void table_sql(PGconn *conn, const struct plan *plan, const struct target *target, const char *text,
               struct buf *out);
/* The statements that are about all targets. */
void lock_sql(PGconn *conn, const struct plan *plan, struct buf *out);
void fence_sql(PGconn *conn, const struct plan *plan, struct buf *out);
/* The columns of the sink's key as PostgreSQL's array text, NUL-terminated; `{}` where that is the
 * primary key. */
void target_key_names(const struct target *target, struct buf *out);
/* Reads SQL_INSPECT's answer. False: the table can't be written to; err says what to do. */
bool table_verdict(const struct target *target, struct str word, struct str kind,
                   struct err *ret_err);
/* Registers each table as it is, where that is right, and inspects it. */
void send_inspect(struct sink *sink);
void inspect_answer(struct sink *sink, struct step step, const PGresult *result);
/* progress is of another generation of the table than the one inspect_answer saw. */
bool table_is_other(const struct sink *sink, const struct progress *progress);
/* What precedes COMMIT: marks, and a trim if one of the tasks is at its hundredth batch. */
void send_end(struct sink *sink);
/* All answers were successes: committed, if COMMIT's tag says so. */
void write_end(struct sink *sink);
/* An answer was an error. After a statement timeout, doubles the limit. */
void write_fail(struct sink *sink);
void write_answer(struct sink *sink, struct step step, PGresult *result);

extern const struct job setup_job, commit_job, bisect_job, load_job, acquire_job, newest_job,
    check_job;

#endif
