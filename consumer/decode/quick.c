#include "decode/quick.h"

#include "decode/blank.h"
#include "decode/envelope.h"
#include "decode/nested.h"
#include "decode/route.h"
#include "decode/scalar.h"

/* The slots: of the envelope, then of after's columns, then of the key columns of `before` and of
 * the record's key. */
enum { SLOT_SCALARS = TEMPLATE_UNREAD + 1, SLOT_AFTER = SLOT_SCALARS + ENVELOPE_SCALARS };

/* ---- what is read of a record and its key ---- */

static size_t slot_before(const struct relation *table) {
    return SLOT_AFTER + table->column_count;
}
static size_t slot_key(const struct relation *table) {
    return slot_before(table) + table->key_count;
}
static size_t slot_count(const struct relation *table) {
    return slot_key(table) + table->key_count;
}

static struct template_object *new_object(struct arena *memory, const struct template_name *names,
                                          size_t count, bool flat) {
    struct template_object *object = arena_alloc(memory, sizeof *object);
    struct template_name *copy = arena_alloc(memory, count * sizeof *copy);
    memcpy(copy, names, count * sizeof *copy);
    *object = (struct template_object){copy, count, flat};
    return object;
}

static const struct template_object *new_columns(struct arena *memory, const struct relation *table,
                                                 size_t count, size_t first_slot) {
    struct template_name names[COLUMNS_MAX];
    for (size_t i = 0; i < count; i++) {
        names[i] = (struct template_name){.name = table->columns[i].name, .slot = first_slot + i};
    }
    return new_object(memory, names, count, true);
}

/* The long way lets names come twice where nobody looks in an envelope, but not in a wrapped key.
 */
static void memory_init(struct quick_memory *of, const struct template_object *object,
                        struct arena *memory) {
    const struct template_name payload = {.name = STR("payload"), .object = object};
    of->object = object;
    of->wrapped = new_object(memory, &payload, 1, object->flat);
}

/* Reals may become longer; all else stays as long as in JSON, or becomes shorter. */
static size_t growth_of(const struct relation *table) {
    for (size_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].scalar == SCALAR_ARRAY &&
            table->columns[i].element == SCALAR_NUMBER) {
            return NESTED_GROWTH;
        }
    }
    return 1;
}

static void table_init(struct quick_table *of, const struct relation *table, struct arena *memory) {
    const struct template_name source[] = {
        {.name = STR("ts_us"), .slot = SLOT_SCALARS + ENVELOPE_TS_US},
        {.name = STR("ts_ms"), .slot = SLOT_SCALARS + ENVELOPE_TS_MS},
        {.name = STR("snapshot"), .slot = SLOT_SCALARS + ENVELOPE_SNAPSHOT},
    };
    const struct template_name envelope[] = {
        {.name = STR("op"), .slot = SLOT_SCALARS + ENVELOPE_OP},
        {.name = STR("source"), .object = new_object(memory, source, 3, false)},
        {.name = STR("after"),
         .object = new_columns(memory, table, table->column_count, SLOT_AFTER)},
        {.name = STR("before"),
         .object = new_columns(memory, table, table->key_count, slot_before(table))},
    };
    of->growth = growth_of(table);
    memory_init(&of->values, new_object(memory, envelope, 4, false), memory);
    memory_init(&of->keys, new_columns(memory, table, table->key_count, slot_key(table)), memory);
}

void quick_init(struct quick *quick, const struct plan *plan, struct arena *memory) {
    size_t slots = 0, columns = 0, bytes = plan->relation_count * sizeof *quick->tables;
    quick->plan = plan;
    quick->tables = memset(arena_alloc(memory, bytes), 0, bytes);
    for (size_t i = 0; i < plan->relation_count; i++) {
        const struct relation *table = &plan->relations[i];
        table_init(&quick->tables[i], table, memory);
        slots = slot_count(table) > slots ? slot_count(table) : slots;
        columns = table->column_count > columns ? table->column_count : columns;
    }
    quick->slots = arena_alloc(memory, slots * sizeof *quick->slots);
    quick->texts = arena_alloc(memory, columns * sizeof *quick->texts);
}

static void memory_clear(struct quick_memory *memory) {
    for (size_t i = 0; i < QUICK_TEMPLATES; i++) {
        template_clear(&memory->templates[i].template);
    }
}

void quick_clear(struct quick *quick) {
    for (size_t i = 0; quick->plan && i < quick->plan->relation_count; i++) {
        memory_clear(&quick->tables[i].values);
        memory_clear(&quick->tables[i].keys);
    }
    buf_clear(&quick->scratch);
    buf_clear(&quick->row);
}

/* ---- templates ---- */

/* The template of text, whose values are in slots then; NULL: none. */
static const struct quick_template *match(struct quick_memory *memory, struct str text,
                                          struct scan_value *slots) {
    for (size_t i = 0; i < QUICK_TEMPLATES; i++) {
        size_t at = (memory->latest + i) % QUICK_TEMPLATES;
        if (template_match(&memory->templates[at].template, text, slots)) {
            memory->latest = at;
            memory->misses = 0;
            return &memory->templates[at];
        }
    }
    return NULL;
}

static bool has_slots(const struct template *template, size_t first, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!template_has(template, first + i)) {
            return false;
        }
    }
    return true;
}

/* In place of the template with the same members, or of the oldest. */
static void keep(struct quick_memory *memory, struct quick_template fresh) {
    size_t at = 0;
    while (at < QUICK_TEMPLATES &&
           !template_merge(&fresh.template, &memory->templates[at].template)) {
        at++;
    }
    if (at == QUICK_TEMPLATES) {
        at = memory->next;
        memory->next = (at + 1) % QUICK_TEMPLATES;
    }
    template_clear(&memory->templates[at].template);
    memory->templates[at] = fresh;
    memory->latest = at;
}

/* Records that never look alike are looked at now and then only. */
static bool worth_learning(struct quick_memory *memory) {
    memory->misses++;
    return memory->misses < 64 || memory->misses % 16 == 0;
}

/* By jansson: what a template takes for granted later, the sample was seen to be. */
static bool learn(struct quick_memory *memory, struct str text, struct template *fresh) {
    json_auto_t *json = NULL;
    if (!worth_learning(memory) || json_read(text, "the sample", &json, NULL) != ERR_NONE) {
        return false;
    }
    bool wrapped = json_unwrap(json) != json;
    return template_learn(fresh, text, wrapped ? memory->wrapped : memory->object);
}

static void learn_value(struct quick_memory *memory, const struct relation *table,
                        struct str text) {
    struct quick_template fresh = {0};
    if (learn(memory, text, &fresh.template)) {
        fresh.has_after = has_slots(&fresh.template, SLOT_AFTER, table->column_count);
        fresh.has_before = has_slots(&fresh.template, slot_before(table), table->key_count);
        if (has_slots(&fresh.template, SLOT_SCALARS + ENVELOPE_OP, 1)) {
            keep(memory, fresh);
            return;
        }
    }
    template_clear(&fresh.template);
}

static void learn_key(struct quick_memory *memory, const struct relation *table, struct str text) {
    struct quick_template fresh = {0};
    if (learn(memory, text, &fresh.template) &&
        has_slots(&fresh.template, slot_key(table), table->key_count)) {
        keep(memory, fresh);
    } else {
        template_clear(&fresh.template);
    }
}

/* ---- one record ---- */

/* One record on its way through the functions below. */
struct job {
    struct quick *quick;
    const struct relation *table;
    const struct record *record;
    struct change *change;
    int64_t ts_us;
};

static bool read_plain(const struct job *job, size_t slot, const struct relation_column *column,
                       struct str *text) {
    struct quick *quick = job->quick;
    return scalar_text(&quick->slots[slot], column, &quick->scratch, text) &&
           (!text->ptr || form_fits(column->form, *text, job->ts_us));
}

static bool read_array(const struct job *job, size_t slot, const struct relation_column *column,
                       struct str *ret_text) {
    struct buf *scratch = &job->quick->scratch;
    size_t start = scratch->len;
    if (!nested_scan(&job->quick->slots[slot], column, job->ts_us, scratch)) {
        return false;
    }
    *ret_text = (struct str){scratch->ptr + start, scratch->len - start};
    return !scalar_is_unavailable(column, *ret_text);
}

/* The texts of the columns in the slots from first on; the key's must not be NULL. */
static bool read_columns(const struct job *job, size_t first, size_t count) {
    struct quick *quick = job->quick;
    buf_reset(&quick->scratch);
    size_t growth = quick->tables[job->record->table].growth;
    (void)buf_reserve(&quick->scratch, job->record->value.len * growth + count * SCALAR_NUMBER_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct relation_column *column = &job->table->columns[i];
        struct str *text = &quick->texts[i];
        if ((!read_plain(job, first + i, column, text) &&
             !read_array(job, first + i, column, text)) ||
            (i < job->table->key_count && !text->ptr)) {
            return false;
        }
    }
    return true;
}

/* Equal to the letter. */
static bool same_key(const struct job *job, size_t a, size_t b) {
    const struct scan_value *slots = job->quick->slots;
    for (size_t i = 0; i < job->table->key_count; i++) {
        if (!str_equal(slots[a + i].text, slots[b + i].text)) {
            return false;
        }
    }
    return true;
}

/* Reads columns of a row that is not blank, as far as they tell. */
static bool read_content(const struct job *job, size_t first, size_t count) {
    return read_columns(job, first, count) &&
           !(job->table->blanks_tell && blank_row(job->table, job->quick->texts, count));
}

/* Reads the row's columns, once it is the same row everywhere. */
static bool read_row(const struct job *job, const struct quick_template *template, char op) {
    const struct relation *table = job->table;
    size_t before = slot_before(table), key = slot_key(table);
    switch (op) {
    case 'r':
    case 'c':
        return template->has_after && same_key(job, SLOT_AFTER, key) &&
               read_content(job, SLOT_AFTER, table->column_count);
    case 'u':
        return template->has_after && template->has_before && same_key(job, SLOT_AFTER, before) &&
               same_key(job, SLOT_AFTER, key) && read_content(job, SLOT_AFTER, table->column_count);
    case 'd':
        return template->has_before && same_key(job, before, key) &&
               read_content(job, before, table->key_count);
    default:
        return false;
    }
}

/* Key and value, in one piece of the arena. */
static bool write_row(const struct job *job, struct arena *arena) {
    const struct quick *quick = job->quick;
    const struct relation *table = job->table;
    struct change *change = job->change;
    struct buf *row = &job->quick->row;
    buf_reset(row);
    if (row_key_encode(table, quick->texts, row, NULL) != ERR_NONE) {
        return false;
    }
    int32_t parts = table->filtered ? quick->plan->partition_count : table->partition_count;
    int32_t number = route_partition(table, quick->texts, parts);
    if (table->filtered) {
        change->task = number;
    } else if (number != job->record->partition) {
        return false;
    }
    size_t key_len = row->len;
    if (change->op != CHANGE_DELETE) {
        if (row_references_check(table, quick->texts, key_len, row, NULL) != ERR_NONE) {
            return false;
        }
        row_value_encode(table, quick->texts, row);
    }
    struct str copy = arena_copy(arena, buf_view(row));
    change->key = (struct str){copy.ptr, key_len};
    if (change->op != CHANGE_DELETE) {
        change->value = (struct str){copy.ptr + key_len, copy.len - key_len};
    }
    return true;
}

static const struct quick_template *match_record(const struct job *job) {
    const struct record *record = job->record;
    struct quick_table *memory = &job->quick->tables[record->table];
    struct scan_value *slots = job->quick->slots;
    for (size_t i = 0; i < ENVELOPE_SCALARS; i++) {
        slots[SLOT_SCALARS + i].text = STR_NONE; /* not every template has them */
    }
    const struct quick_template *template = match(&memory->values, record->value, slots);
    if (!template) {
        learn_value(&memory->values, job->table, record->value);
        return NULL;
    }
    if (!match(&memory->keys, record->key, slots)) {
        learn_key(&memory->keys, job->table, record->key);
        return NULL;
    }
    return template;
}

bool quick_decode(struct quick *quick, const struct record *record, struct arena *arena,
                  struct change *ret_change) {
    struct change change = {.table = record->table, .task = TASK_UNKNOWN};
    struct job job = {quick, &quick->plan->relations[record->table], record, &change, 0};
    struct envelope envelope = {0};
    if (!record->key.ptr || !record->value.ptr) {
        return false;
    }
    const struct quick_template *template = match_record(&job);
    if (!template || !envelope_set(&envelope, quick->slots + SLOT_SCALARS)) {
        return false;
    }
    job.ts_us = envelope.ts_us;
    if (!read_row(&job, template, envelope.op)) {
        return false;
    }
    change.op = (enum change_op)envelope.op;
    change.ts_us = envelope.ts_us;
    change.snapshot = envelope.snapshot;
    if (!write_row(&job, arena)) {
        return false;
    }
    quick->decoded++;
    *ret_change = change;
    return true;
}
