/* difference.h: how two definitions of a view differ, for people.
 *
 * What:    compares two texts of lines "subject: value", as view/definition.h makes them: the one
 *          that is kept beside the progress, and the present one.
 */
#ifndef PLAN_DIFFERENCE_H
#define PLAN_DIFFERENCE_H

#include "base/str.h"

#include <stddef.h>

/* The differences, "subject was A, is now B; ...", as far as they fit into out; returns how many
 * there are. */
size_t definition_difference(struct str before, struct str now, char *out, size_t size);

#endif
