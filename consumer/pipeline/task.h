/* task.h: one task: partition p of every core topic and all of every lookup topic, its state, its
 * work.
 *
 * What:    the pieces of a task and its ways through them:
 *              WAITING → OPENING → LIVE            cache and sink stand at the same offsets
 *                → CATCH_UP → LIVE                 the cache is behind: replayed into the cache
 *                → BOOTSTRAP_SCAN → BACKFILL → LIVE
 *                                                  no cache: read to the end, then written
 *          HALTED from anywhere; back to WAITING whenever somebody else may have written (fenced,
 *          sink gone back in time).
 * Owns:    all it points to but its session.
 * Units:   offsets are next-to-read.
 * Errors:  see each function.
 */
#ifndef PIPELINE_TASK_H
#define PIPELINE_TASK_H

#include "base/backoff.h"
#include "base/metrics.h"
#include "base/safeguard.h"
#include "pipeline/batch.h"
#include "pipeline/freshness.h"
#include "pipeline/refused_set.h"
#include "pipeline/row_writer.h"
#include "pipeline/verdict.h"
#include "sink/sink.h"
#include "state/state.h"

enum task_phase {
    TASK_WAITING,  /* assigned; the sink must give it to us first */
    TASK_OPENING,  /* acquired; its cache is being opened, its indexes mended if need be */
    TASK_CATCH_UP, /* replays the log between the cache's offsets and the sink's, writes nothing */
    TASK_BOOTSTRAP_SCAN, /* reads all topics to their end into an empty cache */
    TASK_BACKFILL,       /* indexes what that found, and writes it: the initial load, or a rebuild's
                            net effect */
    TASK_LIVE,
    TASK_HALTED, /* reads and writes nothing until SIGHUP or a restart */
};

enum work_kind {
    WORK_NONE,
    WORK_BATCH,       /* records of task->current */
    WORK_DEAD_LETTER, /* the one record of task->current that bisection found */
    WORK_REBUILD,     /* the rows that BOOTSTRAP_SCAN changed at or after the sink's offsets */
    WORK_LOAD,        /* the initial load, by COPY */
    WORK_FILL,        /* all rows of one target that lacks them; moves no offsets */
};

/* A rebuild's deletes go with its other rows; or in transactions of their own before all else,
 * where they may be what another task waits for, and then along with the others once more. */
enum deletes { DELETES_ALONG, DELETES_AHEAD, DELETES_WENT };

/* The work's transaction, in task->part. */
enum txn_state {
    TXN_NONE,  /* the next one is still to be built */
    TXN_BUILT, /* goes next; or did, and nothing was written: it goes again, unchanged */
    TXN_SENT,  /* goes now, or went: its outcome is not known, until the newest row tells at last */
};

/* What the join gives for the work. */
enum ops {
    OPS_NEXT, /* the next op is to be asked for */
    OPS_HELD, /* work->op came from it, and is in no transaction yet */
    OPS_DONE, /* there are no more */
};

/* What is being written for a task: one or more transactions, the last of which moves the offsets.
 */
struct work {
    enum work_kind kind;
    struct arena arena;
    int64_t offsets_after[RELATIONS_MAX];
    struct log_anchor anchors_after[RELATIONS_MAX];
    size_t record_count; /* of task->current: BATCH, DEAD_LETTER */
    struct changed_row *changed;
    size_t changed_count;
    struct dead_letter *dead_letters; /* go with the last transaction */
    size_t dead_letter_count;
    size_t chunk_count; /* transactions built so far */
    bool begun;         /* TXN_NONE: one is, and goes on after others had their turn */
    enum ops ops;
    struct row_op op; /* OPS_HELD */
    enum txn_state txn;
    enum deletes deletes;
    /* REBUILD: how far the changed rows are done */
    int rebuild_table;
    struct str rebuild_key;
    bool rebuild_done;
    size_t fill_target; /* FILL */
    /* for the log */
    uint64_t filled_count;              /* FILL: rows that are in */
    size_t waiting_count;               /* rows without a partner */
    int64_t oldest_ts_us, newest_ts_us; /* commit times of its records; 0: unknown */
};

/* A row that PostgreSQL refuses by its own values, found while loading or rebuilding. */
struct refused_row {
    int table;
    struct str key, value; /* the refused version */
    struct str dead_letter_key,
        dead_letter_value; /* the record as read again; ptr NULL until then */
    int64_t offset;        /* -1: the record is not, or no longer, the row's last */
};

/* What was seen of a task's partitions since they were last read from somewhere else, for metrics.
 */
struct seen {
    int64_t newest_ts_us[RELATIONS_MAX]; /* the latest commit time; 0: none */
    bool streamed[RELATIONS_MAX];        /* a record that no snapshot read */
};

/* Dead letters by (table, offset), ascending. */
struct dead_letter_list {
    struct known_dead_letter *items;
    size_t count, cap;
};

struct session;

struct task {
    int32_t number;
    struct session *session; /* writes through it; borrowed */
    enum task_phase phase;
    struct verdict verdict; /* pending: what member_step does next; until then it is left alone */
    struct freshness freshness;
    struct progress progress;    /* the newest row in the sink, as we wrote or read it */
    struct state *state;         /* from OPENING on */
    struct state_meta opened;    /* OPENING: what it stands at, while its indexes are built */
    enum cache_discard distrust; /* discard it when it is opened next, for this reason */
    int64_t opening_since_ms;
    int64_t retry_at_ms; /* nothing is tried before; 0: at once */
    struct backoff retry;
    bool initial;       /* no progress beyond acquisition */
    target_set to_fill; /* targets that lack the task's rows */
    /* Not before it has come so far: a cache that is ahead of the sink is behind it in nothing
     * then.
     */
    int64_t fill_after[RELATIONS_MAX];
    int64_t position[RELATIONS_MAX]; /* next to take from the log */
    /* Where the log ended when records were found compacted away that we had not read. */
    int64_t gap_end[RELATIONS_MAX];
    bool at_end[RELATIONS_MAX];            /* BOOTSTRAP_SCAN: the end was reached */
    struct log_anchor read[RELATIONS_MAX]; /* BOOTSTRAP_SCAN: the last record */
    /* The record by which the log is to be known again before anything of it is written. */
    struct log_anchor anchors_to_check[RELATIONS_MAX];
    bool first_seen[RELATIONS_MAX]; /* a record was taken since the task was opened */
    bool positioned;                /* position[] is right: may be assigned */
    bool assigned;                  /* is being read */
    bool paused[RELATIONS_MAX];     /* by table, of a filtered one its lookup: not read for now */
    /* Of a lookup topic, by the lookup: records went by that it had no room for. They are read
     * again, from position on, when it has. */
    bool cut[RELATIONS_MAX];
    size_t taken_bytes;    /* of records held since the members' bound was reached last */
    bool busy;             /* ... of which so much were this task's that it is paused */
    bool unpaired_checked; /* rows without partner were checked before a load */
    struct batch current, next;
    bool hurries;             /* patience.c: what waits needs a transaction now */
    int64_t patient_since_ms; /* 0: nothing waits, or it is being written */
    struct work work;
    struct join *join;
    struct txn_part part;
    struct arena dead_letters_arena;
    struct dead_letter_list dead_letters; /* dead letters that stand in the sink */
    struct dead_letter_list decided; /* ... and the operator's decisions: records to be put aside */
    /* Bisecting a refused batch. */
    size_t record_limit;   /* at most so many records a batch; 0: no limit */
    bool solo;             /* alone in its transaction */
    bool dead_letter_next; /* the next record alone was refused: it becomes a dead letter */
    /* Rows that the sink table refuses by their own values: those that stand in sync_refused. */
    struct refused_set refused_rows;
    /* Dead letters and refused rows that somebody removed from the tables, as of the last look. */
    size_t dead_letters_gone, refused_gone;
    bool savepoints; /* its transactions look for more of them */
    /* What depends on other rows, or on a trigger, was refused and is tried again. */
    int64_t conflict_since_ms; /* 0: nothing */
    /* Of the batch that was refused first, so many records have not passed yet, since when. */
    size_t conflict_left;
    int64_t conflict_batch_ms;
    struct err conflict;
    struct backoff conflicts;
    /* Refused rows of a load or rebuild. */
    struct arena refused_arena;
    struct refused_row *refused;
    size_t refused_count, refused_cap;
    bool bisecting; /* looking for them with check jobs */
    bool bisected;  /* ... has found none */
    struct err refusal;
    /* Records that BOOTSTRAP_SCAN could not decode: they go with the last transaction of BACKFILL.
     */
    struct arena found_arena; /* theirs, and BACKFILL's array of dead letters */
    struct dead_letter *found;
    size_t found_count, found_cap, found_bytes;
    struct err halt; /* HALTED: why */
    struct seen seen;
    bool late_snapshot_said;
    int64_t cache_clean_ms; /* when the cache was committed last, monotonic */
    int64_t changed_ms;     /* when the state was changed last, monotonic */
};

struct task *task_new(const struct plan *plan, int32_t number, struct session *session);
/* Gives records back, closes the state without committing. */
void task_destroy(struct task **task, const struct consume_ops *ops, struct consume *consume);
/* Drops all that was read or begun and goes back to WAITING. */
void task_forget(struct task *task, const struct consume_ops *ops, struct consume *consume);
/* Drops the dead letters that BOOTSTRAP_SCAN found. */
void task_forget_found(struct task *task);
const char *task_phase_name(enum task_phase phase);

/* How the join reads the task's state. */
struct row_reader task_reader(struct task *task);

static inline struct log_anchor record_anchor(const struct record *record) {
    return (struct log_anchor){record->offset, record->timestamp_ms > 0 ? record->timestamp_ms : 0};
}

#define ANCHOR_ANY (-1) /* an anchor's timestamp_ms if it can't be read: any record, or the end */

/* The partition of a table's topic that is the task's: a lookup topic has one, for all tasks. */
static inline int32_t task_partition(const struct plan *plan, const struct task *task,
                                     size_t table) {
    return relation_is_whole(&plan->relations[table]) ? 0 : task->number;
}

struct member_options;
/* Offset behind the last record of the task's partition of a table's topic; -1: not known. */
int64_t task_log_end(const struct member_options *o, const struct task *task, size_t table);

/* Every topic's log is known to be the one that was applied. */
bool task_is_proven(const struct task *task, size_t table_count);
/* Where reading begins: at the record that proves the log to be the one that was applied, if that
 * comes before what is to be taken next. */
int64_t task_read_from(const struct task *task, int table);

/* What it reads waits for a transaction, rather than go into the state at once. */
static inline bool task_holds_records(const struct task *task) {
    return task->phase == TASK_LIVE || task->phase == TASK_CATCH_UP || task->phase == TASK_BACKFILL;
}
/* It is to be left alone until its verdict is applied. */
static inline bool task_awaits_verdict(const struct task *task) {
    return verdict_stands(&task->verdict) &&
           SAFEGUARD("a task that awaits its verdict is left alone");
}
/* What comes from Kafka for its partitions is for this task (it may be NULL). */
static inline bool task_reads(const struct task *task) {
    return task && task->assigned && !task_awaits_verdict(task);
}

/* How far the task has come: to its position when nothing is left of what was read. */
int64_t task_applied_to(const struct task *task, size_t table);
/* Records wait that no work covers yet. */
bool task_has_records(const struct task *task);
/* The record that comes next is where the task must halt: its error, else NULL. */
const struct err *task_next_halt(const struct task *task);

#endif
