/* Dead letters as earlier releases stored them, or of another log. */
#include "plan/row.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>

/* The dead letter keeps this version from now on, which is wrong. */
static void plant(struct world *world, struct stored_dead_letter *dead_letter, int version,
                  int right) {
    char text[24];
    (void)snprintf(text, sizeof text, version < 0 ? "bad%d" : "v%d", abs(version));
    const struct relation *table = &world->plan.plan.relations[dead_letter->table];
    struct str values[SCHEMA_COLUMNS_MAX] = {0};
    char scratch[SCHEMA_COLUMNS_MAX][SCHEMA_TEXT_MAX];
    for (size_t c = table->key_count; c + 1 < table->column_count; c++) {
        values[c] = schema_text(&world->schema.tables[dead_letter->table].columns[c],
                                cell_at(world_references(world, version), (int)c), scratch[c]);
    }
    values[table->column_count - 1] = str_from(text);
    struct buf bytes = {0};
    row_value_encode(table, values, &bytes);
    dead_letter->kept = arena_copy(&world->texts, buf_view(&bytes));
    buf_clear(&bytes);
    dead_letter->planted = true;
    dead_letter->right = right;
    world_trace(world, "PLANTED letter %d[%d]@%lld keeps %s, right is v%d", dead_letter->table,
                dead_letter->task, (long long)dead_letter->offset, text, right);
}

static const struct entry *entry_of(struct world *world,
                                    const struct stored_dead_letter *dead_letter) {
    return &world_log(world, dead_letter->table, dead_letter->task)->entries[dead_letter->offset];
}

static int stored_version(const struct stored_dead_letter *dead_letter) {
    return dead_letter->planted ? dead_letter->right : world_stored_version(dead_letter->kept);
}

/* The dead letter of the record before this one of the same row, if that is one. */
static const struct stored_dead_letter *
dead_letter_before(struct world *world, const struct stored_dead_letter *dead_letter) {
    const struct entry *entry = entry_of(world, dead_letter);
    const struct topic_log *log = world_log(world, dead_letter->table, dead_letter->task);
    int64_t at = dead_letter->offset - 1;
    while (at >= 0 && log->entries[at].cells != entry->cells) {
        at--;
    }
    for (size_t k = 0; k < world->sink.dead_letter_count && entry->names_row; k++) {
        const struct stored_dead_letter *before = &world->sink.dead_letters[k];
        if (before->table == dead_letter->table && before->task == dead_letter->task &&
            before->offset == at) {
            return before;
        }
    }
    return NULL;
}

/* A dead letter of the same batch kept the refused version before it, or the dead letter before it
 * did. */
static void plant_behind(struct world *world) {
    for (int32_t p = 0; p < world->partitions; p++) { /* ascending: as they were stored */
        for (int t = 0; t < world->schema.table_count; t++) {
            for (int64_t offset = 0; offset < world_log(world, t, p)->count; offset++) {
                for (size_t k = 0; k < world->sink.dead_letter_count; k++) {
                    struct stored_dead_letter *dead_letter = &world->sink.dead_letters[k];
                    const struct stored_dead_letter *before =
                        dead_letter->table == t && dead_letter->task == p &&
                                dead_letter->offset == offset
                            ? dead_letter_before(world, dead_letter)
                            : NULL;
                    if (before && entry_of(world, before)->flaw == FLAW_REFUSED) {
                        plant(world, dead_letter, entry_of(world, before)->version,
                              stored_version(before));
                    }
                }
            }
        }
    }
}

static void plant_ahead_of(struct world *world, int table, int32_t task, int64_t offset) {
    const struct entry *entry = &world_log(world, table, task)->entries[offset];
    struct stored_dead_letter *dead_letter = sim_sink_add_dead_letter(world, table, task, offset);
    char scratch[SCHEMA_COLUMNS_MAX][SCHEMA_TEXT_MAX];
    struct str values[SCHEMA_COLUMNS_MAX];
    const struct plan *plan = &world->plan.plan;
    schema_texts(&world->schema.tables[table], entry->cells, scratch, values);
    struct buf key = {0};
    if (entry->names_row &&
        row_key_encode(&plan->relations[table], values, &key, NULL) == ERR_NONE) {
        dead_letter->row_key = arena_copy(&world->texts, buf_view(&key));
        plant(world, dead_letter, rng_chance(&world->rng, 0.5) ? entry->version : 1, -1);
    }
    buf_clear(&key);
}

/* Works that died behind their first transaction, which held the dead letters. */
static void plant_ahead(struct world *world) {
    for (int32_t p = 0; p < world->partitions; p++) {
        for (int t = 0; t < world->schema.table_count; t++) {
            const struct topic_log *log = world_log(world, t, p);
            for (int64_t i = world->sink.progress[p].offsets[t]; i < log->count; i++) {
                const struct entry *entry = &log->entries[i];
                bool own = !entry->names_row || schema_is_of(&world->schema.tables[t], entry->cells,
                                                             p, world->partitions);
                if (own && entry->flaw != FLAW_NONE && rng_chance(&world->rng, 0.8)) {
                    plant_ahead_of(world, t, p, i);
                }
            }
        }
    }
}

void play_legacy(struct world *world) {
    world_steps(world, world_pick(world, world->knobs.steps));
    world_drain(world);
    for (int i = 0; i < world->members && !world->failure[0]; i++) {
        node_restart(world->nodes[i]);
    }
    if (world->failure[0]) {
        return;
    }
    plant_behind(world);
    for (int i = 0; i < 12; i++) {
        source_step(world);
    }
    connector_step(world, INT64_MAX);
    plant_ahead(world);
    for (int32_t p = 0; p < world->partitions; p++) {
        for (int host = 0; host < HOSTS_MAX && rng_chance(&world->rng, 0.7); host++) {
            memory_disk_restore(world->disks[host], p, NULL);
        }
    }
    world_drain(world);
    if (!world->failure[0]) {
        oracle_final(world, "at rest");
    }
}

static bool has_dead_letters(const struct world *world, int32_t task) {
    for (size_t k = 0; k < world->sink.dead_letter_count; k++) {
        if (world->sink.dead_letters[k].task == task) {
            return true;
        }
    }
    return false;
}

/* What the halt advises: the dead letters that are not of this log. */
static void delete_dead_letters(struct world *world, const bool *tasks, bool planted) {
    struct sink_content *sink = &world->sink;
    size_t count = 0;
    for (size_t k = 0; k < sink->dead_letter_count; k++) {
        if (!tasks[sink->dead_letters[k].task] || (planted && !sink->dead_letters[k].planted)) {
            sink->dead_letters[count++] = sink->dead_letters[k];
        }
    }
    sink->dead_letter_count = count;
    for (int i = 0; i < world->members; i++) {
        node_resume(world->nodes[i]);
    }
}

/* Tasks that must have halted before they wrote anything. */
static void check_halted(struct world *world, const bool *must) {
    for (int32_t p = 0; p < world->partitions; p++) {
        if (must[p] && world_halts(world, p) == 0) {
            world_fail(world, "task %d goes on, though a dead letter of it is another log's", p);
        }
    }
}

/* Topics, table and progress are made anew, the dead letters are not. */
static void swap_logs(struct world *world, bool *ret_must) {
    world_lose_caches(world, 1);
    world->rewritten = true;
    for (int32_t p = 0; p < world->partitions; p++) {
        for (int t = 0; t < world->schema.table_count; t++) {
            world->log[t][p].count = world->log[t][p].start = 0;
        }
        world->sink.progress[p] = (struct progress){0};
        world->sink.had_offsets[p] = false;
        ret_must[p] = has_dead_letters(world, p);
    }
    world->sink.row_count = 0;
    world_trace(world, "---- swapped");
    for (int i = 0; i < 20; i++) {
        source_step(world);
    }
}

static void spoil(struct world *world, struct str *text) {
    char *bytes = arena_alloc(&world->texts, text->len);
    memcpy(bytes, text->ptr, text->len);
    bytes[5] ^= 1;
    *text = (struct str){bytes, text->len};
}

/* A dead letter that an old log left stands at a good record's offset. */
static void plant_strangers(struct world *world, bool *ret_must) {
    world_lose_caches(world, 1);
    for (int32_t p = 0; p < world->partitions; p++) {
        const struct topic_log *log = &world->log[0][p];
        int64_t end = world->sink.progress[p].offsets[0];
        ret_must[p] = false;
        for (int64_t i = 0; i < end && i < log->count && !ret_must[p]; i++) {
            if (log->entries[i].flaw == FLAW_NONE && log->entries[i].kept &&
                rng_chance(&world->rng, 0.3)) {
                struct stored_dead_letter *dead_letter = sim_sink_add_dead_letter(world, 0, p, i);
                bool other_value = rng_chance(&world->rng, 0.5);
                dead_letter->has_checksum = other_value;
                dead_letter->planted = true;
                spoil(world, other_value ? &dead_letter->value : &dead_letter->key);
                ret_must[p] = true;
            }
        }
    }
}

void play_swapped(struct world *world) {
    bool must[PARTITIONS_MAX] = {false};
    world_steps(world, world_pick(world, world->knobs.steps));
    world_drain(world);
    for (int turn = 0; turn < 2 && !world->failure[0]; turn++) {
        turn == 0 ? swap_logs(world, must) : plant_strangers(world, must);
        struct sink_content before;
        sink_content_copy(&before, &world->sink);
        world_settle(world);
        check_halted(world, must);
        for (int32_t p = 0; p < world->partitions && !world->failure[0]; p++) {
            if (must[p]) {
                world_check_untouched(world, &before, p);
            }
        }
        sink_content_clear(&before);
        delete_dead_letters(world, must, turn > 0);
        world_drain(world);
        if (!world->failure[0]) {
            oracle_final(world, turn == 0 ? "of the new log" : "without the strangers");
        }
    }
}
