/* estimate.h: what `plan --rows` and `plan --ask-rows` say of the caches. Private to cli/.
 *
 * Errors:  ERR_CONFIG for a text that is no list of tables with numbers, and for a table that no
 *          view reads.
 */
#ifndef CLI_ESTIMATE_H
#define CLI_ESTIMATE_H

#include "cli/commands.h"
#include "oltp/sizes.h"

/* rows: `customers=50000,shop.orders=1e6`. */
MUST_CHECK enum err_kind estimate_check(const char *rows, struct plan *const *plans, size_t count,
                                        struct err *reterr);
/* What the OLTP database says, if cli->ask_rows. The caller clears it. */
MUST_CHECK enum err_kind estimate_ask(const struct cli *cli, const struct config *config,
                                      const struct plan *plan, struct sizes *ret_sizes,
                                      struct err *reterr);
/* Prints a line for each table, and how much that is together; cli->rows, which was checked, counts
 * before what was asked. */
void estimate_print(const struct cli *cli, const struct config *config, const struct plan *plan,
                    const struct sizes *sizes);

#endif
