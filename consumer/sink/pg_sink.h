/* pg_sink.h: sink.h over libpq, in pipeline mode.
 *
 * What:    connects by itself, with backoff. Every batch is one pipeline with one Sync: BEGIN,
 *          locks, fence, deletes, checks, upserts, dead letters, trim, COMMIT.
 * Owns:    its connection; copies its options.
 * Errors:  as sink.h; pg_apply_ddl's are returned.
 * Limits:  as sink.h.
 */
#ifndef SINK_PG_SINK_H
#define SINK_PG_SINK_H

#include "base/clock.h"
#include "base/log.h"
#include "sink/sink.h"

struct pg_sink_options {
    const char *const *keywords; /* libpq's, NULL-terminated, and their values */
    const char *const *values;
    struct sink_identity identity;
    const struct log *log;
    struct clock clock;
    const char *password_file; /* read again for each connection; NULL: none */
    int64_t answer_check_ms;   /* no answer for so long: the server is probed; 0: 10 s */
};

extern const struct sink_ops pg_sink_ops;

/* ERR_CONFIG: what libpq would always reject: a value it does not know, a certificate file that
 * does not exist. Needs no server. */
MUST_CHECK enum err_kind pg_sink_check(const struct pg_sink_options *options, struct err *reterr);
/* plan is borrowed for the sink's life. */
MUST_CHECK enum err_kind pg_sink_new(const struct plan *plan, const struct pg_sink_options *options,
                                     struct sink **ret_sink, struct err *reterr);
void pg_sink_destroy(struct sink **sink);

/* Records the operator's decision that the task is to set *record (topic, table, partition, offset,
 * key, value, checksum) aside when it reads it; of a lookup table, that every task is to. Blocking.
 * *ret_task_count: for how many it is new. ERR_RETRY: not reachable, all of these tasks are past
 * the record, or the decision was recorded before. */
MUST_CHECK enum err_kind pg_decide(const struct plan *plan, const struct pg_sink_options *options,
                                   const struct dead_letter *record, size_t *ret_task_count,
                                   struct err *reterr);

/* The tables beside the sink table: sync_progress, sync_identity, sync_dead_letter, sync_refused.
 * Static. */
const char *pg_sink_ddl(const struct plan *plan);
/* Creates the tables that are missing; blocking, idempotent. ERR_CONFIG: an existing table does not
 * match the view, or the sink table has rows and no progress is recorded; ERR_RETRY: not
 * reachable. */
MUST_CHECK enum err_kind pg_apply_ddl(const struct plan *plan,
                                      const struct pg_sink_options *options, struct err *reterr);

#endif
