/* print_view OLTP.SQL VIEW.SQL: what view_load makes of them, as JSON. For test_statements.py. */
#include "plan/plan.h"
#include "view/view.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static json_t *text(struct str s) {
    return s.ptr ? json_stringn(s.ptr, s.len) : json_null();
}

static json_t *table_json(const struct relation *table) {
    json_t *columns = json_array();
    for (size_t i = 0; i < table->column_count; i++) {
        json_array_append_new(columns, text(table->columns[i].name));
    }
    return json_pack("{s:o, s:o, s:i, s:o}", "name", text(table->name), "columns", columns,
                     "key_count", (int)table->key_count, "check", text(table->sql_check));
}

static json_t *occurrence_json(const struct occurrence *occurrence) {
    return json_pack("{s:i, s:o, s:o, s:o}", "relation", occurrence->relation, "delete",
                     text(occurrence->sql_delete), "delete_null", text(occurrence->sql_delete_null),
                     "delete_matched", text(occurrence->sql_delete_matched));
}

static json_t *input_json(const struct plan *plan, const struct target *target, size_t i) {
    const struct target_input *input = &target->inputs[i];
    const struct relation *relation = occurrence_relation(plan, target, input->occurrence);
    return json_pack("[i, o]", input->occurrence, text(relation->columns[input->column].name));
}

int main(int argc, char **argv) {
    if (argc != 3) {
        return 2;
    }
    struct view_options options = {argv[1], argv[2], "oltp-olap-sync", 8, NULL};
    struct plan *plan = NULL;
    char *report = NULL;
    if (view_load(&options, &plan, &report, NULL) != ERR_NONE) {
        (void)fputs(report, stderr);
        free(report);
        return 1;
    }
    const struct target *target = &plan->targets[0];
    json_t *tables = json_array(), *outputs = json_array(), *occurrences = json_array();
    json_t *inputs = json_array();
    for (size_t t = 0; t < plan->relation_count; t++) {
        json_array_append_new(tables, table_json(&plan->relations[t]));
    }
    for (size_t o = 0; o < target->occurrence_count; o++) {
        json_array_append_new(occurrences, occurrence_json(&target->occurrences[o]));
    }
    for (size_t i = 0; i < target->input_count; i++) {
        json_array_append_new(inputs, input_json(plan, target, i));
    }
    for (size_t i = 0; i < target->output_count; i++) {
        json_array_append_new(outputs, text(target->outputs[i].name));
    }
    json_t *all =
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name",
                  text(plan->name), "ddl", text(target->sql_ddl), "prove", text(target->sql_prove),
                  "upsert", text(target->sql_upsert), "filter", text(target->sql_filter), "insert",
                  text(target->sql_insert), "copy", text(target->sql_copy), "refuse",
                  text(target->sql_refuse), "tables", tables, "occurrences", occurrences, "inputs",
                  inputs, "outputs", outputs);
    int failed = json_dumpf(all, stdout, 0);
    json_decref(all);
    plan_destroy(&plan);
    return failed ? 1 : 0;
}
