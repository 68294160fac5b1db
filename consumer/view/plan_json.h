/* plan_json.h: a plan as JSON, for programs.
 *
 * Owns:    nothing: the caller frees the text.
 * Threads: any.
 */
#ifndef VIEW_PLAN_JSON_H
#define VIEW_PLAN_JSON_H

#include "plan/plan.h"

/* connector: view_connector_json's text. malloc'ed, with a newline at its end. */
char *view_plan_json(const struct plan *plan, const char *connector);

#endif
