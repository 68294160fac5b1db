/* convert.h: the SQL of pg_convert.c.
 *
 * What:    text, as statements.h.
 *
 * Private to sink/.
 */
#ifndef SINK_CONVERT_H
#define SINK_CONVERT_H

#include "sink/statements.h"

/* The progress of a plan that has other targets than before, in one transaction under the locks of
 * all tasks: $2 those, $3 the layout as it was read, $4 the new one, $5 for each of its relations
 * which of the old one's it is, from 1 on (0: it was not there, nothing of it is read), $6 an
 * owner, $7 the targets, $8 those of before that are still there. Nothing is done where another
 * member did it. */
#define SQL_CONVERTS                                                                               \
    "EXISTS (SELECT FROM sync_identity c WHERE c.view = ANY ($8::text[]) AND c.topics = "          \
    "$3::text[])"
#define SQL_IS_SINGLE(layout) "NOT EXISTS (SELECT FROM unnest(" layout ") l(e) WHERE e LIKE '+%')"
/* Progress of one target says by its generation that all rows are there. */
#define SQL_CONVERT_MARKS                                                                          \
    "INSERT INTO sync_filled(plan, task, target, generation)"                                      \
    " SELECT $1::text, t.task, i.view, i.generation" SQL_NEWEST_OF                                 \
    " JOIN sync_identity i ON i.view = ANY ($8::text[]) AND i.generation = p.generation"           \
    " WHERE p.offsets <> '{}' AND " SQL_IS_SINGLE(                                                 \
        "$3::text[]") " AND " SQL_CONVERTS " ON CONFLICT (plan, task, target) DO UPDATE SET "      \
                      "generation = excluded.generation, at = now()"
/* And so it does when one is left. A task without its mark has none then. */
#define SQL_CONVERT_PROGRESS                                                                       \
    "INSERT INTO sync_progress(view, task, seq, offsets, owner, marks, generation)"                \
    " SELECT $1::text, t.task, p.seq + 1, CASE WHEN p.offsets = '{}' THEN p.offsets ELSE ARRAY("   \
    "  SELECT CASE WHEN m.i > 0 THEN p.offsets[m.i] ELSE 0 END"                                    \
    "  FROM unnest($5::int[]) WITH ORDINALITY m(i, n) ORDER BY m.n) END, $6::text,"                \
    " CASE WHEN p.marks IS NOT NULL THEN ARRAY("                                                   \
    "  SELECT CASE WHEN m.i > 0 THEN p.marks[2 * m.i - 1 + h.h] ELSE 0 END FROM unnest($5::int[])" \
    "  WITH ORDINALITY m(i, n), generate_series(0, 1) h(h) ORDER BY m.n, h.h) END,"                \
    " CASE WHEN NOT " SQL_IS_SINGLE(                                                               \
        "$4::text[]") " THEN (SELECT sum(i.generation)::bigint"                                    \
                      "   FROM sync_identity i WHERE i.view = ANY ($7::text[]))"                   \
                      "  ELSE coalesce((SELECT i.generation FROM sync_identity i JOIN "            \
                      "sync_filled f"                                                              \
                      "   ON f.plan = $1::text AND f.task = t.task AND f.target = i.view"          \
                      "   AND f.generation = i.generation WHERE i.view = ANY ($7::text[])), -1) "  \
                      "END" SQL_NEWEST_OF " WHERE p.seq IS NOT NULL AND " SQL_CONVERTS
/* What is gone counts no more, and may come back with an empty table only. So may the one that is
 * left, if some task had filled it in part. */
#define SQL_CONVERT_UNMARK                                                                         \
    "DELETE FROM sync_filled f WHERE f.plan = $1::text AND (" SQL_IS_SINGLE(                       \
        "$4::text[]") " OR " SAFEGUARD_SQL("a mark goes with its view",                            \
                                           "f.target <> ALL ($7::text[])") ") AND " SQL_CONVERTS
#define SQL_CONVERT_REFUSED                                                                        \
    "DELETE FROM sync_refused r USING sync_identity i WHERE r.view = i.view"                       \
    " AND coalesce(i.plan, i.view) = $1::text AND i.view <> ALL ($7::text[]) AND " SQL_CONVERTS
/* What is read from its start again has its dead letters again, and these would be ahead of the
 * offsets, as those of another log are. */
#define SQL_CONVERT_LETTERS                                                                        \
    "DELETE FROM sync_dead_letter d WHERE d.view = $1::text AND " SAFEGUARD_SQL(                   \
        "dead letters of what is read anew go",                                                    \
        "d.topic <> ALL (ARRAY(SELECT l.e FROM unnest($3::text[]) WITH ORDINALITY l(e, n)"         \
        " WHERE l.n = ANY ($5::int[])))") " AND " SQL_CONVERTS
#define SQL_CONVERT_UNKEEP                                                                         \
    "UPDATE sync_identity i SET relation = 0, file = " SQL_UNKEPT ","                              \
    " plan = CASE WHEN i.view = ANY ($7::text[]) THEN i.plan ELSE '' END"                          \
    " WHERE coalesce(i.plan, i.view) = $1::text AND (" SAFEGUARD_SQL(                              \
        "a table that is taken out counts as unkept",                                              \
        "i.view <> ALL ($7::text[])") " OR (" SQL_IS_SINGLE("$4::text[]") " AND EXISTS "           \
                                                                          "(SELECT" SQL_NEWEST_OF  \
                                                                          "   WHERE p.generation " \
                                                                          "= -1 AND p.offsets <> " \
                                                                          "'{}'))) "               \
                                                                          "AND " SQL_CONVERTS
#define SQL_CONVERT_LAYOUT                                                                         \
    "UPDATE sync_identity i SET topics = $4::text[], plan = $1::text, version = v.version + 1"     \
    " FROM (SELECT max(version) AS version FROM sync_identity"                                     \
    "  WHERE view = ANY ($7::text[])) v WHERE i.view = ANY ($7::text[]) AND " SQL_CONVERTS

#endif
