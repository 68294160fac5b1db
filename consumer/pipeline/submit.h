/* submit.h: what goes to the sink next.
 */
#ifndef PIPELINE_SUBMIT_H
#define PIPELINE_SUBMIT_H

#include "pipeline/internal.h"

/* Sends the session's next job, when it is free. */
size_t submit_next(struct session *s);

#endif
