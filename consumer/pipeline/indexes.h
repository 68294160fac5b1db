/* indexes.h: the indexes of a cache that has none, or none that agree with its rows.
 *
 * What:    they are built step by step, so that the others of the member are not held up; of one
 *          task at a time, so that memory is bounded. A task waits meanwhile in BACKFILL, before
 *          anything is written; or in OPENING, before anything is read.
 */
#ifndef PIPELINE_INDEXES_H
#define PIPELINE_INDEXES_H

#include "pipeline/internal.h"

/* Returns whether there was one to build. */
size_t indexes_step(struct member *m);

#endif
