/* The product's view of a schema is what the product makes of the schema's SQL. */
#include "schema_view.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void write_file(const char *path, const struct buf *text) {
    FILE *file = fopen(path, "we");
    if (!file || fwrite(text->ptr, 1, text->len, file) != text->len || fclose(file) != 0) {
        perror(path);
        abort();
    }
}

/* Whether view_load reads the two files as the schema's view. */
static bool check(const struct schema *schema, const char *tables, const char *select) {
    static struct schema_view ours;
    struct view_options options = {tables, select, "sim", 3, NULL};
    struct plan *loaded = NULL;
    struct err err;
    char what[64];
    schema_view_fill(&ours, schema, (1U << schema->target_count) - 1, options.partition_count);
    if (view_load(&options, &loaded, NULL, &err) != ERR_NONE) {
        (void)printf("FAIL schema: %s\n", err.message);
        return false;
    }
    bool equal = schema_view_equal(&ours, loaded, what, sizeof what);
    (void)(equal ? 0 : printf("FAIL schema: %s differs from what view_load makes of it\n", what));
    plan_destroy(&loaded);
    return equal;
}

static bool check_random(uint64_t seed, const char *tables, const char *select) {
    struct rng rng = {seed};
    struct schema schema;
    struct buf sql = {0};
    static void (*const draw[])(struct schema *, struct rng *, const struct schema_knobs *) = {
        schema_random, schema_random_view, schema_several, schema_shape};
    static const char *const shapes[] = {"boss", "bossinner", "bosstwo"};
    const struct schema_knobs knobs = {{1, 4}, {1, 5}, shapes[seed / 4 % 3]};
    draw[seed % 4](&schema, &rng, &knobs);
    schema_sql_tables(&schema, &sql);
    write_file(tables, &sql);
    buf_reset(&sql);
    schema_sql_views(&schema, &sql);
    write_file(select, &sql);
    bool good = check(&schema, tables, select);
    if (!good) {
        (void)printf("of seed %llu:\n" STR_FMT, (unsigned long long)seed, STR_ARG(buf_view(&sql)));
    }
    buf_clear(&sql);
    return good;
}

int schema_check(uint64_t count) {
    char folder[] = "/tmp/sim-schema-XXXXXX", tables[64], select[64];
    if (!mkdtemp(folder)) {
        abort();
    }
    (void)snprintf(tables, sizeof tables, "%s/tables.sql", folder);
    (void)snprintf(select, sizeof select, "%s/view.sql", folder);
    struct rng rng = {1};
    struct schema schema;
    const struct schema_knobs knobs = {{1, 4}, {1, 5}, NULL};
    schema_shipped(&schema, &rng, &knobs);
    int failures =
        !check(&schema, SOURCE_DIR "/schemas/oltp.sql", SOURCE_DIR "/schemas/student_contact.sql");
    for (uint64_t seed = 1; seed <= count; seed++) {
        failures += !check_random(seed, tables, select);
    }
    (void)unlink(tables);
    (void)unlink(select);
    (void)rmdir(folder);
    (void)printf("sim: %llu schemas, %d failed\n", (unsigned long long)count + 1, failures);
    return failures;
}
