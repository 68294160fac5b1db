#include "debezium.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static struct {
    const char *prefix;
    enum layout layout;
    char topic[2][256];
    int64_t lsn, written;
    char key[128], value[2048];
} debezium = {.lsn = 331470928};

static const char *const tables[] = {"student", "contact"};

void debezium_begin(const char *prefix, enum layout layout) {
    debezium.prefix = prefix;
    debezium.layout = layout;
    for (int table = 0; table < 2; table++) {
        (void)snprintf(debezium.topic[table], sizeof debezium.topic[table], "%s.public.%s", prefix,
                       tables[table]);
    }
}

static struct texts envelope(const char *topic, const char *table, const char *key,
                             const char *before, const char *after, char op) {
    int64_t us = INT64_C(1795349626525906) + debezium.written;
    int64_t lsn = debezium.lsn += 152;
    char sequence[64];
    if (debezium.written == 0) { /* nothing was committed before */
        (void)snprintf(sequence, sizeof sequence, "[null,\\\"%" PRId64 "\\\"]", lsn);
    } else {
        (void)snprintf(sequence, sizeof sequence, "[\\\"%" PRId64 "\\\",\\\"%" PRId64 "\\\"]", lsn,
                       lsn);
    }
    bool hoisted = debezium.layout == LAYOUT_HOISTED;
    const char *begin = hoisted ? "{\"payload\":" : "", *end = hoisted ? "}" : "";
    (void)snprintf(
        debezium.value, sizeof debezium.value,
        "%s{\"before\":%s,\"after\":%s,\"source\":{\"version\":\"3.6.1.Final\",\"connector\":"
        "\"postgresql\",\"name\":\"%s\",\"ts_ms\":%" PRId64 ",\"snapshot\":null,\"db\":\"pg\","
        "\"sequence\":\"%s\",\"ts_us\":%" PRId64 ",\"ts_ns\":%" PRId64
        "000,\"schema\":\"public\",\"table\":\"%s\",\"txId\":%" PRId64 ",\"lsn\":%" PRId64
        ",\"xmin\":null,\"origin\":null,\"origin_lsn\":null},\"transaction\":null,\"op\":\"%c\","
        "\"ts_ms\":%" PRId64 ",\"ts_us\":%" PRId64 ",\"ts_ns\":%" PRId64 "387}%s",
        begin, before, after, debezium.prefix, us / 1000, sequence, us, us, table,
        1001821 + debezium.written, lsn, op, us / 1000, us, us, end);
    (void)snprintf(debezium.key, sizeof debezium.key, "%s%s%s", begin, key, end);
    debezium.written++;
    return (struct texts){topic, debezium.key, debezium.value};
}

struct texts debezium_record(const char *table, const char *key, const char *before,
                             const char *after) {
    static char topic[256];
    char op = strcmp(before, "null") == 0 ? 'c' : strcmp(after, "null") == 0 ? 'd' : 'u';
    (void)snprintf(topic, sizeof topic, "%s.public.%s", debezium.prefix, table);
    return envelope(topic, table, key, before, after, op);
}

static char operation(const struct row *before, const struct row *after) {
    return !before ? 'c' : after ? 'u' : 'd';
}

static void student_image(char *out, size_t size, const struct row *row) {
    if (!row) {
        (void)snprintf(out, size, "null");
        return;
    }
    (void)snprintf(out, size, "{\"student_id\":%" PRId64 ",\"name\":\"%s\"}", row->student,
                   row->text);
}

static void contact_image(char *out, size_t size, const struct row *row) {
    if (!row) {
        (void)snprintf(out, size, "null");
        return;
    }
    (void)snprintf(out, size,
                   "{\"contact_id\":%" PRId64 ",\"student_id\":%" PRId64
                   ",\"contact_number\":\"%s\"}",
                   row->contact, row->student, row->text);
}

struct texts debezium_student(const struct row *before, const struct row *after) {
    char key[64], from[256], to[256];
    student_image(from, sizeof from, before);
    student_image(to, sizeof to, after);
    (void)snprintf(key, sizeof key, "{\"student_id\":%" PRId64 "}",
                   after ? after->student : before->student);
    return envelope(debezium.topic[0], tables[0], key, from, to, operation(before, after));
}

struct texts debezium_contact(const struct row *before, const struct row *after) {
    char key[96], from[256], to[256];
    const struct row *row = after ? after : before;
    contact_image(from, sizeof from, before);
    contact_image(to, sizeof to, after);
    if (debezium.layout == LAYOUT_ROUTED) {
        (void)snprintf(key, sizeof key, "{\"student_id\":%" PRId64 ",\"contact_id\":%" PRId64 "}",
                       row->student, row->contact);
    } else {
        (void)snprintf(key, sizeof key, "{\"contact_id\":%" PRId64 "}", row->contact);
    }
    return envelope(debezium.topic[1], tables[1], key, from, to, operation(before, after));
}
