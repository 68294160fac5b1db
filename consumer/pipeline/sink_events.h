/* sink_events.h: the sink's answers.
 */
#ifndef PIPELINE_SINK_EVENTS_H
#define PIPELINE_SINK_EVENTS_H

#include "pipeline/internal.h"

/* Acts on what the sink says. Returns how much that was. */
size_t sink_events_step(struct session *s);

#endif
