/* The tables that are there, compared with those that are needed.
 *
 * Those are created in pg_temp by the same DDL, so that PostgreSQL itself resolves the types, of
 * expressions, too.
 */
#include "sink/pg_ddl.h"

#include <stdio.h>

/* $1 the existing table, $2 the wanted one. One line per difference. `fits` is what must be equal.
 * Further columns do no harm unless an INSERT must give them a value. */
#define SQL_COLUMNS_OF(parameter, null)                                                            \
    "(SELECT attname AS name, form AS fits, attnotnull AND NOT atthasdef AND attidentity = '' AS " \
    "needed, form || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END AS is FROM pg_attribute"    \
    " JOIN pg_type t ON t.oid = atttypid CROSS JOIN LATERAL (SELECT"                               \
    " format_type(atttypid, atttypmod)" null                                                       \
    " || CASE WHEN attcollation <> typcollation THEN ' COLLATE ' || attcollation::regcollation"    \
    " ELSE '' END || CASE WHEN attgenerated <> '' OR attidentity = 'a' THEN ' GENERATED' ELSE ''"  \
    " END AS form) f WHERE attrelid = " parameter "::oid AND attnum > 0 AND NOT attisdropped)"
/* The primary key, and what stands in its place where a key column may be NULL. */
#define SQL_KEYS_OF(parameter)                                                                     \
    "(SELECT pg_get_constraintdef(oid) AS is, true AS is_primary FROM pg_constraint"               \
    " WHERE conrelid = " parameter "::oid AND contype = 'p'"                                       \
    " UNION ALL SELECT 'UNIQUE NULLS NOT DISTINCT (' || array_to_string(" SQL_INDEX_COLUMNS        \
    ", ', ') || ')', false FROM pg_index x WHERE x.indrelid = " parameter                          \
    "::oid AND " SQL_NULLS_NOT_DISTINCT ")"
#define SQL_DIFFERENCES_BY(null)                                                                   \
    "SELECT format('column %s is %s, should be %s', name, coalesce(r.is, 'missing'),"              \
    "   coalesce(w.is, 'absent, nullable, or have a default'))"                                    \
    " FROM " SQL_COLUMNS_OF("$1", null) " r FULL JOIN " SQL_COLUMNS_OF(                            \
        "$2",                                                                                      \
        null) " w USING (name)"                                                                    \
              " WHERE r.fits IS DISTINCT FROM w.fits AND (w.fits IS NOT NULL OR r.needed)"         \
              " UNION ALL SELECT format('%s, should be %s', coalesce((SELECT r.is "                \
              "FROM " SQL_KEYS_OF(                                                                 \
                  "$1") " r WHERE r.is_primary), 'no primary key'), w.is) "                        \
                        "FROM " SQL_KEYS_OF(                                                       \
                            "$2") " w WHERE NOT EXISTS (SELECT "                                   \
                                  "FROM " SQL_KEYS_OF(                                             \
                                      "$1") " r WHERE r.is = "                                     \
                                            "w.is) OR EXISTS "                                     \
                                            "(SELECT "                                             \
                                            "FROM " SQL_KEYS_OF(                                   \
                                                "$1") " r WHERE r.is_primary AND r.is <> w.is)"    \
                                                      " UNION ALL SELECT 'it is no table' FROM "   \
                                                      "pg_class"                                   \
                                                      " WHERE oid = $1::oid AND relkind NOT IN "   \
                                                      "('r', 'p')"
/* On the sink table, a NOT NULL that the user added gets a warning, as a CHECK does. */
#define SQL_DIFFERENCES      SQL_DIFFERENCES_BY(" || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END")
#define SQL_SINK_DIFFERENCES SQL_DIFFERENCES_BY("")

/* What the user added to the sink table $1, and its effect on rows. Where the sink's key is no
 * primary key: $2 its columns, of which the first $3 are never NULL; otherwise $2 is empty. */
#define SQL_ROW "'rows that it refuses are left out and noted in sync_refused'"
#define SQL_OTHERS                                                                                 \
    "'members may wait for each other''s rows; what it refuses is tried again for "                \
    "conflict.halt.ms, then its task halts'"
#define SQL_SILENT                                                                                 \
    "'rows may be changed or left out without a word: the table may differ from the view'"
#define SQL_EXTRAS                                                                                 \
    "WITH t AS (SELECT $1::oid AS id"                                                              \
    "   UNION SELECT relid::oid FROM pg_partition_tree($1::oid::regclass))"                        \
    " SELECT CASE contype WHEN 'c' THEN 'check' WHEN 'x' THEN 'exclusion constraint'"              \
    "   ELSE 'foreign key' END, conname,"                                                          \
    "   CASE contype WHEN 'c' THEN " SQL_ROW " ELSE " SQL_OTHERS " END FROM pg_constraint"         \
    " WHERE (conrelid IN (SELECT id FROM t) OR confrelid IN (SELECT id FROM t))"                   \
    "   AND contype IN ('c', 'x', 'f') AND conparentid = 0 AND coninhcount = 0"                    \
    " UNION ALL SELECT 'not null', attname, " SQL_ROW " FROM pg_attribute"                         \
    " WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped AND attnotnull"                 \
    "   AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = attrelid AND indisprimary"           \
    "     AND attnum = ANY (indkey)) AND attname <> ALL (($2::text[])[1:$3::int])"                 \
    " UNION ALL SELECT 'partitions without a default', relid::regclass::text, " SQL_ROW            \
    " FROM (SELECT partrelid AS relid FROM pg_partitioned_table"                                   \
    "   WHERE partrelid IN (SELECT id FROM t) AND partdefid = 0 AND partstrat <> 'h') p"           \
    " UNION ALL SELECT 'trigger', tgname, " SQL_OTHERS " FROM pg_trigger"                          \
    " WHERE tgrelid IN (SELECT id FROM t) AND NOT tgisinternal AND tgparentid = 0"                 \
    "   AND tgname <> 'sync_truncated'"                                                            \
    " UNION ALL SELECT 'unique index', indexrelid::regclass::text, " SQL_OTHERS " FROM pg_index x" \
    " WHERE indrelid IN (SELECT id FROM t) AND indisunique AND NOT indisprimary"                   \
    "   AND NOT (" SQL_NULLS_NOT_DISTINCT " AND " SQL_INDEX_COLUMNS " = $2::text[])"               \
    "   AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = indexrelid)"                      \
    " UNION ALL SELECT 'rule', rulename, " SQL_SILENT " FROM pg_rewrite"                           \
    " WHERE ev_class IN (SELECT id FROM t)"                                                        \
    " UNION ALL SELECT 'row security', id::regclass::text, " SQL_SILENT " FROM t"                  \
    " WHERE (SELECT relrowsecurity FROM pg_class WHERE oid = id)"

static enum err_kind compare(struct ddl *ddl, const char *name, const char *oid, bool own,
                             struct err *reterr) {
    char wanted[16] = "";
    enum err_kind kind = ddl_find(ddl, name, wanted, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    const char *params[] = {oid, wanted, NULL};
    PGresult *result = NULL;
    kind = ddl_run(ddl, own ? SQL_DIFFERENCES : SQL_SINK_DIFFERENCES, params, &result, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    if (PQntuples(result) > 0) {
        struct buf list = {0};
        for (int i = 0; i < PQntuples(result); i++) {
            buf_printf(&list, "%s%s", i > 0 ? "; " : "", PQgetvalue(result, i, 0));
        }
        kind = err_set(reterr, ERR_CONFIG,
                       "table %s already exists in the OLAP database and does not match: " STR_FMT
                       " (change or drop it, then run plan --apply-sink)",
                       name, STR_ARG(buf_view(&list)));
        buf_clear(&list);
    }
    PQclear(result);
    return kind;
}

enum err_kind ddl_compare_table(struct ddl *ddl, struct err *reterr) {
    char oid[16] = "";
    struct buf name = {0};
    buf_str(&name, ddl->target->name);
    buf_append(&name, "", 1);
    enum err_kind kind = ddl_find(ddl, name.ptr, oid, reterr);
    if (kind == ERR_NONE) {
        kind = ddl_temporary(ddl, reterr);
    }
    if (kind == ERR_NONE) {
        kind = ddl_execute(ddl, ddl_text(ddl, ddl->target->sql_ddl), reterr);
    }
    if (kind == ERR_NONE) {
        kind = compare(ddl, name.ptr, oid, false, reterr);
    }
    buf_clear(&name);
    return kind == ERR_NONE ? ddl_real(ddl, reterr) : kind;
}

enum err_kind ddl_compare(struct ddl *ddl, struct err *reterr) {
    char oids[OWN_TABLE_COUNT][16] = {""};
    bool old_key = false;
    enum err_kind kind = ddl_ask(ddl, SQL_KEY_IS_OLD, &old_key, reterr);
    for (size_t i = 0; i < OWN_TABLE_COUNT && kind == ERR_NONE; i++) {
        kind = ddl_find(ddl, own_tables[i], oids[i], reterr);
    }
    if (kind == ERR_NONE) {
        kind = ddl_temporary(ddl, reterr);
    }
    if (kind == ERR_NONE) {
        kind = ddl_execute(ddl, SQL_DDL, reterr);
    }
    if (kind == ERR_NONE && old_key && !plan_has_lookups(ddl->plan)) { /* it may stay */
        kind = ddl_execute(ddl, SQL_CHANGE_KEY(SQL_DEAD_LETTERS_OLD_KEY), reterr);
    }
    for (size_t i = 0; i < OWN_TABLE_COUNT && kind == ERR_NONE; i++) {
        kind = compare(ddl, own_tables[i], oids[i], true, reterr);
    }
    return kind == ERR_NONE ? ddl_real(ddl, reterr) : kind;
}

enum err_kind ddl_warn_of_extras(struct ddl *ddl, struct err *reterr) {
    char oid[16] = "";
    enum err_kind kind = ddl_find(ddl, ddl_text(ddl, ddl->target->name), oid, reterr);
    if (kind != ERR_NONE) {
        return kind;
    }
    struct buf names = {0};
    char placed[24];
    target_key_names(ddl->target, &names);
    (void)snprintf(placed, sizeof placed, "%zu",
                   occurrence_relation(ddl->plan, ddl->target, 0)->placement_count);
    const char *params[] = {oid, names.ptr, placed, NULL};
    PGresult *result = NULL;
    kind = ddl_run(ddl, SQL_EXTRAS, params, &result, reterr);
    buf_clear(&names);
    for (int i = 0; kind == ERR_NONE && i < PQntuples(result); i++) {
        char what[64], name[256], effect[256];
        log_line(ddl->log, LOG_WARN, "sink", "sink_table_extra", "kind=%s name=%s effect=%s",
                 log_quote(what, sizeof what, str_from(PQgetvalue(result, i, 0))),
                 log_quote(name, sizeof name, str_from(PQgetvalue(result, i, 1))),
                 log_quote(effect, sizeof effect, str_from(PQgetvalue(result, i, 2))));
    }
    PQclear(result);
    return kind;
}
