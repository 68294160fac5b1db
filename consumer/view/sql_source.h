/* sql_source.h: the view's query for the source database. Private to view/.
 *
 * What:    the same rows and values as the sink is to have, from the source tables themselves.
 * Owns:    nothing: all of it lives in the draft's arena.
 */
#ifndef VIEW_SQL_SOURCE_H
#define VIEW_SQL_SOURCE_H

#include "view/draft.h"

struct source_query sql_source(struct draft *draft);

#endif
