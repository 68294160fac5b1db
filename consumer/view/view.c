#include "view/view.h"

#include "base/hash.h"
#include "base/memory.h"
#include "view/definition.h"
#include "view/expression.h"
#include "view/notes.h"
#include "view/sql.h"
#include "view/sql_text.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- topics ---- */

/* Debezium replaces what Kafka does not allow in a topic's name, one UTF-16 unit by one underscore.
 */
static void append_topic(struct buf *out, struct str name) {
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

static enum err_kind topic_set(struct draft *draft, struct plan *plan, size_t t,
                               const char *prefix) {
    struct relation *table = &plan->relations[t];
    struct buf topic = {0};
    append_topic(&topic, str_from(prefix));
    buf_str(&topic, STR("."));
    append_topic(&topic, table->schema);
    buf_str(&topic, STR("."));
    append_topic(&topic, table->name);
    table->topic = arena_copy(draft->arena, buf_view(&topic));
    table->slot = table->topic;
    buf_clear(&topic);
    if (table->topic.len > TOPIC_NAME_MAX) {
        return source_refuse(
            &draft->source, draft->tables[draft->relations[t].first].at, NULL, draft->report,
            "the topic's name would have %zu characters, Kafka allows %d: " STR_FMT,
            table->topic.len, TOPIC_NAME_MAX, STR_ARG(table->topic));
    }
    for (size_t i = 0; i < t; i++) {
        if (str_equal(plan->relations[i].topic, table->topic)) {
            return source_refuse(&draft->source, draft->tables[draft->relations[t].first].at, NULL,
                                 draft->report, "two tables would share the topic " STR_FMT,
                                 STR_ARG(table->topic));
        }
    }
    return ERR_NONE;
}

/* ---- from draft to plan ---- */

/* The same for all views on the same topics, and nobody's text by chance. */
static struct str unavailable_text(struct draft *draft, struct str topic_prefix) {
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
            columns[c] = reference->columns[c];
            relation->columns[columns[c]].key = type_key(&from->types[columns[c]]);
        }
        relation->references[i] = (struct reference){columns, reference->column_count};
    }
}

static void relation_fill(struct draft *draft, const struct draft_relation *from,
                          const struct plan *plan, struct relation *relation) {
    const struct catalog_table *source = from->source;
    bool core = from->role == ROLE_CORE;
    *relation = (struct relation){.schema = arena_copy(draft->arena, source->schema),
                                  .name = arena_copy(draft->arena, source->name),
                                  .role = from->role,
                                  .partition_count = core ? plan->partition_count : 1,
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
    }
    relation->blanks_tell &= relation->key_count > relation->primary_key_count;
    references_fill(draft, from, relation);
    relation->sql_check = sql_check(draft, from);
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

/* ---- what must stay equal ---- */

static void append_field(struct buf *out, struct str field) {
    buf_printf(out, "%zu:", field.len);
    buf_str(out, field);
}

static void append_columns(struct buf *out, const struct relation *relation) {
    buf_printf(out, "%zu %zu ", relation->key_count, relation->primary_key_count);
    for (size_t i = 0; i < relation->column_count; i++) {
        append_field(out, relation->columns[i].name);
        append_field(out, relation->columns[i].type);
        if (!str_equal(relation->columns[i].type, relation->columns[i].source_type)) {
            append_field(out, relation->columns[i].source_type);
        }
    }
}

static struct str hash_text(struct draft *draft, struct buf *all) {
    uint64_t hash = fnv1a(FNV1A_START, buf_view(all));
    buf_clear(all);
    return arena_printf(draft->arena, "%016" PRIx64, hash);
}

/* Nothing, of a core table without references: as it was before there were others. */
static void append_role(struct buf *out, const struct relation *relation) {
    if (relation->role == ROLE_LOOKUP) {
        buf_str(out, STR("lookup "));
    }
    for (size_t i = 0; i < relation->reference_count; i++) {
        buf_str(out, STR("reference"));
        for (size_t c = 0; c < relation->references[i].column_count; c++) {
            buf_printf(out, " %zu", relation->references[i].columns[c]);
        }
        buf_str(out, STR(" "));
    }
}

static struct str identity(struct draft *draft, const struct relation *relation) {
    struct buf all = {0};
    buf_printf(&all, "1 %" PRId32 " %zu ", relation->partition_count, relation->placement_count);
    append_field(&all, relation->topic);
    append_columns(&all, relation);
    append_role(&all, relation);
    return hash_text(draft, &all);
}

/* Nothing, of a core table that is joined INNER. */
static void append_occurrence(struct buf *out, const struct relation *relation,
                              const struct occurrence *occurrence) {
    append_role(out, relation);
    if (occurrence->parent >= 0) {
        buf_printf(out, "parent %d %d ", occurrence->parent, occurrence->reference);
    }
    if (occurrence->optional) {
        buf_str(out, STR("optional "));
    }
}

/* `1 3`: another alias of a table changes nothing. */
static void append_numbers(struct buf *out, struct draft *draft, struct draft_column column) {
    const struct draft_relation *relation = relation_of(draft, column.table);
    buf_printf(out, "%d %zu", draft->tables[column.table].occurrence,
               relation_column(relation, column.column));
    sql_collate(out, draft, column);
}

static void append_output(struct buf *out, struct draft *draft, const struct target *target,
                          size_t i) {
    int input = target->outputs[i].input;
    if (input >= 0) {
        buf_printf(out, "%d %d ", target->inputs[input].occurrence, target->inputs[input].column);
        return;
    }
    struct buf text = {0};
    expression_compared(&text, draft, draft->outputs[i].expression, append_numbers);
    append_field(out, buf_view(&text));
    buf_clear(&text);
}

/* The sink table. With expressions its DDL has aliases in it, and what else it says is said before,
 * but for the key. */
static void append_table(struct buf *out, const struct target *target) {
    bool computed = false;
    for (size_t i = 0; i < target->output_count; i++) {
        computed |= target->outputs[i].input < 0;
    }
    if (!computed) {
        append_field(out, target->sql_ddl);
        return;
    }
    for (size_t i = 0; i < target->key_output_count; i++) {
        buf_printf(out, "%zu ", target->key_outputs[i]);
    }
}

/* Over everything that decides what is written and where it comes from. The statements say names,
 * types, outputs and the sink's key; relations and columns how records are read and kept. It stands
 * beside the progress in the sink: another text would halt those who come from an earlier version.
 */
static struct str fingerprint(struct draft *draft, const struct plan *plan,
                              const struct target *target) {
    struct buf all = {0};
    buf_printf(&all, "1 %" PRId32 " %zu ", plan->partition_count, draft->join_count);
    append_field(&all, target->name);
    for (size_t i = 0; i < target->occurrence_count; i++) {
        const struct relation *relation = &plan->relations[target->occurrences[i].relation];
        append_field(&all, relation->schema);
        append_field(&all, relation->name);
        append_field(&all, relation->topic);
        append_columns(&all, relation);
        append_occurrence(&all, relation, &target->occurrences[i]);
    }
    for (size_t i = 0; i < target->output_count; i++) {
        append_field(&all, target->outputs[i].name);
        append_output(&all, draft, target, i);
    }
    if (draft->where) {
        struct buf where = {0};
        expression_compared(&where, draft, draft->where, append_numbers);
        buf_str(&all, STR("where "));
        append_field(&all, buf_view(&where));
        buf_clear(&where);
    }
    append_table(&all, target);
    return hash_text(draft, &all);
}

static void target_fill(struct draft *draft, const struct plan *plan, struct target *target) {
    *target = (struct target){
        .name = plan->name,
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
    target->fingerprint = fingerprint(draft, plan, target);
    target->definition = definition_text(draft, plan, target);
}

static enum err_kind plan_fill(struct draft *draft, const struct view_options *options,
                               struct plan *plan) {
    plan->name = arena_copy(draft->arena, draft->name);
    plan->relation_count = draft->relation_count;
    plan->partition_count = options->partition_count;
    plan->unavailable = unavailable_text(draft, str_from(options->topic_prefix));
    plan->relations = arena_alloc(draft->arena, draft->relation_count * sizeof *plan->relations);
    for (size_t r = 0; r < draft->relation_count; r++) {
        relation_fill(draft, &draft->relations[r], plan, &plan->relations[r]);
        enum err_kind kind = topic_set(draft, plan, r, options->topic_prefix);
        if (kind != ERR_NONE) {
            return kind;
        }
        plan->relations[r].identity = identity(draft, &plan->relations[r]);
    }
    plan->target_count = 1;
    plan->targets = arena_alloc(draft->arena, sizeof *plan->targets);
    target_fill(draft, plan, &plan->targets[0]);
    plan->notes = notes_text(draft, plan);
    return ERR_NONE;
}

/* ---- loading ---- */

static enum err_kind options_check(const struct view_options *options, struct err *reterr) {
    size_t len =
        strspn(options->topic_prefix, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789._-");
    if (len == 0 || options->topic_prefix[len] != '\0') {
        return err_set(reterr, ERR_CONFIG,
                       "topic prefix \"%s\": letters, digits, dots, hyphens and underscores of "
                       "ASCII are allowed, and at least one",
                       options->topic_prefix);
    }
    if (options->partition_count < 1) {
        return err_set(reterr, ERR_CONFIG, "%" PRId32 " partitions: at least one is needed",
                       options->partition_count);
    }
    return ERR_NONE;
}

static enum err_kind draft_read(struct draft *draft, const struct view_options *options) {
    enum err_kind kind = options_check(options, draft->report->err);
    if (kind == ERR_NONE) {
        kind = catalog_read(options->oltp_path, draft->arena, &draft->catalog, draft->report);
    }
    if (kind == ERR_NONE) {
        kind = source_read(options->view_path, &draft->source, draft->report);
    }
    if (kind == ERR_NONE) {
        kind = statement_read(draft);
    }
    if (kind == ERR_NONE) {
        kind = from_read(draft);
    }
    if (kind == ERR_NONE) {
        kind = outputs_read(draft);
    }
    if (kind == ERR_NONE) {
        kind = classes_read(draft);
    }
    if (kind == ERR_NONE) {
        kind = roles_read(draft);
    }
    if (kind == ERR_NONE) {
        kind = keys_read(draft);
    }
    return kind == ERR_NONE ? inputs_read(draft) : kind;
}

enum err_kind view_load(const struct view_options *options, struct plan **ret_plan,
                        char **ret_report, struct err *reterr) {
    struct err ignored;
    char *text = NULL;
    struct report report = {ret_report ? &text : NULL, reterr ? reterr : &ignored};
    struct plan *plan = plan_new();
    struct draft *draft = memory_new(1, sizeof *draft);
    draft->arena = &plan->arena;
    draft->report = &report;
    enum err_kind kind = draft_read(draft, options);
    if (kind == ERR_NONE) {
        kind = plan_fill(draft, options, plan);
    }
    catalog_clear(&draft->catalog);
    source_clear(&draft->source);
    free(draft);
    if (kind == ERR_NONE) {
        *ret_plan = plan;
        return ERR_NONE;
    }
    plan_destroy(&plan);
    if (ret_report) {
        *ret_report = text ? text : memory_text(report.err->message);
    }
    return kind;
}
