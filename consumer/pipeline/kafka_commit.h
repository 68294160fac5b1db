/* kafka_commit.h: Kafka is told how far the tasks are.
 */
#ifndef PIPELINE_KAFKA_COMMIT_H
#define PIPELINE_KAFKA_COMMIT_H

#include "pipeline/member_impl.h"

void kafka_commit_step(struct member *m);

#endif
