/* expression.h: an expression of the select list, or WHERE. Private to view/.
 *
 * What:    which columns it uses, and its text with other names in their place. Nothing else in it
 * is understood here: PostgreSQL evaluates it. Owns:    everything lives in the draft's arena.
 * Errors:  ERR_CONFIG with the place, of what is no function of one combination of rows.
 */
#ifndef VIEW_EXPRESSION_H
#define VIEW_EXPRESSION_H

#include "view/draft.h"

struct expression_use {
    size_t at, end; /* of the column's name in the text */
    struct draft_column column;
};

struct draft_expression {
    size_t at, end;
    struct expression_use *uses; /* in the order of the text */
    size_t use_count;
};

/* node: the expression's tree; its text is at .. end - 1, without an alias. */
MUST_CHECK enum err_kind expression_read(struct draft *draft, json_t *node, size_t at, size_t end,
                                         struct draft_expression **ret_expression);
/* Cuts the text of a select list's item, which begins at `at` and ends at the comma, or at `limit`;
 * without its alias, if it has one. Returns its end; NOWHERE: the alias is written in a way that
 * can't be cut off. */
size_t expression_end(const struct draft *draft, size_t at, size_t limit, bool has_alias);
/* Appends the text, without comments; name appends what stands for a column. */
typedef void expression_name(struct buf *out, struct draft *draft, struct draft_column column);
void expression_append(struct buf *out, struct draft *draft,
                       const struct draft_expression *expression, expression_name *name);
/* The same as the view says it, in one line, whatever strings are in it. */
void expression_show(struct buf *out, struct draft *draft,
                     const struct draft_expression *expression);
/* The same whatever blanks there are, and whether words are in capitals: to be compared. */
void expression_compared(struct buf *out, struct draft *draft,
                         const struct draft_expression *expression, expression_name *name);
/* The one table whose columns it uses; -1: it uses several tables', or none. */
int expression_table(const struct draft_expression *expression);

#endif
