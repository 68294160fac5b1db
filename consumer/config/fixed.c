/* What the design rests on: names that may not be set, or only to some values. */
#include "config/settings.h"

#define OFFSETS "the position is stored with the rows, in one transaction of the OLAP database"
#define FORMS                                                                                      \
    "the decoder expects values in one form; in another they would be wrong and look right"
#define NAMES "columns are found by their names in the source tables"
#define CUT   "the OLAP table would hold the changed value, or a task would miss the column"
#define KEYS                                                                                       \
    "compaction and moved rows need the join key and the primary key in each record's key; "       \
    "derived from the SQL files"
#define ROUTES "every record goes to the partition of its join key; derived from the SQL files"
#define TABLES "exactly the view's tables; derived from the SQL files"
#define PARTS  "the initial copy must hold every row of every table"
#define DROPPED                                                                                    \
    "a record that can't be sent must stop the connector; if skipped, its row would be lost"
#define ORDER "all records must arrive, in order"
#define SIZES "derived from record.max.bytes: set that"
#define SKIPS "other values let the connector skip changes"

static const char *const snapshot_modes[] = {"initial", "always", "when_needed", NULL};
static const char *const autocreate_modes[] = {"filtered", "disabled", "all_tables", NULL};
static const char *const mismatch_strategies[] = {"no_validation", "trust_offset", NULL};

/* clang-format off: one name a line where it fits */
const struct config_fixed config_fixed[] = {
    {"kafka.enable.auto.commit", OFFSETS, NULL},
    {"kafka.auto.commit.enable", OFFSETS, NULL},
    {"kafka.enable.auto.offset.store", OFFSETS, NULL},
    {"kafka.auto.offset.reset",
     "offsets outside the log halt the task: starting elsewhere would lose or invent rows", NULL},
    {"kafka.enable.partition.eof", "the initial load and rebuilds read to the end of the log",
     NULL},
    {"kafka.partition.assignment.strategy",
     "a task is the same partition of every topic, which the range assignor keeps together", NULL},
    {"kafka.group.protocol", "the range assignor needs the classic group protocol", NULL},
    {"kafka.allow.auto.create.topics",
     "topics need their partition count and compaction: `plan --apply-topics` makes them", NULL},

    {"connector.connector.class", "records come from Debezium's connector for PostgreSQL", NULL},
    {"connector.plugin.name", "pgoutput is part of PostgreSQL; other plugins send other values",
     NULL},
    {"connector.slot.stream.params", SKIPS, NULL},
    {"connector.topic.prefix", "connector and members take it from topic.prefix: set that", NULL},
    {"connector.topic.naming.strategy", "members read the topics PREFIX.SCHEMA.TABLE", NULL},
    {"connector.topic.delimiter", "members read the topics PREFIX.SCHEMA.TABLE", NULL},

    {"connector.decimal.handling.mode", FORMS, NULL},
    {"connector.time.precision.mode", FORMS, NULL},
    {"connector.interval.handling.mode", FORMS, NULL},
    {"connector.hstore.handling.mode", FORMS, NULL},
    {"connector.binary.handling.mode", FORMS, NULL},
    {"connector.money.fraction.digits", FORMS, NULL},
    {"connector.converters", FORMS, NULL},
    {"connector.post.processors", FORMS, NULL},
    {"connector.sourceinfo.struct.maker", FORMS, NULL},
    {"connector.key.converter", FORMS, NULL},
    {"connector.key.converter.*", FORMS, NULL},
    {"connector.value.converter", FORMS, NULL},
    {"connector.value.converter.*", FORMS, NULL},
    {"connector.field.name.adjustment.mode", NAMES, NULL},
    {"connector.schema.name.adjustment.mode", NAMES, NULL},
    {"connector.schema.refresh.mode", "a changed table must be seen before its next record", NULL},
    {"connector.unavailable.value.placeholder",
     "derived from topic.prefix, so that no user's text equals it by chance", NULL},

    {"connector.column.exclude.list", CUT, NULL},
    {"connector.column.include.list", CUT, NULL},
    {"connector.column.mask.*", CUT, NULL},
    {"connector.column.truncate.*", CUT, NULL},
    {"connector.message.key.columns", KEYS, NULL},
    {"connector.transforms", ROUTES, NULL},
    {"connector.transforms.*", ROUTES, NULL},
    {"connector.predicates", ROUTES, NULL},
    {"connector.predicates.*", ROUTES, NULL},
    {"connector.producer.override.partitioner.class", ROUTES, NULL},
    {"connector.table.include.list", TABLES, NULL},
    {"connector.table.exclude.list", TABLES, NULL},
    {"connector.schema.include.list", TABLES, NULL},
    {"connector.schema.exclude.list", TABLES, NULL},
    {"connector.replica.identity.autoset.values",
     "every table needs REPLICA IDENTITY FULL: ALTER TABLE sets it", NULL},

    {"connector.skipped.operations", DROPPED, NULL},
    {"connector.skip.messages.without.change",
     "an UPDATE that changes nothing is the way to send a row again", NULL},
    {"connector.event.processing.failure.handling.mode", DROPPED, NULL},
    {"connector.event.converting.failure.handling.mode", DROPPED, NULL},
    {"connector.errors.tolerance", DROPPED, NULL},
    {"connector.tombstones.on.delete",
     "a tombstone goes to another partition than its row, and compaction drops it", NULL},
    {"connector.provide.transaction.metadata",
     "before Debezium 3.7 it may lose whole transactions (dbz#76)", NULL},
    {"connector.snapshot.mode", PARTS, snapshot_modes},
    {"connector.snapshot.query.mode", PARTS, NULL},
    {"connector.snapshot.query.mode.*", PARTS, NULL},
    {"connector.snapshot.include.collection.list", PARTS, NULL},
    {"connector.snapshot.select.statement.overrides", PARTS, NULL},
    {"connector.snapshot.select.statement.overrides.*", PARTS, NULL},
    {"connector.publication.autocreate.mode", "with no_tables the publication would be empty",
     autocreate_modes},
    {"connector.slot.drop.on.stop", "changes made while the connector is stopped would be lost",
     NULL},
    {"connector.offset.mismatch.strategy", SKIPS, mismatch_strategies},
    {"connector.internal.*", "Debezium's internal switches; their effects are unknown here", NULL},

    {"connector.producer.override.acks", ORDER, NULL},
    {"connector.producer.override.enable.idempotence", ORDER, NULL},
    {"connector.producer.override.max.in.flight.requests.per.connection", ORDER, NULL},
    {"connector.producer.override.max.request.size", SIZES, NULL},
    {"connector.producer.override.buffer.memory", SIZES, NULL},
    {"connector.producer.override.key.serializer", FORMS, NULL},
    {"connector.producer.override.value.serializer", FORMS, NULL},
    {"connector.producer.override.interceptor.classes", FORMS, NULL},
    {0},
};
/* clang-format on */
