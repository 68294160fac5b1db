/* lines.h: a second view made by hand, with all that student_contact does not have:
 *
 *     SELECT o.order_id, i.line_no, o.status, c.name AS customer, 100 / i.quantity AS share
 *     FROM orders o LEFT JOIN order_items i ON i.order_id = o.order_id
 *     LEFT JOIN customers c ON c.id = o.customer_id
 *     WHERE o.status <> 'draft' AND coalesce(10 / (i.quantity + 1), 0) >= 0
 *
 * What:    orders and order_items are core, the latter optional and part of the key; customers is a
 *          lookup. The expression fails for a quantity of 0, WHERE for one of -1.
 */
#ifndef TESTS_LINES_H
#define TESTS_LINES_H

#include "support.h"

/* The tests may alter the target. */
struct plan *lines_view(void);

/* line and quantity -1000: NULL. customer NULL: NULL. */
#define LINE_NONE (-1000)
void lines_values(struct str values[5], int order, int line, const char *status,
                  const char *customer, int quantity);
void lines_upsert(struct txn_part *part, int order, int line, const char *status, int quantity);
/* By occurrence 1, order_items; DELETE_NULL and DELETE_MATCHED: all of the order. */
void lines_delete(struct txn_part *part, enum delete_kind kind, int order, int line);

#endif
