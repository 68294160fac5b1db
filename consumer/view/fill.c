/* From a draft to what plan.h has. See fill.h. */
#include "view/fill.h"

#include "base/hash.h"
#include "base/safeguard.h"
#include "view/definition.h"
#include "view/sql.h"
#include "view/sql_source.h"

#include <inttypes.h>

/* ---- topics ---- */

/* Debezium replaces what Kafka does not allow in a topic's name, one UTF-16 unit by one underscore.
 */
void topic_append(struct buf *out, struct str name) {
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (letter || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-') {
            buf_append(out, &name.ptr[i], 1);
        } else if (c >= 0xf0) {
            buf_str(out, STR("__")); /* the first byte of four: two units */
        } else if ((c & 0xc0) != 0x80) {
            buf_str(out, STR("_"));
        }
    }
}

enum err_kind topic_set(struct draft *draft, size_t at, const struct plan *plan,
                        struct relation *table) {
    struct buf topic = {0};
    buf_str(&topic, plan->topic_prefix);
    buf_str(&topic, STR("."));
    topic_append(&topic, table->schema);
    buf_str(&topic, STR("."));
    topic_append(&topic, table->name);
    table->topic = arena_copy(draft->arena, buf_view(&topic));
    table->slot = table->filtered
                      ? arena_printf(draft->arena, "%s" FILTERED_SUFFIX, table->topic.ptr)
                      : table->topic;
    buf_clear(&topic);
    if (table->topic.len > TOPIC_NAME_MAX) {
        return source_refuse(
            &draft->source, at, NULL, draft->report,
            "the topic's name would have %zu characters, Kafka allows %d: " STR_FMT,
            table->topic.len, TOPIC_NAME_MAX, STR_ARG(table->topic));
    }
    for (const struct relation *before = plan->relations; before < table; before++) {
        bool same =
            str_equal(before->schema, table->schema) && str_equal(before->name, table->name);
        if (!same && str_equal(before->topic, table->topic)) {
            return source_refuse(&draft->source, at, NULL, draft->report,
                                 "two tables would share the topic " STR_FMT,
                                 STR_ARG(table->topic));
        }
    }
    return ERR_NONE;
}

enum err_kind tasks_topic_set(struct draft *draft, struct plan *plan) {
    if (plan_parted_count(plan) > 0) {
        return ERR_NONE;
    }
    struct buf topic = {0};
    buf_str(&topic, plan->topic_prefix);
    buf_str(&topic, STR("."));
    topic_append(&topic, plan->name);
    buf_str(&topic, STR("-tasks"));
    plan->tasks_topic = arena_copy(draft->arena, buf_view(&topic));
    buf_clear(&topic);
    bool taken = false;
    for (size_t t = 0; t < plan->relation_count; t++) {
        taken |= str_equal(plan->relations[t].topic, plan->tasks_topic);
    }
    if (taken || plan->tasks_topic.len > TOPIC_NAME_MAX) {
        return source_refuse(&draft->source, draft->name_at, NULL, draft->report,
                             "the topic " STR_FMT ", which shares out the tasks, %s: give the view "
                             "another name",
                             STR_ARG(plan->tasks_topic),
                             taken ? "would be that of a table" : "has too long a name for Kafka");
    }
    return ERR_NONE;
}

/* ---- relations ---- */

/* The same for all views on the same topics, and nobody's text by chance. */
struct str unavailable_text(struct draft *draft, struct str topic_prefix) {
    return arena_printf(draft->arena, "__oltp_olap_sync_unavailable_%016" PRIx64,
                        fnv1a(FNV1A_START, topic_prefix));
}

static struct str type_text(struct draft *draft, const struct type *type,
                            void append(struct buf *, const struct type *)) {
    struct buf text = {0};
    append(&text, type);
    struct str copy = arena_copy(draft->arena, buf_view(&text));
    buf_clear(&text);
    return copy;
}

static void references_fill(struct draft *draft, const struct draft_relation *from,
                            struct relation *relation) {
    relation->reference_count = from->reference_count;
    relation->references =
        arena_alloc(draft->arena, from->reference_count * sizeof *relation->references);
    for (size_t i = 0; i < from->reference_count; i++) {
        const struct draft_reference *reference = &from->references[i];
        size_t *columns = arena_alloc(draft->arena, reference->column_count * sizeof *columns);
        for (size_t c = 0; c < reference->column_count; c++) {
            struct relation_column *column = &relation->columns[reference->columns[c]];
            columns[c] = reference->columns[c];
            column->key =
                column->key == KEY_NONE ? type_key(&from->types[columns[c]]) : column->key;
        }
        relation->references[i] = (struct reference){columns, reference->column_count};
    }
}

/* Java hashes a negative integer and the bigint of the same value differently: where one core table
 * has a bigint, all are placed by bigints. */
static enum key_code placement_key(const struct draft *draft, size_t part, enum key_code key) {
    return draft_places_bigint(draft, part) &&
                   SAFEGUARD("an integer is placed as the bigint that it is compared with")
               ? KEY_BIGINT
               : key;
}

void relation_fill(struct draft *draft, const struct draft_relation *from, const struct plan *plan,
                   struct relation *relation) {
    const struct catalog_table *source = from->source;
    bool core = from->role == ROLE_CORE;
    *relation =
        (struct relation){.schema = arena_copy(draft->arena, source->schema),
                          .name = arena_copy(draft->arena, source->name),
                          .role = from->role,
                          .filtered = from->filtered,
                          .partition_count = core && !from->filtered ? plan->partition_count : 1,
                          .partitioned = source->partitioned,
                          .column_count = from->column_count,
                          .key_count = from->key_count,
                          .placement_count = core ? draft->join_count : 0,
                          .primary_key_count = source->key_count};
    relation->columns = arena_alloc(draft->arena, from->column_count * sizeof *relation->columns);
    for (size_t i = 0; i < from->column_count; i++) {
        const struct type *type = &from->types[i];
        const struct catalog_column *column = &source->columns[from->columns[i]];
        bool primary_key = catalog_in_key(source, column->name);
        relation->columns[i] = (struct relation_column){
            .name = arena_copy(draft->arena, column->name),
            .type = type_text(draft, type, type_sql),
            .source_type = type_text(draft, type, type_source),
            .scalar = type->array ? SCALAR_ARRAY : type_scalar(type),
            .element = type_scalar(type),
            .key = i < from->key_count ? type_key(type) : KEY_NONE,
            .unavailable = type_unavailable(type, plan->unavailable, draft->arena),
            .form = type_form(type),
            .not_null = column->not_null || primary_key || type->serial,
            .primary_key = primary_key,
            .unknown = type_is_unknown(type),
            .tells = !primary_key && !column->has_default && !type->serial && type_tells(type)};
        relation->blanks_tell |= relation->columns[i].tells;
        if (i < relation->placement_count) {
            relation->columns[i].key = placement_key(draft, i, relation->columns[i].key);
        }
    }
    relation->blanks_tell &= relation->key_count > relation->primary_key_count;
    references_fill(draft, from, relation);
}

static void occurrence_fill(struct draft *draft, int t, struct occurrence *occurrence) {
    const struct draft_table *table = &draft->tables[t];
    int root = t;
    while (draft->tables[root].parent >= 0) {
        root = draft->tables[root].parent;
    }
    *occurrence = (struct occurrence){.relation = table->relation,
                                      .optional = table->left,
                                      .parent = -1,
                                      .reference = -1,
                                      .root = draft->tables[root].occurrence};
    if (table->role == ROLE_LOOKUP) {
        occurrence->parent = draft->tables[table->parent].occurrence;
        occurrence->reference = table->reference;
        return;
    }
    size_t key_count = relation_of(draft, t)->key_count;
    occurrence->key_positions =
        arena_alloc(draft->arena, key_count * sizeof *occurrence->key_positions);
    for (size_t i = 0; i < key_count; i++) {
        occurrence->key_positions[i] = sql_key_position(draft, t, i);
    }
    occurrence->sql_delete = sql_delete(draft, t);
    occurrence->adds_key = table->adds_key;
    if (table->adds_key) {
        occurrence->sql_delete_null = sql_delete_partner(draft, t, false);
        occurrence->sql_delete_matched = sql_delete_partner(draft, t, true);
    }
}

static void outputs_fill(struct draft *draft, struct target *target) {
    target->input_count = draft->input_count;
    target->inputs = arena_alloc(draft->arena, draft->input_count * sizeof *target->inputs);
    for (size_t i = 0; i < draft->input_count; i++) {
        const struct draft_column *column = &draft->inputs[i].column;
        const struct draft_relation *relation = relation_of(draft, column->table);
        target->inputs[i] = (struct target_input){draft->tables[column->table].occurrence,
                                                  (int)relation_column(relation, column->column)};
    }
    target->output_count = draft->output_count;
    target->outputs = arena_alloc(draft->arena, draft->output_count * sizeof *target->outputs);
    for (size_t i = 0; i < draft->output_count; i++) {
        const struct draft_output *output = &draft->outputs[i];
        int input = draft->computes ? input_of(draft, output->table, output->column) : (int)i;
        target->outputs[i] = (struct target_output){arena_copy(draft->arena, output->name), input};
    }
    target->key_output_count = draft->key_output_count;
    target->key_has_nulls = key_has_nulls(draft);
    target->key_outputs =
        arena_alloc(draft->arena, draft->key_output_count * sizeof *target->key_outputs);
    for (size_t i = 0; i < draft->key_output_count; i++) {
        target->key_outputs[i] = (size_t)draft->key_outputs[i];
    }
}

void target_fill(struct draft *draft, const struct plan *plan, struct target *target) {
    *target = (struct target){
        .name = arena_copy(draft->arena, draft->name),
        .occurrence_count = draft->table_count,
        .core_count = draft->core_count,
        .occurrences = arena_alloc(draft->arena, draft->table_count * sizeof *target->occurrences)};
    for (size_t o = 0; o < draft->table_count; o++) {
        occurrence_fill(draft, draft->order[o], &target->occurrences[o]);
    }
    outputs_fill(draft, target);
    target->sql_ddl = sql_ddl(draft);
    target->sql_prove = sql_prove(draft);
    target->sql_upsert = sql_upsert(draft);
    target->sql_filter = sql_filter(draft);
    target->sql_refuse = sql_refuse(draft);
    target->sql_insert = sql_insert(draft);
    target->sql_copy = sql_copy(draft);
    target->source = sql_source(draft);
    target->fingerprint = fingerprint_text(draft, plan, target);
    target->definition = definition_text(draft, plan, target);
}
