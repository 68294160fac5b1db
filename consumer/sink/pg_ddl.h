/* pg_ddl.h: the parts of pg_apply_ddl: creating, comparing, proving. One connection, blocking.
 *
 * Owns:    a struct ddl its connection and its text.
 * Errors:  ERR_CONFIG: the operator must act; ERR_RETRY: not reachable, or it may work later.
 *
 * Private to sink/.
 */
#ifndef SINK_PG_DDL_H
#define SINK_PG_DDL_H

#include "sink/pg_internal.h"
#include "sink/statements.h"

#define OWN_TABLE_COUNT 5

extern const char *const own_tables[OWN_TABLE_COUNT];

struct ddl {
    const struct plan *plan;
    const struct target *target; /* that a step is about */
    const struct log *log;
    PGconn *conn;
    struct buf text;
    bool changes; /* the plan has other targets than its progress */
};

/* NUL-terminated, valid until the next call. */
const char *ddl_text(struct ddl *ddl, struct str s);
/* Runs sql with its parameters, NULL behind the last; the caller clears *ret_result. Without
 * parameters it may hold several statements. */
MUST_CHECK enum err_kind ddl_run(struct ddl *ddl, const char *sql, const char *const *params,
                                 PGresult **ret_result, struct err *reterr);
MUST_CHECK enum err_kind ddl_execute(struct ddl *ddl, const char *sql, struct err *reterr);
/* The answer to a question of yes or no. */
MUST_CHECK enum err_kind ddl_ask(struct ddl *ddl, const char *sql, bool *ret_answer,
                                 struct err *reterr);
/* The oid of a table by its bare name, as text; "" if there is none. */
MUST_CHECK enum err_kind ddl_find(struct ddl *ddl, const char *name, char ret_oid[16],
                                  struct err *reterr);
/* What the error in result means. */
MUST_CHECK enum err_kind ddl_failed(struct ddl *ddl, const PGresult *result, struct err *reterr);
/* What is made now is temporary, until ddl_real; functions and types are found as before. */
MUST_CHECK enum err_kind ddl_temporary(struct ddl *ddl, struct err *reterr);
MUST_CHECK enum err_kind ddl_real(struct ddl *ddl, struct err *reterr);

/* pg_compare.c: ERR_CONFIG: a table is not as it must be: the program's own tables; the target's.
 */
MUST_CHECK enum err_kind ddl_compare(struct ddl *ddl, struct err *reterr);
MUST_CHECK enum err_kind ddl_compare_table(struct ddl *ddl, struct err *reterr);
/* Logs what the user added to the sink table, and its effect on rows. */
MUST_CHECK enum err_kind ddl_warn_of_extras(struct ddl *ddl, struct err *reterr);

/* pg_changes.c: ERR_CONFIG: the target's table is of another plan. */
MUST_CHECK enum err_kind ddl_check_owner(struct ddl *ddl, struct err *reterr);
/* Logs that the target was added to the plan; what else changes, after all targets. */
MUST_CHECK enum err_kind ddl_note_added(struct ddl *ddl, struct err *reterr);
MUST_CHECK enum err_kind ddl_note_changes(struct ddl *ddl, struct err *reterr);

/* pg_prove.c: ERR_CONFIG: an expression of the view gives not the same for the same values. */
MUST_CHECK enum err_kind ddl_prove(struct ddl *ddl, struct err *reterr);

#endif
