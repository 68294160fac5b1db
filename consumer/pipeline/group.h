/* group.h: the consumer group: which tasks are ours, and taking leave of them.
 */
#ifndef PIPELINE_GROUP_H
#define PIPELINE_GROUP_H

#include "pipeline/internal.h"

/* The group's next event; false: there is none. */
bool group_event(struct member *m);
/* Takes our leave of revoked tasks. */
size_t group_leave(struct member *m);
/* Says what the group has kept split for too long. */
void group_watch(struct member *m);
/* Says to Kafka what to read, when it changed and every task that can be opened soon is. */
size_t group_assign(struct member *m);

#endif
