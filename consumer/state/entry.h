/* entry.h: what the indexes of a cache hold, and where.
 *
 * What:    an index for each reference, in a space of its own. An entry's key is what a row refers
 *          to, then the row's own key; its value is empty.
 * Errors:  the layout's, passed on; ERR_HALT for an entry that the store has no room for.
 */
#ifndef STATE_ENTRY_H
#define STATE_ENTRY_H

#include "state/state.h"

/* Over all tables. */
size_t entry_references(const struct state_layout *layout);
int entry_space(const struct state_layout *layout, int table, size_t reference);
/* The entry of row (key, value), in place of what was there. It is empty where the row refers to
 * none, and where there is no row (value.ptr NULL). */
MUST_CHECK enum err_kind entry_make(const struct state_layout *layout, int table, size_t reference,
                                    const struct str row[2], struct buf *entry, struct err *reterr);

#endif
