/* dead_letters.h: the dead letters of a task, and the operator's decisions.
 */
#ifndef PIPELINE_DEAD_LETTERS_H
#define PIPELINE_DEAD_LETTERS_H

#include "pipeline/internal.h"

/* Notes a dead letter that stands in the sink now, or a decision; copies its bytes. The first at an
 * offset stays. */
void task_know_dead_letter(struct task *task, const struct known_dead_letter *dead_letter);
/* The dead letter at (table, offset), or NULL. */
const struct known_dead_letter *dead_letter_at(const struct dead_letter_list *list, int table,
                                               int64_t offset);
/* The dead letters of a task just acquired, by (table, offset); may change what they keep.
 * ERR_HALT: one is of a record that this task can't have put aside. */
MUST_CHECK enum err_kind task_take_dead_letters(struct member *m, struct task *task,
                                                struct known_dead_letter *dead_letters,
                                                size_t count, struct err *reterr);
/* The dead letter that stands for the record, in *ret_dead_letter; NULL: none. ERR_HALT: one stands
 * there, but of another record. */
MUST_CHECK enum err_kind task_dead_letter_of(const struct member_options *o,
                                             const struct task *task, const struct record *record,
                                             const struct known_dead_letter **ret_dead_letter,
                                             struct err *reterr);
/* What follows for a record that decode ended with kind and *err for, when the operator may have
 * decided to put it aside: then ERR_RECORD, and *err says so. */
enum err_kind task_decision(const struct member_options *o, const struct task *task,
                            const struct record *record, enum err_kind kind, struct err *err);
/* ERR_HALT: dead.letter.max. */
enum err_kind dead_letters_too_many(const struct member_options *o, const char *newest,
                                    struct err *reterr);
/* Copies a record's bytes and reason into dead letter. */
void dead_letter_fill(struct dead_letter *dead_letter, const struct plan *plan,
                      const struct task *task, const struct record *record, const char *reason);

#endif
