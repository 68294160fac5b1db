/* fill.h: from a draft to what plan.h has. Private to view/.
 *
 * Owns:    nothing: all that is made lives in the draft's arena.
 * Errors:  ERR_CONFIG for a topic that can't be.
 */
#ifndef VIEW_FILL_H
#define VIEW_FILL_H

#include "view/expression.h"

/* What the connector is to send in place of a long value that it doesn't have. */
struct str unavailable_text(struct draft *draft, struct str topic_prefix);
/* As much of a name as a topic's may have. */
void topic_append(struct buf *out, struct str name);
/* All but the topic, the check and the identity. */
void relation_fill(struct draft *draft, const struct draft_relation *from, const struct plan *plan,
                   struct relation *relation);
/* Sets the topic and the slot of a relation of the plan; no other table before it may have that
 * topic. at: of its table. */
MUST_CHECK enum err_kind topic_set(struct draft *draft, size_t at, const struct plan *plan,
                                   struct relation *table);
/* When all relations are in their order. */
MUST_CHECK enum err_kind tasks_topic_set(struct draft *draft, struct plan *plan);
void target_fill(struct draft *draft, const struct plan *plan, struct target *target);

/* What a cache's rows depend on, and what a table's do: 16 hex digits. */
struct str identity_text(struct draft *draft, const struct relation *relation); /* fingerprint.c */
struct str fingerprint_text(struct draft *draft, const struct plan *plan,
                            const struct target *target); /* fingerprint.c */

#endif
