/* sim_sink_impl.h: jobs of the simulated sink, shared by sim_sink.c and sim_execute.c. */
#ifndef SIM_SINK_IMPL_H
#define SIM_SINK_IMPL_H

#include "world.h"

enum sim_job { SIM_COMMIT, SIM_ACQUIRE, SIM_NEWEST, SIM_CHECK_JOB };
enum sim_op_kind { SIM_DELETE, SIM_DELETE_NULL, SIM_DELETE_MATCHED, SIM_CHECK, SIM_UPSERT };

struct sim_op {
    enum sim_op_kind kind;
    int table;                            /* CHECK */
    int target, occurrence;               /* DELETE...; UPSERT: the target */
    cells_t key, mask;                    /* DELETE...: of the sink rows' keys; UPSERT: the key */
    int versions[SCHEMA_OCCURRENCES_MAX]; /* CHECK: one, of its table */
    bool refused;                         /* UPSERT: left out */
};

struct sim_part {
    int32_t task;
    struct progress before, after;
    struct sim_op *ops;
    size_t op_count;
    struct sim_key {
        int target;
        cells_t key;
    } * cleared; /* entries of sync_refused that go */
    size_t cleared_count;
    bool savepoints;
    size_t refused_max;
    unsigned filled; /* 1 << target */
    struct stored_dead_letter *dead_letters;
    size_t dead_letter_count;
};

struct job {
    struct job *next;
    enum sim_job kind;
    int member, session;
    const struct schema_view *view; /* the sender's */
    int64_t began;                  /* ... and node_began */
    int64_t born;                   /* the member's */
    struct sink *sink;              /* NULL: the sender is gone, or has another connection */
    /* The sender's, lent until its event: read when the job is executed, or when its connection is
     * cut. Both NULL: read. */
    const struct txn *txn;         /* COMMIT */
    const struct row_array *check; /* CHECK_JOB */
    int check_table;
    uint64_t check_sum; /* of its bytes as they were sent */
    struct sim_part parts[PARTITIONS_MAX];
    size_t part_count;
    const struct load_source *load; /* of txn, which stays lent; NULL: all its rows were read */
    bool loads, load_failed;
    int load_target; /* whose rows come next */
    size_t load_cap; /* of the first part's ops */
    int32_t tasks[PARTITIONS_MAX];
    size_t task_count;
    char owner[OWNER_LEN + 1];
};

struct sink {
    struct world *world;
    int member, session;
    const struct schema_view *view;
    bool connected, lost_due, event_due;
    struct job *job; /* in flight */
    struct sink_event event;
    struct sink_result *results;
    struct known_dead_letter *dead_letters;
    struct stored_dead_letter
        *dead_letter_bytes; /* what dead letters point to: as they were when it answered */
    /* Rows that were refused, or stand refused, as its last answer said. */
    struct refusal *refusals;
    size_t refusal_cap;
    struct str *entries;
    struct arena keys;
};

/* DELETE...: the row of the op's target goes. */
bool sim_sink_deletes(const struct schema_target *target, const struct sim_op *op, cells_t key);
/* sync_refused.row_key of a sink row; lives until the sink's next answer. */
struct str sim_sink_key(struct sink *sink, int target, cells_t key);
/* sim_read.c */
/* Copies what the sender has lent, while it lends it. False: some time it has more. */
bool sim_sink_read(struct world *world, struct job *job);
/* Of its bytes. */
uint64_t sim_sink_sum(const struct row_array *rows);
/* sim_acquire.c */
void sim_sink_answer_tasks(struct world *world, struct job *job, struct sink_event *event);
/* sim_fill.c */
/* Tables that nobody has registered were lost: those that are there begin a new generation. event
 * says why not. */
bool sim_sink_register_tables(struct world *world, struct sink_event *event);
/* The progress is of another plan, and becomes one of the job's; event says why not. */
bool sim_sink_convert(struct world *world, const struct job *job, struct sink_event *event);
void sim_sink_mark(struct world *world, const struct sim_part *part);
/* sim_content.c */
/* The row is there no more; it is gone unless it stands in sync_refused. */
void sim_sink_drop_row(struct world *world, struct sink_row *row);
/* Remembers the content before a commit: a restore goes back to one of these. */
void sim_sink_remember(struct world *world);
void sim_sink_answer(struct world *world, struct job *job, struct sink_event *event);
/* sim_letters.c */
/* A part's, as it is committed. */
void sim_sink_apply_dead_letters(struct world *world, const struct sim_part *part);
/* Of result's task, by (table, offset), from the first count of sink->dead_letter_bytes. */
void sim_sink_fill_dead_letters(const struct sink *sink, size_t count, struct sink_result *result);
/* Dead letters at or after the task's offsets are of works that never ended. */
void sim_sink_sweep_dead_letters(struct world *world, int32_t task);
/* sim_constraints.c */
/* An own check refuses a value of the job's. */
bool sim_check_refuses(const struct world *world, const struct job *job);
/* false: event says why the transaction is refused. Marks the rows that a part with savepoints
 * leaves out.
 */
bool sim_constraints_pass(struct world *world, struct job *job, struct sink_event *event);
void sim_sink_terminate_holders(struct world *world, const struct job *waiter);

#endif
