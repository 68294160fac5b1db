/* look.h: reads the source database's catalogs.
 *
 * What:    a look is what the catalogs say at one moment about the server, the replication slot,
 *          the publication, and every table and column that the view uses. Any role that may
 *          connect will do, and no table lock is waited for.
 * Owns:    a struct link its connection; a struct look its texts, in its arena, until look_clear.
 * Threads: a struct link belongs to one thread.
 * Units:   milliseconds; bytes of the source's log.
 * Errors:  ERR_RETRY: not reachable, or no answer in time; ERR_CONFIG: a setting oltp.* is wrong,
 *          or the server is too old.
 * Limits:  PostgreSQL 14 or later.
 */
#ifndef OLTP_LOOK_H
#define OLTP_LOOK_H

#include "base/arena.h"
#include "base/err.h"
#include "plan/plan.h"

struct link_options {
    const char *const *keywords; /* libpq's, NULL-terminated, and their values */
    const char *const *values;
    int stop_fd; /* readable: gives up at once; -1: none */
};

/* Whether the database's address is set. */
bool link_is_set(const struct link_options *options);

struct link;
/* Waits for the connection. */
MUST_CHECK enum err_kind link_open(const struct link_options *options, struct link **ret_link,
                                   struct err *reterr);
/* Accepts NULL and a pointer to NULL. */
void link_close(struct link **link);

struct look_column {
    bool found;
    bool not_null;
    bool generated;
    bool primary_key;
    bool published;  /* the publication's column list has it, or there is none */
    struct str type; /* "character varying(40)"; a domain's base type */
};

/* One of a partitioned table, at any depth; those that only have partitions are no such. None is a
 * foreign table: the primary key would forbid it. */
struct look_partition {
    uint32_t oid;
    char identity; /* pg_class.relreplident */
};

struct look_table {
    bool found;
    uint32_t oid;
    char kind;        /* pg_class.relkind: 'r' an ordinary table */
    char persistence; /* 'p' permanent */
    bool is_partition, has_children;
    const struct look_partition *partitions; /* by oid */
    size_t partition_count;
    char identity;             /* pg_class.relreplident: 'f' FULL */
    uint32_t filenode;         /* changed by TRUNCATE, VACUUM FULL, CLUSTER, ALTER TABLE */
    bool counted;              /* reltuples is known for this file */
    int64_t counts;            /* how often VACUUM and ANALYZE ran */
    uint32_t row_xid;          /* xmin of its row of pg_class */
    uint32_t type_xid;         /* ... of pg_type: changed by a rename */
    struct str definition;     /* its row of pg_class, hashed, without statistics */
    bool truncate_is_refused;  /* an enabled trigger BEFORE TRUNCATE */
    int32_t primary_key_count; /* columns */
    bool published;
    uint32_t publication_entry;  /* pg_publication_rel.oid; 0: not by a row of its own */
    bool filtered;               /* the publication has a WHERE for it */
    bool by_root;                /* the publication names partitions' changes by their root */
    struct look_column *columns; /* as the view's */
};

struct look_slot {
    bool exists, active;
    struct str plugin, database, wal_status;
    int64_t lag_bytes; /* written and not confirmed; -1: not known */
    int64_t confirmed; /* confirmed_flush_lsn; -1: none */
};

struct look {
    struct arena arena;
    struct str database, wal_level;
    bool publication_exists;
    bool publication_whole; /* inserts, updates and deletes */
    struct look_slot slot;
    struct look_table *tables; /* as the view's */
};

/* The connector's settings that a look needs. */
struct look_names {
    const char *slot, *publication;
};

/* Fills *look (all-zero, or cleared); on failure the link is to be closed. */
MUST_CHECK enum err_kind link_look(struct link *link, const struct plan *plan,
                                   const struct look_names *names, struct look *look,
                                   struct err *reterr);
void look_clear(struct look *look);

#endif
