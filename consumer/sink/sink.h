/* sink.h: the interface to the OLAP database: fenced transactions, acquisition, progress.
 *
 * What:    a vtable that PostgreSQL implements (pg_sink.h) and the simulator replaces. One job (a
 *          request) at a time; nothing blocks: submit it, then poll until its event comes.
 * Owns:    a job's data is borrowed until its event.
 * Errors:  come as events.
 * Limits:  one job in flight.
 */
#ifndef SINK_SINK_H
#define SINK_SINK_H

#include "sink/txn.h"

enum sink_event_kind {
    SINK_NOTHING,
    SINK_CONNECTED, /* a new connection is ready. Before anything else is sent, the newest row of
                       every held task must be read and compared. */
    SINK_LOST, /* the connection is gone (or could not be made); a job in flight has no outcome */
    SINK_COMMITTED,   /* the transaction is committed; counts are set */
    SINK_FENCED,      /* another writer has one of the tasks: nothing was written */
    SINK_OTHER_TABLE, /* the sink table is not the one that was filled, or was rewritten: nothing
                         was written. The newest rows must be read and compared; reading them also
                         registers the table again, where that is right. */
    SINK_REFUSED,     /* the fence passed, but a statement after it failed: nothing was written;
                         blame says whose fault it is */
    SINK_AGAIN, /* nothing was written; the same may succeed later (40001, 40P01, 55P03, 53xxx...)
                 */
    SINK_ACQUIRED, /* acquisition: results[] are set */
    SINK_NEWEST,   /* newest rows: results[] are set */
    SINK_CHECKED,  /* the values convert */
    SINK_UNFIT, /* ACQUIRE, NEWEST: the sink table can't be written to: err says what to do; works
                   again when that is done */
    SINK_HALT, /* configuration (42xxx, 28xxx, 3Dxxx): err says what to do; retried after a pause */
};

/* Who is to blame for a SINK_REFUSED. */
enum blame {
    BLAME_RECORD, /* a record's own values, by its own check, or by its key in a delete */
    BLAME_ROW,    /* a sink row's own values: to be sent again with savepoints. With refusal_count
                     above 0 that was done, and the part's refused_max is not enough */
    BLAME_OTHERS, /* other rows, or code of the user's: the same may pass later */
};

/* A sink row that was not written, since the table refuses it by its own values. */
struct refusal {
    struct str row_key; /* sink_key_append */
    struct str key;     /* the same for people */
    char sqlstate[6];
    struct str constraint, message; /* constraint ptr NULL: none is named */
};

/* A dead letter that is in sync_dead_letter already. */
struct known_dead_letter {
    int table;
    int64_t offset;
    struct str row_key, kept, key; /* as struct dead_letter */
    struct str value;  /* where a later dead letter is about the same row; else ptr NULL */
    int64_t value_len; /* of the record; -1: it has no value */
    bool has_checksum; /* false: an earlier release wrote it */
    uint32_t checksum;
    bool pending; /* the operator's decision: the task is to set the record aside at its turn */
    bool without_progress; /* its task has no progress: that was deleted, and the dead letter was
                              not */
};

/* For qsort and bsearch: by (table, offset). */
int known_dead_letter_compare(const void *left, const void *right);

struct sink_result {
    int32_t task;
    struct progress newest;                 /* SINK_ACQUIRED: the row just written */
    struct known_dead_letter *dead_letters; /* SINK_ACQUIRED: by (table, offset), ascending */
    size_t dead_letter_count;
    struct str *refused; /* SINK_ACQUIRED: the row_keys in sync_refused */
    size_t refused_count;
    /* A sink table was created again or emptied. SINK_NEWEST: the progress is of an earlier
     * generation of it, the task must be acquired anew. SINK_ACQUIRED, of a plan of one target: it
     * was, and the task has none now. Where there are several, progress stays. */
    bool other_table;
    /* SINK_ACQUIRED, of a task that has progress: the targets that lack its mark, which says that
     * all its rows are there. They are to be filled before the task goes on. */
    target_set to_fill;
    /* SINK_NEWEST: how many dead letters and refused rows of the task are recorded. */
    size_t dead_letters_recorded, refused_recorded;
};

/* Rows of a target that were really changed. */
struct row_counts {
    uint64_t deleted, upserted;
};

struct sink_event {
    enum sink_event_kind kind;
    struct sink_result *results; /* in the order asked for; valid until the next poll */
    size_t result_count;
    uint64_t deleted_count, upserted_count; /* rows really changed, SINK_COMMITTED */
    const struct row_counts *counts; /* the same by target; NULL: not known. Valid as results */
    /* COMMITTED: rows that a part with savepoints left out, recorded in sync_refused. REFUSED:
     * the row that BLAME_OTHERS or too many of BLAME_ROW is about, where it is known. Valid as long
     * as results. */
    struct refusal *refusals;
    size_t refusal_count;
    enum blame blame; /* REFUSED */
    /* CONNECTED: which database it is, under whatever address it was reached, and its name for
     * people; NULL: not known. */
    const char *database_id, *database_name;
    struct err err; /* LOST, FENCED, REFUSED, AGAIN, HALT */
};

/* What must be equal between members, and over time. */
struct sink_identity {
    struct str cluster_id; /* Kafka's */
    struct str hash;       /* "java" */
};

struct sink; /* defined by the implementation */

struct sink_ops {
    /* Connected, and no job is in flight. */
    bool (*ready)(const struct sink *sink);
    void (*commit)(struct sink *sink, const struct txn *txn);
    /* Compares or writes the identity, takes the tasks' locks, appends for each task a row with
     * owner and the newest row's offsets, and reads the refused rows and the dead letters. Dead
     * letters of earlier releases at or after the offsets are deleted and not returned: their
     * batch was never committed, and their records are decoded again. A difference in identity is
     * SINK_HALT; but where the plan's targets are others than before, all tasks' progress is
     * converted first, if no other member did so since this one began. */
    void (*acquire)(struct sink *sink, const int32_t *tasks, size_t count, const char *owner);
    /* The tasks' newest progress rows, and whether the sink table is the one they belong to. */
    void (*newest)(struct sink *sink, const int32_t *tasks, size_t count);
    /* Converts rows of a table without writing; SINK_CHECKED or SINK_REFUSED. */
    void (*check)(struct sink *sink, int table, const struct row_array *rows);
    /* Drives the connection and the job; at most one event a call. */
    void (*poll)(struct sink *sink, struct sink_event *ret_event);
    /* What to wait for: a file descriptor (-1: none), poll(2) events, and a deadline (-1: none). */
    void (*wait)(const struct sink *sink, int *ret_fd, short *ret_events, int64_t *ret_deadline_ms);
};

#endif
