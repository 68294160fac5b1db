#include "second.h"

#define ROWS  "(SELECT a::bigint AS id, b AS name FROM unnest($1::text[], $2::text[]) x(a, b)) s"
#define WHERE "(s.name <> 'draft')"
#define INSERT                                                                                     \
    "INSERT INTO student_name AS t (student_id, name, share)"                                      \
    " SELECT s.id, s.name, 100 / (length(s.name) - 4) FROM " ROWS " WHERE " WHERE

static size_t positions[] = {0}, key_outputs[] = {0};
static struct occurrence occurrences[] = {
    {.relation = 0,
     .parent = -1,
     .reference = -1,
     .key_positions = positions,
     .sql_delete = STR("DELETE FROM student_name t USING unnest($1::text[]) x(a)"
                       " WHERE t.student_id = x.a::bigint")},
};
static struct target_input inputs[] = {{0, 0}, {0, 1}};
static struct target_output outputs[] = {
    {STR("student_id"), 0}, {STR("name"), 1}, {STR("share"), -1}};
static const struct target student_name = {
    .number = 1,
    .name = STR("student_name"),
    .occurrences = occurrences,
    .occurrence_count = 1,
    .core_count = 1,
    .inputs = inputs,
    .input_count = 2,
    .outputs = outputs,
    .output_count = 3,
    .key_outputs = key_outputs,
    .key_output_count = 1,
    .fingerprint = STR("aaaaaaaaaaaaaaaa"),
    .definition = STR("expression share\n"),
    .sql_ddl = STR("CREATE TABLE IF NOT EXISTS student_name (student_id bigint PRIMARY KEY,"
                   " name text, share int)"),
    .sql_upsert = STR(INSERT " ON CONFLICT (student_id) DO UPDATE SET name = excluded.name,"
                             " share = excluded.share"),
    .sql_filter = STR("DELETE FROM student_name t USING " ROWS
                      " WHERE t.student_id = s.id AND " WHERE " IS NOT TRUE"),
    .sql_insert = STR(INSERT),
    .sql_refuse = STR("DELETE FROM student_name t USING unnest($1::text[]) x(a)"
                      " WHERE t.student_id = x.a::bigint"),
};

const struct target *test_second(void) {
    return &student_name;
}
