/* view.h: the two SQL files → a plan.
 *
 * What:    reads schemas/oltp.sql and the view, checks that the view can be kept, and says what is
 *          to be read, kept and written as a struct plan.
 * Errors:  ERR_CONFIG with file, line, column, a caret under the place, and what is supported.
 *
 * The only room with pg_query.h.
 */
#ifndef VIEW_VIEW_H
#define VIEW_VIEW_H

#include "base/err.h"
#include "plan/plan.h"

/* What view_load needs beside the files. */
struct view_options {
    const char *oltp_path; /* schemas/oltp.sql */
    const char *view_path; /* the CREATE MATERIALIZED VIEW */
    const char *topic_prefix;
    int32_t partition_count;
};

/* Reads and checks both files. The error's message holds the first line; the full text with the
 * caret goes to ret_report (malloc'ed, caller frees; may be NULL), set on failure only. Caller owns
 * *ret_plan. */
MUST_CHECK enum err_kind view_load(const struct view_options *options, struct plan **ret_plan,
                                   char **ret_report, struct err *reterr);

#endif
