/* row_writer.h: encoded rows → the text values that the sink takes.
 *
 * What:    decodes the rows of a row op and puts them into column arrays.
 * Owns:    its scratch.
 * Errors:  ERR_CACHE for bytes that no encoder wrote.
 */
#ifndef PIPELINE_ROW_WRITER_H
#define PIPELINE_ROW_WRITER_H

#include "join/join.h"
#include "sink/txn.h"

struct row_writer;

struct row_writer *row_writer_new(const struct plan *plan);
void row_writer_destroy(struct row_writer **writer);
/* Forgets the rows decoded last: their bytes may have changed. */
void row_writer_forget(struct row_writer *writer);
/* Adds a delete, CHECK or UPSERT to part's arrays. */
MUST_CHECK enum err_kind row_writer_add(struct row_writer *writer, const struct row_op *op,
                                        struct txn_part *part, struct err *reterr);
/* The inputs of an UPSERT, NULL where an optional occurrence has no row; valid until the next call.
 */
MUST_CHECK enum err_kind row_writer_inputs(struct row_writer *writer, const struct row_op *op,
                                           const struct str **ret_values, struct err *reterr);
/* The used columns of one row; valid until the next call. */
MUST_CHECK enum err_kind row_writer_columns(struct row_writer *writer, int table,
                                            struct row_ref row, const struct str **ret_values,
                                            struct err *reterr);

#endif
