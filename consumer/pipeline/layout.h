/* layout.h: what a plan's caches hold.
 *
 * What:    the plan's relations as tables of a state cache, in their order, with their references.
 * Owns:    nothing: borrows the plan.
 */
#ifndef PIPELINE_LAYOUT_H
#define PIPELINE_LAYOUT_H

#include "plan/plan.h"
#include "state/state.h"

struct state_layout layout_of(const struct plan *plan);

#endif
