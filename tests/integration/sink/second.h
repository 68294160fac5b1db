/* second.h: a target beside that of support.h's view.
 */
#ifndef TESTS_SECOND_H
#define TESTS_SECOND_H

#include "support.h"

/* student_name over the same student, as number 1. Static.
 *
 *     SELECT student_id, name, 100 / (length(name) - 4) AS share FROM student WHERE name <> 'draft'
 */
const struct target *test_second(void);

#endif
