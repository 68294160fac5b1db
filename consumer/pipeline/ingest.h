/* ingest.h: records from Kafka into the tasks.
 */
#ifndef PIPELINE_INGEST_H
#define PIPELINE_INGEST_H

#include "pipeline/internal.h"

#define EVENTS_MAX 128 /* taken from Kafka at a time */
size_t ingest_records(struct member *m);

#endif
