/* view.h: the declared tables and the views → plans.
 *
 * What:    reads schemas/oltp.sql and the views, checks that they can be kept, and says what is
 *          to be read, kept and written. Views share a plan if they read their tables in the same
 *          way; a view that fits into none of those before it begins another one.
 * Errors:  ERR_CONFIG with file, line, column, a caret under the place, and what is supported.
 *
 * The only room with pg_query.h.
 */
#ifndef VIEW_VIEW_H
#define VIEW_VIEW_H

#include "base/err.h"
#include "plan/plan.h"

/* What is needed beside the files. */
struct view_options {
    const char *oltp_path; /* schemas/oltp.sql */
    /* The CREATE MATERIALIZED VIEWs: a list of files and folders with commas between them. Of a
     * folder all *.sql but oltp_path, in the order of their names. */
    const char *view_path;
    const char *topic_prefix; /* of the first plan */
    int32_t partition_count;
    const char *plan; /* its name; NULL: there is only one */
};

/* In the order of their first views, of which each has the name. */
struct view_plans {
    struct plan *plans[TARGETS_MAX];
    size_t count;
};

/* Reads and checks all files. The error's message holds the first line; the full text with the
 * caret goes to ret_report (malloc'ed, caller frees; may be NULL), set on failure only.
 * options->plan is not looked at. */
MUST_CHECK enum err_kind view_load_all(const struct view_options *options,
                                       struct view_plans *ret_plans, char **ret_report,
                                       struct err *reterr);
void view_plans_clear(struct view_plans *plans);

/* The same for one of them. Caller owns *ret_plan. */
MUST_CHECK enum err_kind view_load(const struct view_options *options, struct plan **ret_plan,
                                   char **ret_report, struct err *reterr);

#endif
