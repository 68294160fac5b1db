/* What follows from a schema's arrays: keys, partitions, texts. */
#include "schema.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

int schema_pick(struct rng *rng, struct range range) {
    return range.low + rng_below(rng, range.high - range.low + 1);
}

/* ---- keys ---- */

int schema_primary_count(const struct schema_table *table) {
    int count = 1;
    for (int c = 0; c < table->key_count; c++) {
        count *= table->columns[c].primary ? table->columns[c].values : 1;
    }
    return count;
}

cells_t schema_primary(const struct schema_table *table, int nth) {
    cells_t cells = 0;
    for (int c = 0; c < table->key_count; c++) {
        if (table->columns[c].primary) {
            cells |= cell_of(c, 1 + nth % table->columns[c].values);
            nth /= table->columns[c].values;
        }
    }
    return cells;
}

int schema_join_count(const struct schema_target *target) {
    const struct schema_table *table = schema_table_of(target, 0);
    int count = 1;
    for (int c = 0; c < table->join_count; c++) {
        count *= table->columns[c].values;
    }
    return count;
}

cells_t schema_join(const struct schema_target *target, int nth) {
    const struct schema_table *table = schema_table_of(target, 0);
    cells_t cells = 0;
    for (int c = 0; c < table->join_count; c++) {
        cells |= cell_of(c, 1 + nth % table->columns[c].values);
        nth /= table->columns[c].values;
    }
    return cells;
}

bool schema_places(const struct schema_table *table, cells_t cells) {
    bool places = true;
    for (int c = 0; c < table->join_count; c++) {
        places &= cell_at(cells, c) != 0;
    }
    return places;
}

bool schema_is_optional(const struct schema_target *target, int occurrence) {
    return occurrence < target->core_count
               ? target->cores[occurrence].optional
               : target->nodes[occurrence - target->core_count].optional;
}

cells_t schema_sink_key(const struct schema_target *target, int occurrence, cells_t cells) {
    const int *shown = target->cores[occurrence].shown;
    const int count = schema_table_of(target, occurrence)->key_count;
    cells_t key = 0;
    for (int c = 0; c < count; c++) {
        key |= cell_of(shown[c], cell_at(cells, c));
    }
    return key;
}

cells_t schema_sink_mask(const struct schema_target *target, int occurrence) {
    return schema_sink_key(target, occurrence, ~(cells_t)0);
}

cells_t schema_own_mask(const struct schema_target *target, int occurrence) {
    return schema_sink_mask(target, occurrence) & ~target->join;
}

cells_t schema_row(const struct schema_target *target, int occurrence, cells_t sink_key) {
    const int *shown = target->cores[occurrence].shown;
    const int count = schema_table_of(target, occurrence)->key_count;
    cells_t cells = 0;
    for (int c = 0; c < count; c++) {
        cells |= cell_of(c, cell_at(sink_key, shown[c]));
    }
    return cells;
}

/* ---- references and WHERE ---- */

#define NULL_SHARE   0.07
#define ABSENT_SHARE 0.03 /* a row that never is */

cells_t schema_references(const struct schema *schema, struct rng *rng, int table) {
    const struct schema_table *of = &schema->tables[table];
    cells_t cells = 0;
    for (int c = of->key_count; c < of->column_count; c++) {
        const struct schema_column *column = &of->columns[c];
        if (column->role != SCHEMA_REFERENCE) {
            continue;
        }
        double x = rng_unit(rng);
        int cell = 1 + rng_below(rng, column->values);
        cells |= cell_of(c, x < NULL_SHARE && column->nullable ? 0
                            : x > 1 - ABSENT_SHARE             ? column->values + 1
                                                               : cell);
    }
    return cells;
}

cells_t schema_referred(const struct schema_target *target, const struct schema_node *node,
                        cells_t parent) {
    cells_t key = 0;
    for (int c = 0; c < target->tables[node->table].key_count; c++) {
        int cell = cell_at(parent, node->columns[c]);
        if (cell == 0) {
            return 0;
        }
        key |= cell_of(c, cell);
    }
    return key;
}

/* A version is of its own for every change: what WHERE says of it may be anything. */
bool schema_passes(const struct schema_target *target, const int *versions) {
    bool passes = true;
    for (int o = 0; o < target->occurrence_count && target->filtered; o++) {
        unsigned version = versions[o] < 0 ? (unsigned)-versions[o] : (unsigned)versions[o];
        passes &= version == 0 || target->hides[o] || version % 4 != 0;
    }
    return passes;
}

/* ---- texts ---- */

#define UUID_TEXT 36

struct str schema_text(const struct schema_column *column, int cell, char out[SCHEMA_TEXT_MAX]) {
    size_t len = 0;
    if (cell == 0) {
        return STR_NONE;
    }
    if (column->type == SCHEMA_UUID) {
        memcpy(out, "6ba7b810-9dad-11d1-80b4-00c04fd430c0", UUID_TEXT);
        out[UUID_TEXT - 1] = "0123456789abcdef"[cell];
        return (struct str){out, UUID_TEXT};
    }
    if (column->type == SCHEMA_TEXT) {
        out[len++] = 'k';
    }
    if (cell >= 10) {
        out[len++] = '1';
    }
    out[len++] = (char)('0' + cell % 10);
    return (struct str){out, len};
}

int schema_parse(struct str text) {
    if (text.len == UUID_TEXT) {
        char last = text.ptr[UUID_TEXT - 1];
        return last <= '9' ? last - '0' : last - 'a' + 10;
    }
    int value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] >= '0' && text.ptr[i] <= '9') {
            value = value * 10 + (text.ptr[i] - '0');
        }
    }
    return value;
}

void schema_texts(const struct schema_table *table, cells_t cells, char (*scratch)[SCHEMA_TEXT_MAX],
                  struct str *texts) {
    for (int c = 0; c < table->key_count; c++) {
        texts[c] = schema_text(&table->columns[c], cell_at(cells, c), scratch[c]);
    }
}

static const char *show(const char *name, cells_t cells, int count) {
    static char texts[4][96];
    static unsigned turn;
    char *text = texts[turn++ % 4];
    size_t len = (size_t)snprintf(text, sizeof texts[0], "%s(", name);
    for (int c = 0; c < count && len + 4 < sizeof texts[0]; c++) {
        len += (size_t)snprintf(text + len, sizeof texts[0] - len, "%s%d", c > 0 ? "," : "",
                                cell_at(cells, c));
    }
    (void)snprintf(text + len, sizeof texts[0] - len, ")");
    return text;
}

const char *schema_show(const struct schema *schema, int table, cells_t cells) {
    return show(schema->tables[table].name, cells, schema->tables[table].key_count);
}

const char *schema_show_sink(const struct schema_target *target, cells_t sink_key) {
    return show(target->name, sink_key, target->key_count);
}

/* ---- partitions ---- */

/* As Java does: an int is itself, a long below 2^32 too, a text's hash goes over its characters. */
static uint32_t java_hash(const struct schema_column *column, int cell) {
    if (column->type == SCHEMA_BIGINT || column->type == SCHEMA_INTEGER) {
        return (uint32_t)cell;
    }
    char scratch[SCHEMA_TEXT_MAX];
    struct str text = schema_text(column, cell, scratch);
    uint32_t hash = 0;
    for (size_t i = 0; i < text.len; i++) {
        hash = 31 * hash + (unsigned char)text.ptr[i];
    }
    return hash;
}

int schema_partition(const struct schema_table *table, cells_t cells, int partitions) {
    uint32_t sum = 0;
    for (int c = 0; c < table->join_count; c++) {
        sum += java_hash(&table->columns[c], cell_at(cells, c));
    }
    sum &= INT32_MAX;
    return sum == INT32_MAX ? 0 : (int)(sum % (uint32_t)partitions);
}
