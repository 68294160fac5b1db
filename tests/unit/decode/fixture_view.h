/* fixture_view.h: the tables of tests/fixtures/captures as a view, made by hand.
 *
 * What:    student, contact and kinds (one column of every supported type), N = 8.
 * Threads: read-only.
 */
#ifndef TEST_DECODE_FIXTURE_VIEW_H
#define TEST_DECODE_FIXTURE_VIEW_H

#include "plan/plan.h"

enum { STUDENT, CONTACT, KINDS, TABLE_COUNT };

#define UNAVAILABLE "__unavailable"
#define TEXT(column)                                                                               \
    {                                                                                              \
        STR(column), STR("text"), SCALAR_STRING, KEY_NONE, STR(UNAVAILABLE), FORM_ANY,             \
            .not_null = false                                                                      \
    }
#define COLUMN(column, t, scalar, key, form)                                                       \
    { STR(column), STR(t), scalar, key, {0}, form, .not_null = false }
#define FIXED(column, t, form) COLUMN(column, t, SCALAR_STRING, KEY_NONE, form)
#define INTEGER(column, form)  COLUMN(column, "integer", SCALAR_INTEGER, KEY_NONE, form)
#define REAL(column)           COLUMN(column, "double precision", SCALAR_NUMBER, KEY_NONE, FORM_REAL)
#define ARRAY(column, t, of, form)                                                                 \
    { STR(column), STR(t), SCALAR_ARRAY, KEY_NONE, {0}, form, .element = (of) }
#define KEY(column) COLUMN(column, "bigint", SCALAR_INTEGER, KEY_BIGINT, FORM_ANY)

static struct relation_column student_columns[] = {KEY("student_id"), TEXT("name")};
static struct relation_column contact_columns[] = {
    {STR("student_id"), STR("bigint"), SCALAR_INTEGER, KEY_BIGINT, {0}, FORM_ANY, .tells = true},
    KEY("contact_id"),
    {STR("contact_number"), STR("text"), SCALAR_STRING, KEY_NONE, STR(UNAVAILABLE), FORM_ANY,
     .tells = true},
};
static struct relation_column kinds_columns[] = {
    KEY("student_id"),
    COLUMN("id", "uuid", SCALAR_STRING, KEY_UUID, FORM_UUID),
    COLUMN("b", "boolean", SCALAR_BOOLEAN, KEY_NONE, FORM_ANY),
    INTEGER("i2", FORM_SMALLINT),
    INTEGER("i4", FORM_INTEGER),
    INTEGER("i8", FORM_ANY),
    REAL("f4"),
    REAL("f8"),
    FIXED("n", "numeric", FORM_DECIMAL),
    FIXED("n2", "numeric(20,4)", FORM_FRACTION),
    TEXT("t"),
    TEXT("c"),
    INTEGER("d", FORM_DATE),
    INTEGER("ts", FORM_MICROSECONDS),
    INTEGER("ts3", FORM_MILLISECONDS),
    FIXED("tstz", "timestamp with time zone", FORM_ZONED),
    FIXED("u", "uuid", FORM_UUID),
    TEXT("j"),
    TEXT("jb"),
    ARRAY("ia", "integer[]", SCALAR_INTEGER, FORM_INTEGER),
    ARRAY("ta", "text[]", SCALAR_STRING, FORM_ANY),
    COLUMN("pt", "point", SCALAR_POINT, KEY_NONE, FORM_ANY),
};

#define TABLE(table, of, keys)                                                                     \
    {                                                                                              \
        .schema = STR("public"), .name = STR(table), .topic = STR("cap.public." table),            \
        .slot = STR("cap.public." table), .columns = (of),                                         \
        .column_count = sizeof(of) / sizeof *(of), .key_count = (keys), .partition_count = 8,      \
        .placement_count = 1, .blanks_tell = &(of)[0] == &contact_columns[0]                       \
    }

static struct relation fixture_tables[] = {
    [STUDENT] = TABLE("student", student_columns, 1),
    [CONTACT] = TABLE("contact", contact_columns, 2),
    [KINDS] = TABLE("kinds", kinds_columns, 2),
};

static struct plan fixture_view = {
    .relations = fixture_tables, .relation_count = TABLE_COUNT, .partition_count = 8};

#endif
