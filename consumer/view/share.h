/* share.h: views that share a plan, and the relations that they share. Private to view/.
 *
 * What:    views share a plan if no table of theirs is read in two ways: in another role, or placed
 *          by other columns. The plan's relations have what all of them use. Relations of earlier
 *          views keep their order, and so do their columns and references.
 * Owns:    nothing: all lives in the arena of what is loaded; borrows the drafts.
 * Errors:  ERR_CONFIG where a plan would have more than plan.h allows.
 */
#ifndef VIEW_SHARE_H
#define VIEW_SHARE_H

#include "view/roles.h"

struct share_relation {
    struct draft *draft; /* the first view that has it */
    struct draft_relation all;
};

/* A plan in the making. */
struct share {
    struct draft *drafts[TARGETS_MAX]; /* one for each target */
    size_t draft_count;
    struct share_relation *relations[RELATIONS_MAX]; /* in the plan's order */
    size_t relation_count;
};

/* Those of all views so far. */
struct shares {
    struct share *items[TARGETS_MAX];
    size_t count;
};

/* Whether a view under this choice of K reads its tables as the share does; the columns of K may be
 * put into the share's order. If not, *ret_why says what differs (in the arena). */
bool share_fits(const struct share *share, struct draft *draft, struct roles *roles,
                struct str *ret_why);
/* By which columns the share places a table's rows: how many; 0: it has no such table as core. */
size_t share_placement(const struct share *share, const struct catalog_table *source,
                       const int **ret_columns);
/* Takes a view in that fits. */
MUST_CHECK enum err_kind share_add(struct share *share, struct draft *draft);

/* The number of a view's relation in its plan, of a column of it there, and of a reference. */
size_t share_relation(const struct share *share, const struct draft_relation *relation);
size_t share_column(const struct draft_relation *relation, size_t column);
size_t share_reference(const struct draft_relation *relation, size_t reference);

#endif
