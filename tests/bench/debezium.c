#include "debezium.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SCHEMA_MAX 16384

static struct {
    const char *prefix;
    enum layout layout;
    char topic[2][256], key_schema[2][SCHEMA_MAX], value_schema[2][SCHEMA_MAX];
    int64_t lsn, written;
    char key[SCHEMA_MAX + 128], value[SCHEMA_MAX + 2048];
} debezium = {.lsn = 331470928};

static const char *const tables[] = {"student", "contact"};

/* The schema's text with what stands around it, up to the payload; empty without schemas. */
static void read_schema(char *out, const char *folder, const char *part, const char *table) {
    char path[4096], schema[SCHEMA_MAX - 64];
    (void)snprintf(path, sizeof path, "%s/%s-%s.json", folder, part, table);
    FILE *file = fopen(path, "r");
    size_t length = file ? fread(schema, 1, sizeof schema - 1, file) : 0;
    if (length == 0 || length == sizeof schema - 1) {
        (void)fprintf(stderr, "%s: no schema, or too long\n", path);
        exit(2);
    }
    (void)fclose(file);
    while (schema[length - 1] == '\n') {
        length--;
    }
    schema[length] = '\0';
    (void)snprintf(out, SCHEMA_MAX, "{\"schema\":%s,\"payload\":", schema);
}

void debezium_begin(const char *prefix, enum layout layout, const char *schemas) {
    debezium.prefix = prefix;
    debezium.layout = layout;
    for (int table = 0; table < 2; table++) {
        (void)snprintf(debezium.topic[table], sizeof debezium.topic[table], "%s.public.%s", prefix,
                       tables[table]);
        if (schemas) {
            read_schema(debezium.key_schema[table], schemas, "key", tables[table]);
            read_schema(debezium.value_schema[table], schemas, "value", tables[table]);
        }
    }
}

static struct texts envelope(int table, const char *key, const char *before, const char *after,
                             char op) {
    int64_t us = INT64_C(1795349626525906) + debezium.written;
    int64_t lsn = debezium.lsn += 152;
    char sequence[64];
    if (debezium.written == 0) { /* nothing was committed before */
        (void)snprintf(sequence, sizeof sequence, "[null,\\\"%" PRId64 "\\\"]", lsn);
    } else {
        (void)snprintf(sequence, sizeof sequence, "[\\\"%" PRId64 "\\\",\\\"%" PRId64 "\\\"]", lsn,
                       lsn);
    }
    const char *schema = debezium.value_schema[table], *end = schema[0] ? "}" : "";
    (void)snprintf(
        debezium.value, sizeof debezium.value,
        "%s{\"before\":%s,\"after\":%s,\"source\":{\"version\":\"3.6.1.Final\",\"connector\":"
        "\"postgresql\",\"name\":\"%s\",\"ts_ms\":%" PRId64 ",\"snapshot\":null,\"db\":\"pg\","
        "\"sequence\":\"%s\",\"ts_us\":%" PRId64 ",\"ts_ns\":%" PRId64
        "000,\"schema\":\"public\",\"table\":\"%s\",\"txId\":%" PRId64 ",\"lsn\":%" PRId64
        ",\"xmin\":null,\"origin\":null,\"origin_lsn\":null},\"transaction\":null,\"op\":\"%c\","
        "\"ts_ms\":%" PRId64 ",\"ts_us\":%" PRId64 ",\"ts_ns\":%" PRId64 "387}%s",
        schema, before, after, debezium.prefix, us / 1000, sequence, us, us, tables[table],
        1001821 + debezium.written, lsn, op, us / 1000, us, us, end);
    schema = debezium.key_schema[table];
    (void)snprintf(debezium.key, sizeof debezium.key, "%s%s%s", schema, key, schema[0] ? "}" : "");
    debezium.written++;
    return (struct texts){debezium.topic[table], debezium.key, debezium.value};
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
    return envelope(0, key, from, to, operation(before, after));
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
    return envelope(1, key, from, to, operation(before, after));
}
