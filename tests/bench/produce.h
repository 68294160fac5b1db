/* produce.h: records to Kafka as the connector writes them, or to standard output.
 *
 * Owns:    one producer, from produce_begin to produce_end.
 * Units:   nanoseconds of CLOCK_MONOTONIC.
 * Errors:  none; what can't be written ends the program with a message.
 * Limits:  TOPICS_MAX topics with PARTITIONS_MAX partitions each.
 */
#ifndef BENCH_PRODUCE_H
#define BENCH_PRODUCE_H

#include "debezium.h"

#include <stdint.h>

enum { PARTITIONS_MAX = 1024, TOPICS_MAX = 8 };

int64_t now_ns(void);
/* bootstrap "-": prints topic, key and value instead, with tabs between. */
void produce_begin(const char *bootstrap);
/* topic is a number of the caller's, the same for every record of the topic. */
void produce(int topic, struct texts texts, int32_t partition);
/* Prints how many records, and when the first and the last were given to Kafka; returns the exit
 * code. */
int produce_end(void);

#endif
