/* kafka_commit.h: Kafka is told how far the tasks are.
 */
#ifndef PIPELINE_KAFKA_COMMIT_H
#define PIPELINE_KAFKA_COMMIT_H

#include "pipeline/internal.h"

void kafka_commit_step(struct member *m);

#endif
