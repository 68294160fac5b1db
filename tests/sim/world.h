/* world.h: everything around the real pipeline, simulated: source, connector, log, group, sink,
 * clock.
 *
 * What:    one 64-bit seed is one run; no I/O, no real time, no threads.
 * Owns:    a struct world owns all it points to, until world_clear.
 * Threads: belongs to one thread.
 * Units:   virtual time in microseconds; one step is some tens of milliseconds.
 * Errors:  world_fail notes the first broken promise; the run ends there.
 * Limits:  the constants below.
 *
 * Which tables there are, a schema says (schema.h). The values of their rows are version numbers,
 * each of its own, "v17", or "bad17" for one that the sink refuses. What a row refers to goes with
 * its version: world_references.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "base/arena.h"
#include "memory_kv.h"
#include "pipeline/member.h"
#include "schema_view.h"

#define PARTITIONS_MAX 7
#define MEMBERS_MAX    4
#define SESSIONS_MAX   3
#define HOSTS_MAX      2
#define SNAPSHOTS_MAX  24
#define EDITIONS_MAX   8

/* What a family of runs is like; ranges are inclusive. */
struct world;
struct knobs {
    const char *name;
    /* Draws all that follows; NULL: it is as it stands. */
    void (*draw)(struct knobs *knobs, struct rng *rng);
    /* Which tables. */
    void (*schema)(struct schema *schema, struct rng *rng, const struct schema_knobs *knobs);
    const char *shape;   /* for schema_shape */
    const char *profile; /* of a view's family: NULL: any */
    struct range partitions, members, joins, rows, steps, batch_rows, poll_records;
    struct range lag_steps;    /* min.compaction.lag, in steps */
    struct range dead_letters; /* dead.letter.max */
    struct range refused;      /* refused.row.max */
    /* What happens, NULL: whatever play_at_random does. */
    void (*play)(struct world *world);
    /* How often, against each other. */
    double crash, duplicate, compact, cache_loss, cache_fault, restore, rebalance, zombie, lost;
    double table_loss; /* the sink table is emptied or made anew; its progress stays */
    double editions;   /* views are added to the plan, or removed: see editions.c */
    double halts;      /* tasks halt, are resumed; members are told to stop */
    double bad;        /* share of values that the sink refuses */
    double flawed;     /* ... of these: of records that can't be decoded */
    int checked;  /* a CHECK of the user's refuses one row of so many, by its values; 0: none */
    bool unique;  /* the sink takes what a key has beside the join key once only: schema.h */
    bool decides; /* some of these halt; the operator decides to put them aside */
    bool inserts_only; /* no deletes, no moves: no valid row may ever be removed */
    bool stray;        /* rows that the state does not know stand in the sink */
    bool split;        /* assignments may be split between topics for a while */
    bool misroute; /* the connector may send a record to a wrong partition: its task must halt */
};

/* What is wrong with a record. */
enum flaw {
    FLAW_NONE,
    FLAW_REFUSED, /* decoded, but the sink refuses its value */
    FLAW_NUL,     /* a text that PostgreSQL can't hold */
    FLAW_CUT,     /* its value is no JSON */
    FLAW_KEY,     /* its key is larger than keys can be: it names no row */
    FLAW_COLUMN,  /* it lacks a column: its task halts, until the operator decides */
};

struct entry {
    cells_t cells;  /* FLAW_KEY: of no row, and like no other */
    bool names_row; /* its key is that of a row in some state */
    int version;    /* 0: deleted; negative: flawed */
    enum flaw flaw;
    int64_t ts_ms;
    bool kept; /* not compacted away */
    struct str key, value;
};

struct topic_log {
    struct entry *entries;
    int64_t start, count, cap;
};

struct event { /* a change in the source that the connector sends */
    int table;
    cells_t cells;
    int version;
    char op;
    int64_t ts_us; /* when it was committed in the source */
};

struct source_row {
    cells_t cells;
    int version;
};

struct source_table {
    struct source_row rows[SCHEMA_ROWS_MAX];
    int count;
};

struct sink_row {
    int target;                           /* of whose table it is */
    cells_t key;                          /* 0: NULL, of a core table that is joined LEFT */
    int versions[SCHEMA_OCCURRENCES_MAX]; /* 0: no row is shown; or SCHEMA_HIDDEN */
    bool there;
    bool refused;      /* has an entry in sync_refused */
    int64_t statement; /* that wrote it last */
};

struct stored_dead_letter {
    int32_t task;
    int table;
    int64_t offset;
    struct str row_key, kept; /* ptr NULL: none */
    struct str key, value;    /* the record */
    bool has_checksum, pending;
    uint32_t checksum;
    bool planted; /* what it keeps is wrong: right is `right` */
    int right;
};

/* The OLAP database. */
struct sink_content {
    struct sink_row *rows; /* there or refused */
    size_t row_count, row_cap;
    struct progress progress[PARTITIONS_MAX];
    bool had_offsets[PARTITIONS_MAX]; /* sync_progress has a row of the task with offsets */
    /* By table: where the task's logs ended when it was acquired by its owner. */
    int64_t ends[PARTITIONS_MAX][SCHEMA_TABLES_MAX];
    struct stored_dead_letter *dead_letters;
    size_t dead_letter_count;
    /* Of each target: which table it is, which is registered, and how often it was made anew. */
    struct sink_table {
        int table, registered;
        int64_t generation;
        bool unkept; /* its rows may be too many, or lack some: it counts again when it is empty */
        /* By task: all its rows are there, in the table of this generation; 0: they may not be. */
        int64_t filled[PARTITIONS_MAX];
    } tables[SCHEMA_TARGETS_MAX];
    int64_t generation; /* of the tables together */
    /* Whose plan the progress is of, and how often it was converted to another one's. */
    const struct schema_view *plan;
    int64_t conversions;
};

struct version_at { /* version stood at this row of a table once */
    int table;
    cells_t cells;
    int version;
};

struct state; /* state/state.h */
struct node;  /* a member process: sim_node.c */
struct job;   /* something sent to the sink and not executed yet: sim_sink.c */

struct world {
    struct rng rng;
    struct knobs knobs;
    struct schema schema;
    struct schema_view plan; /* of all targets */
    /* What members were started with, one after the other; the last is what the operator wants. */
    struct schema_view *editions[EDITIONS_MAX];
    int edition_count;
    int32_t partitions;
    int members;
    size_t batch_rows;
    int poll_records, dead_letters_max, refused_max;
    int64_t conflict_ms;
    int64_t lag_ms, now_us, steps;
    bool parted_commits; /* of caches */
    bool faults, trace;
    /* Liveness (live.c): these have no more faults, others have. */
    bool healed, core_members[MEMBERS_MAX], core_tasks[PARTITIONS_MAX];
    bool mended;        /* the sink refuses nothing any more */
    cells_t trigger;    /* a trigger objects to rows of this join key; 0: there is none */
    int trigger_target; /* ... in this target's table */
    bool trigger_halts; /* ... with an error that halts at once */
    /* source */
    struct source_table source[SCHEMA_TABLES_MAX];
    int version;
    cells_t *references; /* by version */
    int64_t reference_cap;
    struct event *events;
    int64_t event_count, event_cap, sent_count;
    int64_t repeats_from; /* events before it were sent for good */
    struct version_at *history;
    size_t history_count, history_cap;
    /* log: of lookups one partition, 0 */
    struct topic_log log[SCHEMA_TABLES_MAX][PARTITIONS_MAX];
    struct arena texts; /* of records, as long as the run */
    /* group: who should have each task */
    int assignment[PARTITIONS_MAX];
    struct node *nodes[MEMBERS_MAX];
    struct memory_disk *disks[HOSTS_MAX];
    unsigned cache_users[HOSTS_MAX]
                        [PARTITIONS_MAX]; /* a bit for each member that may have opened it */
    /* sink */
    struct sink_content sink, snapshots[SNAPSHOTS_MAX];
    int snapshot_count;
    /* Of each task, by table: the furthest that any transaction of it aimed at, in any life of the
     * sink. */
    int64_t aims[PARTITIONS_MAX][SCHEMA_TABLES_MAX];
    bool rewritten;   /* logs are not what they were: what the sink shows can't be judged by them */
    struct job *jobs; /* list */
    int table_count;  /* tables that there were */
    /* By task: who acquired it last, whatever the sink says. */
    struct acquired {
        int64_t born;
        char owner[OWNER_LEN + 1];
    } acquired[PARTITIONS_MAX];
    int64_t born_count; /* members that were started */
    int64_t job_count;  /* executed so far, but for looks */
    int64_t statement_count;
    bool stray_now;
    int misrouted_task; /* -1: none; the record at misrouted_offset of its log */
    int misrouted_table;
    int64_t misrouted_offset;
    char failure[512]; /* "": none */
};

void world_init(struct world *world, uint64_t seed, const struct knobs *knobs, bool trace);
void world_clear(struct world *world);
/* Plays the run to its end and checks every promise. false: world->failure says what broke. */
bool world_run(struct world *world);
void world_fail(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
void world_trace_line(const struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A line of the history, where one is wanted: nothing is put into words otherwise. */
#define world_trace(world, ...)                                                                    \
    do {                                                                                           \
        if ((world)->trace) {                                                                      \
            world_trace_line(world, __VA_ARGS__);                                                  \
        }                                                                                          \
    } while (false)
int world_pick(struct world *world, struct range range);
int world_some_target(struct world *world);
/* families.c */
extern const struct knobs families[];
extern const size_t family_count;
/* "core", "star", or "star:mix": under one profile. false: there is no such family. */
bool family_find(const char *name, struct knobs *ret_knobs);
/* Anything beside anything that goes together, each as frequent as luck has it. */
void knobs_draw(struct knobs *knobs, struct rng *rng);
/* schema_check.c: schemas against view_load: returns how many differ. */
int schema_check(uint64_t count);
/* Faults at random, then quiet, then everything must be right; then once more after a restart. */
void play_at_random(struct world *world);
/* One fault; beside the core, where one is healed. */
void world_fault(struct world *world);
/* Of each log the next halted record is to be put aside: of the core, where one is healed. */
void world_decide(struct world *world);
/* Rows that the state does not know stand in the sink, and changes of the source that must take
 * them away. */
void world_add_strays(struct world *world);
/* Every halted record of the tasks is to be put aside. false: there is none. */
bool world_decide_all(struct world *world, const bool *tasks);
/* As many steps of everything at random. */
void world_steps(struct world *world, int count);
/* Every member runs, for some rounds. */
void world_rounds(struct world *world, int count);
/* Until everybody is done or halted. */
void world_settle(struct world *world);
/* How often a task was halted since its members started. */
int64_t world_halts(const struct world *world, int32_t task);
/* The task has written nothing since, and halted. */
void world_check_untouched(struct world *world, const struct sink_content *before, int32_t task);
/* Everything restarts, and tasks lose their caches. */
void world_lose_caches(struct world *world, double share);
/* No more faults: everything that was sent is applied within a bounded number of rounds. */
void world_drain(struct world *world);

/* live.c */
/* Faults at random, then a core must converge while they go on beside it. */
void play_live(struct world *world);
/* What the member does may fail. */
bool world_faulty(const struct world *world, int member);
/* The row belongs to a task of the core: nothing more happens to it. */
bool world_is_core(const struct world *world, int table, cells_t cells);

/* scenarios.c: plays with a plot */
/* The logs are made anew, shorter than what is in the sink, or with other records. */
void play_remade(struct world *world);
/* Records that are applied are deleted. */
void play_trimmed(struct world *world);
/* Refused rows of a rebuild that dies after some of its transactions. */
void play_hole(struct world *world);
/* Dead letters as earlier releases stored them: with a version that was refused, or of works that
 * never ended. */
void play_legacy(struct world *world);
/* The topics are made anew, but the dead letters of the old ones stay. */
void play_swapped(struct world *world);
/* A trigger objects to the rows of one join key, until it is dropped: one task halts, no other. */
void play_trigger(struct world *world);
/* Too many refused records, until their cause is mended and the members are told. */
void play_mended(struct world *world);

/* source.c */
void source_step(struct world *world);
void connector_step(struct world *world, int64_t count);
void connector_repeat(struct world *world);
void log_compact(struct world *world);
/* The last record of a log comes once more. */
void log_repeat(struct world *world, int table, int32_t partition);
/* Insert, update or move, by the primary key in cells: a move is a delete under the old key and a
 * create under the new one. */
void source_put(struct world *world, int table, cells_t cells, int version);
void source_delete(struct world *world, int table, cells_t cells);
/* The row with the primary key in cells, or NULL. */
const struct source_row *source_find(const struct world *world, int table, cells_t cells);
/* Where the row of such cells goes, in each table's topic. */
int32_t source_partition(const struct world *world, int table, cells_t cells);
/* Some join key, for a row with this primary key: what of it lies outside the primary key. */
cells_t source_some_join(struct world *world, int table);
int source_new_version(struct world *world, int table);
/* What rows of this version refer to: cells of its table's reference columns. */
cells_t world_references(const struct world *world, int version);
static inline const struct schema_target *world_target(const struct world *world, int target) {
    return &world->schema.targets[target];
}
/* Whose rows and log the table has. */
static inline int world_feed(const struct world *world, int table) {
    return world->schema.tables[table].feed;
}
static inline const struct source_table *world_source(const struct world *world, int table) {
    return &world->source[world_feed(world, table)];
}
/* The partition of a table's topic that a task reads. */
static inline int32_t world_partition(const struct world *world, int table, int32_t task) {
    const struct schema_table *of = &world->schema.tables[table];
    return of->lookup || of->filtered ? 0 : task;
}
static inline struct topic_log *world_log(struct world *world, int table, int32_t task) {
    return &world->log[world_feed(world, table)][world_partition(world, table, task)];
}
/* How many partitions the table's topic has. */
static inline int32_t world_partitions(const struct world *world, int table) {
    const struct schema_table *of = &world->schema.tables[table];
    return of->lookup || of->filtered ? 1 : world->partitions;
}
/* A row's value as the product stores it: its version. */
int world_stored_version(struct str value);
/* What is wrong with records of this version, by its number. */
enum flaw source_flaw(const struct world *world, int version);
bool history_has(const struct world *world, int table, cells_t cells, int version);

/* editions.c */
/* Which plan the operator wants. */
static inline const struct schema_view *world_edition(const struct world *world) {
    return world->editions[world->edition_count - 1];
}
void world_editions_begin(struct world *world);
/* Views are added or removed: members that start from now on have another plan. */
void world_change_edition(struct world *world);
/* In the end the operator sees to it that all members have the plan. */
void world_finish_editions(struct world *world);
/* ... and, from time to time, that nothing stands in the way of it. */
void world_look_after_tables(struct world *world);

/* sim_consume.c */
extern const struct consume_ops sim_consume_ops;
struct consume *sim_consume_new(struct world *world, int member, const struct schema_view *view);
void sim_consume_destroy(struct consume **consume);
/* The group tells the member what it should have now. lost: somebody else may have it already. */
void sim_consume_learn(struct consume *consume, bool lost);
/* A partition that is being read can't be read on. */
void sim_consume_halt(struct consume *consume);
/* The member has the task, as far as it was told. */
bool sim_consume_has(const struct consume *consume, int32_t task);
/* The member has not heard of its present assignment. */
bool sim_consume_outdated(const struct consume *consume);

/* sim_sink.c */
extern const struct sink_ops sim_sink_ops;
struct sink *sim_sink_new(struct world *world, int member, int session,
                          const struct schema_view *view);
/* The member is gone; a job in flight may still be executed (keep) or not. */
void sim_sink_destroy(struct sink **sink, bool keep);
void sim_sink_cut(struct sink *sink, bool keep);
/* Executes one job that was sent, at random. */
void sim_sink_execute(struct world *world);
void sim_sink_restore(struct world *world, int commits);
/* The row of a key in the target's table, or NULL. */
struct sink_row *sim_sink_row(const struct world *world, int target, cells_t key);
struct sink_row *sim_sink_add_row(struct world *world, int target, cells_t key);
/* For sink_content_clear. */
void sink_content_copy(struct sink_content *to, const struct sink_content *from);
void sink_content_clear(struct sink_content *content);
/* The target's table is emptied, or dropped and made anew; the progress stays. */
void sim_sink_lose_rows(struct world *world, int target);
bool sim_sink_is_empty(const struct world *world, int target);
/* Nobody can write to the target's table before it is emptied. */
bool sim_sink_is_unfit(const struct world *world, int target);
/* The table of some target of the plan is not the one that the task's progress knows of. */
bool sim_sink_is_other(const struct world *world, const struct schema_view *view,
                       const struct progress *progress);
/* 1 << target, of the schema's: which lack the task's mark. */
unsigned sim_sink_to_fill(const struct world *world, const struct schema_view *view, int32_t task);
/* The member has the task, and knows of it and of its tables what there is to know. */
bool sim_sink_knows_ready(const struct world *world, const struct node *node, int32_t task);
/* Connected, and nothing is on its way between both. */
bool sim_sink_is_quiet(const struct sink *sink);
/* The task's rows are in the tables that are there now, as far as its progress says. */
bool sim_sink_table_known(const struct world *world, int32_t task);
/* The dead letter or decision at an offset of a log, or NULL. */
struct stored_dead_letter *sim_sink_dead_letter(const struct world *world, int table, int32_t task,
                                                int64_t offset);
/* The row of an occurrence that a sink row shows, if it shows one: its key and references. */
cells_t sim_sink_cells(const struct world *world, const struct schema_target *target, cells_t key,
                       const int *versions, int occurrence);
/* Stores one of the record that stands there, for whoever needs it: returns it. */
struct stored_dead_letter *sim_sink_add_dead_letter(struct world *world, int table, int32_t task,
                                                    int64_t offset);
/* `dead-letters add`. */
void sim_sink_decide(struct world *world, int table, int32_t task, int64_t offset);
bool sim_sink_idle(const struct world *world);
/* The task that writes a sink row. */
int32_t sim_sink_task(const struct world *world, int target, cells_t key);
/* A transaction is in flight. */
bool sim_sink_writes(const struct sink *sink);
void sim_sink_clear(struct world *world);

/* The user's CHECK, or an expression, refuses a row of these versions, if WHERE lets it pass. */
bool sim_sink_refuses(const struct world *world, int target, const int *versions);

/* sim_node.c */
struct node *node_new(struct world *world, int index, int host);
void node_destroy(struct node **node);
/* kill -9 and a new start. */
void node_restart(struct node *node);
void node_step(struct node *node);
/* SIGHUP */
void node_resume(struct node *node);
/* SIGTERM; a new one starts when it has ended. */
void node_stop(struct node *node);
/* How often the member, as it runs now, has halted task. */
int64_t node_halts(const struct node *node, int32_t task);
void node_pause(struct node *node, bool paused);
bool node_paused(const struct node *node);
struct consume *node_consume(const struct node *node);
/* Its connections to the sink, from 0. */
int node_sessions(const struct node *node);
struct sink *node_sink(const struct node *node, int session);
int node_host(const struct node *node);
bool node_ready(const struct node *node);
/* Which member it is of all that there were. */
int64_t node_born(const struct node *node);
/* How often the progress was converted until it began, or by itself. */
int64_t *node_began(struct node *node);
/* The plan that it was started with. */
const struct schema_view *node_view(const struct node *node);

/* oracle.c */
int oracle_kept_version(const struct stored_dead_letter *dead_letter);
/* A dead letter about to be stored keeps what it must. */
void oracle_dead_letter(struct world *world, const struct stored_dead_letter *dead_letter,
                        int64_t end);
/* The sink equals the join of the source, and nothing was passed over in silence. */
void oracle_final(struct world *world, const char *when);
/* ... of one task. */
void oracle_task(struct world *world, int32_t task, const char *when);
/* oracle_visible.c */
/* What a transaction of the task writes was true, and is not older than its offsets say. */
void oracle_written(struct world *world, int32_t task, const struct sink_row *row,
                    const int64_t *offsets);
/* With this progress the task is past everything that its transactions ever aimed at: no row of a
 * work that was cut off stands ahead of it. */
bool oracle_is_past(const struct world *world, int32_t task, const struct progress *progress);
/* Every row of the task that stands in the sink. */
void oracle_visible(struct world *world, int32_t task);
/* A member that says that it is ready has all rows of its tasks in their tables. */
void oracle_ready(struct world *world, const struct node *node);
/* oracle_index.c */
/* The indexes of an open cache are what its rows refer to. */
void oracle_indexes(struct world *world, struct state *state, int32_t task);
/* oracle_cache.c */
bool oracle_row_key(const struct world *world, int table, cells_t cells, struct buf *key);
/* Every cache on disk is what its log says; the members have ended. */
void oracle_caches(struct world *world);
/* The task's progress stands at its log's end. */
bool oracle_caught_up(const struct world *world, int32_t task);

#endif
