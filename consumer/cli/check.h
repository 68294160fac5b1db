/* check.h: compares what exists with what plan derives.
 *
 * What:    `plan --check-source` and `plan --check-connector`: print each difference and the ways
 *          out.
 * Errors:  ERR_CONFIG: a setting, or a text that is no configuration; ERR_RETRY: not reachable.
 * Limits:  a connector's configuration of 1 MiB.
 */
#ifndef CLI_CHECK_H
#define CLI_CHECK_H

#include "cli/commands.h"

MUST_CHECK enum err_kind check_source(const struct config *config, const struct plan *plan,
                                      bool *ret_different, struct err *reterr);
/* planned: the connector's JSON as plan prints it. */
MUST_CHECK enum err_kind check_connector(const struct cli *cli, const char *planned,
                                         bool *ret_different, struct err *reterr);

#endif
