/* lookup_topics.h: lookup topics, which a member reads once for all its tasks.
 *
 * What:    where reading begins: at the first record that any task needs, while the others skip
 *          what they have. A task that makes them wait so again and again has to wait itself.
 */
#ifndef PIPELINE_LOOKUP_TOPICS_H
#define PIPELINE_LOOKUP_TOPICS_H

#include "pipeline/internal.h"

/* The topic of a lookup, or in relation 0's place the one that shares out the tasks. */
const char *lookup_topics_name(const struct member *m, int table);

/* The group gave other partitions: nothing is read yet. */
void lookup_topics_begin(struct member *m);
/* The topic is not there: when it is again, its log may be another one; or the one that shares out
 * the tasks, which has none. */
void lookup_topics_gone(struct member *m, int table);
void lookup_topics_back(struct member *m, int table);
/* What is read must be said anew, since a task's time has come to have lookups read again. */
void lookup_topics_watch(struct member *m);
/* The logs are there, and known to be those that were applied. */
bool lookup_topics_proven(const struct member *m, const struct task *task);
/* False: the task is not to be read for yet, since others would have to wait for it. */
bool lookup_topics_admit(const struct member *m, const struct task *task);
/* How long it is not read for, or has what passed it by not read again, lest others wait; 0: it
 * does not wait for that. */
int64_t lookup_topics_wait_ms(const struct member *m, const struct task *task);
/* Appends where lookup topics are to be read from for the tasks that are read for, by number.
 * Returns how many positions. */
size_t lookup_topics_add(struct member *m, const bool *reads, struct topic_position *positions);
/* They are. */
void lookup_topics_assigned(struct member *m, const bool *reads);

#endif
