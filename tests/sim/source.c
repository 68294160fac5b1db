/* The OLTP database, Debezium and Kafka's log. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>

static void *grow(void *items, int64_t count, int64_t *cap, size_t size) {
    if (count < *cap) {
        return items;
    }
    *cap = *cap ? *cap * 2 : 32;
    void *grown = realloc(items, (size_t)*cap * size);
    if (!grown) {
        abort();
    }
    return grown;
}

int source_new_version(struct world *world, int table) {
    world->references =
        grow(world->references, ++world->version, &world->reference_cap, sizeof *world->references);
    world->references[world->version] = schema_references(&world->schema, &world->rng, table);
    return rng_chance(&world->rng, world->knobs.bad) ? -world->version : world->version;
}

cells_t world_references(const struct world *world, int version) {
    return version == 0 || version == SCHEMA_HIDDEN ? 0 : world->references[abs(version)];
}

/* ---- rows ---- */

static void remember(struct world *world, const struct event *event) {
    if (event->version == 0 || !schema_places(&world->schema.tables[event->table], event->cells)) {
        return;
    }
    int64_t cap = (int64_t)world->history_cap;
    world->history =
        grow(world->history, (int64_t)world->history_count, &cap, sizeof *world->history);
    world->history_cap = (size_t)cap;
    world->history[world->history_count++] =
        (struct version_at){event->table, event->cells, event->version};
}

bool history_has(const struct world *world, int table, cells_t cells, int version) {
    table = world_feed(world, table);
    for (size_t i = world->history_count; i-- > 0;) {
        const struct version_at *at = &world->history[i];
        if (at->version == version && at->table == table && at->cells == cells) {
            return true;
        }
    }
    return false;
}

static void emit(struct world *world, int table, cells_t cells, int version, char op) {
    struct event event = {table, cells, version, op, world->now_us};
    remember(world, &event);
    world->events =
        grow(world->events, world->event_count, &world->event_cap, sizeof *world->events);
    world->events[world->event_count++] = event;
    world_trace(world, "SRC %s version %d op %c", schema_show(&world->schema, table, cells),
                version, op);
}

const struct source_row *source_find(const struct world *world, int table, cells_t cells) {
    const struct source_table *rows = world_source(world, table);
    cells_t primary = world->schema.tables[table].primary;
    for (int i = 0; i < rows->count; i++) {
        if (((rows->rows[i].cells ^ cells) & primary) == 0) {
            return &rows->rows[i];
        }
    }
    return NULL;
}

void source_put(struct world *world, int table, cells_t cells, int version) {
    table = world_feed(world, table);
    struct source_table *rows = &world->source[table];
    const struct source_row *found = source_find(world, table, cells);
    bool moves = found && found->cells != cells;
    int at = found ? (int)(found - rows->rows) : rows->count++;
    if (moves) {
        emit(world, table, found->cells, 0, 'd');
    }
    rows->rows[at] = (struct source_row){cells, version};
    emit(world, table, cells, version, found && !moves ? 'u' : 'c');
}

void source_delete(struct world *world, int table, cells_t cells) {
    table = world_feed(world, table);
    struct source_table *rows = &world->source[table];
    const struct source_row *found = source_find(world, table, cells);
    if (found) {
        cells = found->cells;
        rows->rows[found - rows->rows] = rows->rows[--rows->count];
        emit(world, table, cells, 0, 'd');
    }
}

/* ---- changes ---- */

static cells_t some_primary(struct world *world, int table) {
    const struct schema_table *of = &world->schema.tables[table];
    return schema_primary(of, rng_below(&world->rng, schema_primary_count(of)));
}

cells_t source_some_join(struct world *world, int table) {
    const struct schema_table *of = &world->schema.tables[table];
    cells_t cells = 0;
    if ((of->join & ~of->primary) == 0) {
        return cells;
    }
    bool nulls = rng_chance(&world->rng, 0.05), all = nulls && rng_chance(&world->rng, 0.7);
    for (int c = 0; c < of->join_count; c++) {
        const struct schema_column *column = &of->columns[c];
        if (!column->primary) {
            bool null = column->nullable && nulls && (all || rng_chance(&world->rng, 0.5));
            cells |= cell_of(c, null ? 0 : 1 + rng_below(&world->rng, column->values));
        }
    }
    return cells;
}

static void change(struct world *world, int table) {
    struct rng *rng = &world->rng;
    cells_t primary = world->schema.tables[table].primary, row = some_primary(world, table);
    const struct source_row *found = source_find(world, table, row);
    double x = rng_unit(rng);
    if (found && world_is_core(world, table, found->cells)) {
        return;
    }
    if (!found || (x < 0.35 && !world->knobs.inserts_only)) {
        row |= source_some_join(world, table);
        if (!world_is_core(world, table, row)) {
            source_put(world, table, row, source_new_version(world, table));
        }
    } else if (x < 0.65 || world->knobs.inserts_only) {
        source_put(world, table, found->cells, source_new_version(world, table));
    } else if (x < 0.85) {
        source_delete(world, table, row);
    } else { /* its primary key changes */
        cells_t other = some_primary(world, table);
        bool taken = source_find(world, table, other);
        other |= found->cells & ~primary;
        if (!taken && !world_is_core(world, table, other)) {
            int version = found->version;
            source_delete(world, table, row);
            source_put(world, table, other, version);
        }
    }
}

/* An incremental snapshot of a few rows. */
static void snapshot_some(struct world *world) {
    for (int i = 0; i < 3; i++) {
        int table = world_feed(world, rng_below(&world->rng, world->schema.table_count));
        const struct source_row *row = source_find(world, table, some_primary(world, table));
        if (row && !world_is_core(world, table, row->cells)) {
            emit(world, table, row->cells, row->version, 'r');
        }
    }
}

void source_step(struct world *world) {
    const struct schema *schema = &world->schema;
    double x = rng_unit(&world->rng);
    if (x >= 0.93) {
        snapshot_some(world);
        return;
    }
    int total = 0, table = 0;
    for (int t = 0; t < schema->table_count; t++) {
        total += schema->tables[t].weight;
    }
    int at = (int)(x / 0.93 * total);
    while (table < schema->table_count - 1 && at >= schema->tables[table].weight) {
        at -= schema->tables[table++].weight;
    }
    change(world, table);
}

/* ---- records ---- */

enum flaw source_flaw(const struct world *world, int version) {
    if (version >= 0) {
        return FLAW_NONE;
    }
    unsigned mixed = (unsigned)-version * 2654435761U; /* of its own, like the version */
    bool flawed = (double)(mixed >> 16) < world->knobs.flawed * 65536;
    return flawed
               ? (enum flaw)(FLAW_NUL + (int)((unsigned)-version % (world->knobs.decides ? 4 : 3)))
               : FLAW_REFUSED;
}

/* Something of the primary key alone. */
static int primary_sum(const struct schema_table *table, cells_t cells) {
    int sum = 0;
    for (int c = 0; c < table->key_count; c++) {
        sum += table->columns[c].primary ? cell_at(cells, c) : 0;
    }
    return sum;
}

/* Of such a row the source knows nothing but its key (decode/blank.h). */
static bool is_blank(const struct world *world, const struct event *event) {
    const struct schema_table *table = &world->schema.tables[event->table];
    bool blank = (table->join & ~table->primary) != 0;
    for (int c = 0; c < table->key_count; c++) {
        blank &= table->columns[c].primary || cell_at(event->cells, c) == 0;
    }
    for (int c = table->key_count; c < table->column_count - 1; c++) {
        blank &= table->columns[c].nullable;
    }
    return blank && primary_sum(table, event->cells) % 2 == 0;
}

static void put_name(struct buf *out, bool first, const struct schema_column *column) {
    buf_str(out, first ? STR("{\"") : STR(",\""));
    buf_str(out, str_from(column->name));
    buf_str(out, STR("\":"));
}

static void put_cell(struct buf *out, const struct schema_column *column, int cell) {
    char scratch[SCHEMA_TEXT_MAX];
    struct str text = schema_text(column, cell, scratch);
    bool quoted = column->type == SCHEMA_TEXT || column->type == SCHEMA_UUID;
    if (!text.ptr) {
        buf_str(out, STR("null"));
        return;
    }
    buf_str(out, quoted ? STR("\"") : STR(""));
    buf_str(out, text);
    buf_str(out, quoted ? STR("\"") : STR(""));
}

static void put_value(struct buf *out, int version, enum flaw flaw) {
    char digits[16];
    (void)snprintf(digits, sizeof digits, "%d", abs(version));
    buf_str(out, flaw == FLAW_NONE ? STR("\"v") : flaw == FLAW_NUL ? STR("\"") : STR("\"bad"));
    buf_str(out, str_from(digits));
    buf_str(out, flaw == FLAW_NUL ? STR("\\u0000\"") : STR("\""));
}

static void put_row(struct buf *out, const struct world *world, const struct event *event,
                    int version, enum flaw flaw) {
    const struct schema_table *table = &world->schema.tables[event->table];
    bool blank = is_blank(world, event);
    cells_t cells = event->cells | (blank ? 0 : world_references(world, event->version));
    for (int c = 0; c < table->column_count; c++) {
        const struct schema_column *column = &table->columns[c];
        if (column->role == SCHEMA_VALUE && flaw == FLAW_COLUMN) {
            continue;
        }
        put_name(out, c == 0, column);
        if (column->role != SCHEMA_VALUE) {
            put_cell(out, column, cell_at(cells, c));
        } else if (blank) {
            buf_str(out, STR("\"\""));
        } else {
            put_value(out, version, flaw);
        }
    }
    buf_str(out, STR("}"));
}

/* FLAW_KEY: an integer that is none of 64 bits: the first join column is one. */
static void put_key(struct buf *out, const struct world *world, const struct event *event,
                    enum flaw flaw) {
    const struct schema_table *table = &world->schema.tables[event->table];
    for (int c = 0; c < table->key_count; c++) {
        put_name(out, c == 0, &table->columns[c]);
        if (c == 0 && flaw == FLAW_KEY) {
            buf_str(out, STR("99999999999999999999"));
        } else {
            put_cell(out, &table->columns[c], cell_at(event->cells, c));
        }
    }
    buf_str(out, STR("}"));
}

static void write_json(struct world *world, const struct event *event, struct entry *entry) {
    char rest[64];
    struct buf out = {0};
    put_key(&out, world, event, entry->flaw);
    entry->key = arena_copy(&world->texts, buf_view(&out));
    buf_reset(&out);
    buf_str(&out, STR("{\"before\":"));
    if (event->op == 'u' || event->op == 'd') {
        put_row(&out, world, event, 1, FLAW_NONE);
    } else {
        buf_str(&out, STR("null"));
    }
    buf_str(&out, STR(",\"after\":"));
    if (event->op != 'd') {
        put_row(&out, world, event, event->version, entry->flaw);
    } else {
        buf_str(&out, STR("null"));
    }
    (void)snprintf(rest, sizeof rest, ",\"source\":{\"ts_us\":%lld},\"op\":\"%c\"}",
                   (long long)event->ts_us, event->op);
    buf_str(&out, str_from(rest));
    if (entry->flaw == FLAW_CUT) {
        out.len /= 2;
    }
    entry->value = arena_copy(&world->texts, buf_view(&out));
    buf_clear(&out);
}

/* ---- the log ---- */

int32_t source_partition(const struct world *world, int table, cells_t cells) {
    if (world->schema.tables[table].lookup) {
        return 0;
    }
    const struct schema_table *of = &world->schema.tables[table];
    return schema_places(of, cells) ? schema_partition(of, cells, world->partitions)
                                    : (7 * primary_sum(of, cells) + 3) % world->partitions;
}

static void append(struct world *world, const struct event *event) {
    bool names_row = schema_places(&world->schema.tables[event->table], event->cells);
    int32_t partition = source_partition(world, event->table, event->cells);
    if (world->knobs.misroute && world->misrouted_task < 0 && names_row && world->partitions > 1 &&
        !world->schema.tables[event->table].lookup && rng_chance(&world->rng, 0.02)) {
        partition = (partition + 1) % world->partitions;
        world->misrouted_task = partition;
        world->misrouted_table = event->table;
        world->misrouted_offset = world->log[event->table][partition].count;
    }
    struct topic_log *log = &world->log[event->table][partition];
    log->entries = grow(log->entries, log->count, &log->cap, sizeof *log->entries);
    struct entry *entry = &log->entries[log->count++];
    *entry = (struct entry){.cells = event->cells,
                            .names_row = names_row,
                            .version = event->op == 'd' ? 0 : event->version,
                            .flaw = event->op == 'd' || is_blank(world, event)
                                        ? FLAW_NONE
                                        : source_flaw(world, event->version),
                            .ts_ms = world->now_us / 1000,
                            .kept = true};
    write_json(world, event, entry);
    if (entry->flaw == FLAW_KEY) {
        entry->names_row = false;
        entry->cells = ~(cells_t)log->count; /* the key of no other */
    }
    world_trace(world, "LOG %s[%d]@%lld %s version %d flaw %d",
                world->schema.tables[event->table].name, partition, (long long)log->count - 1,
                schema_show(&world->schema, event->table, event->cells), entry->version,
                (int)entry->flaw);
}

void log_repeat(struct world *world, int table, int32_t partition) {
    table = world_feed(world, table);
    struct topic_log *log = &world->log[table][partition];
    log->entries = grow(log->entries, log->count, &log->cap, sizeof *log->entries);
    struct entry *entry = &log->entries[log->count];
    *entry = log->entries[log->count - 1];
    entry->ts_ms = world->now_us / 1000;
    entry->kept = true;
    log->count++;
    world_trace(world, "AGAIN %s[%d]@%lld", world->schema.tables[table].name, partition,
                (long long)log->count - 1);
}

void connector_step(struct world *world, int64_t count) {
    for (; count > 0 && world->sent_count < world->event_count; count--) {
        append(world, &world->events[world->sent_count++]);
    }
}

/* The connector crashed and sends a stretch again. */
void connector_repeat(struct world *world) {
    int64_t back = rng_below(&world->rng, 8);
    int64_t most = world->sent_count - world->repeats_from;
    back = back < most ? back : most;
    world->sent_count -= back;
    world_trace(world, "DUPLICATES the connector goes back by %lld", (long long)back);
}

/* Keeps the newest record of each key, before some point that is older than the lag. */
void log_compact(struct world *world) {
    int table = world_feed(world, rng_below(&world->rng, world->schema.table_count));
    int32_t partition = rng_below(&world->rng, world_partitions(world, table));
    struct topic_log *log = &world->log[table][partition];
    int64_t end = log->count;
    while (end > 0 && log->entries[end - 1].ts_ms >= world->now_us / 1000 - world->lag_ms) {
        end--;
    }
    if (end > 1 && rng_chance(&world->rng, 0.3)) {
        end = rng_below(&world->rng, (int)end);
    }
    for (int64_t i = 0; i < end; i++) {
        for (int64_t j = i + 1; j < end && log->entries[i].kept; j++) {
            if (log->entries[i].cells == log->entries[j].cells) {
                log->entries[i].kept = false;
                world_trace(world, "COMPACT %s[%d]@%lld", world->schema.tables[table].name,
                            partition, (long long)i);
            }
        }
    }
}
