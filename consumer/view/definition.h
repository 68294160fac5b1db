/* definition.h: a view in lines of text.
 *
 * What:    what the fingerprint is made of, "subject: value" a line, for people: it is kept beside
 *          the progress, so that a later view can be compared with the one that filled the table.
 * Owns:    the text lives in the draft's arena.
 * Threads: any.
 */
#ifndef VIEW_DEFINITION_H
#define VIEW_DEFINITION_H

#include "view/expression.h"

struct str definition_text(struct draft *draft, const struct plan *plan,
                           const struct target *target);

#endif
