/* One look: three queries in one transaction, so that their results are consistent. */
#include "oltp/link.h"

#include "base/buf.h"
#include "oltp/array.h"

#include <stdio.h>
#include <stdlib.h>

/* Reads catalogs only: it takes no table locks, so it waits for none. */
#define SQL_BEGIN "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
#define SQL_LIMIT "SET LOCAL statement_timeout = 10000"
#define SQL_PATH  "SET LOCAL search_path = pg_catalog"

/* $1 the slot, $2 the publication. */
#define SQL_SERVER                                                                                 \
    "SELECT current_database(), current_setting('wal_level'), p.oid IS NOT NULL,"                  \
    " coalesce(p.pubinsert AND p.pubupdate AND p.pubdelete, false), s.slot_name IS NOT NULL,"      \
    " coalesce(s.active, false), coalesce(s.plugin, ''), coalesce(s.database, ''),"                \
    " coalesce(s.wal_status, ''), coalesce(pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery()"          \
    " THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END, s.confirmed_flush_lsn), -1),"  \
    " coalesce(pg_wal_lsn_diff(s.confirmed_flush_lsn, '0/0'), -1)"                                 \
    " FROM (SELECT 1) one LEFT JOIN pg_publication p ON p.pubname = $2::text"                      \
    " LEFT JOIN pg_replication_slots s ON s.slot_name = $1::text"

/* Row filters, column lists and whole schemas came with PostgreSQL 15. */
#define SQL_FILTERED    "pr.prqual IS NOT NULL"
#define SQL_FILTERED_14 "false"
#define SQL_BY_SCHEMA                                                                              \
    "EXISTS (SELECT FROM pg_publication_namespace n WHERE n.pnpubid = p.oid"                       \
    " AND n.pnnspid = c.relnamespace)"
#define SQL_BY_SCHEMA_14     "false"
#define SQL_COLUMN_LISTED    "pr.prattrs IS NULL OR a.attnum = ANY (pr.prattrs::int2[])"
#define SQL_COLUMN_LISTED_14 "true"

/* $1 schemas, $2 names, $3 the publication. The definition leaves out statistics and what VACUUM
 * updates. 34: BEFORE, TRUNCATE. */
#define SQL_PARTITIONS                                                                             \
    "coalesce((WITH RECURSIVE l(oid) AS (SELECT i.inhrelid FROM pg_inherits i"                     \
    " WHERE i.inhparent = c.oid AND c.relkind = 'p' UNION ALL SELECT i.inhrelid FROM l"            \
    " JOIN pg_inherits i ON i.inhparent = l.oid) SELECT string_agg(k.oid::text"                    \
    " || k.relreplident::text, ' ' ORDER BY k.oid) FROM l JOIN pg_class k ON k.oid = l.oid"        \
    " WHERE k.relkind <> 'p'), '')"
#define SQL_TABLES(filtered, by_schema)                                                            \
    "SELECT c.oid IS NOT NULL, coalesce(c.oid, 0), coalesce(c.relkind, ' '),"                      \
    " coalesce(c.relpersistence, ' '), coalesce(c.relispartition, false),"                         \
    " EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = c.oid),"                               \
    " coalesce(c.relreplident, ' '), coalesce(c.relfilenode, 0), coalesce(c.reltuples >= 0, "      \
    "true),"                                                                                       \
    " coalesce((SELECT s.vacuum_count + s.autovacuum_count + s.analyze_count"                      \
    " + s.autoanalyze_count FROM pg_stat_all_tables s WHERE s.relid = c.oid), 0),"                 \
    " coalesce(c.xmin::text::bigint, 0), coalesce(t.xmin::text::bigint, 0),"                       \
    " coalesce(hashtextextended((to_jsonb(c.*) - '{relpages,reltuples,relallvisible,relallfrozen," \
    "relfrozenxid,relminmxid}'::text[])::text, 0)::text, ''),"                                     \
    " EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = c.oid AND g.tgtype & 34 = 34"             \
    " AND g.tgenabled IN ('O', 'A')),"                                                             \
    " coalesce((SELECT i.indnkeyatts FROM pg_index i WHERE i.indrelid = c.oid"                     \
    " AND i.indisprimary), 0),"                                                                    \
    " coalesce(p.puballtables OR pr.oid IS NOT NULL OR " by_schema ", false),"                     \
    " coalesce(pr.oid, 0), coalesce(" filtered                                                     \
    ", false), coalesce(p.pubviaroot, false), " SQL_PARTITIONS                                     \
    " FROM unnest($1::text[], $2::text[]) WITH ORDINALITY w(schema, name, n)"                      \
    " LEFT JOIN (pg_class c JOIN pg_namespace ns ON ns.oid = c.relnamespace)"                      \
    " ON ns.nspname = w.schema AND c.relname = w.name"                                             \
    " LEFT JOIN pg_type t ON t.oid = c.reltype"                                                    \
    " LEFT JOIN pg_publication p ON p.pubname = $3::text"                                          \
    " LEFT JOIN pg_publication_rel pr ON pr.prpubid = p.oid AND pr.prrelid = c.oid ORDER BY w.n"

/* $1 tables' oids, $2 columns' names, $3 the publication. A domain is resolved to its base type;
 * what a primary key only INCLUDEs is no part of it. */
#define SQL_COLUMNS(listed)                                                                        \
    "SELECT a.attname IS NOT NULL, coalesce(a.attnotnull, false),"                                 \
    " coalesce(a.attgenerated <> '', false),"                                                      \
    " EXISTS (SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisprimary"             \
    " AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])), " listed ","                  \
    " coalesce((WITH RECURSIVE b(type, modifier, n) AS (SELECT a.atttypid, a.atttypmod, 0"         \
    " UNION ALL SELECT d.typbasetype, d.typtypmod, b.n + 1 FROM b JOIN pg_type d"                  \
    " ON d.oid = b.type AND d.typtype = 'd')"                                                      \
    " SELECT format_type(type, modifier) FROM b ORDER BY n DESC LIMIT 1), '')"                     \
    " FROM unnest($1::oid[], $2::text[]) WITH ORDINALITY w(relid, name, n)"                        \
    " LEFT JOIN pg_attribute a ON a.attrelid = w.relid AND a.attname = w.name"                     \
    " AND a.attnum > 0 AND NOT a.attisdropped"                                                     \
    " LEFT JOIN pg_publication p ON p.pubname = $3::text"                                          \
    " LEFT JOIN pg_publication_rel pr ON pr.prpubid = p.oid AND pr.prrelid = w.relid ORDER BY w.n"

/* ---- answers ---- */

static bool get_bool(const PGresult *result, int row, int column) {
    return PQgetvalue(result, row, column)[0] == 't';
}

static int64_t get_number(const PGresult *result, int row, int column) {
    return strtoll(PQgetvalue(result, row, column), NULL, 10);
}

static struct str get_text(struct arena *arena, const PGresult *result, int row, int column) {
    return arena_copy(arena, str_from(PQgetvalue(result, row, column)));
}

static enum err_kind server_read(struct link *link, const struct look_names *names,
                                 struct look *look, struct err *reterr) {
    const char *params[] = {names->slot, names->publication};
    PGresult *r = NULL;
    enum err_kind kind = link_ask(link, SQL_SERVER, 2, params, &r, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    look->database = get_text(&look->arena, r, 0, 0);
    look->wal_level = get_text(&look->arena, r, 0, 1);
    look->publication_exists = get_bool(r, 0, 2);
    look->publication_whole = get_bool(r, 0, 3);
    look->slot = (struct look_slot){.exists = get_bool(r, 0, 4),
                                    .active = get_bool(r, 0, 5),
                                    .plugin = get_text(&look->arena, r, 0, 6),
                                    .database = get_text(&look->arena, r, 0, 7),
                                    .wal_status = get_text(&look->arena, r, 0, 8),
                                    .lag_bytes = get_number(r, 0, 9),
                                    .confirmed = get_number(r, 0, 10)};
    PQclear(r);
    return ERR_NONE;
}

/* "16401f 16402d": oids with their REPLICA IDENTITY. */
static void partitions_fill(struct arena *arena, const char *text, struct look_table *table) {
    size_t count = 0;
    for (const char *at = text; *at; at++) {
        count += *at == ' ';
    }
    struct look_partition *partitions = arena_alloc(arena, (count + 1) * sizeof *partitions);
    table->partitions = partitions;
    while (*text) {
        char *end;
        uint32_t oid = (uint32_t)strtoul(text, &end, 10);
        partitions[table->partition_count++] = (struct look_partition){oid, *end};
        text = end[1] ? end + 2 : end + 1;
    }
}

static void table_fill(struct arena *arena, const PGresult *r, int row, struct look_table *table) {
    table->found = get_bool(r, row, 0);
    table->oid = (uint32_t)get_number(r, row, 1);
    table->kind = PQgetvalue(r, row, 2)[0];
    table->persistence = PQgetvalue(r, row, 3)[0];
    table->is_partition = get_bool(r, row, 4);
    table->has_children = get_bool(r, row, 5);
    table->identity = PQgetvalue(r, row, 6)[0];
    table->filenode = (uint32_t)get_number(r, row, 7);
    table->counted = get_bool(r, row, 8);
    table->counts = get_number(r, row, 9);
    table->row_xid = (uint32_t)get_number(r, row, 10);
    table->type_xid = (uint32_t)get_number(r, row, 11);
    table->definition = get_text(arena, r, row, 12);
    table->truncate_is_refused = get_bool(r, row, 13);
    table->primary_key_count = (int32_t)get_number(r, row, 14);
    table->published = get_bool(r, row, 15);
    table->publication_entry = (uint32_t)get_number(r, row, 16);
    table->filtered = get_bool(r, row, 17);
    table->by_root = get_bool(r, row, 18);
    partitions_fill(arena, PQgetvalue(r, row, 19), table);
}

static enum err_kind tables_read(struct link *link, const struct plan *plan,
                                 const struct look_names *names, struct look *look,
                                 struct err *reterr) {
    struct buf schemas = {0}, tables = {0};
    array_begin(&schemas);
    array_begin(&tables);
    for (size_t t = 0; t < plan->relation_count; t++) {
        array_add(&schemas, plan->relations[t].schema);
        array_add(&tables, plan->relations[t].name);
    }
    const char *params[] = {array_end(&schemas), array_end(&tables), names->publication};
    const char *sql = PQserverVersion(link->conn) >= 150000
                          ? SQL_TABLES(SQL_FILTERED, SQL_BY_SCHEMA)
                          : SQL_TABLES(SQL_FILTERED_14, SQL_BY_SCHEMA_14);
    PGresult *r = NULL;
    enum err_kind kind = link_ask(link, sql, 3, params, &r, reterr);
    look->tables = arena_alloc(&look->arena, plan->relation_count * sizeof *look->tables);
    memset(look->tables, 0, plan->relation_count * sizeof *look->tables);
    for (size_t t = 0; kind == ERR_NONE && t < plan->relation_count; t++) {
        table_fill(&look->arena, r, (int)t, &look->tables[t]);
    }
    PQclear(r);
    buf_clear(&schemas);
    buf_clear(&tables);
    return kind;
}

static void columns_fill(const struct plan *plan, const PGresult *r, struct look *look) {
    int row = 0;
    for (size_t t = 0; t < plan->relation_count; t++) {
        size_t count = plan->relations[t].column_count;
        struct look_column *columns = arena_alloc(&look->arena, count * sizeof *columns);
        for (size_t c = 0; c < count; c++, row++) {
            columns[c] = (struct look_column){.found = get_bool(r, row, 0),
                                              .not_null = get_bool(r, row, 1),
                                              .generated = get_bool(r, row, 2),
                                              .primary_key = get_bool(r, row, 3),
                                              .published = get_bool(r, row, 4),
                                              .type = get_text(&look->arena, r, row, 5)};
        }
        look->tables[t].columns = columns;
    }
}

static enum err_kind columns_read(struct link *link, const struct plan *plan,
                                  const struct look_names *names, struct look *look,
                                  struct err *reterr) {
    struct buf oids = {0}, columns = {0};
    array_begin(&oids);
    array_begin(&columns);
    for (size_t t = 0; t < plan->relation_count; t++) {
        char oid[16];
        int len = snprintf(oid, sizeof oid, "%u", look->tables[t].oid);
        for (size_t c = 0; c < plan->relations[t].column_count; c++) {
            array_add(&oids, (struct str){oid, (size_t)len});
            array_add(&columns, plan->relations[t].columns[c].name);
        }
    }
    const char *params[] = {array_end(&oids), array_end(&columns), names->publication};
    const char *sql = PQserverVersion(link->conn) >= 150000 ? SQL_COLUMNS(SQL_COLUMN_LISTED)
                                                            : SQL_COLUMNS(SQL_COLUMN_LISTED_14);
    PGresult *r = NULL;
    enum err_kind kind = link_ask(link, sql, 3, params, &r, reterr);
    if (kind == ERR_NONE) {
        columns_fill(plan, r, look);
    }
    PQclear(r);
    buf_clear(&oids);
    buf_clear(&columns);
    return kind;
}

enum err_kind link_look(struct link *link, const struct plan *plan, const struct look_names *names,
                        struct look *look, struct err *reterr) {
    static const char *const begin[] = {SQL_BEGIN, SQL_LIMIT, SQL_PATH};
    enum err_kind kind = ERR_NONE;
    for (size_t i = 0; i < sizeof begin / sizeof *begin && kind == ERR_NONE; i++) {
        kind = link_ask(link, begin[i], 0, NULL, NULL, reterr);
    }
    if (kind == ERR_NONE) {
        kind = server_read(link, names, look, reterr);
    }
    if (kind == ERR_NONE) {
        kind = tables_read(link, plan, names, look, reterr);
    }
    if (kind == ERR_NONE) {
        kind = columns_read(link, plan, names, look, reterr);
    }
    return kind == ERR_NONE ? link_ask(link, "COMMIT", 0, NULL, NULL, reterr) : kind;
}

void look_clear(struct look *look) {
    arena_clear(&look->arena);
    *look = (struct look){0};
}
