/* notes.h: what the planner made of views, and what to mind, for people. Private to view/.
 *
 * Owns:    the text lives in the plan's arena.
 */
#ifndef VIEW_NOTES_H
#define VIEW_NOTES_H

#include "view/expression.h"
#include "view/share.h"

/* Of the plan of this number: a line each, with a newline behind it. */
struct str notes_text(const struct shares *shares, size_t number, const struct plan *plan);
/* The same of what a table's keys and references may be too long for. */
void key_bytes_append(struct buf *out, const struct draft_relation *relation); /* key_bytes.c */
/* Whether an expression's value depends on how texts are ordered, or what their capitals are. */
bool compares_texts(struct draft *draft, json_t *node); /* collation.c */

#endif
