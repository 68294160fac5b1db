/* common.h: what several commands do: exit codes, messages, the plan by the settings.
 *
 * What:    the exit code says what an error means; its message goes to stderr.
 */
#ifndef CLI_COMMON_H
#define CLI_COMMON_H

#include "base/buf.h"
#include "config/config.h"
#include "view/view.h"

#define EXIT_CODE_OK     0
#define EXIT_CODE_FAILED 1 /* the command failed: the message says why */
#define EXIT_CODE_CONFIG 2 /* the operator must change something; nothing was touched */
/* plan --check-...: what exists differs from what plan derives; the differences are on stdout */
#define EXIT_CODE_DIFFERENT 3

/* The plan of the SQL files that the settings choose. On failure *ret_place (NULL before) is what
 * to print below the message, by cli_print_place: the place with its caret, and what is supported.
 */
MUST_CHECK enum err_kind cli_load_view(const struct config *config, struct plan **ret_plan,
                                       char **ret_place, struct err *reterr);
/* The same for all plans. */
MUST_CHECK enum err_kind cli_load_views(const struct config *config, struct view_plans *ret_plans,
                                        char **ret_place, struct err *reterr);
/* Prints it on stderr and frees it. */
void cli_print_place(char **place);
/* What a cache belongs to (state.h's identity), without the cluster's id before it. */
void cli_identity_tail(const struct plan *plan, struct buf *out);
/* Where its caches are: state.dir, or a folder in it for a plan beside the first. Lives in the
 * arena. */
const char *cli_state_dir(const struct config *config, const struct plan *plan,
                          struct arena *arena);
/* On stderr, as the settings say. */
struct log cli_log(const struct config *config, const char *member);
/* Prints "oltp-olap-sync: message" and returns the exit code of err. */
int cli_fail(const struct err *err);

#endif
