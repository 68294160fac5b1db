/* outcome.h: what an error of PostgreSQL means, depending on the statement that failed.
 *
 * What:    (SQLSTATE, step) → the sink's event; and which part of its message may be shown.
 * Limits:  messages are cut to the caller's size.
 *
 * Private to sink/; uses no libpq.
 */
#ifndef SINK_OUTCOME_H
#define SINK_OUTCOME_H

#include "sink/sink.h"

enum step_kind {
    STEP_PREPARE,
    STEP_BEGIN,
    STEP_SET,
    STEP_LOCK,
    STEP_TABLE, /* the sink table's lock */
    STEP_FENCE,
    STEP_DELETE,
    STEP_CHECK,
    STEP_FILTER, /* deletes the rows of an upsert that WHERE does not let pass */
    STEP_UPSERT,
    STEP_LOAD,      /* COPY, or INSERT where a column needs a conversion */
    STEP_REFUSED,   /* sync_refused, and the deletes of rows that are recorded there */
    STEP_SAVEPOINT, /* savepoints around upserts */
    STEP_DEAD_LETTERS,
    STEP_TRIM,
    STEP_COMMIT,
    STEP_ROLLBACK,
    STEP_IDENTITY,
    STEP_REGISTER,
    STEP_INSPECT,
    STEP_APPEND,
    STEP_READ,
    STEP_TERMINATE,
    STEP_SWEEP,
    STEP_MARKS,   /* sync_filled */
    STEP_CONVERT, /* of progress, when the plan has other targets */
    STEP_COUNT,   /* counts sync_dead_letter and sync_refused, for the gauges */
    STEP_SYNC,
};

/* A session must be kept from one transaction to the next. */
#define POOLER_ADVICE                                                                              \
    "a connection pool in front of the OLAP database gives each transaction another session, or "  \
    "drops settings; prepared statements, settings and the probe of a silent session need a "      \
    "session of our own. Connect directly, or to a pool with pool_mode=session and without "       \
    "olap.options"

/* FENCED, OTHER_TABLE, REFUSED, AGAIN, UNFIT or HALT. by_code: raised inside a function (a
 * trigger's, say). */
enum sink_event_kind outcome_of(const char *sqlstate, enum step_kind step, bool by_code);
/* Whom a REFUSED blames. An exception from a trigger is BLAME_OTHERS, whatever its SQLSTATE. */
enum blame outcome_blame(const char *sqlstate, enum step_kind step, bool by_code);
/* The session can't be used any more, whatever the outcome: reconnect. */
bool outcome_drops(const char *sqlstate);
/* What the operator should do about a HALT; "" if there is no particular advice. */
const char *outcome_advice(const char *sqlstate, enum step_kind step);
enum err_kind outcome_err_kind(enum sink_event_kind kind);
const char *step_name(enum step_kind step);

/* The first line of a primary message; for data errors (22xxx) without what is in quotes, since
 * that is a row's value. Returns out. */
const char *message_clean(const char *sqlstate, const char *message, char *out, size_t size);
/* Splits a verbose message ("FATAL:  28P01: ..."), as libpq has it for a failed connection, into
 * SQLSTATE and text. "" and the whole message if it has none. */
const char *message_sqlstate(const char *verbose, char ret_sqlstate[6]);

#endif
