/* route.h: the partition the connector chose for a join key.
 *
 * What:    io.debezium.transforms.partitions.PartitionRouting with hash function "java", over the
 *          join key's parts: their Java hashCodes summed (32-bit wrapping), & 0x7fffffff, mod N.
 * Units:   a partition number, 0 .. N-1.
 * Limits:  the key types of enum key_code.
 */
#ifndef DECODE_ROUTE_H
#define DECODE_ROUTE_H

#include "plan/plan.h"

/* A filtered relation's topic has one partition: there it says which task's the row is.
 * values: the texts of the columns that place the row, table->placement_count of them, none NULL;
 * text is valid UTF-8. */
int32_t route_partition(const struct relation *table, const struct str *values,
                        int32_t partition_count);

#endif
