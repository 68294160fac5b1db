#include "schema_view.h"

#include <assert.h>
#include <stdio.h>

static const struct type_info {
    enum scalar scalar;
    enum key_code key;
    enum form form;
} types[] = {
    [SCHEMA_BIGINT] = {SCALAR_INTEGER, KEY_BIGINT, FORM_ANY},
    [SCHEMA_INTEGER] = {SCALAR_INTEGER, KEY_INTEGER, FORM_INTEGER},
    [SCHEMA_TEXT] = {SCALAR_STRING, KEY_TEXT, FORM_ANY},
    [SCHEMA_UUID] = {SCALAR_STRING, KEY_UUID, FORM_UUID},
};

/* ---- struct plan ---- */

static void fill_column(struct relation_column *to, const struct schema_column *column) {
    const struct type_info *type = &types[column->type];
    *to = (struct relation_column){
        .name = str_from(column->name),
        .type = str_from(schema_type_name(column->type)),
        .scalar = type->scalar,
        .key = column->role == SCHEMA_VALUE ? KEY_NONE : type->key,
        .unavailable = column->type == SCHEMA_TEXT ? STR("__not_sent") : STR_NONE,
        .form = type->form,
        .not_null = !column->nullable,
        .primary_key = column->primary,
        .tells = !column->primary,
    };
}

static void fill_table(struct schema_view *to, const struct schema *schema, int t,
                       int32_t partitions) {
    const struct schema_table *table = &schema->tables[to->tables[t]];
    struct relation *of = &to->of_tables[t];
    const bool whole = table->lookup || table->filtered;
    (void)snprintf(to->topics[t], sizeof to->topics[t], "sim.public.%s", table->name);
    (void)snprintf(to->slots[t], sizeof to->slots[t], "sim.public.%s%s", table->name,
                   table->filtered ? FILTERED_SUFFIX : "");
    *of = (struct relation){.schema = STR("public"),
                            .name = str_from(table->name),
                            .topic = str_from(to->topics[t]),
                            .slot = str_from(to->slots[t]),
                            .filtered = table->filtered,
                            .role = table->lookup ? ROLE_LOOKUP : ROLE_CORE,
                            .partition_count = whole ? 1 : partitions,
                            .columns = to->columns[t],
                            .column_count = (size_t)table->column_count,
                            .key_count = (size_t)table->key_count,
                            .placement_count = (size_t)table->join_count,
                            .references = to->references[t]};
    for (int c = 0; c < table->column_count; c++) {
        fill_column(&to->columns[t][c], &table->columns[c]);
        of->primary_key_count += table->columns[c].primary;
    }
    of->blanks_tell = of->key_count > of->primary_key_count;
}

static void fill_core(const struct schema_view *view, struct schema_view_target *to,
                      const struct schema_target *target, int o) {
    const struct schema_core *core = &target->cores[o];
    to->occurrences[o] = (struct occurrence){.relation = view->relations[core->table],
                                             .optional = core->optional,
                                             .parent = -1,
                                             .reference = -1,
                                             .root = o,
                                             .key_positions = to->key_positions[o],
                                             .adds_key = core->adds_key};
    for (int c = 0; c < schema_table_of(target, o)->key_count; c++) {
        to->key_positions[o][c] = (size_t)core->shown[c];
    }
}

/* The parent's reference by the node's columns: nodes share it. */
static int reference_of(struct schema_view *to, const struct schema_target *target,
                        const struct schema_node *node) {
    int parent = to->relations[schema_occurrence(target, node->parent)];
    struct relation *relation = &to->of_tables[parent];
    size_t count = (size_t)target->tables[node->table].key_count, r = 0;
    size_t columns[SCHEMA_KEY_MAX] = {0};
    for (size_t c = 0; c < count; c++) {
        columns[c] = (size_t)node->columns[c];
    }
    while (r < relation->reference_count &&
           (relation->references[r].column_count != count ||
            memcmp(relation->references[r].columns, columns, count * sizeof *columns) != 0)) {
        r++;
    }
    if (r == relation->reference_count) {
        memcpy(to->reference_columns[parent][r], columns, sizeof columns);
        to->references[parent][r] = (struct reference){to->reference_columns[parent][r], count};
        relation->reference_count++;
    }
    return (int)r;
}

static size_t fill_outputs(struct schema_view_target *to, const struct schema_target *target) {
    for (int i = 0; i < target->output_count; i++) {
        const struct schema_place *place = &target->outputs[i];
        to->inputs[i] = (struct target_input){place->occurrence, place->column};
        schema_output_name(target, i, to->output_names[i]);
        to->outputs[i] = (struct target_output){str_from(to->output_names[i]), i};
    }
    for (int i = 0; i < target->key_count; i++) {
        to->key_outputs[i] = (size_t)target->key_outputs[i];
    }
    if (target->computed) {
        to->outputs[target->output_count] = (struct target_output){STR("computed"), -1};
    }
    return (size_t)target->output_count + target->computed;
}

static void fill_target(struct schema_view *view, const struct schema_target *target) {
    const int number = view->targets_of[target->number];
    struct schema_view_target *to = &view->of[number];
    bool key_has_nulls = false;
    for (int o = 0; o < target->core_count; o++) {
        fill_core(view, to, target, o);
        key_has_nulls |= target->cores[o].adds_key;
    }
    for (int n = 0; n < target->node_count; n++) {
        const struct schema_node *node = &target->nodes[n];
        to->occurrences[target->core_count + n] =
            (struct occurrence){.relation = view->relations[node->table],
                                .optional = node->optional,
                                .parent = node->parent,
                                .reference = reference_of(view, target, node),
                                .root = node->root};
    }
    view->targets[number] =
        (struct target){.number = number,
                        .name = str_from(target->name),
                        .occurrences = to->occurrences,
                        .occurrence_count = (size_t)target->occurrence_count,
                        .core_count = (size_t)target->core_count,
                        .inputs = to->inputs,
                        .input_count = (size_t)target->output_count,
                        .outputs = to->outputs,
                        .output_count = fill_outputs(to, target),
                        .key_outputs = to->key_outputs,
                        .key_output_count = (size_t)target->key_count,
                        .key_has_nulls = key_has_nulls,
                        .sql_filter = target->filtered ? STR("simulated") : STR_NONE};
}

/* Which of the schema's targets and tables are in the plan, in their order. */
static void choose(struct schema_view *to, const struct schema *schema, unsigned chosen) {
    bool used[SCHEMA_TABLES_MAX] = {false};
    size_t targets = 0, tables = 0;
    for (int i = 0; i < schema->target_count; i++) {
        const struct schema_target *target = &schema->targets[i];
        bool in = chosen >> i & 1;
        to->targets_of[i] = in ? (int)targets : -1;
        for (int o = 0; o < target->occurrence_count && in; o++) {
            used[schema_occurrence(target, o)] = true;
        }
        if (in) {
            to->numbers[targets++] = i;
        }
    }
    for (int t = 0; t < schema->table_count; t++) {
        to->relations[t] = used[t] ? (int)tables : -1;
        if (used[t]) {
            to->tables[tables++] = t;
        }
    }
    to->plan = (struct plan){.relations = to->of_tables,
                             .relation_count = tables,
                             .targets = to->targets,
                             .target_count = targets};
}

/* What a cache holds: which tables' rows, and by what they are found. */
static void fill_identity(struct schema_view *to) {
    size_t len = 0;
    for (size_t t = 0; t < to->plan.relation_count; t++) {
        const struct relation *relation = &to->of_tables[t];
        len += (size_t)snprintf(to->identity + len, sizeof to->identity - len, "%s%.*s",
                                t > 0 ? "," : "", (int)relation->name.len, relation->name.ptr);
        for (size_t r = 0; r < relation->reference_count; r++) {
            for (size_t c = 0; c < relation->references[r].column_count; c++) {
                len += (size_t)snprintf(to->identity + len, sizeof to->identity - len, "%s%zu",
                                        c > 0 ? "+" : " ", relation->references[r].columns[c]);
            }
        }
    }
    assert(len < sizeof to->identity);
}

void schema_view_fill(struct schema_view *to, const struct schema *schema, unsigned chosen,
                      int32_t partitions) {
    to->chosen = chosen;
    choose(to, schema, chosen);
    for (size_t t = 0; t < to->plan.relation_count; t++) {
        fill_table(to, schema, (int)t, partitions);
    }
    for (size_t i = 0; i < to->plan.target_count; i++) {
        fill_target(to, &schema->targets[to->numbers[i]]);
    }
    to->plan.name = to->targets[0].name;
    to->plan.partition_count = partitions;
    to->plan.tasks_topic = plan_parted_count(&to->plan) == 0 ? STR("sim.tasks") : STR_NONE;
    fill_identity(to);
}

/* ---- the check ---- */

static bool column_equal(const struct relation_column *a, const struct relation_column *b) {
    return str_equal(a->name, b->name) && str_equal(a->type, b->type) && a->scalar == b->scalar &&
           a->key == b->key && !a->unavailable.ptr == !b->unavailable.ptr && a->form == b->form &&
           a->not_null == b->not_null && a->primary_key == b->primary_key && a->tells == b->tells;
}

/* Its number, or one that no column has. */
static size_t column_named(const struct relation *relation, struct str name) {
    size_t c = 0;
    while (c < relation->column_count && !str_equal(relation->columns[c].name, name)) {
        c++;
    }
    return c;
}

/* The key's columns in its order; what a view adds to others comes behind it. shares: a is one of
 * two roles of a table, which has here the columns that both use. */
static bool relation_equal(const struct relation *a, const struct relation *b, bool shares) {
    bool equal = str_equal(a->schema, b->schema) && str_equal(a->name, b->name) &&
                 str_equal(a->topic, b->topic) && (shares || a->column_count == b->column_count) &&
                 a->key_count == b->key_count && a->placement_count == b->placement_count &&
                 a->primary_key_count == b->primary_key_count && a->blanks_tell == b->blanks_tell &&
                 a->role == b->role && a->filtered == b->filtered && str_equal(a->slot, b->slot) &&
                 a->partition_count == b->partition_count &&
                 a->reference_count == b->reference_count;
    for (size_t c = 0; equal && c < a->column_count; c++) {
        size_t there = column_named(b, a->columns[c].name);
        if (there == b->column_count) {
            equal = shares;
            continue;
        }
        struct relation_column ours = a->columns[c];
        ours.key = shares && c >= a->key_count ? b->columns[there].key : ours.key;
        equal = (c >= a->key_count || there == c) && column_equal(&ours, &b->columns[there]);
    }
    return equal;
}

/* The reference's columns: which number it has does not matter. */
static bool reference_equal(const struct relation *a, int i, const struct relation *b, int k) {
    if (i < 0 || k < 0) {
        return i == k;
    }
    const struct reference *x = &a->references[i], *y = &b->references[k];
    bool equal = x->column_count == y->column_count;
    for (size_t c = 0; equal && c < x->column_count; c++) {
        equal = column_named(b, a->columns[x->columns[c]].name) == y->columns[c];
    }
    return equal;
}

static bool occurrence_equal(const struct schema_view *ours, const struct target *mine,
                             const struct plan *plan, const struct target *theirs, size_t o) {
    const struct occurrence *a = &mine->occurrences[o], *b = &theirs->occurrences[o];
    int above = a->parent >= 0 ? mine->occurrences[a->parent].relation : -1;
    bool equal = a->relation == b->relation && a->parent == b->parent && a->root == b->root &&
                 a->optional == b->optional && a->adds_key == b->adds_key;
    if (!equal || above < 0) {
        return equal &&
               memcmp(a->key_positions, b->key_positions,
                      ours->of_tables[a->relation].key_count * sizeof *a->key_positions) == 0;
    }
    return reference_equal(&ours->of_tables[above], a->reference, &plan->relations[above],
                           b->reference);
}

/* Both show the same, wherever it stands among the inputs. */
static bool output_equal(const struct schema_view *ours, const struct plan *plan,
                         const struct target *a, const struct target *b, size_t i) {
    const struct target_output *x = &a->outputs[i], *y = &b->outputs[i];
    if (x->input < 0 || y->input < 0) {
        return str_equal(x->name, y->name) && x->input == y->input;
    }
    const struct target_input *p = &a->inputs[x->input], *q = &b->inputs[y->input];
    const struct relation *from = occurrence_relation(&ours->plan, a, p->occurrence);
    return str_equal(x->name, y->name) && p->occurrence == q->occurrence &&
           column_named(occurrence_relation(plan, b, q->occurrence),
                        from->columns[p->column].name) == (size_t)q->column;
}

static bool target_equal(const struct schema_view *ours, const struct plan *plan, size_t number,
                         char *what, size_t size) {
    const struct target *a = &ours->targets[number], *b = &plan->targets[number];
    bool equal = str_equal(a->name, b->name) && a->occurrence_count == b->occurrence_count &&
                 a->core_count == b->core_count && a->output_count == b->output_count &&
                 a->key_output_count == b->key_output_count &&
                 a->key_has_nulls == b->key_has_nulls && !a->sql_filter.ptr == !b->sql_filter.ptr;
    (void)snprintf(what, size, "the target's counts");
    for (size_t o = 0; equal && o < a->occurrence_count; o++) {
        equal = occurrence_equal(ours, a, plan, b, o);
        (void)snprintf(what, size, "occurrence %zu", o);
    }
    for (size_t i = 0; equal && i < a->output_count; i++) {
        equal = output_equal(ours, plan, a, b, i);
        (void)snprintf(what, size, "output %zu", i);
    }
    for (size_t i = 0; equal && i < a->key_output_count; i++) {
        equal = a->key_outputs[i] == b->key_outputs[i];
        (void)snprintf(what, size, "key output %zu", i);
    }
    return equal;
}

bool schema_view_equal(const struct schema_view *ours, const struct plan *theirs, char *what,
                       size_t size) {
    const struct plan *a = &ours->plan;
    bool equal = str_equal(a->name, theirs->name) && a->relation_count == theirs->relation_count &&
                 a->target_count == theirs->target_count &&
                 a->partition_count == theirs->partition_count;
    (void)snprintf(what, size, "the plan's counts");
    for (size_t t = 0; equal && t < a->relation_count; t++) {
        bool shares = a->relations[t].filtered;
        for (size_t f = 0; f < a->relation_count; f++) {
            shares |= a->relations[f].filtered && plan_feed(a, f) == t;
        }
        equal = relation_equal(&a->relations[t], &theirs->relations[t], shares);
        (void)snprintf(what, size, "table %zu", t);
    }
    for (size_t i = 0; equal && i < a->target_count; i++) {
        equal = target_equal(ours, theirs, i, what, size);
    }
    return equal;
}
