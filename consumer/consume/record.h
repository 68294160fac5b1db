/* record.h: one Kafka record, as plain data.
 *
 * What:    what decode reads, without librdkafka's types.
 * Owns:    nothing: key and value live until consume_release of its handle.
 * Units:   timestamp_ms since the epoch, as the broker stored it.
 */
#ifndef CONSUME_RECORD_H
#define CONSUME_RECORD_H

#include "base/str.h"

#include <stdint.h>

struct record {
    int table;         /* index into the view's tables: its topic */
    int32_t partition; /* = the task */
    int64_t offset;
    int64_t timestamp_ms;
    struct str key;   /* ptr NULL: no key */
    struct str value; /* ptr NULL: tombstone */
    void *handle;     /* for consume_release; NULL when the bytes are not librdkafka's */
};

#endif
