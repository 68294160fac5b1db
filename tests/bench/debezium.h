/* debezium.h: the text of records as Debezium's JSON converter writes them, byte for byte in shape.
 *
 * Owns:    the text of the last record, until the next call.
 * Limits:  routed or not, of the two tables of schemas/oltp.sql; of others routed; names and
 * numbers that JSON need not escape.
 */
#ifndef BENCH_DEBEZIUM_H
#define BENCH_DEBEZIUM_H

#include <stdint.h>

enum layout {
    LAYOUT_ROUTED,  /* as the shipped connector writes: a contact's key is student_id, contact_id */
    LAYOUT_KEYED,   /* as a connector without message.key.columns: the key is the primary key */
    LAYOUT_HOISTED, /* the same, key and value each hoisted into {"payload": ...} */
};

struct row {
    int64_t student, contact;
    const char *text; /* a student's name, a contact's number */
};

struct texts {
    const char *topic, *key, *value;
};

void debezium_begin(const char *prefix, enum layout layout);
/* before, after: NULL where Debezium writes null. */
struct texts debezium_student(const struct row *before, const struct row *after);
struct texts debezium_contact(const struct row *before, const struct row *after);
/* Of any table: key and images as JSON objects, or "null"; in the layout LAYOUT_ROUTED. */
struct texts debezium_record(const char *table, const char *key, const char *before,
                             const char *after);

#endif
