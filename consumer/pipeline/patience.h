/* patience.h: records that need no transaction of their own.
 *
 * What:    a change of a lookup row that no row of the task refers to writes nothing. All tasks are
 *          given it, so a busy lookup table would cost each of them one transaction after another:
 *          instead it waits for one that goes anyhow, PATIENCE_MS at most.
 */
#ifndef PIPELINE_PATIENCE_H
#define PIPELINE_PATIENCE_H

#include "pipeline/internal.h"

/* Looks at what the session's tasks have got, and says which of them must write: task->hurries. */
void patience_look(struct session *s);
/* How long until a task's patience ends, at most wait_ms. */
int patience_wait_ms(const struct member *m, int wait_ms);

#endif
