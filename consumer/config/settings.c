#include "config/settings.h"

#include "config/config.h"

#define FIELD(field) offsetof(struct config, field)
#define DAY_MS       INT64_C(86400000)

static const char *const log_levels[] = {"debug", "info", "warn", "error", NULL};
_Static_assert(LOG_DEBUG == 0 && LOG_INFO == 1 && LOG_WARN == 2 && LOG_ERROR == 3,
               "log_levels follows enum log_level");

static const char *const log_formats[] = {"logfmt", "json", NULL};
_Static_assert(LOG_FORMAT_LOGFMT == 0 && LOG_FORMAT_JSON == 1,
               "log_formats follows enum log_format");

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
    TEXT("schemas.view", schemas_view, 4095, "schemas",
         "SQL files that declare the views: files and folders with commas between them. A folder "
         "is all its *.sql in the order of their names, without the file of schemas.oltp"),
    TEXT("schemas.plan", schemas_plan, 63, NULL,
         "which plan this process works for, by its first view: needed where the views can't share "
         "one (`plan --list` lists them)"),
    WORD("topic.prefix", topic_prefix, 200, "oltp",
         "first part of the topics' names: PREFIX.SCHEMA.TABLE"),
    INTEGER(
        "topic.partitions", topic_partitions, 1, 10000, "partitions", "8",
        "partitions of every core table's topic, and number of tasks; can't be changed later. A "
        "lookup table's topic has one"),
    INTEGER("topic.replication.factor", topic_replication_factor, 1, 32767, "replicas", "1",
            "replicas of the topics that `plan --apply-topics` creates"),
    INTEGER(
        "topic.min.compaction.lag.ms", topic_min_compaction_lag_ms, 1000, 3650 * DAY_MS,
        "milliseconds", "604800000",
        "how long Kafka keeps a record before it may be compacted; a cache older than half of this "
        "is rebuilt"),
    INTEGER(
        "record.max.bytes", record_max_bytes, 1 << 20, 1 << 28, "bytes", "67108864",
        "size of the largest record (an update holds the old and the new row); sets the limits of "
        "connector, topics and members. A larger record makes the connector's task fail"),
    TEXT("state.dir", state_dir, 3800, "state",
         "folder of the state caches; members on one host share it; may be deleted while no member "
         "runs"),
    WORD("member", member, 63, NULL, "this member's name in the log; unset: HOSTNAME-PID"),
    CHOICE("log.level", log_level, log_levels, "info",
           "lowest level that is logged; debug shows each record"),
    CHOICE("log.format", log_format, log_formats, "logfmt",
           "how a log line is written: key=value pairs, or a JSON object whose values are strings"),
    INTEGER("batch.max.rows", batch_max_rows, 1, BATCH_MAX_ROWS_MAX, "rows", "2000",
            "sink rows of one transaction"),
    INTEGER("sink.sessions", sink_sessions, 1, SINK_SESSIONS_MAX, "connections", "2",
            "connections of a member to the OLAP database that write in parallel"),
    INTEGER(
        "held.max.bytes", held_max_bytes, 1, INT64_C(1) << 30, "bytes", "6291456",
        "approximate memory for records that wait for their transactions; fetching pauses beyond "
        "it"),
    INTEGER("cache.commit.bytes", cache_commit_bytes, 1, INT64_C(1) << 30, "bytes", "4194304",
            "memory for the changes of all state caches together; beyond it the largest cache is "
            "committed"),
    INTEGER("lookup.max.bytes", lookup_max_bytes, 4096, INT64_C(1) << 40, "bytes", "268435456",
            "size of a lookup table in the cache of a task, which every task keeps; beyond it the "
            "task halts before it writes"),
    INTEGER("dead.letter.max", dead_letter_max, 0, 1000000, "records", "100",
            "dead letters that a task may have; one more halts it"),
    INTEGER(
        "refused.row.max", refused_row_max, 0, 1000000, "rows", "1000",
        "rows of a task that the sink table may refuse for their own values; one more halts it"),
    INTEGER("conflict.halt.ms", conflict_halt_ms, 0, DAY_MS, "milliseconds", "60000",
            "how long a task retries what a unique index, foreign key or trigger of the sink table "
            "refuses; then it halts"),
    INTEGER("heartbeat.max.age.ms", heartbeat_max_age_ms, 0, DAY_MS, "milliseconds", "60000",
            "a member is not ready when the connector's last heartbeat is older; 0: heartbeats are "
            "not read"),
    INTEGER("incomplete.halt.ms", incomplete_halt_ms, 100, DAY_MS, "milliseconds", "30000",
            "how long the partitions of one task may be assigned to different members before an "
            "error is logged"),
    INTEGER("shutdown.timeout.ms", shutdown_timeout_ms, 100, 60000, "milliseconds", "2500",
            "how long a stopping member waits until it has left the consumer group"),
    TEXT("down.hint", down_hint, 4095, NULL,
         "what the log advises when Kafka or a database does not answer, or nobody reads the slot; "
         "bin/startup.sh sets it in native mode"),
    INTEGER("source.watch.ms", source_watch_ms, 100, DAY_MS, "milliseconds", "10000",
            "how often the source database is compared with the SQL files, if `oltp.host` is set"),
    TEXT("serve.address", serve_address, 255, "127.0.0.1",
         "address for /healthz, /readyz and /metrics: a name or IP address of this machine"),
    INTEGER(
        "serve.port", serve_port, 0, 65535, "port", "9464",
        "port for them; 0: off. If the port is in use, that is logged and the member runs without "
        "it"),

    PASSED("kafka.bootstrap.servers", "localhost:9092", "the brokers to ask first: HOST:PORT,..."),
    PASSED("kafka.group.id", NULL,
           "members of one group share the tasks and must serve the same view; unset: "
           "oltp-olap-sync.VIEW, with the view's name"),
    PASSED("kafka.client.id", NULL, "name in the broker's log"),
    PASSED("kafka.session.timeout.ms", "10000",
           "a member that sends no heartbeat for this long loses its tasks"),
    PASSED("kafka.heartbeat.interval.ms", "300", "how soon a member hears of a rebalance"),
    PASSED("kafka.max.poll.interval.ms", "300000",
           "a member that polls less often loses its tasks"),
    PASSED("kafka.fetch.wait.max.ms", "100", "longest wait of a fetch at the end of the log"),
    PASSED("kafka.fetch.min.bytes", "1",
           "the broker answers a fetch as soon as there is this much"),
    PASSED("kafka.fetch.error.backoff.ms", "50", "wait after a failed fetch"),
    PASSED("kafka.queued.max.messages.kbytes", "1024", "memory for records fetched ahead"),
    PASSED("kafka.queued.min.messages", "100000", "number of records to fetch ahead"),
    PASSED("kafka.fetch.max.bytes", "1048576", "largest response to one fetch"),
    PASSED("kafka.max.partition.fetch.bytes", "131072", "the same for one partition"),
    PASSED("kafka.socket.nagle.disable", "true", "requests are sent at once"),
    PASSED("kafka.socket.keepalive.enable", "true", "dead connections are noticed"),
    PASSED("kafka.topic.metadata.refresh.interval.ms", "15000", "how soon a new topic is noticed"),
    PASSED("kafka.reconnect.backoff.max.ms", "2000", "longest wait before reconnecting"),
    PASSED("kafka.check.crcs", "true", "checks each batch against its checksum"),
    PASSED("kafka.isolation.level", "read_committed",
           "records of aborted transactions are skipped"),

    PASSED("olap.host", "localhost", "the OLAP server"),
    PASSED("olap.port", "5433", "its port"),
    PASSED("olap.user", "pg",
           "the same role for all members: a member may have to terminate another's session"),
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
           "the OLTP server, for `plan --check-source`, `verify` and the source watch of `run`; "
           "unset: no watch"),
    PASSED("oltp.port", "5432", "its port"),
    PASSED("oltp.user", "pg", "a role that may connect; only catalogs are read"),
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
     "`plan --check-source`, `verify` and the source watch, which runs if "
     "`oltp.host`, `oltp.hostaddr` or `oltp.service` is set."},
    {"connector.", "the connector", NULL, FIELD(connector),
     "Any member of the Debezium connector's configuration, with `connector.` before it; it "
     "overrides what `oltp-olap-sync plan` derives from the SQL files."},
    {0},
};
