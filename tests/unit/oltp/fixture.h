/* fixture.h: a view, and a look at a source database that is as the SQL file says, to be spoiled.
 */
#ifndef TESTS_UNIT_OLTP_FIXTURE_H
#define TESTS_UNIT_OLTP_FIXTURE_H

#include "../view/load.h"

#include "oltp/compare.h"

static const struct look_names names = {"slot", "pub"};

static inline struct plan *fixture_view(void) {
    return load("CREATE TABLE student (student_id bigserial PRIMARY KEY, name text NOT NULL,"
                " at timestamp(3), score numeric(5));\n"
                "CREATE TABLE contact (contact_id bigserial PRIMARY KEY, student_id bigint,"
                " contact_number varchar(40));\n"
                "ALTER TABLE student REPLICA IDENTITY FULL; ALTER TABLE contact REPLICA IDENTITY "
                "FULL;\n",
                "CREATE MATERIALIZED VIEW v AS SELECT s.student_id, contact_id, name, at, score,"
                " contact_number FROM student s JOIN contact c ON s.student_id = c.student_id");
}

/* Of three tables, the last of them a lookup. */
static inline struct plan *fixture_three(void) {
    struct plan *plan =
        load("CREATE TABLE student (student_id bigint PRIMARY KEY, name text);\n"
             "CREATE TABLE contact (contact_id bigint PRIMARY KEY, student_id bigint);\n"
             "CREATE TABLE town (town_id bigint PRIMARY KEY, student_id bigint, name text);\n"
             "ALTER TABLE student REPLICA IDENTITY FULL; ALTER TABLE contact REPLICA IDENTITY FULL;"
             " ALTER TABLE town REPLICA IDENTITY FULL;\n",
             "CREATE MATERIALIZED VIEW v AS SELECT s.student_id, contact_id, town_id, s.name,"
             " t.name AS town FROM student s JOIN contact c ON s.student_id = c.student_id"
             " JOIN town t ON t.student_id = s.student_id");
    plan->relations[2].role = ROLE_LOOKUP;
    return plan;
}

static inline struct look_column *fixture_columns(struct look *look, const struct relation *table) {
    struct look_column *columns = arena_alloc(&look->arena, table->column_count * sizeof *columns);
    for (size_t c = 0; c < table->column_count; c++) {
        const struct relation_column *column = &table->columns[c];
        columns[c] = (struct look_column){.found = true,
                                          .not_null = column->not_null,
                                          .primary_key = column->primary_key,
                                          .published = true,
                                          .type = column->source_type};
    }
    return columns;
}

/* As it should be; look_clear ends it. */
static inline struct look fixture_look(const struct plan *plan) {
    struct look look = {.database = STR("db"),
                        .wal_level = STR("logical"),
                        .publication_exists = true,
                        .publication_whole = true,
                        .slot = {true, true, STR("pgoutput"), STR("db"), STR("reserved"), 56, 7}};
    look.tables = arena_alloc(&look.arena, plan->relation_count * sizeof *look.tables);
    for (size_t t = 0; t < plan->relation_count; t++) {
        look.tables[t] = (struct look_table){.found = true,
                                             .oid = 16384 + (uint32_t)t,
                                             .kind = 'r',
                                             .persistence = 'p',
                                             .identity = 'f',
                                             .filenode = 20000 + (uint32_t)t,
                                             .counted = true,
                                             .counts = 3,
                                             .row_xid = 700,
                                             .type_xid = 700,
                                             .definition = STR("d"),
                                             .truncate_is_refused = true,
                                             .primary_key_count = 1,
                                             .published = true,
                                             .publication_entry = 30000 + (uint32_t)t};
        look.tables[t].columns = fixture_columns(&look, &plan->relations[t]);
    }
    return look;
}

/* Column `name` of table t. */
static inline struct look_column *fixture_column(const struct plan *plan, struct look *look,
                                                 size_t t, const char *name) {
    size_t c = 0;
    while (!str_is(plan->relations[t].columns[c].name, name)) {
        c++;
        assert_true(c < plan->relations[t].column_count);
    }
    return &look->tables[t].columns[c];
}

#endif
