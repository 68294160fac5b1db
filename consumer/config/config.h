/* config.h: what the operator decided.
 *
 * What:    the settings as one plain struct, from (rising) defaults, a JSON file, environment
 *          variables, --set; and the same table of settings as --help and docs/configuration.md.
 * Owns:    a struct config owns all its strings until config_destroy; readers borrow.
 * Threads: read-only after config_load, so any.
 * Errors:  ERR_CONFIG: the setting, its value unless secret, where it came from, what is allowed.
 * Limits:  a file of 1 MiB, 1,000 settings a source, names of 255 bytes, objects 16 deep; values
 * are UTF-8 without control bytes other than tab.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/err.h"
#include "base/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* One setting that another program understands. */
struct config_pair {
    const char *name;  /* without its group: group.id, not kafka.group.id */
    const char *value; /* never NULL or "" */
    bool secret;       /* value must not be shown */
};

/* A pass-through group: shipped defaults in the table's order, then the operator's own in the order
 * given. No name comes twice. */
struct config_pairs {
    struct config_pair *items;
    size_t count;
};

#define SINK_SESSIONS_MAX  8
#define BATCH_MAX_ROWS_MAX 20000

struct config {
    const char *schemas_oltp; /* path of the SQL file with the tables */
    const char *schemas_view; /* a list of files and folders with views */
    const char *schemas_plan; /* NULL: there is one only */
    const char *topic_prefix;
    int64_t topic_partitions, topic_replication_factor, topic_min_compaction_lag_ms;
    int64_t record_max_bytes; /* of the largest record */
    const char *state_dir;
    const char *member; /* 63 bytes at most, letters digits . _ - */
    enum log_level log_level;
    enum log_format log_format;
    int64_t batch_max_rows;       /* sink rows a transaction */
    int64_t sink_sessions;        /* at most SINK_SESSIONS_MAX */
    int64_t held_max_bytes;       /* of records that wait for their transactions */
    int64_t cache_commit_bytes;   /* dirty bytes after which the state cache commits */
    int64_t lookup_max_bytes;     /* of a lookup table in a task's cache; more halts it */
    int64_t dead_letter_max;      /* records a task may set aside; one more halts it */
    int64_t refused_row_max;      /* rows of a task the sink may refuse; one more halts it */
    int64_t heartbeat_max_age_ms; /* of the connector's last one; 0: they are not read */
    int64_t conflict_halt_ms;     /* what depends on other rows is tried for so long */
    int64_t incomplete_halt_ms;   /* a task whose partitions are split halts after this */
    const char *down_hint;        /* NULL: none */
    int64_t source_watch_ms;      /* between two looks at the source database */
    int64_t shutdown_timeout_ms;
    const char *serve_address;
    int64_t serve_port;             /* 0: nothing is served */
    const char *olap_password_file; /* what olap.password was read from; NULL: it was not */
    struct config_pairs kafka, olap, oltp, connector; /* librdkafka's, libpq's, the connector's */
    struct config_memory *memory;                     /* private */
};

struct config_sources {
    const char *file;        /* path of the JSON file; NULL: none */
    char *const *environ;    /* NULL-terminated NAME=value; NULL: none */
    const char *const *sets; /* "name=value" of each --set, in order */
    size_t set_count;
};

/* Copies what it needs of sources. *ret is the caller's to destroy. */
enum err_kind config_load(const struct config_sources *sources, struct config **ret,
                          struct err *reterr) MUST_CHECK;
/* Accepts NULL and a pointer to NULL; sets *config to NULL. */
void config_destroy(struct config **config);

/* The value, or NULL. */
const char *config_pair_get(const struct config_pairs *pairs, const char *name);

/* What is in force: `name = value  (where from)` a line, secrets as ***. */
void config_print(const struct config *config, FILE *out);
/* All settings, for a terminal. */
void config_help(FILE *out);
/* All settings, as docs/configuration.md. */
void config_markdown(FILE *out);

#endif
