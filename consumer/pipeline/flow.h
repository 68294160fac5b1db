/* flow.h: how much is held, and which tasks are paused for it.
 */
#ifndef PIPELINE_FLOW_H
#define PIPELINE_FLOW_H

#include "pipeline/internal.h"

/* Whether more records may be taken; pauses and resumes tasks. Where the bound is reached and some
 * tasks are quiet, the busy ones are paused: the client delivers all partitions through one queue.
 */
bool flow_has_room(struct member *m);

#endif
