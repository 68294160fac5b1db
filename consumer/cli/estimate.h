/* estimate.h: what `plan --rows` says of the caches. Private to cli/.
 *
 * Errors:  ERR_CONFIG for a text that is no list of tables with numbers, and for a table that no
 *          view reads.
 */
#ifndef CLI_ESTIMATE_H
#define CLI_ESTIMATE_H

#include "cli/common.h"

/* rows: `customers=50000,shop.orders=1e6`. */
MUST_CHECK enum err_kind estimate_check(const char *rows, struct plan *const *plans, size_t count,
                                        struct err *reterr);
/* Prints a line for each table, and how much that is together. rows was checked. */
void estimate_print(const char *rows, const struct config *config, const struct plan *plan);

#endif
