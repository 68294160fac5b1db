/* sizes.h: how many rows the source's tables have, and how long their values are.
 *
 * What:    what ANALYZE has counted, which any role sees; lengths only of tables that it may read.
 * Owns:    a struct sizes its tables, in its arena, until sizes_clear.
 * Threads: as look.h.
 * Units:   bytes of a value's text, NULLs counted as none.
 * Errors:  as look.h.
 */
#ifndef OLTP_SIZES_H
#define OLTP_SIZES_H

#include "oltp/look.h"

struct table_size {
    double rows;    /* negative: never counted, or there is no such table */
    double *widths; /* by column of the relation; by its type where nothing is known */
};

struct sizes {
    struct table_size *tables; /* as the plan's relations */
    struct arena arena;
};

MUST_CHECK enum err_kind link_sizes(struct link *link, const struct plan *plan, struct sizes *sizes,
                                    struct err *reterr);
void sizes_clear(struct sizes *sizes);

#endif
