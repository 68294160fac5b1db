/* fixture_view.h: the tables of tests/fixtures/captures as a view, made by hand.
 *
 * What:    student, contact and kinds (one column of every supported type), N = 8.
 * Owns:    nothing.
 * Threads: read-only.
 * Units:   none.
 * Errors:  none.
 * Limits:  none.
 */
#ifndef TEST_DECODE_FIXTURE_VIEW_H
#define TEST_DECODE_FIXTURE_VIEW_H

#include "view/view.h"

enum { STUDENT, CONTACT, KINDS, TABLE_COUNT };

#define TEXT(column)                                                                               \
    { STR(column), STR("text"), SCALAR_STRING, KEY_NONE, true, .not_null = false }
#define FIXED(column, t)                                                                           \
    { STR(column), STR(t), SCALAR_STRING, KEY_NONE, false, .not_null = false }
#define INTEGER(column)                                                                            \
    { STR(column), STR("integer"), SCALAR_INTEGER, KEY_NONE, false, .not_null = false }
#define REAL(column)                                                                               \
    { STR(column), STR("double precision"), SCALAR_NUMBER, KEY_NONE, false, .not_null = false }
#define KEY(column)                                                                                \
    { STR(column), STR("bigint"), SCALAR_INTEGER, KEY_BIGINT, false, .not_null = false }

static struct view_column student_columns[] = {KEY("student_id"), TEXT("name")};
static struct view_column contact_columns[] = {KEY("student_id"), KEY("contact_id"),
                                               TEXT("contact_number")};
static struct view_column kinds_columns[] = {
    KEY("student_id"),
    {STR("id"), STR("uuid"), SCALAR_STRING, KEY_UUID, false, .not_null = false},
    {STR("b"), STR("boolean"), SCALAR_BOOLEAN, KEY_NONE, false, .not_null = false},
    INTEGER("i2"),
    INTEGER("i4"),
    INTEGER("i8"),
    REAL("f4"),
    REAL("f8"),
    TEXT("n"),
    TEXT("n2"),
    TEXT("t"),
    TEXT("c"),
    INTEGER("d"),
    INTEGER("ts"),
    INTEGER("ts3"),
    FIXED("tstz", "timestamp with time zone"),
    FIXED("u", "uuid"),
    TEXT("j"),
    TEXT("jb"),
};

#define TABLE(table, of, keys)                                                                     \
    {                                                                                              \
        .schema = STR("public"), .name = STR(table), .topic = STR("cap.public." table),            \
        .columns = (of), .column_count = sizeof(of) / sizeof *(of), .key_count = (keys)            \
    }

static struct view_table fixture_tables[] = {
    [STUDENT] = TABLE("student", student_columns, 1),
    [CONTACT] = TABLE("contact", contact_columns, 2),
    [KINDS] = TABLE("kinds", kinds_columns, 2),
};

static struct view fixture_view = {
    .tables = fixture_tables, .table_count = TABLE_COUNT, .join_count = 1, .partition_count = 8};

#endif
