/* sql.h: the statements that follow from a view. Private to view/.
 *
 * What:    DDL of the sink table; upsert, insert, copy, delete, refuse and check.
 * Owns:    nothing: every statement lives in the draft's arena.
 *
 * Values come as text, one text[] a column; each statement converts them by the declared types.
 * Names are quoted where SQL needs it; no value ever stands in a statement.
 */
#ifndef VIEW_SQL_H
#define VIEW_SQL_H

#include "view/share.h"

struct str sql_ddl(struct draft *draft);
struct str sql_upsert(struct draft *draft);
struct str sql_insert(struct draft *draft);
/* Absent where a column needs a conversion. */
struct str sql_copy(struct draft *draft);
/* Of a core table's own key. */
struct str sql_delete(struct draft *draft, int table);
/* Of the key columns that place a row, of a table that is joined LEFT and adds columns to the
 * sink's key: the rows with a row of it, or those without. */
struct str sql_delete_partner(struct draft *draft, int table, bool matched);
/* The sink rows of whole keys. */
struct str sql_refuse(struct draft *draft);
/* Those of sql_upsert's rows that WHERE does not let pass; absent without WHERE. */
struct str sql_filter(struct draft *draft);
/* Which of draft->key_outputs shows the table's key column: the join key's may be another table's.
 */
size_t sql_key_position(struct draft *draft, int table, size_t key);
/* A row of a relation by itself, for all views of the plan. */
struct str sql_check(const struct share *share, const struct share_relation *relation);
/* Absent where there is nothing to prove. */
struct str sql_prove(struct draft *draft);

#endif
