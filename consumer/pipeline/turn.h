/* turn.h: which tasks write next, and how many rows each.
 */
#ifndef PIPELINE_TURN_H
#define PIPELINE_TURN_H

#include "pipeline/internal.h"

/* Builds what goes into the next transaction and puts it into s->txn, which may stay empty. Returns
 * the task that goes alone, if one must. */
struct task *turn_take(struct session *s);
/* A transaction is in flight: builds the next one where a whole one waits. */
void turn_build_ahead(struct session *s);
/* Something that was built waits to be sent. */
bool turn_is_built(const struct session *s);
/* Some transaction is begun, and goes on at once. */
bool turn_is_begun(const struct session *s);

#endif
