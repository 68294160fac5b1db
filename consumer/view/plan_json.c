#include "view/plan_json.h"

#include "base/memory.h"

#include <jansson.h>
#include <stdlib.h>

/* null for what is absent. */
static json_t *text(struct str s) {
    return s.ptr ? json_stringn(s.ptr, s.len) : json_null();
}

static json_t *number_or_null(int value) {
    return value < 0 ? json_null() : json_integer(value);
}

static const char *role_name(enum role role) {
    return role == ROLE_CORE ? "core" : "lookup";
}

/* ---- source tables ---- */

static json_t *columns_json(const struct relation *relation, const size_t *columns, size_t count) {
    json_t *names = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(names, text(relation->columns[columns ? columns[i] : i].name));
    }
    return names;
}

static json_t *source_json(const struct relation *relation) {
    json_t *columns = json_array(), *indexes = json_array();
    for (size_t i = 0; i < relation->column_count; i++) {
        json_array_append_new(columns,
                              json_pack("{s:o, s:o}", "name", text(relation->columns[i].name),
                                        "type", text(relation->columns[i].type)));
    }
    for (size_t i = 0; i < relation->reference_count; i++) {
        const struct reference *reference = &relation->references[i];
        json_array_append_new(indexes,
                              columns_json(relation, reference->columns, reference->column_count));
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:b, s:i, s:s, s:o, s:o, s:o, s:o, s:o}", "schema",
                     text(relation->schema), "table", text(relation->name), "topic",
                     text(relation->topic), "slot", text(relation->slot), "filtered",
                     (int)relation->filtered, "partitions", (int)relation->partition_count, "role",
                     role_name(relation->role), "placed_by",
                     columns_json(relation, NULL, relation->placement_count), "key",
                     columns_json(relation, NULL, relation->key_count), "columns", columns,
                     "indexes", indexes, "check", text(relation->sql_check));
}

/* ---- the sink table ---- */

static json_t *occurrence_json(const struct plan *plan, const struct target *target, size_t o) {
    const struct occurrence *of = &target->occurrences[o];
    json_t *by = json_array();
    if (of->parent >= 0) {
        const struct relation *parent = occurrence_relation(plan, target, of->parent);
        const struct reference *reference = &parent->references[of->reference];
        json_decref(by);
        by = columns_json(parent, reference->columns, reference->column_count);
    }
    return json_pack("{s:i, s:b, s:o, s:o, s:o, s:o, s:o}", "source", of->relation, "left",
                     (int)of->optional, "parent", number_or_null(of->parent), "by", by, "delete",
                     text(of->sql_delete), "delete_without_partner", text(of->sql_delete_null),
                     "delete_with_partner", text(of->sql_delete_matched));
}

/* A column of the view; of an expression table and column are null. */
static json_t *output_json(const struct plan *plan, const struct target *target, size_t i) {
    const struct target_output *output = &target->outputs[i];
    if (output->input < 0) {
        return json_pack("{s:o, s:n, s:n}", "name", text(output->name), "table", "column");
    }
    const struct target_input *input = &target->inputs[output->input];
    const struct relation *relation = occurrence_relation(plan, target, input->occurrence);
    return json_pack("{s:o, s:i, s:o}", "name", text(output->name), "table", input->occurrence,
                     "column", text(relation->columns[input->column].name));
}

static json_t *target_json(const struct plan *plan, const struct target *target) {
    json_t *tables = json_array(), *columns = json_array(), *key = json_array();
    for (size_t o = 0; o < target->occurrence_count; o++) {
        json_array_append_new(tables, occurrence_json(plan, target, o));
    }
    for (size_t i = 0; i < target->output_count; i++) {
        json_array_append_new(columns, output_json(plan, target, i));
    }
    for (size_t i = 0; i < target->key_output_count; i++) {
        json_array_append_new(key, text(target->outputs[target->key_outputs[i]].name));
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "view",
                     text(target->name), "fingerprint", text(target->fingerprint), "tables", tables,
                     "columns", columns, "key", key, "key_has_nulls", (int)target->key_has_nulls,
                     "ddl", text(target->sql_ddl), "prove", text(target->sql_prove), "upsert",
                     text(target->sql_upsert), "filter", text(target->sql_filter), "insert",
                     text(target->sql_insert), "copy", text(target->sql_copy), "refuse",
                     text(target->sql_refuse));
}

/* ---- all of it ---- */

static json_t *notes_json(struct str notes) {
    json_t *lines = json_array();
    while (notes.len > 0) {
        const char *end = memchr(notes.ptr, '\n', notes.len);
        size_t len = end ? (size_t)(end - notes.ptr) : notes.len;
        json_array_append_new(lines, json_stringn(notes.ptr, len));
        len += end != NULL;
        notes = (struct str){notes.ptr + len, notes.len - len};
    }
    return lines;
}

char *view_plan_json(const struct plan *plan, const char *connector) {
    json_t *sources = json_array(), *targets = json_array();
    for (size_t r = 0; r < plan->relation_count; r++) {
        json_array_append_new(sources, source_json(&plan->relations[r]));
    }
    for (size_t t = 0; t < plan->target_count; t++) {
        json_array_append_new(targets, target_json(plan, &plan->targets[t]));
    }
    json_t *all = json_pack("{s:o, s:i, s:o, s:o, s:o, s:o, s:o}", "plan", text(plan->name),
                            "partitions", (int)plan->partition_count, "tasks_topic",
                            text(plan->tasks_topic), "sources", sources, "views", targets, "notes",
                            notes_json(plan->notes), "connector", json_loads(connector, 0, NULL));
    char *json = json_dumps(all, JSON_INDENT(2));
    size_t len = json ? strlen(json) : 0;
    json_decref(all);
    char *line = memory_resize(json, len + 2, 1);
    memcpy(line + len, "\n", 2);
    return line;
}
