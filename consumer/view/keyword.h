/* keyword.h: where a keyword stands in a statement whose tree has no place for it. Private to
 * view/.
 *
 * What:    walks the text as PostgreSQL's scanner does, past strings, quoted names, comments and
 *          what is in parentheses.
 * Threads: any.
 * Units:   byte offsets into the text.
 * Errors:  NOWHERE: it is not there.
 */
#ifndef VIEW_KEYWORD_H
#define VIEW_KEYWORD_H

#include "view/source.h"

/* The first place of the word at or after `from`, outside of parentheses; word in capitals. */
size_t keyword_place(const struct source *source, size_t from, const char *word);

#endif
