/* estimate.h: what a cache will take, before there is one.
 *
 * What:    bytes of a relation's rows and of the indexes of what they refer to, as a store has them
 *          after an initial load: keys and values as plan/row.h writes them, LMDB's pages around
 *          them. Where rows come at any place, pages are split, and it becomes up to two thirds
 *          more.
 * Units:   bytes, over all tasks that keep a row.
 * Errors:  none: it is as good as the rows and widths that it is told.
 */
#ifndef PLAN_ESTIMATE_H
#define PLAN_ESTIMATE_H

#include "plan/plan.h"

/* The mean bytes of a column's text, by its type; of texts it is a guess. */
double estimate_width(const struct relation_column *column);
/* widths: by column, in place of those; NULL: none are known. */
double estimate_bytes(const struct relation *relation, double rows, const double *widths);

#endif
