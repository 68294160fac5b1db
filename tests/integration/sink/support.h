/* support.h: what the sink's integration tests share.
 *
 * What:    a view made by hand, a sink driven until its event, and questions to the database.
 * Owns:    sinks and parts belong to the caller.
 * Threads: belongs to one thread; the proxy has its own.
 * Units:   milliseconds.
 * Errors:  end the test (assertions).
 * Limits:  the database is that of PGHOST, PGPORT, PGUSER, PGDATABASE in the environment.
 */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include "sink/pg_sink.h"

#include <libpq-fe.h>

#define OWNER_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define OWNER_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

/* student_contact over student(student_id, name) and contact(student_id, contact_id,
 * contact_number, born). with_copy: the load goes by COPY. Static. */
const struct plan *test_view(bool with_copy);

struct sink *sink_open(const struct plan *plan, const char *port);
/* Polls until an event comes, at most timeout_ms; SINK_NOTHING then. */
struct sink_event sink_await(struct sink *sink, int64_t timeout_ms);
/* Opens and waits for SINK_CONNECTED. */
struct sink *sink_connected(const struct plan *plan);
/* Polls until kind comes, whatever comes before. */
struct sink_event sink_until(struct sink *sink, enum sink_event_kind kind, int64_t timeout_ms);
struct sink_event sink_commit(struct sink *sink, struct txn_part *part);
struct sink_event sink_commit_all(struct sink *sink, struct txn_part **parts, size_t count);
/* An initial load of part's task; with savepoints up to 100 refused rows are left out. */
struct sink_event sink_load(struct sink *sink, struct txn_part *part,
                            const struct load_source *source, bool savepoints);
/* Acquires task; returns the row written. */
struct progress sink_acquire(struct sink *sink, int32_t task, const char *owner);
struct progress sink_newest(struct sink *sink, int32_t task);

/* A part of task after `before`, with its offsets one further. */
void part_begin(struct txn_part *part, const struct plan *plan, int32_t task,
                const struct progress *before);
/* The part is in: what comes next goes on from there. */
void part_go_on(struct txn_part *part);
void part_upsert(struct txn_part *part, int student, int contact, const char *name,
                 const char *number);
void part_delete_student(struct txn_part *part, int student);
void part_delete_contact(struct txn_part *part, int student, int contact);
void part_check_contact(struct txn_part *part, int student, int contact, const char *number,
                        const char *born);

PGconn *admin_open(void);
void admin(const char *sql);
/* The first value, as text; valid until the next call. */
const char *ask(const char *sql);
long ask_number(const char *sql);
void tables_drop(void);
/* The sink table as it is now is the one that was filled. */
void table_register(void);
/* Drops and makes all tables anew. */
void tables_reset(const struct plan *plan);

int64_t now_ms(void);
void sleep_ms(int64_t ms);

#endif
