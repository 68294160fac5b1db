/* session.h: a connection to one of the two databases, for reading.
 *
 * What:    asks, and takes the rows of a COPY one after the other; waits without a limit of its
 *          own, since a server may sort for long, but for as long as nobody wants to stop.
 * Owns:    its connection; a line until the next one.
 * Errors:  ERR_CONFIG: a setting, a right or a table; ERR_RETRY: the rest. Messages name the
 *          database, and say what to do.
 *
 * Every session has the settings that values and expressions depend on, the same in both databases
 * and as the sink sets them when it writes. It can't write, and rows that a policy hides from its
 * role are an error.
 *
 * Private to verify/.
 */
#ifndef VERIFY_SESSION_H
#define VERIFY_SESSION_H

#include "verify/verify.h"

#include <libpq-fe.h>

struct session {
    PGconn *conn;
    const char *name;    /* "OLTP database" */
    const char *setting; /* "oltp" */
    const struct verify_options *options;
    char *line;
    bool copying; /* the rows have begun */
};

MUST_CHECK enum err_kind session_open(struct session *session,
                                      const struct verify_database *database,
                                      const struct verify_options *options, struct err *reterr);
/* Ends what it is doing, too. */
void session_close(struct session *session);

/* One statement; the caller clears *ret_result, which may be NULL: not wanted. */
MUST_CHECK enum err_kind session_ask(struct session *session, const char *sql,
                                     PGresult **ret_result, struct err *reterr);

/* Begins `COPY (...) TO STDOUT`. */
MUST_CHECK enum err_kind session_copy(struct session *session, const char *sql, struct err *reterr);
/* ctx is the session: see merge_side. */
MUST_CHECK enum err_kind session_next(void *ctx, struct str *ret_line, struct err *reterr);

/* A value of a result; ptr NULL: NULL. */
static inline struct str result_value(const PGresult *result, int row, int column) {
    if (PQgetisnull(result, row, column)) {
        return STR_NONE;
    }
    return (struct str){PQgetvalue(result, row, column), (size_t)PQgetlength(result, row, column)};
}

#endif
