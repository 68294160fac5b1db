/* statements.h: the SQL for progress, identity and dead letters; the view has the other statements.
 *
 * What:    text. $1 is the plan's name, where nothing else is said. table_sql puts in, of a target,
 *          its {table} and that one's {oid}, a regclass; and its name and the plan's as {view} and
 *          {plan}. A plan of one target has its name, and the statements need less.
 *
 * Private to sink/.
 */
#ifndef SINK_STATEMENTS_H
#define SINK_STATEMENTS_H

#include "base/safeguard.h"

/* The settings that a session needs, whatever the defaults of role, database and server are. What
 * the operator set with olap.options or PGOPTIONS stays, where it can. Plans must not depend on how
 * full a table was when they were made: every statement looks rows up by key. datestyle and what
 * follows: values and the view's expressions mean the same on every server. Set by a statement,
 * since a pooler rejects the startup parameter `options`. */
#define SQL_SESSION                                                                                \
    "SELECT set_config(s.name, v.value, false) FROM (VALUES"                                       \
    " ('statement_timeout', '" STATEMENT_LIMIT_TEXT "', false), ('lock_timeout', '5s', false),"    \
    " ('idle_in_transaction_session_timeout', '5s', false), ('idle_session_timeout', '0', false)," \
    " ('transaction_timeout', '0', false), ('plan_cache_mode', 'force_generic_plan', false),"      \
    " ('jit', 'off', false), ('enable_seqscan', 'off', false), ('enable_hashjoin', 'off', false)," \
    " ('enable_mergejoin', 'off', false), ('datestyle', 'ISO, YMD', true),"                        \
    " ('intervalstyle', 'postgres', true), ('timezone', 'UTC', true),"                             \
    " ('bytea_output', 'hex', true), ('extra_float_digits', '1', true),"                           \
    " ('transform_null_equals', 'off', true), ('standard_conforming_strings', 'on', true))"        \
    " v(name, value, always)"                                                                      \
    " JOIN pg_settings s ON lower(s.name) = v.name WHERE v.always OR s.source <> 'client'"

/* READ COMMITTED, whatever the role's default is: the fence needs a snapshot that is taken after
 * the lock was acquired. */
#define SQL_BEGIN "BEGIN ISOLATION LEVEL READ COMMITTED"

#define SQL_KEY "hashtextextended('sync:' || $1::text, 0) + "

/* Always in ascending order, against deadlocks. */
#define SQL_LOCK "SELECT pg_advisory_xact_lock(" SQL_KEY "t) FROM unnest($2::int[]) u(t) ORDER BY t"

/* Nobody can swap, empty or rewrite the table between the fence, which looks at it, and COMMIT. */
#define SQL_TABLE      "LOCK TABLE ONLY {table}"
#define SQL_TABLE_NEXT ", ONLY {table}"
#define SQL_TABLE_END  " IN ROW EXCLUSIVE MODE"

/* A number that changes when a table's rows move to another file: TRUNCATE, VACUUM FULL and every
 * rewrite. A partitioned table has no file: computed from its partitions'. */
#define SQL_FILE                                                                                   \
    "coalesce(pg_relation_filenode({oid})::bigint, (SELECT sum(hashint8extended("                  \
    "relid::oid::bigint, coalesce(pg_relation_filenode(relid)::bigint, 0)) % 1000000007)::bigint"  \
    " FROM pg_partition_tree({oid})), 0)"

/* Which sync_progress this is, in which database: a restored copy has another home. */
#define SQL_HOME                                                                                   \
    "(SELECT d.oid || '/' || 'sync_progress'::regclass::oid FROM pg_database d"                    \
    " WHERE d.datname = current_database())"

#define SQL_FENCE_PROGRESS                                                                         \
    SAFEGUARD_SQL("the fence compares the progress",                                               \
                  "    WHERE p.seq = x.seq AND p.offsets = x.old::bigint[] AND p.owner = x.owner")
#define SQL_FENCE_TABLE                                                                            \
    SAFEGUARD_SQL(                                                                                 \
        "the fence compares the table",                                                            \
        "    AND i.generation = x.generation AND i.relation = {oid} AND i.file = " SQL_FILE)
/* If the newest row is not exactly what this member wrote last, the sub-select is NULL, and NOT
 * NULL on seq aborts the transaction. So does NOT NULL on generation if the sink table is not as it
 * is registered, or was filled again since the task was acquired. */
#define SQL_FENCE_BEGIN                                                                            \
    "INSERT INTO sync_progress(view, task, seq, offsets, owner, marks, generation)"                \
    " SELECT $1::text, x.task,"                                                                    \
    "  (SELECT p.seq + 1 FROM (SELECT seq, offsets, owner FROM sync_progress"                      \
    "      WHERE view = $1::text AND task = x.task ORDER BY seq DESC LIMIT 1) "                    \
    "p" SQL_FENCE_PROGRESS "),"                                                                    \
    "  x.new::bigint[], x.owner, x.marks::bigint[],"
#define SQL_FENCE_GENERATION                                                                       \
    "  (SELECT i.generation FROM sync_identity i WHERE i.view = $1::text" SQL_FENCE_TABLE ")"
/* Of several targets: the sum of what each has. */
#define SQL_FENCE_SEVERAL "  (SELECT s.g FROM (SELECT "
#define SQL_FENCE_EACH                                                                             \
    "(SELECT i.generation FROM sync_identity i WHERE i.view = {view}" SAFEGUARD_SQL(               \
        "the fence compares each table", " AND i.relation = {oid} AND i.file = " SQL_FILE) ")"
#define SQL_FENCE_SUM " AS g) s WHERE s.g = x.generation)"
#define SQL_FENCE_END                                                                              \
    " FROM unnest($2::int[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[],"        \
    "   $8::bigint[]) WITH ORDINALITY x(task, seq, old, new, owner, marks, generation, o)"         \
    " ORDER BY x.o"

/* With a lower bound: without it, the scan reads all dead rows that an old snapshot keeps VACUUM
 * from removing. */
#define SQL_TRIM                                                                                   \
    "DELETE FROM sync_progress p USING unnest($2::int[], $3::bigint[]) x(task, seq)"               \
    " WHERE p.view = $1::text AND p.task = x.task AND p.seq > x.seq - 200 AND p.seq <= x.seq - "   \
    "100"

/* Of a plan with lookup tables each task has its own dead letter of a record, so task is part of
 * the key. Tables of earlier versions have a key without it, which does for plans without: older
 * members know no other. Only SQL_DEAD_LETTERS_WRITE_EACH takes it for granted. */
#define SQL_DEAD_LETTERS_KEY     "view, task, topic, partition, \"offset\""
#define SQL_DEAD_LETTERS_OLD_KEY "view, topic, partition, \"offset\""
#define SQL_DEAD_LETTERS_ROWS                                                                      \
    "unnest($2::int[], $3::text[], $4::text[], $5::int[], $6::bigint[], $7::bytea[],"              \
    " $8::bytea[], $9::bytea[], $10::bytea[], $11::text[], $12::bigint[])"                         \
    " x(task, topic, \"table\", partition, \"offset\", key, value, row_key, kept, reason, "        \
    "checksum)"
#define SQL_DEAD_LETTERS                                                                           \
    "INSERT INTO sync_dead_letter(view, task, topic, \"table\", partition, \"offset\", key,"       \
    " value, row_key, kept, reason, checksum)"                                                     \
    " SELECT $1::text, x.* FROM " SQL_DEAD_LETTERS_ROWS " ON CONFLICT "

/* A replay finds that its dead letter exists: the first `kept` stays. */
#define SQL_DEAD_LETTERS_WRITE      SQL_DEAD_LETTERS "DO NOTHING"
#define SQL_DEAD_LETTERS_WRITE_EACH SQL_DEAD_LETTERS "(" SQL_DEAD_LETTERS_KEY ") DO NOTHING"

/* Fails, without writing, where the key lacks the task. */
#define SQL_DEAD_LETTERS_EACH                                                                      \
    "EXPLAIN INSERT INTO sync_dead_letter(" SQL_DEAD_LETTERS_KEY ", \"table\", reason) VALUES"     \
    " ('', 0, '', 0, 0, '', '') ON CONFLICT (" SQL_DEAD_LETTERS_KEY ") DO NOTHING"

/* Replaces the operator's decisions; a statement of its own, since it needs one more privilege. */
#define SQL_DEAD_LETTERS_DECIDED                                                                   \
    "WITH decided AS (UPDATE sync_dead_letter d SET key = x.key, value = x.value,"                 \
    " row_key = x.row_key, kept = x.kept, reason = x.reason, checksum = x.checksum, at = now(),"   \
    " pending = false FROM " SQL_DEAD_LETTERS_ROWS " WHERE d.view = $1::text AND d.task = x.task"  \
    " AND d.topic = x.topic AND d.partition = x.partition AND d.\"offset\" = x.\"offset\""         \
    " AND d.pending) " SQL_DEAD_LETTERS_WRITE

#define SQL_NEWEST_OF                                                                              \
    " FROM unnest($2::int[]) t(task) LEFT JOIN LATERAL"                                            \
    " (SELECT p.seq, p.offsets, p.owner, p.marks, p.generation FROM sync_progress p"               \
    "   WHERE p.view = $1::text AND p.task = t.task ORDER BY p.seq DESC LIMIT 1) p ON true"

#define SQL_NEWEST "SELECT t.task, p.seq, p.offsets, p.owner, p.marks, p.generation" SQL_NEWEST_OF

/* Progress counts only for the present generation of the table, not after it was created again or
 * emptied. */
#define SQL_SAME_TABLE                                                                             \
    SAFEGUARD_SQL("progress counts for its own table", "p.generation = g.generation")
/* NOT NULL on generation fails where the layout is not this member's any more: another one has
 * converted the progress since it was read. $4: the layout. */
#define SQL_SAME_LAYOUT                                                                            \
    SAFEGUARD_SQL("progress is taken over as it was read", " AND i.topics = $4::text[]")
#define SQL_APPEND_BY(offsets, anchors, generation)                                                \
    "INSERT INTO sync_progress(view, task, seq, offsets, owner, marks, generation)"                \
    " SELECT $1::text, t.task, coalesce(p.seq, 0) + 1, " offsets ", $3::text, " anchors            \
    ", g.generation" SQL_NEWEST_OF " CROSS JOIN (SELECT (SELECT " generation                       \
    ") AS generation) g RETURNING task, seq, offsets, owner, marks, generation"

#define SQL_APPEND                                                                                 \
    SQL_APPEND_BY("CASE WHEN " SQL_SAME_TABLE " THEN p.offsets ELSE '{}' END",                     \
                  "CASE WHEN " SQL_SAME_TABLE " THEN p.marks END",                                 \
                  "i.generation FROM sync_identity i WHERE i.view = $1::text" SQL_SAME_LAYOUT)
/* Of several targets progress counts whatever became of a table: marks say which lack rows. $5: the
 * targets' names. */
#define SQL_APPEND_SEVERAL                                                                         \
    SQL_APPEND_BY("coalesce(p.offsets, '{}')", "p.marks",                                          \
                  "sum(i.generation)::bigint FROM sync_identity i WHERE i.view = ANY "             \
                  "($5::text[])" SQL_SAME_LAYOUT " HAVING count(*) = cardinality($5::text[])")

/* Of several targets: a mark says that a task's rows are all in the target's table of that
 * generation. $2 tasks, $3 targets. */
#define SQL_MARKS_WRITE                                                                            \
    "INSERT INTO sync_filled(plan, task, target, generation)"                                      \
    " SELECT $1::text, x.task, x.target, i.generation FROM unnest($2::int[], $3::text[])"          \
    " x(task, target) JOIN sync_identity i ON i.view = x.target"                                   \
    " ON CONFLICT (plan, task, target) DO UPDATE SET generation = excluded.generation, at = now()"
#define SQL_MARKS_READ                                                                             \
    "SELECT f.task, f.target FROM sync_filled f JOIN sync_identity i ON i.view = f.target"         \
    " WHERE f.plan = $1::text AND f.task = ANY ($2::int[]) AND f.target = ANY "                    \
    "($3::text[])" SAFEGUARD_SQL("a mark counts for its own table",                                \
                                 " AND f.generation = i.generation")

/* At acquisition, without the lower bound: deletes what a skipped hundredth batch has left. */
#define SQL_TRIM_ALL                                                                               \
    "DELETE FROM sync_progress d USING (SELECT t.task, p.seq" SQL_NEWEST_OF ") n"                  \
    " WHERE d.view = $1::text AND d.task = n.task AND d.seq <= n.seq - 100"

/* With the record's value if a later dead letter of the same row has a `kept` version, which comes
 * from a record that was set aside. */
#define SQL_DEAD_LETTERS_READ                                                                      \
    "SELECT d.task, d.topic, d.\"offset\", d.row_key, d.kept, d.key,"                              \
    " CASE WHEN EXISTS (SELECT FROM sync_dead_letter l WHERE l.view = d.view AND l.task = d.task"  \
    "  AND l.topic = d.topic AND l.partition = d.partition AND l.\"offset\" > d.\"offset\""        \
    "  AND l.row_key = d.row_key AND l.kept IS NOT NULL) THEN d.value END,"                        \
    " coalesce(octet_length(d.value), -1)::bigint, d.checksum, d.pending,"                         \
    " NOT EXISTS (SELECT FROM sync_progress p WHERE p.view = d.view AND p.task = d.task"           \
    "  AND p.offsets <> '{}')"                                                                     \
    " FROM sync_dead_letter d WHERE d.view = $1::text AND " SAFEGUARD_SQL(                         \
        "a task reads its own dead letters", "d.task = ANY ($2::int[])")

/* For the gauges: counted again, since the operator may have deleted some. $3: the targets. */
#define SQL_COUNT                                                                                  \
    "SELECT t.task, (SELECT count(*) FROM sync_dead_letter d WHERE d.view = $1::text"              \
    " AND d.task = t.task), (SELECT count(*) FROM sync_refused r WHERE r.view = ANY ($3::text[])"  \
    " AND r.task = t.task) FROM unnest($2::int[]) t(task)"

/* Deletes dead letters of earlier releases (which wrote no checksum) whose batch was never
 * committed: those at or after the offsets. Under the tasks' locks, and only while $3 still owns
 * them. */
#define SQL_DEAD_LETTERS_SWEEP                                                                     \
    "DELETE FROM sync_dead_letter d USING (SELECT t.task, p.offsets, p.owner" SQL_NEWEST_OF ") n," \
    " unnest($4::text[]) WITH ORDINALITY o(topic, i)"                                              \
    " WHERE d.view = $1::text AND d.task = n.task AND d.topic = o.topic"                           \
    " AND n.owner = $3::text AND d.\"offset\" >= n.offsets[o.i]"                                   \
    " AND d.checksum IS NULL AND NOT d.pending"

/* Rows that a sink table refuses for their own values: $1 targets, $2 tasks, $3 keys. */
#define SQL_REFUSED_CLEAR                                                                          \
    "DELETE FROM sync_refused r USING unnest($1::text[], $2::int[], $3::bytea[])"                  \
    " x(view, task, row_key)"                                                                      \
    " WHERE r.view = x.view AND r.task = x.task AND r.row_key = x.row_key"
#define SQL_REFUSED_WRITE                                                                          \
    "INSERT INTO sync_refused(view, task, row_key, key, sqlstate, constraint_name, message)"       \
    " SELECT x.* FROM unnest($1::text[], $2::int[], $3::bytea[], $4::text[], $5::text[],"          \
    " $6::text[], $7::text[]) x ON CONFLICT (view, task, row_key) DO UPDATE SET"                   \
    " sqlstate = excluded.sqlstate, constraint_name = excluded.constraint_name,"                   \
    " message = excluded.message, at = excluded.at"
/* $3: the targets; $1 is not used. */
#define SQL_REFUSED_READ                                                                           \
    "SELECT r.task, r.row_key, r.view FROM sync_refused r WHERE r.view = ANY ($3::text[])"         \
    " AND r.task = ANY ($2::int[])"

/* The columns of index x, and whether it can stand in place of a primary key, for rows whose key
 * has NULLs. By way of jsonb, since PostgreSQL 14 has no such column. */
#define SQL_INDEX_COLUMNS                                                                          \
    "ARRAY(SELECT a.attname::text FROM unnest(x.indkey::int2[]) WITH ORDINALITY k(attnum, n)"      \
    " JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.attnum"                      \
    " WHERE k.n <= x.indnkeyatts ORDER BY k.n)"
#define SQL_NULLS_NOT_DISTINCT                                                                     \
    "coalesce((to_jsonb(x) ->> 'indnullsnotdistinct')::boolean, false) AND x.indisunique"          \
    " AND x.indisvalid AND x.indimmediate AND x.indpred IS NULL AND x.indexprs IS NULL"

/* For an error that no row's own values explain: whether the constraint $1.$2 is the sink's key (a
 * primary key, or a unique index of the columns $5), and which triggers of the tables $3 call a
 * function that the error's context $4 names. */
#define SQL_EXPLAIN                                                                                \
    "SELECT coalesce((SELECT x.indisprimary OR (" SQL_NULLS_NOT_DISTINCT " AND " SQL_INDEX_COLUMNS \
    " = $5::text[]) FROM pg_index x JOIN pg_class c ON c.oid = "                                   \
    "x.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace"                                   \
    " WHERE n.nspname = $1::text AND c.relname = $2::text), false),"                               \
    " (SELECT string_agg(DISTINCT t.tgname::text, ', ') FROM pg_trigger t"                         \
    "   JOIN pg_proc p ON p.oid = t.tgfoid WHERE NOT t.tgisinternal"                               \
    "   AND t.tgrelid IN (SELECT to_regclass(quote_ident(n)) FROM unnest($3::text[]) n UNION"      \
    "     SELECT p.relid FROM unnest($3::text[]) n,"                                               \
    "     pg_partition_tree(to_regclass(quote_ident(n))) p)"                                       \
    "   AND strpos($4::text, p.proname::text || '(') > 0)"

/* After a lock timeout, terminates the lock's holder: a process that is frozen in the middle of a
 * pipeline keeps its locks, and no session timeout ends it. */
#define SQL_TERMINATE                                                                              \
    "SELECT l.pid, t.task, pg_terminate_backend(l.pid)"                                            \
    " FROM unnest($2::int[]) t(task) JOIN pg_locks l"                                              \
    " ON (l.classid::bigint << 32 | l.objid::bigint) = " SQL_KEY "t.task"                          \
    " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"                              \
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"           \
    " AND l.pid <> pg_backend_pid()"

/* sync_identity.topics is the layout of the plan's progress: a topic for each entry of its offsets;
 * of several targets, their names behind that, as +NAME, which no topic has. So a member of an
 * earlier version, too, does not take it for its own plan's.
 * A file of -1 stands for a table that nobody has kept: its rows, if it has any, are not the task's
 * or may lack some. Only an empty one is registered. */
#define SQL_UNKEPT "-1"
/* $1 the target, $7 the plan. The row of a target that was taken out of its plan (whose name is
 * then empty) is anybody's. */
#define SQL_IDENTITY_WRITE_BY(generation, unkept)                                                  \
    "INSERT INTO sync_identity AS o (view, cluster_id, topics, partitions, hash, fingerprint,"     \
    " plan, version, generation, relation, file) SELECT $1::text, $2::text, $3::text[], $4::int,"  \
    " $5::text, $6::text, $7::text, -1, x.generation, CASE WHEN x.unkept THEN 0 END,"              \
    " CASE WHEN x.unkept THEN " SQL_UNKEPT " END FROM (SELECT " generation                         \
    " AS generation, " unkept                                                                      \
    " AS unkept) x ON CONFLICT (view) DO UPDATE SET cluster_id = excluded.cluster_id,"             \
    " topics = excluded.topics, partitions = excluded.partitions, hash = excluded.hash,"           \
    " fingerprint = excluded.fingerprint, definition = NULL, plan = excluded.plan, version = -1"   \
    " WHERE o.plan = ''"
#define SQL_IDENTITY_WRITE                                                                         \
    SQL_IDENTITY_WRITE_BY(                                                                         \
        "(SELECT coalesce(max(p.generation), 0) FROM sync_progress p WHERE p.view = $1::text)",    \
        "false")
/* Of several targets: a row that was lost has what the marks say. A table without any was added to
 * the plan. */
#define SQL_MARKED                                                                                 \
    "(SELECT max(f.generation) FROM sync_filled f WHERE f.plan = $7::text AND f.target = "         \
    "$1::text)"
#define SQL_IDENTITY_WRITE_SEVERAL                                                                 \
    SQL_IDENTITY_WRITE_BY("coalesce(" SQL_MARKED ", 0)",                                           \
                          SAFEGUARD_SQL("a table that is added is empty", SQL_MARKED " IS NULL"))

/* $1: the target. Rows of earlier versions have no definition. */
#define SQL_DEFINITION                                                                             \
    "UPDATE sync_identity SET definition = $3::text"                                               \
    " WHERE view = $1::text AND fingerprint = $2::text AND definition IS NULL"

/* $1 the target, $2 the plan. */
#define SQL_IDENTITY_READ                                                                          \
    "SELECT cluster_id, array_to_string(topics, ', '), partitions::text, hash, fingerprint,"       \
    " coalesce(definition, ''), coalesce(plan, view), version, (SELECT count(*) FROM"              \
    " sync_dead_letter d WHERE d.view = $2::text AND d.kept IS NOT NULL)"                          \
    " FROM sync_identity WHERE view = $1::text"

/* How often the plan's progress was converted. */
#define SQL_VERSION                                                                                \
    "SELECT coalesce(max(version), -1) FROM sync_identity WHERE coalesce(plan, view) = $1::text"

/* When the server was started: tells one server from another. */
#define SQL_STARTED "extract(epoch FROM pg_postmaster_start_time())::text"
/* The backend's pid, and where sync_progress is: cluster, database and schema, under whatever
 * address the server was reached. */
#define SQL_DATABASE                                                                               \
    "SELECT pg_backend_pid(), (SELECT system_identifier FROM pg_control_system()) || '.' ||"       \
    " d.oid || '.' || c.relnamespace, 'database ' || d.datname || ', schema ' ||"                  \
    " c.relnamespace::regnamespace, " SQL_STARTED " FROM pg_database d, pg_class c"                \
    " WHERE d.datname = current_database() AND c.oid = to_regclass('sync_progress')"

/* Registers the sink table as it is now, where that can be right. A member never writes to a table
 * that is not registered, so whatever the table holds was left there by others:
 * - no rows: it was created again or emptied. This begins a new generation: every task fills it
 *   again. If there was no progress yet, the generation stays the same, since an earlier version
 *   that runs beside this one writes 0;
 * - rows, in another file of the same table: it was rewritten (VACUUM FULL, CLUSTER, ALTER TABLE);
 * - rows, and sync_progress is another one, too: both were restored together;
 * - rows, and nothing was registered yet (no home): an earlier version wrote them.
 * Rows in another table beside the same progress do not belong to it. CASE, so that the table is
 * read only if something differs. $1: the target. */
#define SQL_UNLOGGED_PARTITION                                                                     \
    "EXISTS (SELECT FROM pg_partition_tree({oid}) l JOIN pg_class lc ON lc.oid = l.relid"          \
    " WHERE lc.relpersistence <> 'p' OR lc.relkind NOT IN ('r', 'p'))"
#define SQL_REGISTER                                                                               \
    "UPDATE sync_identity i SET generation = i.generation + (n.empty AND (i.home IS NOT NULL"      \
    "   OR EXISTS (SELECT FROM sync_progress p WHERE p.view = {plan} AND p.offsets <> '{}')))"     \
    "   ::int,"                                                                                    \
    " relation = n.relation, file = n.file, home = n.home"                                         \
    " FROM (SELECT c.oid AS relation, " SQL_FILE " AS file, " SQL_HOME " AS home,"                 \
    "   NOT EXISTS (SELECT FROM {table}) AS empty FROM pg_class c WHERE c.oid = {oid}"             \
    "   AND c.relkind IN ('r', 'p') AND c.relpersistence = 'p'"                                    \
    "   AND NOT (c.relkind = 'p' AND " SQL_UNLOGGED_PARTITION ")) n"                               \
    " WHERE i.view = $1::text AND CASE"                                                            \
    "   WHEN ROW(i.relation, i.file, i.home) IS NOT DISTINCT FROM"                                 \
    "     ROW(n.relation, n.file, n.home) THEN false"                                              \
    "   WHEN n.empty THEN true WHEN i.file = " SQL_UNKEPT " THEN false"                            \
    "   ELSE i.relation = n.relation OR i.home IS DISTINCT FROM n.home END"                        \
    " RETURNING i.generation, n.empty"

/* How the sink table compares with what is registered: a word, and the table's kind. $1: the
 * target.
 */
#define SQL_INSPECT                                                                                \
    "SELECT i.generation, CASE WHEN c.relkind NOT IN ('r', 'p') THEN 'kind'"                       \
    " WHEN c.relpersistence <> 'p' OR (c.relkind = 'p' AND " SQL_UNLOGGED_PARTITION ")"            \
    "   THEN 'unlogged'"                                                                           \
    " WHEN i.view IS NOT NULL AND ROW(i.relation, i.file, i.home) IS DISTINCT FROM"                \
    "   ROW(c.oid, " SQL_FILE ", " SQL_HOME ")"                                                    \
    "   THEN CASE WHEN i.file = " SQL_UNKEPT " THEN 'unkept' ELSE 'other' END"                     \
    " ELSE 'good' END, CASE c.relkind WHEN 'v' THEN 'a view' WHEN 'm' THEN 'a materialized view'"  \
    " WHEN 'f' THEN 'a foreign table' ELSE 'no table' END"                                         \
    " FROM pg_class c LEFT JOIN sync_identity i ON i.view = $1::text WHERE c.oid = {oid}"

/* TRUNCATE followed by others' rows in the same transaction would look like a rewrite. The function
 * runs with its owner's rights, whoever empties the table. */
#define SQL_TRUNCATED_LACKING                                                                      \
    "SELECT NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = {oid}"                              \
    " AND tgname = 'sync_truncated')"
#define SQL_TRUNCATED                                                                              \
    "CREATE OR REPLACE FUNCTION sync_truncated() RETURNS trigger LANGUAGE plpgsql"                 \
    " SECURITY DEFINER SET search_path FROM CURRENT AS $$\n"                                       \
    "BEGIN\n"                                                                                      \
    "    UPDATE sync_identity SET relation = 0 WHERE view = TG_TABLE_NAME;\n"                      \
    "    RETURN NULL;\n"                                                                           \
    "END $$;\n"                                                                                    \
    "CREATE TRIGGER sync_truncated AFTER TRUNCATE ON {table}"                                      \
    " FOR EACH STATEMENT EXECUTE FUNCTION sync_truncated();\n"                                     \
    "ALTER TABLE {table} ENABLE ALWAYS TRIGGER sync_truncated"

/* Whether the tables are of an older version and lack columns. */
#define SQL_LACKING                                                                                \
    "SELECT count(*) < 9 FROM pg_attribute WHERE NOT attisdropped"                                 \
    " AND (attrelid, attname) IN ((to_regclass('sync_progress'), 'marks'),"                        \
    " (to_regclass('sync_progress'), 'generation'), (to_regclass('sync_identity'), 'generation')," \
    " (to_regclass('sync_identity'), 'relation'), (to_regclass('sync_identity'), 'home'),"         \
    " (to_regclass('sync_identity'), 'definition'), (to_regclass('sync_identity'), 'plan'),"       \
    " (to_regclass('sync_identity'), 'version'), (to_regclass('sync_dead_letter'), 'pending'))"
#define SQL_MIGRATE                                                                                \
    "ALTER TABLE sync_progress ADD COLUMN IF NOT EXISTS marks bigint[],"                           \
    " ADD COLUMN IF NOT EXISTS generation bigint NOT NULL DEFAULT 0;\n"                            \
    "ALTER TABLE sync_identity ADD COLUMN IF NOT EXISTS definition text,"                          \
    " ADD COLUMN IF NOT EXISTS generation bigint NOT NULL DEFAULT 0,"                              \
    " ADD COLUMN IF NOT EXISTS relation oid, ADD COLUMN IF NOT EXISTS file bigint,"                \
    " ADD COLUMN IF NOT EXISTS home text, ADD COLUMN IF NOT EXISTS plan text,"                     \
    " ADD COLUMN IF NOT EXISTS version bigint NOT NULL DEFAULT 0;\n"                               \
    "ALTER TABLE sync_dead_letter ADD COLUMN IF NOT EXISTS checksum bigint,"                       \
    " ADD COLUMN IF NOT EXISTS pending boolean NOT NULL DEFAULT false"

/* Whether the key of sync_dead_letter is that of earlier versions; from it to the other one. */
#define SQL_KEY_IS_OLD                                                                             \
    "SELECT EXISTS (SELECT FROM pg_constraint WHERE conrelid = to_regclass('sync_dead_letter')"    \
    " AND pg_get_constraintdef(oid) = 'PRIMARY KEY (" SQL_DEAD_LETTERS_OLD_KEY ")')"
#define SQL_CHANGE_KEY(key)                                                                        \
    "DO $do$ BEGIN EXECUTE (SELECT format('ALTER TABLE sync_dead_letter DROP CONSTRAINT %I, ADD "  \
    "PRIMARY KEY (" key ")', conname) FROM pg_constraint"                                          \
    " WHERE conrelid = to_regclass('sync_dead_letter') AND contype = 'p'); END $do$"

/* Without a lookup table no two tasks read one record. The key stays as older versions know it, so
 * that one can go back to them. */
#define SQL_DDL     SQL_DDL_BY(SQL_DEAD_LETTERS_KEY)
#define SQL_DDL_OLD SQL_DDL_BY(SQL_DEAD_LETTERS_OLD_KEY)
#define SQL_DDL_BY(dead_letters_key)                                                               \
    "CREATE TABLE IF NOT EXISTS sync_progress (\n"                                                 \
    "    view text,\n"                                                                             \
    "    task integer,\n"                                                                          \
    "    seq bigint NOT NULL,\n"                                                                   \
    "    offsets bigint[] NOT NULL,\n"                                                             \
    "    owner text NOT NULL,\n"                                                                   \
    "    at timestamptz NOT NULL DEFAULT now(),\n"                                                 \
    "    marks bigint[],\n"                                                                        \
    "    generation bigint NOT NULL DEFAULT 0,\n"                                                  \
    "    PRIMARY KEY (view, task, seq)\n"                                                          \
    ");\n"                                                                                         \
    "CREATE TABLE IF NOT EXISTS sync_identity (\n"                                                 \
    "    view text PRIMARY KEY,\n"                                                                 \
    "    cluster_id text NOT NULL,\n"                                                              \
    "    topics text[] NOT NULL,\n"                                                                \
    "    partitions integer NOT NULL,\n"                                                           \
    "    hash text NOT NULL,\n"                                                                    \
    "    fingerprint text NOT NULL,\n"                                                             \
    "    at timestamptz NOT NULL DEFAULT now(),\n"                                                 \
    "    definition text,\n"                                                                       \
    "    generation bigint NOT NULL DEFAULT 0,\n"                                                  \
    "    relation oid,\n"                                                                          \
    "    file bigint,\n"                                                                           \
    "    home text,\n"                                                                             \
    "    plan text,\n"                                                                             \
    "    version bigint NOT NULL DEFAULT 0\n"                                                      \
    ");\n"                                                                                         \
    "CREATE TABLE IF NOT EXISTS sync_dead_letter (\n"                                              \
    "    view text,\n"                                                                             \
    "    task integer NOT NULL,\n"                                                                 \
    "    topic text,\n"                                                                            \
    "    \"table\" text NOT NULL,\n"                                                               \
    "    partition integer,\n"                                                                     \
    "    \"offset\" bigint,\n"                                                                     \
    "    key bytea,\n"                                                                             \
    "    value bytea,\n"                                                                           \
    "    row_key bytea,\n"                                                                         \
    "    kept bytea,\n"                                                                            \
    "    reason text NOT NULL,\n"                                                                  \
    "    at timestamptz NOT NULL DEFAULT now(),\n"                                                 \
    "    checksum bigint,\n"                                                                       \
    "    pending boolean NOT NULL DEFAULT false,\n"                                                \
    "    PRIMARY KEY (" dead_letters_key ")\n"                                                     \
    ");\n"                                                                                         \
    "CREATE TABLE IF NOT EXISTS sync_refused (\n"                                                  \
    "    view text,\n"                                                                             \
    "    task integer,\n"                                                                          \
    "    row_key bytea,\n"                                                                         \
    "    key text NOT NULL,\n"                                                                     \
    "    sqlstate text NOT NULL,\n"                                                                \
    "    constraint_name text,\n"                                                                  \
    "    message text NOT NULL,\n"                                                                 \
    "    at timestamptz NOT NULL DEFAULT now(),\n"                                                 \
    "    PRIMARY KEY (view, task, row_key)\n"                                                      \
    ");\n"                                                                                         \
    "CREATE TABLE IF NOT EXISTS sync_filled (\n"                                                   \
    "    plan text,\n"                                                                             \
    "    task integer,\n"                                                                          \
    "    target text,\n"                                                                           \
    "    generation bigint NOT NULL,\n"                                                            \
    "    at timestamptz NOT NULL DEFAULT now(),\n"                                                 \
    "    PRIMARY KEY (plan, task, target)\n"                                                       \
    ");\n"

#endif
