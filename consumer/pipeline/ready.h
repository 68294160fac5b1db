/* ready.h: whether all is as it should be.
 */
#ifndef PIPELINE_READY_H
#define PIPELINE_READY_H

#include "pipeline/internal.h"

/* As member_ready. */
bool member_is_ready(const struct member *m);

#endif
