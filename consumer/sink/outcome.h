/* outcome.h: what an error of PostgreSQL means, by where it happened.
 *
 * What:    (SQLSTATE, step) → the sink's event; and what may be shown of its message.
 * Limits:  messages are cut to the caller's size.
 *
 * Private to sink/; knows no libpq.
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
    STEP_UPSERT,
    STEP_LOAD,    /* COPY, or INSERT where a column needs a conversion */
    STEP_REFUSED, /* sync_refused, and the rows that are noted there */
    STEP_TRY,     /* savepoints around upserts */
    STEP_LETTERS,
    STEP_TRIM,
    STEP_COMMIT,
    STEP_ROLLBACK,
    STEP_IDENTITY,
    STEP_REGISTER,
    STEP_LOOK,
    STEP_APPEND,
    STEP_READ,
    STEP_TERMINATE,
    STEP_SWEEP,
    STEP_COUNT, /* of what is noted for people, for the gauges */
    STEP_SYNC,
};

/* A session must stay ours from one transaction to the next. */
#define POOLER_ADVICE                                                                              \
    "a pooler stands before the OLAP database and gives each transaction another session, or "     \
    "drops "                                                                                       \
    "settings: prepared statements, settings and the watch over a silent session need one of our " \
    "own. Connect directly, or to a pool with pool_mode=session and without olap.options"

/* FENCED, OTHER_TABLE, REFUSED, AGAIN, UNFIT or HALT. by_code: raised inside a function (a
 * trigger's, say). */
enum sink_event_kind outcome_of(const char *sqlstate, enum step_kind step, bool by_code);
/* Of a REFUSED. A trigger's exception is BLAME_OTHERS whatever SQLSTATE it chose. */
enum blame outcome_blame(const char *sqlstate, enum step_kind step, bool by_code);
/* The session is of no use any more, whatever the outcome: reconnect. */
bool outcome_drops(const char *sqlstate);
/* What the operator should do about a HALT; "" when nothing particular is known. */
const char *outcome_advice(const char *sqlstate, enum step_kind step);
enum err_kind outcome_err_kind(enum sink_event_kind kind);
const char *step_name(enum step_kind step);

/* The first line of a primary message; of data errors (22xxx) without what stands in quotes, since
 * that is a row's value. Returns out. */
const char *message_clean(const char *sqlstate, const char *message, char *out, size_t size);
/* Finds the SQLSTATE in a verbose message ("FATAL:  28P01: ..."), as libpq gives it for a failed
 * connection, and the text behind it. "" and the whole message if there is none. */
const char *message_sqlstate(const char *verbose, char ret_sqlstate[6]);

#endif
