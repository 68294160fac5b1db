/* apply_verdicts.h: what follows from the verdicts.
 */
#ifndef PIPELINE_APPLY_VERDICTS_H
#define PIPELINE_APPLY_VERDICTS_H

#include "pipeline/internal.h"

/* Does what the pending verdicts say. A pointer to a task does not outlive this. */
void apply_verdicts(struct member *m);

#endif
