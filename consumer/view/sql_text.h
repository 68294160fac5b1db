/* sql_text.h: pieces that statements are made of. Private to view/. */
#ifndef VIEW_SQL_TEXT_H
#define VIEW_SQL_TEXT_H

#include "view/expression.h"

/* A copy of the text in the draft's arena; clears it. */
struct str sql_take(struct draft *draft, struct buf *text);
void sql_comma(struct buf *out, bool first);
/* `unnest($1::text[], $2::text[]) AS x(c1, c2)` */
void sql_rows(struct buf *out, size_t count);
/* The value of parameter index + 1 of that, of the type. */
void sql_converted(struct buf *out, const struct type *type, size_t index, enum convert what);
/* The type of an output that is a plain column. */
const struct type *sql_output_type(struct draft *draft, size_t output);
/* `t.order_id`: the sink's key at a position. */
void sql_key_name(struct buf *out, const struct draft *draft, size_t position);
/* What expressions see, under the names of the inputs: `SELECT x.c1::bigint AS o_order_id, ... FROM
 * (SELECT unnest($1::text[]) AS c1, ...) AS x`. They are of their declared types. */
void sql_inputs(struct buf *out, struct draft *draft);
/* `s.o_order_id` */
void sql_input_name(struct buf *out, struct draft *draft, struct draft_column column);
/* The declared type of an input. */
const struct type *sql_input_type(struct draft *draft, size_t input);
/* A value of its declared type, where it is not only to be assigned. */
void sql_typed(struct buf *out, const struct type *type, size_t index);
/* Appends the COLLATE that the source declares, where expressions are to see it. */
void sql_collate(struct buf *out, const struct draft *draft, struct draft_column column);
/* Names of the sink's key. */
void sql_key(struct buf *out, const struct draft *draft);

#endif
