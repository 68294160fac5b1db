#include "config/settings.h"

#include "config/config.h"

#define FIELD(field) offsetof(struct config, field)
#define DAY_MS       INT64_C(86400000)

static const char *const log_levels[] = {"debug", "info", "warn", "error", NULL};
_Static_assert(LOG_DEBUG == 0 && LOG_INFO == 1 && LOG_WARN == 2 && LOG_ERROR == 3,
               "log_levels follows enum log_level");

#define TEXT(name, field, longest, initial, help)                                                  \
    { name, CONFIG_TEXT, false, FIELD(field), 1, longest, NULL, NULL, initial, help }
#define WORD(name, field, longest, initial, help)                                                  \
    { name, CONFIG_WORD, false, FIELD(field), 1, longest, NULL, NULL, initial, help }
#define INTEGER(name, field, min, max, unit, initial, help)                                        \
    { name, CONFIG_INTEGER, false, FIELD(field), min, max, unit, NULL, initial, help }
#define CHOICE(name, field, choices, initial, help)                                                \
    { name, CONFIG_CHOICE, false, FIELD(field), 0, 0, NULL, choices, initial, help }
#define PASSED(name, initial, help)                                                                \
    { name, CONFIG_PASSED, false, 0, 0, 0, NULL, NULL, initial, help }
#define PASSED_SECRET(name, initial, help)                                                         \
    { name, CONFIG_PASSED, true, 0, 0, 0, NULL, NULL, initial, help }

/* clang-format off: one setting, one or two lines */
const struct config_setting config_settings[] = {
    TEXT("schemas.oltp", schemas_oltp, 4095, "schemas/oltp.sql",
         "SQL file that declares the source tables"),
    TEXT("schemas.view", schemas_view, 4095, "schemas/student_contact.sql",
         "SQL file that declares the view"),
    WORD("topic.prefix", topic_prefix, 200, "oltp",
         "first part of the topics' names: PREFIX.SCHEMA.TABLE"),
    INTEGER("topic.partitions", topic_partitions, 1, 10000, "partitions", "8",
            "partitions of every topic, and so the tasks there are; can't be changed later"),
    INTEGER("topic.replication.factor", topic_replication_factor, 1, 32767, "replicas", "1",
            "replicas of the topics that `plan --apply-topics` makes"),
    INTEGER("topic.min.compaction.lag.ms", topic_min_compaction_lag_ms, 1000, 3650 * DAY_MS,
            "milliseconds", "604800000",
            "how long Kafka keeps every record before compacting; a cache older than half of it is "
            "rebuilt"),
    INTEGER("record.max.bytes", record_max_bytes, 1 << 20, 1 << 28, "bytes", "67108864",
            "largest record, of an update the old and the new row together: for connector, topics "
            "and members; a larger one fails the connector"),
    TEXT("state.dir", state_dir, 3800, "state",
         "folder of the state caches; members on one host share it; may be deleted at any time"),
    WORD("member", member, 63, NULL, "this member's name in the log; unset: HOSTNAME-PID"),
    CHOICE("log.level", log_level, log_levels, "info",
           "lowest level that is logged; debug shows each record"),
    INTEGER("batch.max.rows", batch_max_rows, 1, BATCH_MAX_ROWS_MAX, "rows", "2000",
            "sink rows of one transaction"),
    INTEGER("sink.sessions", sink_sessions, 1, SINK_SESSIONS_MAX, "connections", "2",
            "connections of a member to the OLAP database that write in parallel"),
    INTEGER("held.max.bytes", held_max_bytes, 1, INT64_C(1) << 30, "bytes", "6291456",
            "approximate memory for records that wait for their transactions; beyond it fetching "
            "pauses"),
    INTEGER("cache.commit.bytes", cache_commit_bytes, 1, INT64_C(1) << 30, "bytes", "4194304",
            "memory for the changes of all state caches together; beyond it the largest cache is "
            "committed"),
    INTEGER("dead.letter.max", dead_letter_max, 0, 1000000, "records", "100",
            "dead letters that a task may have; one more halts it"),
    INTEGER("refused.row.max", refused_row_max, 0, 1000000, "rows", "1000",
            "rows of a task that the sink table may refuse by their own values; one more halts it"),
    INTEGER("conflict.halt.ms", conflict_halt_ms, 0, DAY_MS, "milliseconds", "60000",
            "how long a task tries again what a unique index, foreign key or trigger of the sink "
            "table refuses; then it halts"),
    INTEGER("incomplete.halt.ms", incomplete_halt_ms, 100, DAY_MS, "milliseconds", "30000",
            "how long the partitions of one task may be with different members before that is "
            "reported"),
    INTEGER("shutdown.timeout.ms", shutdown_timeout_ms, 100, 60000, "milliseconds", "2500",
            "how long SIGTERM waits for the transaction in flight"),
    INTEGER(
        "source.watch.ms", source_watch_ms, 100, DAY_MS, "milliseconds", "10000",
        "how often the source database is compared with the SQL files, where `oltp.host` is set"),
    TEXT("serve.address", serve_address, 255, "127.0.0.1",
         "where /healthz, /readyz and /metrics are served: a name or IP address of this machine"),
    INTEGER("serve.port", serve_port, 0, 65535, "port", "9464",
            "their port; 0: nothing is served. A port that is in use is logged; the member runs "
            "without it"),

    PASSED("kafka.bootstrap.servers", "localhost:9092",
           "the brokers to contact first: HOST:PORT,..."),
    PASSED("kafka.group.id", NULL,
           "members of one group share the tasks, and must keep the same view; unset: "
           "oltp-olap-sync.VIEW, with the view's name"),
    PASSED("kafka.client.id", NULL, "name in the broker's log"),
    PASSED("kafka.session.timeout.ms", "10000",
           "a member that sends no heartbeat for this long loses its tasks"),
    PASSED("kafka.heartbeat.interval.ms", "300", "how soon a member hears of a rebalance"),
    PASSED("kafka.max.poll.interval.ms", "300000",
           "a member that polls less often loses its tasks"),
    PASSED("kafka.fetch.wait.max.ms", "100", "longest wait of a fetch at the end of the log"),
    PASSED("kafka.fetch.min.bytes", "1", "a fetch is answered as soon as there is one record"),
    PASSED("kafka.fetch.error.backoff.ms", "50", "wait after a failed fetch"),
    PASSED("kafka.queued.max.messages.kbytes", "1024", "memory for records fetched ahead"),
    PASSED("kafka.queued.min.messages", "100000", "records to fetch ahead"),
    PASSED("kafka.fetch.max.bytes", "1048576", "largest response to one fetch"),
    PASSED("kafka.max.partition.fetch.bytes", "131072", "the same for one partition"),
    PASSED("kafka.socket.nagle.disable", "true", "requests leave at once"),
    PASSED("kafka.socket.keepalive.enable", "true", "a broker that vanished is noticed"),
    PASSED("kafka.topic.metadata.refresh.interval.ms", "15000",
           "how soon a topic made later is noticed"),
    PASSED("kafka.reconnect.backoff.max.ms", "2000", "longest wait before connecting again"),
    PASSED("kafka.check.crcs", "true", "damaged records are noticed"),
    PASSED("kafka.isolation.level", "read_committed",
           "records of aborted transactions are left out"),

    PASSED("olap.host", "localhost", "the OLAP server"),
    PASSED("olap.port", "5433", "its port"),
    PASSED("olap.user", "pg",
           "the same role for all members: one may have to end another's session"),
    PASSED_SECRET("olap.password", "pg", "its password"),
    PASSED("olap.dbname", "pg", "the database"),
    PASSED("olap.connect_timeout", "5", "seconds"),
    PASSED("olap.keepalives_idle", "5", "seconds of silence before the peer is probed"),
    PASSED("olap.keepalives_interval", "2", "seconds between probes"),
    PASSED("olap.keepalives_count", "3", "probes without an answer that end the connection"),
    PASSED("olap.tcp_user_timeout", "10000",
           "milliseconds without acknowledgement that end the connection"),
    PASSED("olap.application_name", "oltp-olap-sync", "name in pg_stat_activity"),
    PASSED("olap.target_session_attrs", "read-write", "connect only to a primary"),

    PASSED("oltp.host", NULL,
           "the OLTP server, for `plan --check-source` and for the watch of `run`; "
           "unset: nobody watches it"),
    PASSED("oltp.port", "5432", "its port"),
    PASSED("oltp.user", "pg", "a role that may connect: catalogs are all that is read"),
    PASSED_SECRET("oltp.password", "pg", "its password"),
    PASSED("oltp.dbname", "pg", "the database of the source tables"),
    PASSED("oltp.connect_timeout", "5", "seconds"),
    PASSED("oltp.keepalives_idle", "5", "seconds of silence before the peer is probed"),
    PASSED("oltp.application_name", "oltp-olap-sync", "name in pg_stat_activity"),
    {0},
};
/* clang-format on */

const struct config_group config_groups[] = {
    {"kafka.", "librdkafka", NULL, FIELD(kafka),
     "Any property of librdkafka's consumer, with `kafka.` before it; librdkafka checks them."},
    {"olap.", "libpq", "abcdefghijklmnopqrstuvwxyz_", FIELD(olap),
     "Any of libpq's connection keywords, with `olap.` before it; libpq checks them."},
    {"oltp.", "libpq", "abcdefghijklmnopqrstuvwxyz_", FIELD(oltp),
     "Any of libpq's connection keywords, with `oltp.` before it; libpq checks them. They are for "
     "`plan --check-source` and for the watch on the source database, which is on where "
     "`oltp.host`, `oltp.hostaddr` or `oltp.service` is set."},
    {"connector.", "the connector", NULL, FIELD(connector),
     "Any member of the Debezium connector's configuration, with `connector.` before it; what is "
     "given here overrides what `oltp-olap-sync plan` works out from the SQL files."},
    {0},
};
