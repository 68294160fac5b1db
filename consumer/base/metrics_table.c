/* What is counted. */
#include "base/metrics_impl.h"

#define OURS(name) "oltp_olap_sync_" name

static const char *const outcomes[] = {"committed", "refused", "fenced", "retried", NULL};
static const char *const settled[] = {"committed", "not_committed", "overtaken", NULL};
static const char *const reacquired[] = {"fenced",          "sink_went_back", "cache", "resumed",
                                         "unknown_outcome", "table",          "topic", NULL};
static const char *const discarded[] = {"no_progress", "damaged", "distrusted",  "missing",
                                        "incomplete",  "too_old", "log_too_old", "rows_refused",
                                        "conflict",    NULL};
/* As enum finding_kind: test_origin compares. */
static const char *const found[] = {"table",   "replaced",    "emptied", "identity",
                                    "columns", "publication", "slot",    "server",
                                    "trigger", "away",        NULL};
static const char *const rebalanced[] = {"assigned", "revoked", "lost", NULL};
/* As enum task_phase: test_report compares. */
static const char *const phases[] = {"waiting", "opening", "silent", "reading",
                                     "writing", "live",    "halted", NULL};

#define ONE(type, name, help)                                                                      \
    { OURS(name), help, type, LABEL_NONE, NULL, NULL, false }
#define BY_TASK(type, name, help)                                                                  \
    { OURS(name), help, type, LABEL_TASK, NULL, NULL, false }
#define BY_TABLE(type, name, help)                                                                 \
    { OURS(name), help, type, LABEL_TABLE, NULL, NULL, false }
#define BY_BOTH(type, name, help)                                                                  \
    { OURS(name), help, type, LABEL_TASK_TABLE, NULL, NULL, false }
#define BY_VIEW(type, name, help)                                                                  \
    { OURS(name), help, type, LABEL_VIEW, NULL, NULL, false }
#define BY_TASK_VIEW(type, name, help)                                                             \
    { OURS(name), help, type, LABEL_TASK_VIEW, NULL, NULL, false }
#define BY_WORD(type, name, label, words, help)                                                    \
    { OURS(name), help, type, LABEL_WORD, label, words, false }
#define AGE(name, label, help)                                                                     \
    { OURS(name), help, METRIC_GAUGE, label, NULL, NULL, true }
#define HISTOGRAM(name, help)                                                                      \
    { OURS(name), help, METRIC_HISTOGRAM, LABEL_NONE, NULL, NULL, true }

/* clang-format off: a name and its sentence */
const struct metric_info metric_table[METRIC_COUNT] = {
    [METRIC_RECORDS_TAKEN] =
        BY_TABLE(METRIC_COUNTER, "records_taken_total",
                 "Records read from Kafka, including those that rebuilds and replays read again."),
    [METRIC_RECORDS_APPLIED] = BY_TASK(METRIC_COUNTER, "records_applied_total",
                                       "Records whose transaction was committed, without those of "
                                       "initial loads and rebuilds."),
    [METRIC_DEAD_LETTERS] = BY_TASK(METRIC_COUNTER, "dead_letters_total",
                                    "Records that this member put into sync_dead_letter."),
    [METRIC_ROWS_REFUSED] = BY_TASK_VIEW(
        METRIC_COUNTER, "rows_refused_total",
        "Rows that the OLAP table refused for their own values and that were recorded in "
        "sync_refused; a row counts each time."),
    [METRIC_COMMIT_TIME_REGRESSIONS] = BY_TABLE(
        METRIC_COUNTER, "commit_time_regressions_total",
        "Records whose commit time in the source is before that of an earlier record of the same "
        "partition: a part of the log came twice, or the source's clock went back."),
    [METRIC_LATE_SNAPSHOT_RECORDS] = BY_TABLE(
        METRIC_COUNTER, "late_snapshot_records_total",
        "Snapshot records (op r) read after streamed ones: rows deleted before such a snapshot, "
        "unseen by the connector, stay in the OLAP table."),

    [METRIC_TRANSACTIONS] = BY_WORD(
        METRIC_COUNTER, "transactions_total", "outcome", outcomes,
        "Transactions sent to the OLAP database, by outcome; if the connection broke before the "
        "answer, see unknown_outcomes_total."),
    [METRIC_ROWS_UPSERTED] = BY_VIEW(METRIC_COUNTER, "rows_upserted_total",
                                     "Rows of the OLAP table that were inserted or changed."),
    [METRIC_ROWS_DELETED] =
        BY_VIEW(METRIC_COUNTER, "rows_deleted_total", "Rows of the OLAP table that were deleted."),
    [METRIC_UNKNOWN_OUTCOMES] = BY_WORD(
        METRIC_COUNTER, "unknown_outcomes_total", "settled", settled,
        "Parts of transactions (one per task) whose answer was lost, by what the newest progress "
        "row showed afterwards."),
    [METRIC_SINK_CONNECTS] =
        ONE(METRIC_COUNTER, "sink_connects_total", "Connections opened to the OLAP database."),
    [METRIC_SINK_LOSSES] =
        ONE(METRIC_COUNTER, "sink_losses_total",
            "Connections to the OLAP database that broke or could not be opened."),
    [METRIC_TRANSACTION_TIME] = HISTOGRAM(
        "transaction_duration_seconds",
        "From sending a transaction to the OLAP database to its answer; committed ones only."),
    [METRIC_COMMIT_TO_VISIBLE] = HISTOGRAM(
        "commit_to_visible_seconds",
        "From the commit in the OLTP database to the commit in the OLAP database, for the oldest "
        "record of each task in each transaction; compares the clocks of two machines."),

    [METRIC_FRESHNESS] =
        AGE("freshness_seconds", LABEL_NONE,
            "How old what the OLAP table shows is, over all tasks of this member: near 0 when all "
            "that is in Kafka is applied and the connector's heartbeats come; else since the last "
            "transaction of the task that is furthest behind, or since the last heartbeat."),
    [METRIC_TASK_FRESHNESS] =
        AGE("task_freshness_seconds", LABEL_TASK, "The same of each task, without the heartbeats."),
    [METRIC_TASK_CHANGE_AGE] = AGE("task_change_age_seconds", LABEL_TASK,
                                   "Time since the commit, in the OLTP database, of the newest "
                                   "record that the task has applied since the member's start."),

    [METRIC_TASKS] =
        BY_WORD(METRIC_GAUGE, "tasks", "phase", phases, "Tasks of this member by phase."),
    [METRIC_TASK_PHASE] =
        BY_TASK(METRIC_GAUGE, "task_phase",
                "Phase of the task: 0 waiting, 1 opening, 2 silent, 3 reading, 4 writing, 5 live, "
                "6 halted."),
    [METRIC_REACQUISITIONS] = BY_WORD(METRIC_COUNTER, "reacquisitions_total", "reason", reacquired,
                                      "Tasks given up and acquired again."),
    [METRIC_HALTS] = BY_TASK(METRIC_COUNTER, "halts_total", "Halts."),
    [METRIC_INITIAL_LOADS] =
        ONE(METRIC_COUNTER, "initial_loads_total", "Initial loads of a task that were committed."),
    [METRIC_REBUILDS] =
        ONE(METRIC_COUNTER, "rebuilds_total", "Finished rebuilds of a task's cache."),
    [METRIC_FILLS] = ONE(METRIC_COUNTER, "fills_total",
                         "Tables of several that a task has filled from its cache, since their "
                         "view was added or they were emptied."),
    [METRIC_CACHE_DISCARDS] =
        BY_WORD(METRIC_COUNTER, "cache_discards_total", "reason", discarded,
                "Times that a task had no usable cache and read its partitions from the start."),
    [METRIC_APPLIED_OFFSET] =
        BY_BOTH(METRIC_GAUGE, "applied_offset",
                "Offset of the next record to apply, as stored with the rows."),
    [METRIC_LAG] = BY_TASK(
        METRIC_GAUGE, "task_lag_records",
        "Offsets from the applied one to the end of the log as of the last fetch: an upper bound "
        "on records."),
    [METRIC_CACHE_ROWS] = BY_TASK(METRIC_GAUGE, "cache_rows", "Rows in the task's state cache."),
    [METRIC_CACHE_DIRTY_BYTES] =
        BY_TASK(METRIC_GAUGE, "cache_dirty_bytes",
                "Bytes changed in the task's state cache since its last commit."),
    [METRIC_STORED_DEAD_LETTERS] =
        BY_TASK(METRIC_GAUGE, "dead_letters",
                "Dead letters of the task in sync_dead_letter, as of this member's last look."),
    [METRIC_STORED_REFUSED_ROWS] =
        BY_TASK(METRIC_GAUGE, "refused_rows",
                "Rows of the task that are in sync_refused: the OLAP table lacks them."),
    [METRIC_TABLES_TO_FILL] =
        BY_TASK(METRIC_GAUGE, "tables_to_fill",
                "Tables that lack the task's rows until it has filled them from its cache."),

    [METRIC_SOURCE_FINDINGS] = BY_WORD(
        METRIC_COUNTER, "source_findings_total", "what", found,
        "Differences between the source database and the SQL files that the source watch found."),
    [METRIC_SOURCE_DIFFERENCES] = ONE(
        METRIC_GAUGE, "source_differences",
        "Current differences, and past ones not yet acknowledged; absent without a source watch."),
    [METRIC_SOURCE_ANSWERS] =
        ONE(METRIC_GAUGE, "source_answers",
            "1: the source database answered the watch's last query; else 0."),
    [METRIC_SOURCE_SLOT_LAG] = ONE(METRIC_GAUGE, "source_slot_lag_bytes",
                                   "WAL of the source that the connector has not confirmed yet, as "
                                   "of the watch's last query."),

    [METRIC_READY] = ONE(
        METRIC_GAUGE, "ready",
        "1: the member has its assignment and all its tasks are live, as /readyz says; else 0."),
    [METRIC_REBALANCES] = BY_WORD(
        METRIC_COUNTER, "rebalances_total", "event", rebalanced,
        "Assignments: tasks assigned, revoked, or lost (assigned to another member before this one "
        "knew)."),
    [METRIC_KAFKA_TROUBLES] =
        ONE(METRIC_COUNTER, "kafka_troubles_total", "Kafka errors that were logged."),
    [METRIC_BUILD_INFO] = {OURS("build_info"), "The running version; always 1.", METRIC_GAUGE,
                           LABEL_VERSION, NULL, NULL, false},
    [METRIC_RESIDENT_MEMORY] = {"process_resident_memory_bytes", "Resident memory.", METRIC_GAUGE,
                                LABEL_NONE, NULL, NULL, false},
    [METRIC_OPEN_FILES] = {"process_open_fds", "Open file descriptors.", METRIC_GAUGE, LABEL_NONE,
                           NULL, NULL, false},
    [METRIC_MAX_FILES] = {"process_max_fds", "File descriptors that may be open.", METRIC_GAUGE,
                          LABEL_NONE, NULL, NULL, false},
    [METRIC_CPU_TIME] = {"process_cpu_seconds_total", "CPU time used.", METRIC_COUNTER, LABEL_NONE,
                         NULL, NULL, true},
    [METRIC_START_TIME] = {"process_start_time_seconds",
                           "Start time of the process, since the epoch.", METRIC_GAUGE, LABEL_NONE,
                           NULL, NULL, true},
};
/* clang-format on */

/* Doubling from a millisecond, then what an alert would be set to. */
const int64_t metric_bucket_us[] = {1000,    2000,    4000,    8000,     16000,
                                    32000,   64000,   128000,  256000,   512000,
                                    1000000, 2000000, 5000000, 10000000, 60000000};
_Static_assert(sizeof metric_bucket_us / sizeof *metric_bucket_us == METRIC_BUCKETS,
               "a bound for each bucket");
