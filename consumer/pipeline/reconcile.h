/* reconcile.h: what was written, and who has the task now.
 */
#ifndef PIPELINE_RECONCILE_H
#define PIPELINE_RECONCILE_H

#include "pipeline/internal.h"

/* A fence failed, an outcome is unknown, or the connection is new: the newest row decides. */
void reconcile(struct session *s, struct task *task, const struct sink_result *result);

#endif
